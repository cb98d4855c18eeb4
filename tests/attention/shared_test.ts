/** Queries and keys of one head count for all heads, and decays of a batch of one for all of the batch. @module */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  deltaAttention,
  diagonalDecay,
  explainAttention,
  lionAttention,
  multiScanAttention,
  recurrentState,
  recurrentStep,
  selectiveDecay,
  useBackend,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import { assertRight } from "../subjects/assert_right.ts";
import { CHANNELS, DECAYS, LION, type LionCase } from "../subjects/lion.ts";
import type { Way } from "../subjects/subject.ts";

/** Of several chunks of 32 tokens and a part of one, and rows that are whole vectors or not. */
const SIZES = [
  { batch: 2, heads: 3, length: 1, headDim: 3, valueDim: 2 },
  { batch: 2, heads: 2, length: 7, headDim: 5, valueDim: 8 },
  { batch: 1, heads: 3, length: 70, headDim: 12, valueDim: 3 },
  { batch: 2, heads: 2, length: 45, headDim: 8, valueDim: 16 },
];

const SHARED_KEYS = ["full", "chunkwise"].flatMap((form) =>
  (["none", "fixed", "two-sided", "source of channels"] as const)
    .flatMap((decay) =>
      SIZES.flatMap((sizes) =>
        [false, true].flatMap((causal) =>
          [false, true].map((padded): [LionCase, Way] => [
            {
              ...{ ...sizes, decay, causal, normalize: !padded, padded },
              ...{ packed: padded !== causal, sharedKeys: true },
            },
            { form },
          ])
        )
      )
    )
);

onEachBackend(
  "queries and keys that all heads share are as if repeated",
  (backend) => {
    // Where there is no kernel, keys are repeated first in every form.
    const runs = sampleForms(backend, SHARED_KEYS, () => false);
    return assertRight(LION, runs, backend);
  },
  { sampled: true },
);

for (const threads of [1, 2, 4]) {
  onEachBackend(
    `queries and keys that all heads share, on ${threads} threads`,
    async (backend) => {
      await useBackend({ prefer: ["wasm"], threads });
      const runs = SHARED_KEYS.filter(([{ length, padded }, { form }]) =>
        length === SIZES[2]!.length && !padded && form === "chunkwise"
      );
      await assertRight(LION, runs, backend);
    },
    ["wasm"],
  );
}

onEachBackend(
  "shared keys have a plan, and other shapes are refused",
  (name) => {
    tf.tidy(() => {
      const q: tf.Tensor4D = tf.ones([2, 1, 40, 4]);
      const v: tf.Tensor4D = tf.ones([2, 3, 40, 5]);
      const planOf = (q: tf.Tensor4D) =>
        explainAttention(q, q, v, { form: "chunkwise" });
      const { kernel, bytes } = planOf(q);
      const wanted = { wasm: "LionSharedChunkwise", webgpu: "LionChunkwise" };
      assertEquals(kernel, name === "cpu" ? null : wanted[name]);
      const spared = name === "wasm" ? 2 * 4 * 2 * (3 - 1) * 40 * 4 : 0;
      assertEquals(planOf(tf.ones([2, 3, 40, 4])).bytes - bytes, spared);
      assertThrows(
        () => lionAttention(tf.ones([2, 2, 40, 4]), tf.ones([2, 2, 40, 4]), v),
        TypeError,
        "v should have shape",
      );
      assertThrows(
        () => lionAttention(q, tf.ones([2, 3, 40, 4]), v),
        TypeError,
        "k should have shape",
      );
    });
  },
);

const SHARED_DECAYS = [...DECAYS.slice(2), ...CHANNELS].flatMap((decay) =>
  ["auto", "full", "recurrent"].flatMap((form) =>
    [false, true].map((causal): [LionCase, Way] => [
      {
        ...{ batch: 3, heads: 2, length: 5, headDim: 4, valueDim: 4 },
        ...{ decay, causal, normalize: false, sharedDecay: true },
        // With masks and segments too.
        ...form === "auto" ? { padded: true, packed: true } : {},
      },
      { form },
    ])
  )
);

