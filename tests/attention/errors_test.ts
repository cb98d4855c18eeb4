/** What attention refuses beside shapes and options, which tests/subjects has, and decays of 0. @module */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  checkDecay,
  decayMask,
  diagonalDecay,
  eluPlusOne,
  explainAttention,
  fixedDecay,
  lionAttention,
  multiScanAttention,
  selectiveDecay,
  snakeScan,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

onEachBackend("arguments that are no options are refused by name", () => {
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([1, 2, 3, 4]);
    assertThrows(
      () => decayMask(fixedDecay(tf.zeros([1])), 0),
      RangeError,
      "length should be a positive integer, got 0",
    );
    assertThrows(
      () => decayMask(diagonalDecay(tf.zeros([1, 2, 3, 4])), 3),
      TypeError,
      "one mask per channel",
    );
    assertThrows(() => snakeScan(0, 3), RangeError, "rows should be a positi");
    assertThrows(() => snakeScan(2, 1.5), RangeError, "columns should be a ");
    assertThrows(
      () => multiScanAttention(x, x, x, "snake" as unknown as []),
      TypeError,
      "ways should be a list, got string",
    );
    assertThrows(
      () => eluPlusOne([1] as unknown as tf.Tensor4D),
      TypeError,
      "eluPlusOne's x should be a tensor, got [1]",
    );
  });
});

onEachBackend("kernel: false runs the form's operations", (backend) => {
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([1, 2, 300, 4]);
    const plan = explainAttention(x, x, x, { causal: true, kernel: false });
    assertThrows(
      () => explainAttention(x, x, x, { kernel: false, precision: "f16" }),
      RangeError,
      'precision "f16" is not available: kernel: false asks for tfjs operations',
    );
    if (plan.kernel !== null) throw new Error(plan.kernel);
    if (plan.reason !== "kernel: false asks for tfjs operations") {
      throw new Error(plan.reason);
    }
    const usual = explainAttention(x, x, x, { causal: true });
    if ((usual.kernel === null) !== (backend === "cpu")) {
      throw new Error(`${usual.kernel}`);
    }
  });
});

onEachBackend(
  "checkDecay() finds the first positive or NaN value",
  async () => {
    const good = tf.tensor3d([0, -1, -Infinity, -0.5], [1, 2, 2]);
    // The first values are looked at by selectiveDecay() itself.
    const values = new Float32Array(600).fill(-1);
    values.set([0.25, 1], 400);
    const positive = tf.tensor3d(values, [1, 2, 300]);
    const long = tf.zeros<tf.Rank.R3>([1, 2, 300]);
    const missing = tf.tensor1d([-1, NaN]);
    await checkDecay(selectiveDecay(good));
    await checkDecay(bidirectionalDecay(good, good));
    await assertRejects(
      () => checkDecay(selectiveDecay(positive)),
      RangeError,
      "selectiveDecay's logDecay should hold logarithms of decays, all <= 0, got 0.25 at [0, 1, 100]",
    );
    await assertRejects(
      () => checkDecay(bidirectionalDecay(long, positive)),
      RangeError,
      "bidirectionalDecay's backward should hold",
    );
    await assertRejects(
      () => checkDecay(fixedDecay(missing)),
      RangeError,
      "got NaN at [1]",
    );
    tf.dispose([good, long, positive, missing]);
  },
);

onEachBackend(
  "what a kernel has computed is looked at only where nothing waits for it",
  (backend) => {
    const computed = () => fixedDecay(tf.abs(tf.randomUniform([2], 1, 2)));
    tf.tidy(() => {
      if (backend === "webgpu") void computed();
      else assertThrows(computed, RangeError, "fixedDecay's logDecay");
    });
  },
);

onEachBackend(
  "a decay of zero cuts, forward and backward, without NaN",
  async () => {
    const logDecay = tf.fill([1, 1, 4], -Infinity) as tf.Tensor3D;
    const ones = tf.ones([1, 1, 4, 1]) as tf.Tensor4D;
    const v = tf.tensor4d([1, 2, 3, 4], [1, 1, 4, 1]);
    const gradient = tf.grad((g) =>
      lionAttention(ones, ones, v, {
        decay: selectiveDecay(g as tf.Tensor3D),
        normalize: false,
      })
    )(logDecay);
    const y = lionAttention(ones, ones, v, {
      decay: selectiveDecay(logDecay),
      normalize: false,
    });
    assertEquals([...await y.data()], [1, 2, 3, 4]);
    assertEquals([...await gradient.data()], [0, 0, 0, 0]);
    tf.dispose([logDecay, ones, v, gradient, y]);
  },
);
