/** Blocks and attention with every option equal plain operations of tfjs. @module */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionVariant,
  lionAttentionLayer,
  lionBlock,
  type LionBlockOptions,
} from "../../mod.ts";
import { type LionLayer, tokenPooling } from "../../lib/layers/mod.ts";
import type { Complete } from "../../lib/base/options.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

const [BATCH, LENGTH, DIM, HEADS, EPSILON] = [2, 5, 8, 2, 1e-6];

/** Gives a layer seeded parameters, all of them far from their first values. */
function fill(layer: LionLayer): void {
  const random = uniform(9);
  for (const { name, shape } of layer.parameters) {
    const isScale = /norm\d?\.weight$/.test(name);
    const values = array(
      tf.util.sizeFromShape([...shape]),
      random,
      (u) => isScale ? 0.5 + u : 0.8 * (2 * u - 1),
    );
    tf.tidy(() =>
      (layer.parameter(name) as tf.Variable).assign(
        tf.tensor(values, [...shape]),
      )
    );
  }
}

function sequences(seed: number): tf.Tensor3D {
  const values = array(BATCH * LENGTH * DIM, uniform(seed));
  return tf.tensor3d(values, [BATCH, LENGTH, DIM]);
}

type Options = Complete<
  Pick<LionBlockOptions, "featureMap" | "norm" | "outputNorm" | "normalize">
>;

const FEATURES: Record<Options["featureMap"], (x: tf.Tensor) => tf.Tensor> = {
  identity: (x) => x,
  relu: (x) => tf.relu(x),
  sigmoid: (x) => tf.sigmoid(x),
  eluPlusOne: (x) => tf.where(tf.greater(x, 0), tf.add(x, 1), tf.exp(x)),
  shiftedSilu: (x) => {
    const shifted = tf.add(tf.mul(x, tf.sigmoid(x)), 0.5);
    return tf.div(shifted, tf.norm(shifted, "euclidean", 3, true));
  },
};

/** A LION-D block of which nothing is shared with the library. */
function plain(
  x: tf.Tensor,
  parameter: (name: string) => tf.Tensor,
  { featureMap, norm, outputNorm, normalize }: Options,
): tf.Tensor {
  const linear = (x: tf.Tensor, name: string) => {
    const columns = parameter(`${name}.bias`).size;
    const rows = tf.reshape(x, [BATCH * LENGTH, -1]);
    const y = tf.dot(rows, parameter(`${name}.weight`));
    return tf.reshape(tf.add(y, parameter(`${name}.bias`)), [
      BATCH,
      LENGTH,
      columns,
    ]);
  };
  const normal = (x: tf.Tensor, name: string) => {
    const { mean, variance } = tf.moments(x, 2, true);
    const standard = tf.div(
      tf.sub(x, mean),
      tf.sqrt(tf.add(variance, EPSILON)),
    );
    const scaled = tf.mul(standard, parameter(`${name}.weight`));
    return tf.add(scaled, parameter(`${name}.bias`));
  };
  const attention = (x: tf.Tensor) => {
    const heads = (x: tf.Tensor) =>
      tf.transpose(tf.reshape(x, [BATCH, LENGTH, HEADS, -1]), [0, 2, 1, 3]);
    const [q, k, v] = tf.split(linear(x, "attn.qkv"), 3, 2).map(heads);
    const place = tf.range(0, LENGTH);
    const distance = tf.abs(
      tf.sub(tf.expandDims(place, 1), tf.expandDims(place, 0)),
    );
    const decay = tf.reshape(tf.sigmoid(parameter("attn.a_i")), [HEADS, 1, 1]);
    const scores = tf.mul(
      tf.matMul(
        FEATURES[featureMap](q!),
        FEATURES[featureMap](k!),
        false,
        true,
      ),
      tf.div(tf.pow(decay, distance), Math.sqrt(DIM / HEADS)),
    );
    const weights = normalize
      ? tf.div(scores, tf.add(tf.sum(scores, 3, true), 1e-6))
      : scores;
    const y = tf.reshape(
      tf.transpose(tf.matMul(weights, v!), [0, 2, 1, 3]),
      [BATCH, LENGTH, DIM],
    );
    return linear(outputNorm ? normal(y, "attn.norm") : y, "attn.proj");
  };
  const perceptron = (x: tf.Tensor) => {
    const hidden = linear(x, "mlp.fc1");
    const below = tf.add(1, tf.erf(tf.div(hidden, Math.SQRT2)));
    return linear(tf.mul(tf.div(hidden, 2), below), "mlp.fc2");
  };
  const parts = [["norm1", attention], ["norm2", perceptron]] as const;
  return parts.reduce(
    (x, [name, part]) =>
      norm === "pre"
        ? tf.add(x, part(normal(x, name)))
        : normal(tf.add(x, part(x)), name),
    x,
  );
}

/** Largest difference, relative to the largest value. */
async function errorOf(
  actual: tf.Tensor,
  expected: tf.Tensor,
): Promise<number> {
  assertEquals(actual.shape, expected.shape);
  const [a, b] = [await actual.data(), await expected.data()];
  const differences = b.map((value, i) => Math.abs(value - a[i]!));
  return Math.max(...differences) / Math.max(...b.map(Math.abs));
}

