/** A decay of a batch of one counts for all of the batch. @module */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type Decay,
  type DecayConvention,
  deltaAttention,
  diagonalDecay,
  lionAttention,
  lionAttentionInOrders,
  recurrentState,
  recurrentStep,
  selectiveDecay,
  twoSidedDecay,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sample } from "../sample.ts";

const [BATCH, HEADS, LENGTH, HEAD_DIM] = [3, 2, 5, 4];

/** How a decay is made of one tensor, `[batch, heads, length]` or with channels. */
const KINDS: Readonly<Record<string, (logDecay: tf.Tensor) => Decay>> = {
  ...Object.fromEntries(
    (["source", "arrival"] as DecayConvention[]).flatMap((convention) => [
      [
        `selective, ${convention}`,
        (x: tf.Tensor) => selectiveDecay(x as tf.Tensor3D, { convention }),
      ],
      [
        `diagonal, ${convention}`,
        (x: tf.Tensor) => diagonalDecay(x as tf.Tensor4D, { convention }),
      ],
    ]),
  ),
  "two-sided": (x) => twoSidedDecay(x as tf.Tensor3D, tf.mul(x, 2)),
  "two-sided, diagonal": (x) => twoSidedDecay(x as tf.Tensor4D, tf.mul(x, 2)),
};

const random = (shape: number[], seed: number) =>
  tf.tensor(array(tf.util.sizeFromShape(shape), uniform(seed)), shape);

function vectors(): Record<"q" | "k" | "v", tf.Tensor4D> {
  const [q, k, v] = [1, 2, 3].map((seed) =>
    random([BATCH, HEADS, LENGTH, HEAD_DIM], seed) as tf.Tensor4D
  );
  return { q: q!, k: k!, v: v! };
}

/** Log decays of one sequence. */
function decaysOf(isDiagonal: boolean): tf.Tensor {
  const shape = [1, HEADS, LENGTH, ...(isDiagonal ? [HEAD_DIM] : [])];
  return tf.tidy(() => tf.sub(tf.mul(random(shape, 4), 0.5), 0.6));
}

/** Compares what one decay gives with what the same for each sequence gives, and the gradients. */
async function compare(
  attend: (x: tf.Tensor) => tf.Tensor,
  isDiagonal: boolean,
  label: string,
): Promise<void> {
  const one = decaysOf(isDiagonal);
  const repeat = (x: tf.Tensor) =>
    tf.tile(x, [BATCH, ...x.shape.slice(1).map(() => 1)]);
  const weight = random([BATCH, HEADS, LENGTH, HEAD_DIM], 5);
  const loss = (attend: (x: tf.Tensor) => tf.Tensor) =>
    tf.valueAndGrad((x) => tf.sum(tf.mul(attend(x), weight)) as tf.Scalar)(one);
  const [shared, each] = [
    loss(attend),
    loss((x) => attend(repeat(x))),
  ];
  const error = async (a: tf.Tensor, b: tf.Tensor) => {
    assertEquals(a.shape, b.shape, label);
    const [x, y] = [await a.data(), await b.data()];
    const largest = Math.max(...y.map(Math.abs));
    assert(largest > 0, label);
    return Math.max(...y.map((y, i) => Math.abs(y - x[i]!))) / largest;
  };
  assertLess(await error(shared.value, each.value), 1e-5, label);
  assertLess(await error(shared.grad, each.grad), 1e-5, label);
  tf.dispose([one, weight, shared, each]);
}

const CASES = Object.keys(KINDS).flatMap((kind) =>
  ["auto", "full", "recurrent"].flatMap((form) =>
    [false, true].map((causal) => ({ kind, form, causal }))
  )
);

onEachBackend("a decay counts for all of the batch", async (backend) => {
  const { q, k, v } = vectors();
  for (const { kind, form, causal } of sample(backend, CASES)) {
    await compare(
      (x) =>
        lionAttention(q, k, v, {
          decay: KINDS[kind]!(x),
          form: form as "auto",
          causal,
          normalize: false,
        }),
      kind.startsWith("diagonal") || kind.endsWith("diagonal"),
      `${kind} ${form} ${causal}`,
    );
  }
  tf.dispose([q, k, v]);
}, { sampled: true });

onEachBackend(
  "with masks, segments, orders and the delta rule too",
  async () => {
    const { q, k, v } = vectors();
    const mask = tf.tensor2d([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [
      1,
      0,
      1,
      1,
      0,
    ]]);
    const segments = tf.tensor2d(
      [[1, 1, 1, 2, 2], [1, 1, 2, 2, 2], [1, 1, 1, 1, 1]],
      [BATCH, LENGTH],
      "int32",
    );
    const beta = tf.fill<tf.Rank.R3>([BATCH, HEADS, LENGTH], 0.5);
    for (const isDiagonal of [false, true]) {
      const kind = (convention: string) =>
        KINDS[`${isDiagonal ? "diagonal" : "selective"}, ${convention}`]!;
      const reading = { mask, segments, normalize: false };
      await compare(
        (x) => lionAttention(q, k, v, { ...reading, decay: kind("source")(x) }),
        isDiagonal,
        "mask and segments",
      );
      const order = [4, 1, 0, 3, 2];
      await compare(
        (x) =>
          lionAttentionInOrders(
            q,
            k,
            v,
            [{ order, decay: kind("source")(x) }],
            {
              normalize: false,
            },
          ),
        isDiagonal,
        "orders",
      );
      await compare(
        (x) =>
          deltaAttention(q, k, v, beta, { mask, decay: kind("arrival")(x) }),
        isDiagonal,
        "delta rule",
      );
      const state = recurrentState({
        batch: BATCH,
        heads: HEADS,
        headDim: HEAD_DIM,
        valueDim: HEAD_DIM,
      });
      await compare(
        (logDecay) =>
          recurrentStep(
            state,
            { q, k, v, logDecay: logDecay as tf.Tensor3D },
            { normalize: false },
          ).y,
        isDiagonal,
        "a step",
      );
      tf.dispose([state.sum, state.due]);
    }
    tf.dispose([q, k, v, mask, segments, beta]);
  },
);

onEachBackend("decays of another batch are refused", () => {
  const { q, k, v } = vectors();
  const two = tf.zeros<tf.Rank.R3>([2, HEADS, LENGTH]);
  assertThrows(
    () => lionAttention(q, k, v, { decay: selectiveDecay(two) }),
    TypeError,
    "selectiveDecay's logDecay should have shape",
  );
  tf.dispose([q, k, v, two]);
}, ["cpu"]);
