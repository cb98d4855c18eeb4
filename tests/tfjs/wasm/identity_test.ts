import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { FIXED_DECAY } from "../../../lib/operations/fixed_decay/fixed_decay.ts";
import { runKernel } from "../../../lib/tfjs/kernel/kernel.ts";
import { lionEncoder, useBackend } from "../../../mod.ts";

/** Live tensors, and their values. */
function live() {
  const { numTensors, numDataBuffers } = tf.memory();
  const wasm = tf.backend() as BackendWasm;
  return { numTensors, numDataBuffers, ids: wasm.numDataIds() };
}

/** The memory of tfjs's module, as far as it is used here. */
interface Heap {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(address: number): void;
}

/** Counts bytes that are reserved from now on and not given back. */
function watchHeap(): { bytes(): number; stop(): void } {
  const { wasm } = tf.backend() as unknown as { wasm: Heap };
  const { _malloc, _free } = wasm;
  const sizes = new Map<number, number>();
  wasm._malloc = (bytes) => {
    const address = _malloc(bytes);
    sizes.set(address, bytes);
    return address;
  };
  wasm._free = (address) => {
    sizes.delete(address);
    _free(address);
  };
  return {
    bytes: () => sizes.values().reduce((sum, bytes) => sum + bytes, 0),
    stop: () => Object.assign(wasm, { _malloc, _free }),
  };
}

Deno.test("a clone has the same values, which live as long as either [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = live();
  for (const first of [0, 1]) {
    const x = tf.tensor1d([1, 2, 3]);
    const alone = live();
    const tensors = [x, tf.clone(x), tf.cast(x, "float32")];
    assertEquals(live(), { ...alone, numTensors: alone.numTensors + 2 });
    tensors[first]!.dispose();
    tensors.splice(first, 1);
    // Takes the place of what would have been freed.
    const other = tf.tensor1d([7, 8, 9]);
    for (const tensor of tensors) {
      assertEquals([...await tensor.data()], [1, 2, 3]);
    }
    tf.dispose([...tensors, other]);
    assertEquals(live(), before);
  }
  const words = tf.tensor1d(["a", "b"]);
  const copy = tf.clone(words);
  words.dispose();
  assertEquals([...await copy.data()] as unknown, ["a", "b"]);
  copy.dispose();
  assertEquals(live(), before);
});

Deno.test("a clone of a variable is what the variable was [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = live();
  const initial = tf.tensor1d([1, 2]);
  const copy = tf.clone(initial);
  const variable = tf.variable(copy);
  copy.dispose();
  const snapshot = tf.clone(variable);
  const next = tf.tidy(() => tf.add(variable, 1));
  variable.assign(next as tf.Tensor1D);
  assertEquals([...await initial.data()], [1, 2]);
  assertEquals([...await snapshot.data()], [1, 2]);
  assertEquals([...await variable.data()], [2, 3]);
  next.dispose();
  assertEquals([...await variable.data()], [2, 3]);
  variable.assign(snapshot);
  tf.dispose([initial, snapshot]);
  assertEquals([...await variable.data()], [1, 2]);
  variable.dispose();
  assertEquals(live(), before);
});

Deno.test("clones follow to another backend and back [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = live();
  const x = tf.tensor1d([1, 2, 3]);
  const copy = tf.clone(x);
  await useBackend({ prefer: ["cpu"] });
  const doubled = tf.mul(copy, 2);
  x.dispose();
  await useBackend({ prefer: ["wasm"] });
  const sum = tf.add(copy, doubled);
  assertEquals([...await sum.data()], [3, 6, 9]);
  assertEquals([...await copy.data()], [1, 2, 3]);
  tf.dispose([copy, doubled, sum]);
  assertEquals(live(), before);
});

Deno.test("what comes from another backend is read where memory grows for it [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const { wasm } = tf.backend() as BackendWasm;
  const size = (wasm as unknown as Heap).HEAPU8.length / 4;
  await useBackend({ prefer: ["cpu"] });
  const logDecay = tf.fill([size], -0.5);
  await useBackend({ prefer: ["wasm"] });
  const before = live();
  const { f, b } = runKernel(FIXED_DECAY, { logDecay }, { length: 1 });
  const last = tf.slice(f, [0, size - 1, 0]);
  assertEquals([...await last.data()], [-0.5]);
  tf.dispose([f, b, last]);
  // The values are here now.
  assertEquals(live(), { ...before, ids: before.ids + 1 });
  logDecay.dispose();
});

Deno.test("a model's forward pass holds no values twice, and learns the same [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = live();
  const model = lionEncoder({
    inputDim: 8,
    dim: 64,
    depth: 2,
    numHeads: 4,
    numClasses: 10,
    variant: "s",
  });
  const [batch, length] = [4, 256];
  const inputs = tf.tidy(() => [
    tf.sin(tf.reshape(tf.range(0, 8 * batch * length), [batch, length, 8])),
    tf.ones([batch, length]),
  ]);
  const step = () => {
    const heap = watchHeap();
    let bytes = 0;
    const { value, grads } = tf.variableGrads(() => {
      const logits = model.apply(inputs) as tf.Tensor;
      // All that the gradient needs is there now.
      bytes = heap.bytes();
      return tf.mean(tf.square(logits)) as tf.Scalar;
    });
    heap.stop();
    return { bytes, value, grads };
  };
  const referring = step();
  const kernel = tf.getKernel("Identity", "wasm")!;
  tf.unregisterKernel("Identity", "wasm");
  tf.registerKernel({
    ...kernel,
    kernelFunc: ({ inputs, backend }) => {
      const x = inputs["x"] as tf.TensorInfo;
      const wasm = backend as BackendWasm;
      const y = wasm.makeOutput(x.shape, x.dtype);
      wasm.typedArrayFromHeap(y).set(wasm.typedArrayFromHeap(x));
      return y;
    },
  });
  // What is saved for gradients runs no kernel.
  const engine = tf.engine() as unknown as { clone(x: tf.Tensor): tf.Tensor };
  const { clone } = engine;
  engine.clone = (x) => tf.engine().runKernel("Identity", { x });
  const copying = step();
  engine.clone = clone;
  tf.unregisterKernel("Identity", "wasm");
  tf.registerKernel(kernel);
  assert(
    referring.bytes < 0.9 * copying.bytes,
    `${referring.bytes} bytes live, ${copying.bytes} with copies`,
  );
  assertEquals(await referring.value.data(), await copying.value.data());
  for (const [name, gradient] of Object.entries(referring.grads)) {
    const copy = copying.grads[name]!;
    assertEquals(await gradient.data(), await copy.data(), name);
    tf.dispose([gradient, copy]);
  }
  tf.dispose([...inputs, referring.value, copying.value]);
  model.dispose();
  assertEquals(live(), before);
});
