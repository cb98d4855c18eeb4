/** The presets have the sizes of the paper. @module */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  BERT_PRESETS,
  GPT_PRESETS,
  HYDRA_BERT_PRESETS,
  HYDRA_PRESETS,
  lionBert,
  lionBlock,
  lionGpt,
  lionViT,
  VIM_PRESETS,
  VIT_PRESETS,
} from "../../mod.ts";
import { LionLayer } from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";

const VARIANTS = ["lit", "d", "s", "softmax"] as const;
type Variant = typeof VARIANTS[number];

/**
 * Counts the parameters of a model of which no weight is allocated: BERT's
 * large size would take 1.3 GB, and a minute to draw.
 */
function countOf(make: () => LayersModel): number {
  const prototype = LionLayer.prototype as unknown as Record<
    "addWeight",
    (name: string, shape: number[]) => unknown
  >;
  let count = 0;
  prototype.addWeight = (_, shape) => {
    count += shape.reduce((size, n) => size * n, 1);
    return undefined;
  };
  try {
    make();
  } finally {
    // What tfjs's class has is there again.
    delete (prototype as Partial<typeof prototype>).addWeight;
  }
  return count;
}

function countsOf(
  make: (variant: Variant) => LayersModel,
): Record<Variant, number> {
  return Object.fromEntries(
    VARIANTS.map((variant) => [variant, countOf(() => make(variant))]),
  ) as Record<Variant, number>;
}

/** Weight and bias of a linear map. */
const linear = (inputs: number, outputs: number) => (inputs + 1) * outputs;

/** Projections, multilayer perceptron and two normalisations. */
const block = (dim: number) =>
  linear(dim, 3 * dim) + linear(dim, dim) + linear(dim, 4 * dim) +
  linear(4 * dim, dim) + 4 * dim;

onEachBackend("countOf() counts what a model has", () => {
  const make = () =>
    lionBert({
      vocabularySize: 11,
      dim: 8,
      depth: 2,
      numHeads: 2,
      maxLength: 5,
      variant: "s",
    });
  const model = make();
  assertEquals(countOf(make), model.countParams());
  model.dispose();
}, ["cpu"]);

/** What patches, class token, 197 places, normalisation and 1000 classes need. */
const aroundOf = (dim: number) =>
  linear(16 * 16 * 3, dim) + dim + 197 * dim + 2 * dim + linear(dim, 1000);

for (
  const [size, millions] of [["tiny", 5.7], ["small", 22], [
    "base",
    86,
  ]] as const
) {
  Deno.test(`lionViT ${size} has ${millions} million parameters`, () => {
    const preset = VIT_PRESETS[size];
    const { dim, depth, numHeads } = preset;
    const counts = countsOf((variant) => lionViT({ ...preset, variant }));
    const softmax = depth * block(dim) + aroundOf(dim);
    assertEquals(counts, {
      lit: softmax,
      d: softmax + depth * numHeads,
      s: softmax + depth * linear(dim, numHeads),
      softmax,
    });
    const snake = countOf(() =>
      lionViT({ ...preset, variant: "s", order: "snake" })
    );
    assertEquals(snake, softmax + 2 * depth * linear(dim, numHeads));
    // The paper gives 5, 22 and 86; DeiT, whose sizes these are, 5.7.
    assertAlmostEquals(counts.s / 1e6, millions, 0.01 * millions);
  });
}

for (const [size, millions] of [["base", 110], ["large", 334]] as const) {
  Deno.test(`lionBert ${size} has ${millions} million parameters`, () => {
    const preset = BERT_PRESETS[size];
    const { dim, depth, numHeads } = preset;
    const counts = countsOf((variant) => lionBert({ ...preset, variant }));
    const embeddings = (30522 + 512 + 2) * dim + 2 * dim;
    const head = linear(dim, dim) + 2 * dim + 30522;
    const softmax = depth * block(dim) + embeddings + head;
    assertEquals(counts, {
      // The output of its heads is normalised.
      lit: softmax + depth * 2 * dim,
      d: softmax + depth * numHeads,
      s: softmax + depth * linear(dim, numHeads),
      softmax,
    });
    // The paper gives 334 for the large ones.
    assertAlmostEquals(counts.s / 1e6, millions, 0.01 * millions);
  });
}

