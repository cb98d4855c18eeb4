/** The presets have the sizes of the paper. @module */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  BERT_PRESETS,
  GPT_PRESETS,
  lionBert,
  lionGpt,
  LionLayer,
  lionViT,
  VIT_PRESETS,
} from "../../mod.ts";
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
    // Patches, class token, 197 places, normalisation and 1000 classes.
    const others = linear(16 * 16 * 3, dim) + dim + 197 * dim + 2 * dim +
      linear(dim, 1000);
    const softmax = depth * block(dim) + others;
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
