/** An option that is `undefined` is one that is left out. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  batchesInOrder,
  collateTokens,
  datasetOf,
} from "../../lib/data/mod.ts";
import { collateDigits } from "../../lib/datasets/mod.ts";
import * as layers from "../../lib/layers/mod.ts";
import {
  attentionMatrix,
  Figure,
  progressBar,
} from "../../lib/notebook/mod.ts";
import { Adam, warmUpCosine } from "../../lib/training/mod.ts";
import * as lion from "../../mod.ts";
import { ATTENTION_OPTIONS } from "../../lib/layers/options/attention_options.ts";
import { onCpu } from "../io/files.ts";

/** All of these names as options without a value. */
const without = (names: Iterable<string>) =>
  Object.fromEntries([...names].map((name) => [name, undefined]));

/** Names of options, but not of those that are given. */
const others = (names: object, given: object) =>
  without(
    Object.keys(names).filter((name) => !Object.hasOwn(given, name)),
  );

const SIZES = { dim: 8, depth: 1, numHeads: 2, seed: 1 } as const;

const NAMES = {
  ...ATTENTION_OPTIONS,
  ...without([
    ...["mlpRatio", "activation", "norm", "epsilon", "dropPath"],
    ...["name", "trainable"],
    ...["inputShape", "seed"],
  ]),
};

/** What the layers of a model say of themselves, but for their names. */
function configsOf(model: LayersModel): object[] {
  const configs = model.layers.map((layer) => {
    const { name: _, ...config } = layer.getConfig();
    return config;
  });
  model.dispose();
  return configs;
}

onCpu("layers take undefined options as those left out", () => {
  const makers = {
    lionBlock: [lion.lionBlock, { variant: "s", numHeads: 2 }, NAMES],
    lionAttentionLayer: [
      lion.lionAttentionLayer,
      { variant: "s", numHeads: 2 },
      { ...ATTENTION_OPTIONS, epsilon: true, name: true, seed: true },
    ],
    tokenEmbedding: [
      layers.tokenEmbedding,
      { vocabularySize: 9, dim: 4 },
      without([
        ...["maxLength", "tokenTypes", "segments", "normalize", "epsilon"],
        ...["dropout", "embeddingStd", "name", "seed"],
      ]),
    ],
    positionTable: [
      layers.positionTable,
      { maxLength: 4 },
      { segments: true, embeddingStd: true, seed: true },
    ],
    tokenPooling: [layers.tokenPooling, { kind: "mean" }, { maxSegments: 1 }],
    classToken: [layers.classToken, {}, { embeddingStd: true }],
  } as const;
  for (const [name, [make, given, names]] of Object.entries(makers)) {
    const configs = [given, { ...given, ...others(names, given) }].map(
      (options) => {
        const layer = (make as (options: object) => layers.LionLayer)(options);
        const { name: _, ...config } = layer.getConfig();
        return config;
      },
    );
    assertEquals(configs[1], configs[0], name);
  }
});

onCpu("models take undefined options as those left out", () => {
  const text = { ...SIZES, variant: "lit", vocabularySize: 9 } as const;
  const models = {
    lionBert: [lion.lionBert, text, [
      ...["featureMap", "normalize", "outputNorm", "norm", "epsilon"],
      ...["maxLength", "tokenTypes", "head", "pooling", "dropout"],
      ...["direction", "countSelf", "segments", "maxSegments", "form"],
    ]],
    lionGpt: [lion.lionGpt, text, [
      ...["maxLength", "featureMap", "normalize", "epsilon", "mlpRatio"],
      "activation",
    ]],
    lionEncoder: [lion.lionEncoder, { ...text, numClasses: 2 }, [
      ...["maxLength", "order", "output", "inputDim", "dropPath", "epsilon"],
      ...["direction", "embeddingStd", "chunkSize", "diagonalDecay"],
    ]],
    lionViT: [lion.lionViT, {
      ...{ ...SIZES, variant: "lit", imageSize: 4, patchSize: 2 },
    }, [
      ...["order", "channels", "numClasses", "positionEmbedding"],
      ...["classToken", "dropPath", "epsilon", "embeddingStd"],
    ]],
  } as const;
  for (const [name, [make, given, names]] of Object.entries(models)) {
    const [plain, explicit] = [given, { ...given, ...without(names) }].map(
      (options) =>
        configsOf((make as (options: object) => LayersModel)(options)),
    );
    assertEquals(explicit, plain, name);
  }
});

onCpu(
  "data, training and figures take undefined options as those left out",
  async () => {
    const image = { pixels: new Uint8Array(28 * 28).fill(7), label: 1 };
    const first = async (collate: ReturnType<typeof collateDigits>) => {
      const batches = batchesInOrder(datasetOf([image]), {
        batchSize: 1,
        collate,
      });
      for await (const { inputs: [images], labels } of batches) {
        const values = await images!.data();
        tf.dispose([images!, labels]);
        return values;
      }
    };
    assertEquals(
      await first(collateDigits({ mean: undefined, deviation: undefined })),
      await first(collateDigits()),
    );
    collateTokens(without(["length", "pad", "packed", "maxSegments"]));

    assertEquals(
      new Adam({ beta1: undefined, weightDecay: undefined }).getConfig(),
      new Adam().getConfig(),
    );
    const rates = { learningRate: 1, steps: 4 };
    assertEquals(
      warmUpCosine({ ...rates, warmUpSteps: undefined })(1),
      warmUpCosine(rates)(1),
    );

    const weights = [[1, 0], [0.5, 0.5]];
    assertEquals(
      await attentionMatrix(weights, without(["rows", "columns", "range"])),
      await attentionMatrix(weights),
    );
    const figure = new Figure([{ y: [1, 2] }], {}, { caption: undefined });
    assertEquals(figure.caption, "");
    assertEquals(
      await figure.toImage({
        format: "svg",
        width: undefined,
        height: undefined,
        scale: undefined,
      }),
      await figure.toImage({ format: "svg" }),
    );
    let items = 0;
    for await (const _ of progressBar(3, without(["total", "signal"]))) items++;
    assert(items === 3);
  },
);

onCpu("generate() takes undefined options as those left out", async () => {
  const model = lion.lionGpt({ ...SIZES, variant: "s", vocabularySize: 9 });
  const explicit = await lion.generate(model, [1, 2], {
    ...{ maxNewTokens: 3, temperature: 0 },
    ...without(["topK", "topP", "seed", "stopToken", "onToken", "signal"]),
    ...without(["state", "returnState"]),
  });
  const plain = { maxNewTokens: 3, temperature: 0 };
  assertEquals(explicit, await lion.generate(model, [1, 2], plain));
  model.dispose();
});
