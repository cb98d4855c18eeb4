/** Directions of reading, and the sum in which a token counts itself twice. @module */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { ATTENTION_VARIANTS } from "../../lib/layers/options/attention_options.ts";
import {
  type AttentionOptions,
  type AttentionVariant,
  decayMask,
  fixedDecay,
  lionAttentionLayer,
  lionBert,
  lionEncoder,
  lionViT,
  logSigmoid,
  type Mixer,
  noDecay,
  selectiveDecay,
} from "../../mod.ts";
import { dense, joinHeads, splitHeads } from "../../lib/operations/mod.ts";
import { MixingLayer } from "../../lib/layers/mod.ts";
import { FEATURE_MAPS } from "../../lib/layers/options/feature_maps.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import { fillZeros } from "./zero_weights.ts";

const [BATCH, LENGTH, DIM, HEADS] = [2, 7, 6, 2];
const SIZES = { numHeads: HEADS, seed: 4 } as const;

/** Those that can read one side alone. */
const ONE_SIDED = ATTENTION_VARIANTS.filter((variant) => variant !== "hydra");

const sequences = () =>
  tf.tensor3d(array(BATCH * LENGTH * DIM, uniform(1)), [BATCH, LENGTH, DIM]);

/** A layer's answer, and the layer away. */
function answer(
  options: AttentionOptions,
  x: tf.Tensor,
  ...others: tf.Tensor[]
): tf.Tensor3D {
  const layer = lionAttentionLayer({ ...SIZES, ...options });
  const run = () =>
    layer.apply(others.length ? [x, ...others] : x) as tf.Tensor3D;
  tf.tidy(() => void run());
  fillZeros([layer]);
  const y = run();
  layer.dispose();
  return y;
}

async function assertEqual(
  actual: tf.Tensor,
  expected: tf.Tensor,
  label: string,
): Promise<void> {
  const [a, b] = [await actual.data(), await expected.data()];
  assertEquals(a.length, b.length);
  const largest = Math.max(...b.map(Math.abs));
  assert(largest > 0, label);
  const error = Math.max(...b.map((value, i) => Math.abs(value - a[i]!)));
  assertLess(error, 1e-5 * largest, label);
  tf.dispose([actual, expected]);
}

onEachBackend(
  "backward is forward on the reversed tokens",
  async (backend) => {
    const x = sequences();
    const mask = tf.tensor2d([[1, 1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1, 1]]);
    const segments = tf.tensor2d(
      [[1, 1, 2, 2, 2, 3, 3], [1, 1, 1, 1, 2, 2, 2]],
      [BATCH, LENGTH],
      "int32",
    );
    for (const variant of sampleForms(backend, ONE_SIDED, () => false)) {
      const backward = { variant, direction: "backward" } as const;
      const forward = { variant, direction: "forward" } as const;
      const turned = tf.tidy(() =>
        [x, mask, segments].map((x) => tf.reverse(x, 1))
      );
      const [tokens, present, packed] = turned as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const compare = async (
        there: tf.Tensor,
        back: tf.Tensor,
        label: string,
      ) => {
        await assertEqual(there, tf.tidy(() => tf.reverse(back, 1)), label);
        back.dispose();
      };
      await compare(answer(backward, x), answer(forward, tokens), variant);
      const kept = tf.tidy(() => tf.expandDims(mask, 2));
      const masked = tf.tidy(() => tf.mul(answer(backward, x, mask), kept));
      const theirs = tf.tidy(() =>
        tf.mul(answer(forward, tokens, present), tf.reverse(kept, 1))
      );
      await compare(masked, theirs, `${variant}, padded`);
      await compare(
        answer({ ...backward, segments: true }, x, segments),
        answer({ ...forward, segments: true }, tokens, packed),
        `${variant}, packed`,
      );
      tf.dispose([turned, kept]);
    }
    tf.dispose([x, mask, segments]);
  },
  { sampled: true },
);

onEachBackend("a token reads what its direction says", async () => {
  const x = sequences();
  const changed = tf.tidy(() => {
    const one = tf.oneHot(tf.tensor1d([3], "int32"), LENGTH);
    return tf.add(x, tf.reshape(one, [1, LENGTH, 1]));
  });
  for (const variant of ONE_SIDED) {
    for (const direction of ["both", "forward", "backward"] as const) {
      const [before, after] = [x, changed].map((x) =>
        answer({ variant, direction }, x)
      );
      const difference = tf.tidy(() =>
        tf.max(tf.abs(tf.sub(before!, after!)), [0, 2])
      );
      const noticed = [...await difference.data()].map((d) => d > 1e-6);
      const expected = [...noticed.keys()].map((i) =>
        direction === "both" || (direction === "forward" ? i >= 3 : i <= 3)
      );
      assertEquals(noticed, expected, `${variant} ${direction}`);
      tf.dispose([before!, after!, difference]);
    }
  }
  tf.dispose([x, changed]);
}, ["wasm", "cpu"]);

onEachBackend(
  "LION goes its ways from their other end, and does not decay the class token",
  async () => {
    const x = sequences();
    const orders = [[0, 3, 1, 4, 6, 5, 2], [0, 1, 2, 3, 6, 5, 4]];
    for (const variant of ["d", "s"] as const) {
      for (const classToken of [false, true]) {
        const options = { variant, classToken } as const;
        await assertEqual(
          answer({ ...options, order: orders, direction: "backward" }, x),
          answer({
            ...options,
            order: orders.map((order) => order.toReversed()),
            direction: "forward",
          }, x),
          `${variant} ${classToken}`,
        );
      }
    }
    x.dispose();
  },
);

