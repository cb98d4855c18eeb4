/**
 * Gradients on a backend of TensorFlow.js's as it is, without `useBackend()`: nothing
 * here imports what replaces its gradients.
 *
 * @module
 */
import { assertAlmostEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import {
  gatedDeltaNet,
  gatedLinearAttention,
  mlstm,
} from "../../lib/family/mod.ts";

/** As many tokens as columns, so that a transposed gradient has the right shape. */
const SIZE = 4;
const vectors: tf.Tensor4D = tf.randomNormal(
  [1, 1, SIZE, SIZE],
  0,
  1,
  "float32",
  1,
);
const qkv = { q: vectors, k: vectors, v: vectors };
const halves = tf.fill([1, 1, SIZE], 0.5);

/** Models by name: what to differentiate by, and the model of it in a form. */
const MODELS: Readonly<
  Record<string, {
    shape: number[];
    forms: readonly ("full" | "chunkwise")[];
    run(x: tf.Tensor, form: "full" | "chunkwise"): tf.Tensor;
  }>
> = {
  mlstm: {
    shape: [1, 1, SIZE],
    forms: ["full", "chunkwise"],
    run: (x, form) =>
      mlstm({ ...qkv, inputGate: halves, forgetGate: x }, { form }),
  },
  gatedLinearAttention: {
    shape: [1, 1, SIZE, SIZE],
    forms: ["full", "chunkwise"],
    run: (x, form) => gatedLinearAttention({ ...qkv, logDecay: x }, { form }),
  },
  gatedDeltaNet: {
    shape: [1, 1, SIZE],
    forms: ["chunkwise"],
    run: (x) =>
      gatedDeltaNet({ ...qkv, beta: halves, logDecay: x }, {
        form: "chunkwise",
      }),
  },
};

for (const [name, { shape, forms, run }] of Object.entries(MODELS)) {
  for (const form of forms) {
    Deno.test(`${name}, ${form}, has its gradient without useBackend()`, async () => {
      const x = tf.fill(shape, -0.5);
      const loss = (x: tf.Tensor): tf.Scalar => tf.sum(tf.square(run(x, form)));
      const direction = tf.randomNormal(shape, 0, 1, "float32", 2);
      const gradient = tf.sum(tf.mul(tf.grad(loss)(x), direction));
      const step = tf.mul(direction, 1e-2);
      const change = tf.sub(loss(tf.add(x, step)), loss(tf.sub(x, step)));
      const [derivative] = await tf.div(change, 2e-2).data();
      const [expected] = await gradient.data();
      assertAlmostEquals(
        expected!,
        derivative!,
        0.02 * Math.max(1, Math.abs(derivative!)),
      );
    });
  }
}
