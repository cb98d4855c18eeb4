/** How far from zero learned vectors begin. @module */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionBert, lionEncoder, lionGpt, lionViT } from "../../mod.ts";
import { classToken, LionLayer } from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";

const SIZES = {
  dim: 32,
  depth: 1,
  numHeads: 2,
  variant: "s",
  seed: 1,
} as const;
const TEXT = { vocabularySize: 40, maxLength: 50 };

type Std = { embeddingStd?: number };

/** Each model, and its parameters that are learned vectors. */
const MODELS: readonly [string, (std: Std) => LayersModel, string[]][] = [
  [
    "lionEncoder of tokens",
    (std) => lionEncoder({ ...SIZES, ...TEXT, ...std, numClasses: 2 }),
    ["word_embeddings.weight", "position_embeddings.weight"],
  ],
  [
    "lionEncoder of numbers",
    (std) =>
      lionEncoder(
        { ...SIZES, ...std, inputDim: 3, maxLength: 50, numClasses: 2 },
      ),
    ["position_embeddings weight"],
  ],
  [
    "lionGpt",
    (std) => lionGpt({ ...SIZES, ...TEXT, ...std }),
    ["word_embeddings.weight", "position_embeddings.weight"],
  ],
  [
    "lionBert",
    (std) => lionBert({ ...SIZES, ...TEXT, ...std, tokenTypes: 30 }),
    [
      "word_embeddings.weight",
      "position_embeddings.weight",
      "token_type_embeddings.weight",
    ],
  ],
  [
    "lionViT",
    (std) =>
      lionViT({
        ...{ ...SIZES, ...std, imageSize: 10, patchSize: 2, channels: 1 },
        classToken: "read",
      }),
    ["cls_token value", "pos_embed value"],
  ],
];

/** The first values of a model's parameters, by the names of layer and parameter. */
async function valuesOf(
  model: LayersModel,
): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const layer of model.layers) {
    if (!(layer instanceof LionLayer)) continue;
    for (const { name } of layer.parameters) {
      const data = await layer.parameter(name).data<"float32">();
      values.set(`${layer.name} ${name}`, data);
    }
  }
  return values;
}

for (const [name, make, vectors] of MODELS) {
  onEachBackend(
    `${name} draws its learned vectors with embeddingStd`,
    async () => {
      const models = [make({}), make({ embeddingStd: 0.5 })];
      const [usual, wide] = await Promise.all(models.map(valuesOf));
      const found: string[] = [];
      for (const [name, values] of usual!) {
        const own = vectors.find((vector) => name.endsWith(vector));
        if (own) found.push(own);
        const scale = own ? 0.5 / 0.02 : 1;
        const others = wide!.get(name)!;
        values.forEach((value, i) =>
          assertAlmostEquals(others[i]!, scale * value, 1e-6)
        );
        if (!own) continue;
        assert(values.every((value) => Math.abs(value) <= 0.04));
        // What two deviations leave of a normal distribution's: 0.88 of it.
        const variance = values.reduce((sum, x) => sum + x * x, 0) /
          values.length;
        const tolerance = values.length < 100 ? 0.25 : 0.06;
        assertAlmostEquals(Math.sqrt(variance) / 0.02, 0.88, tolerance);
      }
      assertEquals(found.sort(), vectors.sort());
      models.forEach((model) => model.dispose());
    },
    ["cpu"],
  );
}

onEachBackend(
  "every seed gives its own values, and the same ones again",
  async () => {
    const ofSeed = async (seed: number) => {
      const model = lionGpt({ ...SIZES, ...TEXT, seed });
      const values = await valuesOf(model);
      model.dispose();
      // The first value of each parameter that is drawn.
      return [...values.values()].filter((own) => own[0] !== own[1])
        .map((own) => own[0]!);
    };
    for (const seed of [0, 1, Date.now(), 2 ** 53, Number.MAX_VALUE]) {
      const drawn = await ofSeed(seed);
      assert(new Set(drawn).size > 0.9 * drawn.length, `${seed}: ${drawn}`);
      assertEquals(await ofSeed(seed), drawn);
    }
    // tfjs takes a seed of 0 for none.
    const tokens = [0, 0, -0].map((seed) => {
      const layer = classToken({ seed });
      layer.build([1, 2, 8]);
      const value = layer.parameter("value");
      const values = value.dataSync().join();
      value.dispose();
      return values;
    });
    assertEquals(new Set(tokens).size, 1);
  },
  ["cpu"],
);
