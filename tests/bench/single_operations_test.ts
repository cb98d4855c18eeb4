import { assert, assertEquals } from "@std/assert";
import { useBackend } from "@lionjs/lion";
import * as tf from "@tensorflow/tfjs-core";
import { readTensors } from "../../bench/measure/tensors.ts";
import { OPERATIONS } from "../../bench/single_operations.ts";

Deno.test("each operation answers what it should, and another answer is noticed", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = tf.memory().numTensors;
  for (const [name, make] of Object.entries(OPERATIONS)) {
    const { inputs, run, check } = make(32);
    const tensors = inputs.map(({ name, values, shape }) =>
      tf.tensor(values, [...shape], name === "condition" ? "bool" : "float32")
    );
    const [values] = await readTensors(() => tf.tidy(() => [run(tensors)]));
    tf.dispose(tensors);
    assertEquals(check(values!), null, name);
    assert(check(values!.map((x) => 1.01 * x + 0.1)) !== null, name);
    assert(check(new Float32Array(7)) !== null, name);
    assert(check(values!.map(() => NaN)) !== null, name);
  }
  assertEquals(tf.memory().numTensors, before);
});