Deno.test("lionGpt small has 124 million parameters", () => {
  const preset = GPT_PRESETS.small;
  const { dim, depth, numHeads } = preset;
  const counts = countsOf((variant) => lionGpt({ ...preset, variant }));
  const others = 50257 * dim + 2 * dim;
  const lit = depth * block(dim) + others;
  assertEquals(counts, {
    lit,
    d: lit + depth * numHeads,
    s: lit + depth * linear(dim, numHeads),
    // GPT-2 itself, with a vector for each place.
    softmax: lit + 1024 * dim,
  });
  assertEquals(counts.softmax, 124_439_808);
  for (const count of Object.values(counts)) {
    assertAlmostEquals(count / 1e6, 124, 1.24);
  }
});

for (
  const [size, millions, most] of [
    // The paper has rounded 7.2.
    ["tiny", 7, 0.025],
    ["small", 26, 0.01],
    ["base", 98, 0.01],
  ] as const
) {
  Deno.test(`lionViT of Vim ${size} has ${millions} million parameters`, () => {
    const preset = VIM_PRESETS[size];
    const count = countOf(() => lionViT(preset));
    const { dim, depth } = preset;
    // Of the authors' module: channels, numbers of a state, columns of time steps.
    const [channels, state, rank] = [2 * dim, 16, dim / 16];
    const direction = channels * state + channels + channels * 5 +
      channels * (rank + 2 * state) + linear(rank, channels);
    const mixer = dim * 2 * channels + 2 * direction + channels * dim;
    assertEquals(count, depth * (mixer + 2 * dim) + aroundOf(dim));
    assertAlmostEquals(count / 1e6, millions, most * millions);
  });
}

/** Of the authors' module and the normalisation before or after it. */
function hydraBlock(dim: number): number {
  const [channels, state, heads] = [2 * dim, 64, 2 * dim / 64];
  const mixed = channels + 4 * state;
  return dim * (channels + mixed + 2 * heads) + mixed * 8 + 3 * heads +
    channels * heads + channels + channels * dim + 2 * dim;
}

for (
  const [size, millions, most] of [
    ["small", 22, 0.01],
    // No number of layers has 91; see the preset.
    ["base", 91, 0.02],
  ] as const
) {
  Deno.test(`lionViT of Hydra ${size} has ${millions} million parameters`, () => {
    const preset = HYDRA_PRESETS[size];
    const counts = [0, -1, 1].map((more) =>
      countOf(() => lionViT({ ...preset, depth: preset.depth + more }))
    );
    const { dim, depth } = preset;
    assertEquals(counts[0], depth * hydraBlock(dim) + aroundOf(dim));
    assertAlmostEquals(counts[0]! / 1e6, millions, most * millions);
    const errors = counts.map((count) => Math.abs(count / 1e6 - millions));
    assertEquals(Math.min(...errors), errors[0]);
  });
}

Deno.test("lionBert of Hydra has 112 million parameters", () => {
  const preset = HYDRA_BERT_PRESETS.base;
  const count = countOf(() => lionBert(preset));
  const { dim, depth } = preset;
  const embeddings = (30522 + 2) * dim + 2 * dim;
  const head = linear(dim, dim) + 2 * dim + 30522;
  assertEquals(count, depth * hydraBlock(dim) + embeddings + head);
  assertAlmostEquals(count / 1e6, 112, 1.12);
});

onEachBackend("a block without perceptron is its mixer, added", async () => {
  const block = lionBlock({
    variant: "lit",
    numHeads: 2,
    mlpRatio: 0,
    seed: 1,
  });
  const same = lionBlock({ variant: "lit", numHeads: 2, seed: 1 });
  const x = tf.randomNormal([2, 5, 8], 0, 1, "float32", 2);
  const y = block.apply(x) as tf.Tensor, other = same.apply(x) as tf.Tensor;
  // A perceptron whose last matrix and bias are zero adds nothing.
  for (const { name, shape } of same.parameters) {
    if (!name.startsWith("mlp.fc2.")) continue;
    tf.tidy(() =>
      (same.parameter(name) as tf.Variable).assign(tf.zeros([...shape]))
    );
  }
  for (const { name } of block.parameters) {
    tf.tidy(() =>
      (same.parameter(name) as tf.Variable).assign(block.parameter(name))
    );
  }
  const wanted = same.apply(x) as tf.Tensor;
  assertEquals(await y.data(), await wanted.data());
  assertEquals(block.operations([2, 5, 8]), block.mixer.operations([2, 5, 8]));
  block.dispose();
  same.dispose();
  tf.dispose([x, y, other, wanted]);
});