onEachBackend("a block with any of its options is what they say", async () => {
  const x = sequences(1);
  for (const featureMap of Object.keys(FEATURES) as Options["featureMap"][]) {
    for (const norm of ["pre", "post"] as const) {
      for (const outputNorm of [false, true]) {
        for (const normalize of [false, true]) {
          // Sums of products that may be negative are no divisors.
          if (featureMap === "identity" && normalize) continue;
          const options = { featureMap, norm, outputNorm, normalize };
          const block = lionBlock({
            variant: "d",
            numHeads: HEADS,
            mlpRatio: 1.5,
            epsilon: EPSILON,
            ...options,
          });
          (block.apply(x) as tf.Tensor).dispose();
          fill(block);
          const y = block.apply(x) as tf.Tensor;
          const expected = tf.tidy(() => plain(x, block.parameter, options));
          const error = await errorOf(y, expected);
          assert(error < 1e-5, `${JSON.stringify(options)}: error ${error}`);
          block.dispose();
          tf.dispose([y, expected]);
        }
      }
    }
  }
  x.dispose();
});

onEachBackend("defaults are the variant's, and pre-norm", async () => {
  const x = sequences(1);
  for (
    const [variant, featureMap] of [
      ["lit", "eluPlusOne"],
      ["d", "shiftedSilu"],
      ["s", "shiftedSilu"],
    ] as const
  ) {
    const short = lionBlock({ variant, numHeads: HEADS, seed: 3 });
    const long = lionBlock({
      variant,
      numHeads: HEADS,
      seed: 3,
      form: "auto",
      featureMap,
      order: "raster",
      classToken: false,
      direction: "both",
      countSelf: "once",
      normalize: true,
      outputNorm: false,
      dropout: 0,
      mlpRatio: 4,
      norm: "pre",
      epsilon: 1e-6,
      dropPath: 0,
    });
    const [y, same] = [short, long].map((block) => block.apply(x) as tf.Tensor);
    assertEquals([...await y!.data()], [...await same!.data()]);
    tf.dispose([y!, same!]);
    short.dispose();
    long.dispose();
  }
  x.dispose();
});

const MAKE = {
  lionAttentionLayer: (variant: AttentionVariant) =>
    lionAttentionLayer({ variant, numHeads: HEADS }),
  lionBlock: (variant: AttentionVariant) =>
    lionBlock({ variant, numHeads: HEADS }),
};

for (const variant of ["lit", "d", "s", "softmax"] as const) {
  for (const [name, make] of Object.entries(MAKE)) {
    onEachBackend(
      `${name} ${variant} never reads padding, whatever it holds`,
      async () => {
        const layer = make(variant);
        // LION-S's decay is a step's own, and steps through padding count.
        const masks = variant === "s"
          ? [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]]
          : [[1, 0, 1, 1, 0], [0, 0, 1, 1, 1]];
        const mask = tf.tensor2d(masks);
        const x = sequences(1);
        (layer.apply([x, mask]) as tf.Tensor).dispose();
        fill(layer);
        const outputs = [0, 1, -300].map((content) =>
          tf.tidy(() => {
            const kept = tf.expandDims(mask, 2);
            const padding = tf.mul(tf.sub(1, kept), content);
            const filled = tf.add(tf.mul(x, kept), padding);
            // Rows of padding have no meaning.
            return tf.mul(layer.apply([filled, mask]) as tf.Tensor, kept);
          })
        );
        assert(await errorOf(outputs[1]!, outputs[0]!) < 1e-6);
        assert(await errorOf(outputs[2]!, outputs[0]!) < 1e-6);
        // Without the mask it is read, or this test would prove nothing.
        const read = tf.tidy(() =>
          tf.mul(layer.apply(x) as tf.Tensor, tf.expandDims(mask, 2))
        );
        assert(await errorOf(read, outputs[0]!) > 1e-2);
        layer.dispose();
        tf.dispose([x, mask, read, ...outputs]);
      },
    );
  }
}

onEachBackend("a causal layer does not read the future", async () => {
  for (const variant of ["lit", "d", "s", "softmax"] as const) {
    const layer = lionAttentionLayer({
      variant,
      numHeads: HEADS,
      direction: "forward",
    });
    const x = sequences(1);
    (layer.apply(x) as tf.Tensor).dispose();
    fill(layer);
    const [whole, beginning] = [LENGTH, 3].map((length) =>
      tf.tidy(() => {
        const first = tf.slice(x, [0, 0, 0], [-1, length, -1]);
        const y = layer.apply(first) as tf.Tensor;
        return tf.slice(y, [0, 0, 0], [-1, 3, -1]);
      })
    );
    assert(await errorOf(beginning!, whole!) < 1e-5, variant);
    layer.dispose();
    tf.dispose([x, whole!, beginning!]);
  }
});

onEachBackend(
  "pooling takes the first token, or the mean of all but padding",
  async () => {
    const x = tf.tensor3d([[[1, 2], [3, 4], [5, 9]], [[7, 8], [9, 0], [2, 2]]]);
    const mask = tf.tensor2d([[1, 1, 0], [0, 0, 0]]);
    const first = tokenPooling({ kind: "first" });
    const mean = tokenPooling({ kind: "mean" });
    const outputs = [
      first.apply([x, mask]),
      mean.apply(x),
      mean.apply([x, mask]),
    ] as tf.Tensor[];
    const [firsts, means, masked] = await Promise.all(
      outputs.map((y) => y.array() as Promise<number[][]>),
    );
    assertEquals(firsts, [[1, 2], [7, 8]]);
    [3, 5, 6, 10 / 3].forEach((mean, i) =>
      assertAlmostEquals(means!.flat()[i]!, mean, 1e-6)
    );
    assertEquals(masked, [[2, 3], [0, 0]]);
    tf.dispose([x, mask, ...outputs]);
  },
);
