/**
 * Forgetting attention beside what it equals: softmax attention where nothing decays,
 * ALiBi under constant decays, and LION-S where all scores are the same; outputs and
 * gradients.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { forgettingAttention } from "../../lib/family/mod.ts";
import {
  diagonalDecay,
  lionAttention,
  selectiveDecay,
  softmaxAttention,
  type SoftmaxAttentionOptions,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { assertNear, outputAndGradients } from "../comparison.ts";
import { array, uniform } from "../random.ts";
import { TOLERANCE } from "../tolerance.ts";

const [BATCH, HEADS, LENGTH, HEAD_DIM, VALUE_DIM] = [2, 2, 131, 6, 5];
const random = uniform(3);
const of = (shape: number[], map?: (u: number) => number) => ({
  values: array(shape.reduce((a, b) => a * b), random, map),
  shape,
});
const vectors = (columns: number) => of([BATCH, HEADS, LENGTH, columns]);
const Q = vectors(HEAD_DIM), K = vectors(HEAD_DIM), V = vectors(VALUE_DIM);
const OUTPUT_GRADIENT = vectors(VALUE_DIM);
const PER_TOKEN = [BATCH, HEADS, LENGTH];

/** Slopes of ALiBi, one of them of a head that forgets at once. */
const SLOPES = [0.07, 60];

interface Equality {
  readonly q?: typeof Q;
  readonly logDecay: typeof Q;
  /** What it equals: the gradients are of all inputs that it reads. */
  readonly equals: (
    inputs: Record<string, tf.Tensor>,
    options: SoftmaxAttentionOptions,
  ) => tf.Tensor;
  /** Inputs that both read. */
  readonly read: readonly string[];
}

const EQUALITIES: Readonly<Record<string, Equality>> = {
  "softmax attention without decay": {
    logDecay: of(PER_TOKEN, () => 0),
    equals: ({ q, k, v }, options) => softmaxAttention(q!, k!, v!, options),
    read: ["q", "k", "v"],
  },
  "ALiBi under a constant decay": {
    logDecay: {
      values: Float32Array.from(
        { length: BATCH * HEADS * LENGTH },
        (_, i) => -SLOPES[Math.floor(i / LENGTH) % HEADS]!,
      ),
      shape: PER_TOKEN,
    },
    equals: ({ q, k, v }, options) =>
      softmaxAttention(q!, k!, v!, { ...options, slopes: SLOPES }),
    read: ["q", "k", "v"],
  },
  "the normalised mask of LION-S where all scores are equal": {
    q: { ...Q, values: new Float32Array(Q.values.length) },
    logDecay: of(PER_TOKEN, (u) => u < 0.1 ? -60 : Math.log(u)),
    equals: ({ v, logDecay }, options) => {
      const one = tf.ones([BATCH, HEADS, LENGTH, 1]);
      return lionAttention(one, one, v!, {
        ...options,
        ...{ normalize: true, epsilon: 0, scale: 1 },
        decay: selectiveDecay(logDecay!, { convention: "arrival" }),
      });
    },
    read: ["v", "logDecay"],
  },
};

for (
  const [name, { q = Q, logDecay, equals, read }] of Object.entries(EQUALITIES)
) {
  onEachBackend(`forgetting attention is ${name}`, async (backend) => {
    const inputs = { q, k: K, v: V, logDecay };
    for (const causal of [false, true]) {
      const run = (
        compute: (inputs: Record<string, tf.Tensor>) => tf.Tensor,
      ) => outputAndGradients(inputs, OUTPUT_GRADIENT, {}, compute);
      const got = await run((inputs) =>
        forgettingAttention(
          inputs as unknown as Parameters<typeof forgettingAttention>[0],
          { causal },
        )
      );
      const wanted = await run((inputs) =>
        // An input that is not read still has a gradient, of zero.
        tf.add(
          equals(inputs, { causal }),
          Object.values(inputs).reduce<tf.Tensor>(
            (sum, x) => tf.add(sum, tf.sum(tf.zerosLike(x))),
            tf.scalar(0),
          ),
        )
      );
      const { forward, gradient } = TOLERANCE[backend];
      assertNear("y", got.y, wanted.y, 2 * forward);
      for (const input of read) {
        const other = wanted.gradients[input]!;
        assertNear(input, got.gradients[input]!, other, 2 * gradient);
      }
    }
  });
}

onEachBackend("a log decay that is NaN is seen beyond it", async () => {
  const length = 300, at = 120;
  const g = new Float32Array(length).fill(-0.1);
  g[at] = NaN;
  const logDecay = tf.tensor3d(g, [1, 1, length]);
  const x = tf.randomNormal([1, 1, length, 4], 0, 1, "float32", 5);
  for (const causal of [false, true]) {
    const y = forgettingAttention({ q: x, k: x, v: x, logDecay }, { causal });
    const values = await y.data();
    // All paths to later tokens have it, and those from the right to earlier ones.
    const isNaNAt = (token: number) => Number.isNaN(values[4 * token]);
    assert(isNaNAt(at) && isNaNAt(length - 1));
    assertEquals(isNaNAt(0), !causal);
    y.dispose();
  }
  tf.dispose([logDecay, x]);
});

Deno.test("forgetting attention is of all tokens, and has one decay a token", () => {
  const x = tf.zeros([1, 1, 3, 2]);
  assertThrows(
    () =>
      forgettingAttention(
        { q: x, k: x, v: x, logDecay: tf.zeros([1, 1, 3]) },
        { attention: {} } as object,
      ),
    TypeError,
    'forgettingAttention has no option "attention"',
  );
  const decay = diagonalDecay(x, { convention: "arrival" });
  assertThrows(
    () => softmaxAttention(x, x, x, { decay }),
    TypeError,
    "decay should have one number per token, got one per channel",
  );
});