onEachBackend(
  "a decay counts for all of the batch",
  (backend) => {
    const runs = sampleForms(backend, SHARED_DECAYS, () => false);
    return assertRight(LION, runs, backend);
  },
  { sampled: true },
);

const [BATCH, HEADS, LENGTH, HEAD_DIM, VALUE_DIM] = [3, 2, 5, 4, 3];

const random = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(array(tf.util.sizeFromShape(shape), uniform(seed)), shape);

onEachBackend("so it does in orders, the delta rule and steps", async () => {
  const shape = [BATCH, HEADS, LENGTH, HEAD_DIM];
  const [q, k] = [1, 2].map((seed) => random(shape, seed));
  const [v, weight] = [3, 5].map((s) => random(shape.with(3, VALUE_DIM), s));
  const beta = tf.fill([BATCH, HEADS, LENGTH], 0.5);
  const mask = tf.tensor2d([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0], [
    3,
    5,
  ]);
  const sizes = { headDim: HEAD_DIM, valueDim: VALUE_DIM };
  const state = recurrentState({ batch: BATCH, heads: HEADS, ...sizes });
  for (const channels of [[], [HEAD_DIM]]) {
    const decayOf = (x: tf.Tensor, convention: "source" | "arrival") =>
      channels.length > 0
        ? diagonalDecay(x, { convention })
        : selectiveDecay(x, { convention });
    const ways: Record<string, (x: tf.Tensor) => tf.Tensor> = {
      orders: (x) => {
        const way = { order: [4, 1, 0, 3, 2], decay: decayOf(x, "source") };
        return multiScanAttention(q!, k!, v!, [way], { normalize: false });
      },
      "delta rule": (x) =>
        deltaAttention(q!, k!, v!, beta, {
          mask,
          decay: decayOf(x, "arrival"),
        }),
      "a step": (logDecay) =>
        recurrentStep(
          state,
          { q: q!, k: k!, v: v!, logDecay },
          { normalize: false },
        ).y,
    };
    const ofDecay = [1, HEADS, LENGTH, ...channels];
    const one = tf.tidy(() => tf.sub(tf.mul(random(ofDecay, 4), 0.5), 0.6));
    const repeat = (x: tf.Tensor) =>
      tf.tile(x, [BATCH, ...x.shape.slice(1).map(() => 1)]);
    for (const [label, attend] of Object.entries(ways)) {
      const loss = (attend: (x: tf.Tensor) => tf.Tensor) =>
        tf.valueAndGrad((x) => tf.sum(tf.mul(attend(x), weight!)) as tf.Scalar)(
          one,
        );
      const [shared, each] = [loss(attend), loss((x) => attend(repeat(x)))];
      for (const name of ["value", "grad"] as const) {
        assertEquals(shared[name].shape, each[name].shape, label);
        const [x, y] = [await shared[name].data(), await each[name].data()];
        const largest = Math.max(...y.map(Math.abs));
        assert(largest > 0, label);
        const error = Math.max(...y.map((y, i) => Math.abs(y - x[i]!)));
        assertLess(error / largest, 1e-5, label);
      }
      tf.dispose([shared, each]);
    }
    one.dispose();
  }
  tf.dispose([q!, k!, v!, weight!, beta, mask, state.sum, state.due]);
});

onEachBackend("decays of another batch are refused", () => {
  tf.tidy(() => {
    const x = tf.ones([BATCH, HEADS, LENGTH, HEAD_DIM]);
    const decay = selectiveDecay(tf.zeros([2, HEADS, LENGTH]));
    assertThrows(
      () => lionAttention(x, x, x, { decay }),
      TypeError,
      "selectiveDecay's logDecay should have shape",
    );
  });
}, ["cpu"]);
