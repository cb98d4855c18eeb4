/** Every operation of tfjs-core on floats, beside the cpu backend. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../mod.ts";
import { alive, onEachBackend } from "../backends.ts";
import { sample } from "../sample.ts";
import { NO_INTEGERS } from "./integer_cases.ts";
import {
  differs,
  FLOATS,
  NO_CALLS,
  operationCalls,
  type Outcome,
  outcomeOf,
  REFUSED_FLOATS,
} from "./operation_calls.ts";

onEachBackend(
  "every operation of floats is that of cpu, by shaders and on the host",
  async (backend) => {
    const calls = sample(backend, operationCalls(1));
    await useBackend({ prefer: ["cpu"] });
    const wanted = new Map<string, Outcome>();
    for (const call of calls) wanted.set(call.label, await outcomeOf(call));
    await useBackend({ prefer: [backend] });
    const refused = REFUSED_FLOATS[backend];
    for (const onHost of backend === "webgpu" ? [false, true] : [false]) {
      if (backend === "webgpu") tf.env().set("WEBGPU_CPU_FORWARD", onHost);
      for (const call of calls) {
        const found = await outcomeOf(call);
        const why = differs(call.name, found, wanted.get(call.label)!);
        if (refused.includes(call.name)) {
          assert(/^throws .*not registered/.test(why ?? ""), call.label);
        } else assertEquals(why, undefined, `${call.label}, ${onHost}`);
      }
    }
    if (backend === "webgpu") tf.env().set("WEBGPU_CPU_FORWARD", false);
  },
  {
    only: ["webgpu", "wasm"],
    dataLeftBy:
      "tfjs's engine does not hear of parts of complex numbers that are gone",
    sampled: true,
  },
);

Deno.test("no operation that takes floats alone is left out", () => {
  const called = [...Object.keys(FLOATS), ...NO_CALLS];
  assertEquals(NO_INTEGERS.filter((name) => !called.includes(name)), []);
});

onEachBackend(
  "what needs values on the host says so, and leaves nothing behind",
  () => {
    const x = tf.tidy(() => tf.neg(tf.neg(tf.tensor1d([1, 2, 1]))));
    const before = alive();
    assertThrows(() => tf.tidy(() => tf.unique(x)), TypeError, "Unique's x");
    assertEquals(alive(), before);
    x.dispose();
  },
  ["webgpu"],
);
