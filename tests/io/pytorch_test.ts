/** Weights to and from PyTorch's names and layouts. @module */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { layers, type LayersModel, sequential } from "@tensorflow/tfjs-layers";
import {
  loadPyTorchWeights,
  readSafetensors,
  toPyTorchWeights,
  writeSafetensors,
} from "../../lib/io/mod.ts";
import {
  type AttentionVariant,
  lionBert,
  lionBlock,
  lionEncoder,
  lionGpt,
  lionViT,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { withWeights } from "../models/weights.ts";
import { withFolder } from "./files.ts";

const SIZES = { dim: 8, depth: 2, numHeads: 2 } as const;

const vit = (variant: AttentionVariant) =>
  lionViT({
    ...SIZES,
    imageSize: 8,
    patchSize: 4,
    channels: 3,
    numClasses: 3,
    variant,
    order: "snake",
  });
const bert = (
  variant: AttentionVariant,
  head: "masked-language-model" | "classification" = "masked-language-model",
) => lionBert({ ...SIZES, vocabularySize: 7, maxLength: 5, variant, head });
const gpt = (variant: AttentionVariant) =>
  lionGpt({ ...SIZES, vocabularySize: 7, variant });

const MODELS: Record<string, (variant: AttentionVariant) => LayersModel> = {
  lionViT: vit,
  "lionBert of tokens": (variant) => bert(variant),
  "lionBert of classes": (variant) => bert(variant, "classification"),
  lionGpt: gpt,
  "lionEncoder of ids": (variant) =>
    lionEncoder({ ...SIZES, vocabularySize: 7, numClasses: 2, variant }),
  "lionEncoder of numbers": (variant) =>
    lionEncoder({ ...SIZES, inputDim: 3, numClasses: 2, variant }),
};

/** All weights, in the order of the model. */
async function valuesOf(model: LayersModel): Promise<number[][]> {
  return await Promise.all(
    model.weights.map(async (weight) => [...await weight.read().data()]),
  );
}

for (const [name, make] of Object.entries(MODELS)) {
  onEachBackend(
    `${name} comes back from PyTorch's weights exactly`,
    async () => {
      for (const variant of ["lit", "d", "s", "softmax"] as const) {
        const [model, other] = [make(variant), make(variant)];
        await withWeights(model, 31);
        const weights = toPyTorchWeights(model);
        await withFolder(async (folder) => {
          const path = `${folder}/model.safetensors`;
          await writeSafetensors(path, weights);
          const { tensors } = await readSafetensors(path);
          assertEquals(
            [...tensors.keys()].toSorted(),
            [...weights.keys()].toSorted(),
          );
          await loadPyTorchWeights(other, tensors);
          tf.dispose([...tensors.values()]);
        });
        assertEquals(await valuesOf(other), await valuesOf(model), variant);
        tf.dispose([...weights.values()]);
        model.dispose();
        other.dispose();
      }
    },
  );
}

const shapes = (model: LayersModel): Record<string, number[]> => {
  const weights = toPyTorchWeights(model);
  const found = [...weights].map(([name, { shape }]) => [name, shape]);
  tf.dispose([...weights.values()]);
  model.dispose();
  return Object.fromEntries(found);
};

onEachBackend("a vision transformer has the names of the authors' code", () => {
  const block = (i: number) => ({
    [`blocks.${i}.norm1.weight`]: [8],
    [`blocks.${i}.norm1.bias`]: [8],
    [`blocks.${i}.attn.qkv.weight`]: [24, 8],
    [`blocks.${i}.attn.qkv.bias`]: [24],
    [`blocks.${i}.attn.a_i.weight`]: [2, 8],
    [`blocks.${i}.attn.a_i.bias`]: [2],
    [`blocks.${i}.attn.a2_i.weight`]: [2, 8],
    [`blocks.${i}.attn.a2_i.bias`]: [2],
    [`blocks.${i}.attn.proj.weight`]: [8, 8],
    [`blocks.${i}.attn.proj.bias`]: [8],
    [`blocks.${i}.norm2.weight`]: [8],
    [`blocks.${i}.norm2.bias`]: [8],
    [`blocks.${i}.mlp.fc1.weight`]: [32, 8],
    [`blocks.${i}.mlp.fc1.bias`]: [32],
    [`blocks.${i}.mlp.fc2.weight`]: [8, 32],
    [`blocks.${i}.mlp.fc2.bias`]: [8],
  });
  assertEquals(shapes(vit("s")), {
    "patch_embed.proj.weight": [8, 3, 4, 4],
    "patch_embed.proj.bias": [8],
    cls_token: [1, 1, 8],
    pos_embed: [1, 5, 8],
    ...block(0),
    ...block(1),
    "norm.weight": [8],
    "norm.bias": [8],
    "head.weight": [3, 8],
    "head.bias": [3],
  });
}, ["cpu"]);

onEachBackend("BERT without a vocabulary's head has none in PyTorch", () => {
  const names = Object.keys(shapes(bert("s", "classification")));
  assertEquals(names.filter((name) => name.startsWith("cls.")), []);
}, ["cpu"]);

onEachBackend("GPT-2 keeps its linear maps upright", () => {
  const found = shapes(gpt("s"));
  assertEquals(found["transformer.h.0.attn.c_attn.weight"], [8, 24]);
  assertEquals(found["transformer.h.1.mlp.c_fc.weight"], [8, 32]);
  assertEquals(found["lm_head.weight"], [7, 8]);
}, ["cpu"]);

/** Runs with a model's weights by PyTorch's names, and frees both. */
async function withModel(
  model: LayersModel,
  run: (weights: Map<string, tf.Tensor>) => Promise<void>,
): Promise<void> {
  await withWeights(model, 32);
  const weights = toPyTorchWeights(model);
  const before = await valuesOf(model);
  await run(weights);
  assertEquals(await valuesOf(model), before);
  tf.dispose([...weights.values()]);
  model.dispose();
}

/** Puts another tensor in the place of one. */
function replace(
  weights: Map<string, tf.Tensor>,
  name: string,
  make: (old: tf.Tensor) => tf.Tensor,
): void {
  const old = weights.get(name)!;
  weights.set(name, tf.tidy(() => make(old)));
  old.dispose();
}

onEachBackend("all that is wrong with weights is in one error", async () => {
  const model = vit("s");
  await withModel(model, async (weights) => {
    weights.get("blocks.1.attn.a2_i.bias")!.dispose();
    weights.delete("blocks.1.attn.a2_i.bias");
    weights.set("blocks.2.norm1.bias", tf.zeros([8]));
    replace(weights, "blocks.0.mlp.fc1.weight", (x) => tf.transpose(x));
    const { message } = await assertRejects(
      () => loadPyTorchWeights(model, weights),
      RangeError,
      "the weights do not fit model lion_vit, which was not changed:",
    );
    assertEquals(message.split("\n").slice(1), [
      "- blocks.0.mlp.fc1.weight should have shape [32,8], got [8,32]",
      "- blocks.1.attn.a2_i.bias [2] is missing; allowMissing keeps its values",
      "- blocks.2.norm1.bias [8] is not the model's; ignore skips it",
    ]);
  });
});

onEachBackend("a copy that differs from its original is refused", async () => {
  const copies = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
  };
  const model = bert("s");
  await withModel(model, async (weights) => {
    for (const [copy, original] of Object.entries(copies)) {
      const first = weights.get(copy)!;
      const different = tf.tidy(() =>
        tf.add(first, tf.reshape(tf.oneHot(0, first.size), first.shape))
      );
      weights.set(copy, different);
      await assertRejects(
        () => loadPyTorchWeights(model, weights),
        RangeError,
        `${copy} should equal ${original}, which it shares`,
      );
      different.dispose();
      weights.set(copy, first);
    }
  });
  const language = gpt("s");
  await withModel(language, async (weights) => {
    replace(weights, "lm_head.weight", (x) => tf.mul(x, 2));
    await assertRejects(
      () => loadPyTorchWeights(language, weights),
      RangeError,
      "lm_head.weight should equal transformer.wte.weight, which it shares",
    );
  });
});