/** LION with the mask M + I, by the definition. */
function twice(
  variant: AttentionVariant,
  x: tf.Tensor3D,
  normalize: boolean,
): tf.Tensor3D {
  const layer = lionAttentionLayer({ ...SIZES, variant });
  (layer.apply(x) as tf.Tensor).dispose();
  const linear = <T extends tf.Tensor>(x: T, name: string): T =>
    dense(
      x,
      layer.parameter(`${name}.weight`) as tf.Tensor2D,
      layer.parameter(`${name}.bias`) as tf.Tensor1D,
    ) as T;
  const y = tf.tidy(() => {
    const { q, k, v } = splitHeads(linear(x, "qkv"), {
      numHeads: HEADS,
      featureMap:
        FEATURE_MAPS[variant === "lit" ? "eluPlusOne" : "shiftedSilu"],
    });
    const decay = variant === "lit"
      ? noDecay()
      : variant === "d"
      ? fixedDecay(logSigmoid(layer.parameter("a_i") as tf.Tensor1D))
      : selectiveDecay(
        logSigmoid(tf.neg(tf.transpose(linear(x, "a_i"), [0, 2, 1]))),
      );
    const weights = tf.add(decayMask(decay, LENGTH), tf.eye(LENGTH));
    const scores = tf.div(
      tf.mul(tf.matMul(q, k, false, true), weights),
      Math.sqrt(DIM / HEADS),
    );
    const shares = normalize
      ? tf.div(scores, tf.add(tf.sum(scores, 3, true), 1e-6))
      : scores;
    return linear(joinHeads(tf.matMul(shares, v) as tf.Tensor4D), "proj");
  });
  layer.dispose();
  return y;
}

onEachBackend("diagonal twice is LION with the mask M + I", async () => {
  const x = sequences();
  for (const variant of ["lit", "d", "s"] as const) {
    for (const normalize of [true, false]) {
      await assertEqual(
        answer({ variant, normalize, countSelf: "twice" }, x),
        twice(variant, x, normalize),
        `${variant} ${normalize}`,
      );
    }
    // All that is read of padding is nothing, of itself too.
    const mask = tf.tensor2d([[1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0, 0]]);
    const own = { variant, countSelf: "twice" } as const;
    const short = tf.tidy(() => tf.slice(x, [0, 0, 0], [1, 5, -1]));
    const there = answer(own, x, mask);
    await assertEqual(
      tf.tidy(() => tf.slice(there, [0, 0, 0], [1, 5, -1])),
      answer(own, short),
      `${variant}, padded`,
    );
    tf.dispose([mask, short, there]);
  }
  x.dispose();
});

onEachBackend("of other mixers it is the sum from both ends", async () => {
  const x = sequences();
  for (const variant of ["gla", "mlstm", "kda"] as const) {
    const ends = (["forward", "backward"] as const).map((direction) =>
      answer({ variant, direction }, x)
    );
    await assertEqual(
      answer({ variant, countSelf: "twice" }, x),
      tf.tidy(() => tf.addN(ends)),
      variant,
    );
    tf.dispose(ends);
  }
  x.dispose();
}, ["wasm", "cpu"]);

Deno.test("models alternate, and a custom mixer reads in all directions", () => {
  const seen: [boolean, boolean][] = [];
  const mixer: Mixer = {
    parameters: () => [],
    apply(x, _, { causal, reversed }) {
      seen.push([causal, reversed]);
      return x;
    },
    operations: () => 0,
  };
  const model = lionEncoder({
    ...{ inputDim: 1, dim: 2, depth: 4, numClasses: 1 },
    mixer,
    direction: "alternate",
  });
  const blocks = model.layers.filter((layer) => layer instanceof MixingLayer);
  assertEquals(
    blocks.map(({ attention }) => attention.direction),
    ["forward", "backward", "forward", "backward"],
  );
  tf.tidy(() => model.predict([tf.ones([1, 3, 1]), tf.ones([1, 3])]));
  assertEquals(seen.slice(-4), [
    [true, false],
    [true, true],
    [true, false],
    [true, true],
  ]);
  model.dispose();
});

Deno.test("directions that cannot be are refused", () => {
  const layer = (options: object) => () =>
    lionAttentionLayer({ variant: "s", numHeads: 2, ...options }).build([
      null,
      3,
      4,
    ]);
  const block = { variant: "s", dim: 4, depth: 2, numHeads: 2 } as const;
  const cases: [() => unknown, string][] = [
    [
      layer({ direction: "alternate" }),
      'direction should be "both", "forward" or "backward", got "alternate"',
    ],
    [layer({ countSelf: 2 }), 'countSelf should be "once" or "twice", got 2'],
    [
      layer({ countSelf: "twice", direction: "forward" }),
      'countSelf "twice" is for tokens that attend to both sides, got direction "forward"',
    ],
    [
      layer({ countSelf: "twice", direction: "backward" }),
      'countSelf "twice" is for tokens that attend to both sides, got direction "backward"',
    ],
    [
      layer({ countSelf: "twice", variant: "softmax" }),
      'countSelf "twice" is for linear attention, got variant "softmax"',
    ],
    [
      () =>
        lionEncoder({
          ...block,
          inputDim: 1,
          numClasses: 1,
          direction: "up" as "both",
        }),
      'direction should be "both", "forward", "backward" or "alternate", got "up"',
    ],
    [
      () => lionViT({ ...block, classToken: "read", direction: "forward" }),
      'direction "forward" lets the first token attend to nothing but itself, and classToken "read" is its answer',
    ],
    [
      () =>
        lionBert({ ...block, head: "classification", direction: "forward" }),
      'head "classification" is its answer',
    ],
  ];
  for (const [make, message] of cases) {
    assertThrows(make, RangeError, message);
  }
});
