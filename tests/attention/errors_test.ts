import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  bidirectionalDecay,
  checkDecay,
  type Decay,
  decayMask,
  deltaStep,
  diagonalDecay,
  fixedDecay,
  lionAttention,
  type LionAttentionOptions,
  recurrentState,
  recurrentStep,
  selectiveDecay,
} from "../../mod.ts";
import type { DecayConvention } from "../../lib/attention/decays/decay.ts";
import { retention } from "../../lib/family/mod.ts";
import { onEachBackend } from "../backends.ts";

const [B, H, L, D, E] = [2, 3, 5, 4, 6];

type Shape = tf.ShapeMap["R4"] | tf.ShapeMap["R3"];
const tensor = (shape: Shape) => tf.ones<tf.Rank>(shape) as tf.Tensor4D;

/** Calls attention with good tensors of which some are replaced. */
function attend(
  change: { q?: Shape; k?: Shape; v?: Shape },
  options?: LionAttentionOptions,
): tf.Tensor {
  return lionAttention(
    tensor(change.q ?? [B, H, L, D]),
    tensor(change.k ?? [B, H, L, D]),
    tensor(change.v ?? [B, H, L, E]),
    options,
  );
}

onEachBackend(
  "lionAttention() names the argument, what it wants and what came",
  () => {
    const type = (run: () => unknown, part: string) =>
      assertThrows(() => tf.tidy(() => void run()), TypeError, part);
    const range = (run: () => unknown, part: string) =>
      assertThrows(() => tf.tidy(() => void run()), RangeError, part);

    type(() => attend({ q: [B, L, D] }), "q should have shape [batch, heads");
    type(
      () => attend({ k: [B, H, L, D + 1] }),
      "k should have shape [batch, heads, length, headDim] = [2, 3, 5, 4], got [2, 3, 5, 5]",
    );
    type(() => attend({ k: [B + 1, H, L, D] }), "got [3, 3, 5, 4]");
    type(() => attend({ v: [B, H, L + 1, E] }), "v should have shape");
    type(() => attend({ v: [B, H + 1, L, E] }), "v should have shape");
    range(
      () => attend({ q: [B, H, 0, D], k: [B, H, 0, D], v: [B, H, 0, E] }),
      "q should not be empty, got shape [2,3,0,4]",
    );
    range(() => attend({ v: [B, H, L, 0] }), "v should not be empty");
    type(
      () => attend({}, { mask: tf.ones([B, L + 1]) }),
      "mask should have shape [batch, length] = [2, 5], got [2, 6]",
    );
    range(
      () => attend({}, { form: "fast" as AttentionForm }),
      'form should be "auto", "full", "recurrent", "blockwise", "chunkwise", got "fast"',
    );
    for (const chunkSize of [0, -1, 1.5, NaN]) {
      range(
        () => attend({}, { chunkSize }),
        `chunkSize should be a positive integer, got ${chunkSize}`,
      );
    }
    range(() => attend({}, { scale: NaN }), "scale should be finite, got NaN");
    type(
      () => attend({}, { epsilon: "1" as unknown as number }),
      "epsilon should be a number, got string",
    );
    type(
      () => attend({}, { decay: fixedDecay(tf.zeros([H + 1])) }),
      "fixedDecay's logDecay should have shape [heads] = [3], got [4]",
    );
    type(
      () => attend({}, { decay: selectiveDecay(tf.zeros([B, H, L + 1])) }),
      "selectiveDecay's logDecay should have shape [batch, heads, length] = [2, 3, 5], got [2, 3, 6]",
    );
    type(
      () => attend({}, { decay: tf.zeros([H]) as unknown as Decay }),
      "decay should be made by noDecay, fixedDecay",
    );
    type(
      () =>
        lionAttention(
          null as unknown as tf.Tensor4D,
          tf.ones([1, 1, 1, 1]),
          tf.ones([1, 1, 1, 1]),
        ),
      "q should be a tensor of shape [batch, heads, length, headDim], got null",
    );
  },
);

onEachBackend("decays refuse wrong shapes and conventions", () => {
  tf.tidy(() => {
    assertThrows(
      () => fixedDecay(tf.zeros([1, 2]) as unknown as tf.Tensor1D),
      TypeError,
      "fixedDecay's logDecay should have shape [heads] = [any], got [1, 2]",
    );
    assertThrows(
      () => selectiveDecay(tf.zeros([2]) as unknown as tf.Tensor3D),
      TypeError,
      "selectiveDecay's logDecay should have shape",
    );
    assertThrows(
      () =>
        selectiveDecay(tf.zeros([1, 1, 2]), {
          convention: "sauce" as DecayConvention,
        }),
      RangeError,
      'convention should be "source" or "arrival", got "sauce"',
    );
    assertThrows(
      () => bidirectionalDecay(tf.zeros([1, 1, 2]), tf.zeros([1, 1, 3])),
      TypeError,
      "bidirectionalDecay's backward should have shape",
    );
    assertThrows(
      () => decayMask(fixedDecay(tf.zeros([1])), 0),
      RangeError,
      "length should be a positive integer, got 0",
    );
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
  "decays without their logarithm are refused where they are at hand",
  (backend) => {
    const wrong = <R extends tf.Rank>(shape: tf.ShapeMap[R]) =>
      tf.tensor<R>(
        new Float32Array(tf.util.sizeFromShape(shape)).fill(0.9),
        shape,
      );
    const fine = tf.zeros<tf.Rank.R3>([1, 1, 2]);
    const row = tf.ones<tf.Rank.R4>([1, 1, 2, 2]);
    const step = { q: row, k: row, v: row };
    const calls: Record<string, () => unknown> = {
      "fixedDecay's logDecay": () => fixedDecay(wrong<tf.Rank.R1>([2])),
      "selectiveDecay's logDecay": () =>
        selectiveDecay(wrong<tf.Rank.R3>([1, 1, 2])),
      "diagonalDecay's logDecay": () =>
        diagonalDecay(wrong<tf.Rank.R4>([1, 1, 2, 2])),
      "bidirectionalDecay's forward": () =>
        bidirectionalDecay(wrong<tf.Rank.R3>([1, 1, 2]), fine),
      "bidirectionalDecay's backward": () =>
        bidirectionalDecay(fine, wrong<tf.Rank.R3>([1, 1, 2])),
      "recurrentStep's logDecay": () =>
        recurrentStep(
          recurrentState({ batch: 1, heads: 1, headDim: 2, valueDim: 2 }),
          { ...step, logDecay: wrong<tf.Rank.R1>([1]) },
        ),
      "deltaStep's logDecay": () =>
        deltaStep(null, {
          ...{ ...step, beta: fine },
          logDecay: wrong<tf.Rank.R1>([1]),
        }),
      "retention's logDecay": () =>
        retention({ ...step, logDecay: wrong<tf.Rank.R1>([1]) }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const [, argument] = name.split(" ");
      assertThrows(
        () => tf.tidy(() => void call()),
        RangeError,
        `${argument} should hold logarithms of decays, all <= 0, got 0.89999997`,
      );
    }
    // What a kernel has computed is looked at only where nothing waits for it.
    const computed = () => fixedDecay(tf.abs(tf.randomUniform([2], 1, 2)));
    tf.tidy(() => {
      if (backend === "webgpu") void computed();
      else assertThrows(computed, RangeError, "fixedDecay's logDecay");
    });
    tf.dispose([fine, row]);
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