onEachBackend(
  "copies may be left out, and positions' numbers be there",
  async () => {
    const [model, other] = [bert("d"), bert("d")];
    await withWeights(model, 33);
    const weights = toPyTorchWeights(model);
    for (const part of ["weight", "bias"]) {
      const name = `cls.predictions.decoder.${part}`;
      weights.get(name)!.dispose();
      assert(weights.delete(name));
    }
    weights.set("bert.embeddings.position_ids", tf.range(0, 5));
    await loadPyTorchWeights(other, weights);
    assertEquals(await valuesOf(other), await valuesOf(model));
    tf.dispose([...weights.values()]);
    model.dispose();
    other.dispose();
  },
);

onEachBackend("a model of other layers is refused by its name", async () => {
  const model = sequential({
    name: "mixed",
    layers: [
      lionBlock({ variant: "s", numHeads: 2, inputShape: [3, 4] }),
      layers.dense({ units: 2, name: "last" }),
    ],
  });
  const message = "model mixed should be made of LION's layers, got Dense last";
  const { message: thrown } = assertThrows(
    () => toPyTorchWeights(model),
    TypeError,
    message,
  );
  assertStringIncludes(thrown, message);
  await assertRejects(
    () => loadPyTorchWeights(model, new Map()),
    TypeError,
    message,
  );
  model.dispose();
});
