/** Decays of each channel: extreme ones, kernels, plans, and what is refused. @module */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  checkDecay,
  diagonalDecay,
  explainAttention,
  lionAttention,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { FORMS } from "../subjects/lion.ts";

onEachBackend(
  "e^-2 a token neither overflows nor loses what is near, at 4,096 tokens",
  async () => {
    const [length, headDim] = [4096, 4];
    const shape: [number, number, number, number] = [1, 1, length, headDim];
    const one: tf.Tensor4D = tf.ones(shape);
    const logDecay: tf.Tensor4D = tf.fill(shape, -2);
    const decay = diagonalDecay(logDecay);
    const attend = (q: tf.Tensor, decay: tf.Tensor) =>
      lionAttention(q as tf.Tensor4D, one, one, {
        decay: diagonalDecay(decay as tf.Tensor4D),
        normalize: false,
        scale: 1 / headDim,
        chunkSize: 64,
      });
    const { value, grads } = tf.valueAndGrads(attend)([one, logDecay]);
    const ratio = Math.exp(-2);
    const inside = (1 + ratio) / (1 - ratio);
    const y = await value.data();
    y.subarray(64, y.length - 64).forEach((x) =>
      assertLess(Math.abs(x / inside - 1), 2e-6)
    );
    for (const x of [value, ...grads]) {
      assert((await x.data()).every(Number.isFinite));
    }
    const wide = diagonalDecay(tf.fill(shape, -60));
    const normalized = lionAttention(one, one, one, { decay: wide });
    (await normalized.data()).forEach((x) => assertLess(Math.abs(x - 1), 1e-5));
    // Only the last token's are wrong: the first values are looked at anyway.
    const positive = bidirectionalDecay(
      logDecay,
      tf.tidy(() =>
        tf.concat([
          tf.slice(logDecay, [0, 0, 0, 0], [1, 1, length - 1, headDim]),
          tf.ones<tf.Rank.R4>([1, 1, 1, headDim]),
        ], 2)
      ),
    );
    await assertRejects(() => checkDecay(positive), RangeError, "backward");
    await checkDecay(decay);
    for (const decay of [wide, positive]) {
      if (decay.kind === "diagonal") decay.logDecay.dispose();
      if (decay.kind === "two-sided-diagonal") decay.backward.dispose();
    }
    tf.dispose([one, logDecay, value, ...grads, normalized]);
  },
);

onEachBackend(
  "decays of each channel have a kernel where one is told",
  (backend) => {
    const x = tf.zeros<tf.Rank.R4>([1, 2, 600, 32]);
    const decay = diagonalDecay(x);
    for (const form of ["auto", ...FORMS] as const) {
      const plan = explainAttention(x, x, x, { decay, form });
      const fused = backend !== "cpu" && ["auto", "chunkwise"].includes(form);
      assertEquals(plan.kernel, fused ? "LionChunkwise" : null);
      const reason = fused
        ? `${backend}, `
        : backend === "cpu"
        ? "backend cpu has no kernel of its own"
        : `the ${backend} kernel of the ${
          form === "auto" ? "chunkwise" : form
        } form does not support diagonal decays`;
      assert(plan.reason.startsWith(reason), plan.reason);
    }
    x.dispose();
  },
);
