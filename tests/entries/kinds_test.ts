/** Options of every function are refused by name where they are unknown, or of a wrong kind. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as data from "../../lib/entries/data.ts";
import * as hub from "../../lib/hub/mod.ts";
import { toPyTorchWeights } from "../../lib/io/mod.ts";
import * as layers from "../../lib/layers/mod.ts";
import * as onnx from "../../lib/onnx/mod.ts";
import { progressBar } from "../../lib/notebook/progress/progress_bar.ts";
import {
  binaryCrossEntropy,
  calibration,
  calibrationError,
  classScores,
  confusionMatrix,
  crossEntropy,
  evaluate,
  f1,
  loadCheckpoint,
  predict,
  report,
  train,
  warmUpCosine,
  warmUpLinear,
} from "../../lib/training/mod.ts";
import * as lion from "../../mod.ts";
import { pathfinder } from "../../tools/recipes/tasks/pathfinder.ts";
import { selectiveCopying } from "../../tools/recipes/tasks/selective_copying.ts";
import { onCpu } from "../io/files.ts";
import { mergedCalls } from "../subjects/options.ts";
import {
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
} from "../training/tiny.ts";

/** Options that the compiler would not let pass. */
// deno-lint-ignore no-explicit-any
type Unchecked = any;

/** By their names in messages. */
type Calls = Record<string, (wrong: Unchecked) => unknown>;

const x = () => tf.ones<tf.Rank.R4>([1, 2, 3, 4]);
const rows = () => tf.ones<tf.Rank.R3>([1, 3, 8]);

const STREAMS: Calls = {
  streamBidirectional: (wrong) => streamOf({}, wrong),
  "read(0, 3): the segment": (wrong) => streamOf(wrong, {}),
};

function streamOf(segment: object, options: object): Promise<void> {
  return lion.streamBidirectional(
    {
      length: 3,
      segmentLength: 3,
      read: () => ({ q: x(), k: x(), v: x(), ...segment }),
    },
    () => {},
    options,
  );
}

const SMALL = { dim: 4, depth: 1, numHeads: 2, variant: "s" } as const;
const TEXT = { ...SMALL, vocabularySize: 11, maxLength: 8 };
const S = { variant: "s", numHeads: 2 } as const;

const LAYERS: Calls = {
  lionEncoder: (wrong) =>
    lion.lionEncoder({ ...SMALL, inputDim: 2, numClasses: 2, ...wrong }),
  lionBert: (wrong) => lion.lionBert({ ...TEXT, ...wrong }),
  lionGpt: (wrong) => lion.lionGpt({ ...TEXT, ...wrong }),
  lionViT: (wrong) =>
    lion.lionViT({
      ...SMALL,
      ...{ imageSize: 4, patchSize: 2, channels: 1, numClasses: 2 },
      ...wrong,
    }),
  LionAttention: (wrong) =>
    lion.lionAttentionLayer({ ...S, ...wrong }).apply(rows()),
  LionBlock: (wrong) => lion.lionBlock({ ...S, ...wrong }).apply(rows()),
  LionPatchEmbedding: (wrong) =>
    layers.patchEmbedding({ patchSize: 2, dim: 8, ...wrong })
      .apply(tf.ones([1, 4, 4, 1])),
  LionTokenEmbedding: (wrong) =>
    layers.tokenEmbedding({ ...{ vocabularySize: 11, dim: 8 }, ...wrong })
      .apply(tf.zeros([1, 3], "int32")),
  LionPositionEmbedding: (wrong) =>
    layers.positionEmbedding(wrong).apply(rows()),
  LionPositionTable: (wrong) =>
    layers.positionTable({ maxLength: 8, ...wrong }).apply(rows()),
  LionClassToken: (wrong) => layers.classToken(wrong).apply(rows()),
  LionTokenPooling: (wrong) =>
    layers.tokenPooling({ kind: "mean", ...wrong }).apply(rows()),
  hydraMixer: (wrong) => lion.hydraMixer(wrong),
  vimMixer: (wrong) => lion.vimMixer(wrong),
};

const tokenizer = data.byteTokenizer();
const numbers = data.datasetOf([1, 2, 3]);
const noBytes = data.memoryBytes(new Uint8Array(0));
const collate = () => ({ inputs: [], labels: tf.zeros([1]), size: 1 });

const onePixel = { width: 1, height: 1, pixels: new Uint8Array(3) };

const batchesOfImages = (wrong: object) =>
  data.imageBatches(
    {
      ...{ classes: ["a"], labels: new Uint16Array(2), size: 2 },
      get: () => ({
        ...{ name: "a", label: 0 },
        bytes: () => Promise.resolve(new Uint8Array()),
      }),
    },
    {
      ...{ batchSize: 1, transform: data.evalTransform({ size: 4 }) },
      ...wrong,
    },
  );

const DATA: Calls = {
  applyOperation: (wrong) => data.applyOperation(onePixel, "Invert", 0, wrong),
  batchesInOrder: (wrong) =>
    data.batchesInOrder(numbers, { batchSize: 1, collate, ...wrong }),
  collateWindows: (wrong) => data.collateWindows(wrong),
  splitInTime: (wrong) => data.splitInTime([1], wrong),
  windowsOf: (wrong) =>
    data.windowsOf([[1], [2]], { past: 1, ahead: 1, ...wrong }),
  collateCausal: (wrong) => data.collateCausal(wrong),
  collateDigits: (wrong) => data.collateDigits(wrong),
  collateMasked: (wrong) =>
    data.collateMasked({ rate: 0.1, tokenizer, ...wrong }),
  collatePixels: (wrong) => data.collatePixels(wrong),
  collateTokens: (wrong) => data.collateTokens(wrong),
  collateTexts: (wrong) =>
    data.collateTexts({ tokenizer, length: 8, ...wrong }),
  csvRows: (wrong) => data.csvRows(noBytes, wrong),
  jsonLines: (wrong) => data.jsonLines(noBytes, wrong),
  lineStream: (wrong) => data.lineStream(noBytes, { parse: "text", ...wrong }),
  decodeImage: (wrong) => data.decodeImage(new Uint8Array(), wrong),
  evalTransform: (wrong) => data.evalTransform({ size: 4, ...wrong }),
  glue: (wrong) =>
    data.glue("rte", "/dev/null/none", { part: "train", ...wrong }),
  imageBatches: batchesOfImages,
  "imageBatches's mix": (wrong) =>
    batchesOfImages({ batchSize: 2, mix: wrong }),
  c4: (wrong) => data.c4("/dev/null/none", { part: "train", ...wrong }),
  imdb: (wrong) => data.imdb("/dev/null/none", { part: "train", ...wrong }),
  longRangeArena: (wrong) =>
    data.longRangeArena("pathfinder", "/dev/null/none", {
      part: "train",
      ...wrong,
    }),
  openWebText: (wrong) => data.openWebText("/dev/null/none", wrong),
  wikiText: (wrong) =>
    data.wikiText("/dev/null/none", { part: "train", ...wrong }),
  cifar: (wrong) =>
    data.cifar("/dev/null/none", { classes: 10, part: "test", ...wrong }),
  groupWords: (wrong) => data.groupWords({ size: 1, group: "Z2", ...wrong }),
  imageFolder: (wrong) => data.imageFolder("/dev/null/none", wrong),
  imageInput: (wrong) =>
    data.imageInput(new Uint8Array(), {
      ...{ transform: data.evalTransform({ size: 4 }) },
      ...wrong,
    }),
  imageNet: (wrong) =>
    data.imageNet("/dev/null/none", { part: "val", ...wrong }),
  listOps: (wrong) => data.listOps({ size: 1, ...wrong }),
  maskTokens: (wrong) =>
    data.maskTokens([7], {
      ...{ rate: 0.1, random: Math.random, tokenizer },
      ...wrong,
    }),
  mixTargets: (wrong) =>
    data.mixTargets([0], { lambda: 1, classes: 1, ...wrong }),
  mqar: (wrong) => data.mqar({ size: 1, ...wrong }),
  packSequences: (wrong) => data.packSequences([[1]], { length: 1, ...wrong }),
  packTokens: (wrong) =>
    data.packTokens([[1]], { length: 1, separator: 0, ...wrong }),
  padTokens: (wrong) => data.padTokens([[1]], wrong),
  parquet: (wrong) => data.parquet(noBytes, wrong),
  parquetImages: (wrong) =>
    data.parquetImages(data.memoryBytes(new Uint8Array(12), "none"), wrong),
  resize: (wrong) => data.resize(onePixel, ...[1, 1] as const, wrong),
  trainTransform: (wrong) => data.trainTransform({ size: 4, ...wrong }),
  pathfinder: (wrong) => pathfinder({ size: 1, ...wrong }),
  selectiveCopying: (wrong) => selectiveCopying({ size: 1, ...wrong }),
  shuffledBatches: (wrong) =>
    data.shuffledBatches(numbers, {
      ...{ batchSize: 1, seed: 1, collate },
      ...wrong,
    }),
  splitDocuments: (wrong) => data.splitDocuments(["a"], wrong),
  splitImages: (wrong) =>
    data.splitImages(
      {
        ...{ classes: ["a"], labels: new Uint16Array(0), size: 0 },
        get: () => Promise.reject(new Error("there is none")),
      },
      wrong,
    ),
  streamedBatches: (wrong) =>
    data.streamedBatches(data.lineStream(noBytes, { parse: "text" }), {
      ...{ batchSize: 1, seed: 1, collate },
      ...wrong,
    }),
  encodeWithSpecials: (wrong) => tokenizer.encodeWithSpecials("a", wrong),
  tokenFile: (wrong) =>
    data.tokenFile(data.memoryBytes(new Uint8Array(2)), {
      ...{ length: 1, type: "uint16" },
      ...wrong,
    }),
  tokenizerOf: (wrong) =>
    data.tokenizerOf(
      data.trainTokenizer(["a"], { vocabularySize: 300 }),
      wrong,
    ),
  trainTokenizer: (wrong) =>
    data.trainTokenizer(["a"], { vocabularySize: 300, ...wrong }),
  trainWordPiece: (wrong) =>
    data.trainWordPiece(["a"], { vocabularySize: 300, ...wrong }),
  webDataset: (wrong) => data.webDataset(noBytes, wrong),
  webDatasetImages: (wrong) =>
    data.webDatasetImages({
      ...{ size: 0, locality: new Uint32Array(0) },
      get: () => ({}) as never,
    }, wrong),
  webDatasetStream: (wrong) => data.webDatasetStream(noBytes, wrong),
  urlBytes: (wrong) => data.urlBytes("http://localhost:1", wrong),
  writeTokenFile: (wrong) =>
    data.writeTokenFile([], {
      ...{ tokenizer, path: "unused", separator: 3, type: "uint16" },
      ...wrong,
    }),
};

/** One model for all calls; none of them changes it where all is refused. */
const model = once(tinyModel);
const gpt = once(() => lion.lionGpt(TEXT as Unchecked));
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => made ??= make();
}
const training = (more: object) =>
  train(model(), tinyData(), { ...tinyOptions({ steps: 4 }), ...more });

const TRAINING: Calls = {
  train: training,
  "train's optimizer": (optimizer) => training({ optimizer }),
  "train's evaluate": (wrong) =>
    training({ evaluate: { data: tinyPass, ...wrong } }),
  "train's best": (best) => training({ evaluate: { data: tinyPass }, best }),
  "train's callbacks": (callbacks) => training({ callbacks }),
  "train's ema": (wrong) => training({ ema: { decay: 0.9, ...wrong } }),
  "train's checkpoints": (wrong) =>
    training({ checkpoints: { folder: "/dev/null/none", ...wrong } }),
  evaluate: (wrong) =>
    evaluate(model(), tinyPass(), { loss: crossEntropy(), ...wrong }),
  crossEntropy: (wrong) => crossEntropy(wrong),
  binaryCrossEntropy: (wrong) => binaryCrossEntropy(wrong),
  calibration: (wrong) => calibration([0], [0], wrong),
  calibrationError: (wrong) => calibrationError(wrong),
  classScores: (wrong) => classScores([0], [0], wrong),
  report: (wrong) => report(model(), tinyPass(), wrong),
  confusionMatrix: (wrong) => confusionMatrix([0], [0], wrong),
  f1: (wrong) => f1([0], [0], wrong),
  predict: (wrong) => predict(model(), tinyPass(), wrong),
  loadCheckpoint: (wrong) => loadCheckpoint(model(), "none", wrong),
  warmUpCosine: (wrong) =>
    warmUpCosine({ learningRate: 1, steps: 4, ...wrong }),
  warmUpLinear: (wrong) =>
    warmUpLinear({ learningRate: 1, steps: 4, ...wrong }),
  classify: (wrong) =>
    lion.classify(
      lion.lionEncoder({ ...SMALL, vocabularySize: 261, numClasses: 2 }),
      "a",
      { tokenizer, ...wrong },
    ),
  fill: (wrong) =>
    lion.fill(
      lion.lionBert({ ...SMALL, vocabularySize: 261 }),
      "[MASK]",
      { tokenizer, ...wrong },
    ),
  generate: (wrong) =>
    lion.generate(gpt(), [1, 2], { maxNewTokens: 1, ...wrong }),
  progressBar: (wrong) => progressBar([], wrong).next(),
};

/** TensorFlow.js's options of every layer, which it checks itself, or not. */
const OF_TFJS = new Set([
  "name",
  "trainable",
  "inputShape",
  "batchInputShape",
  "batchSize",
  "dtype",
  "inputDType",
  "weights",
  "customObjects",
]);

const HUB: Calls = {
  hubSnapshot: (wrong) => hub.hubSnapshot("a/b", wrong),
  hubFile: (wrong) => hub.hubFile("a/b", "c", wrong),
  hubFiles: (wrong) => hub.hubFiles("a/b", wrong),
  hubBytes: (wrong) => hub.hubBytes("a/b", "c", wrong),
  fromPretrained: (wrong) => hub.fromPretrained("a/b", wrong),
  savePretrained: (wrong) => {
    const options = {
      ...{ inputDim: 1, dim: 4, depth: 1, numHeads: 1, numClasses: 1 },
      variant: "lit",
    } as const;
    const config = {
      ...{ model_type: "lion", architecture: "lionEncoder", options } as const,
    };
    const model = lion.lionEncoder(options);
    return hub.savePretrained("none", { model, config, ...wrong });
  },
  toPyTorchWeights: (wrong) => toPyTorchWeights(tinyModel(), wrong),
};

/** A model that both functions take, and what they want besides. */
const classifier = () =>
  lion.lionEncoder({
    ...{ vocabularySize: 280, dim: 4, depth: 1, numHeads: 1, numClasses: 2 },
    variant: "lit",
  });

const ONNX: Calls = {
  exportOnnx: (wrong) => onnx.exportOnnx(classifier(), "none", wrong),
  onnxBytes: (wrong) => onnx.onnxBytes(classifier(), wrong),
  readOnnxWeights: (wrong) => onnx.readOnnxWeights(new Uint8Array(), wrong),
  saveTransformersJs: (wrong) =>
    onnx.saveTransformersJs("/dev/null/none", {
      ...{ model: classifier(), task: "text-classification" },
      tokenizer: data.trainTokenizer(["a"], { vocabularySize: 261 }),
      ...wrong,
    }),
};

/** Options that are objects of which all may be left out. */
const OBJECTS = new Set([
  "optimizer",
  "callbacks",
  "metrics",
  "metadata",
  "config",
  "crop",
]);

/** What a null stands for something in. */
const MAY_BE_NULL = new Set(["transitionStep's input's b: null"]);

/** The options that the message of an unknown one lists. */
async function optionsOf(name: string, call: Calls[string]): Promise<string[]> {
  const failure = await failureOf(call, { nonsense: 1 });
  assert(failure instanceof TypeError, `${name}: ${failure}`);
  const [, owner, kind, listed] =
    /^(.+) has no (option|input) "nonsense".*s are (.*)$/
      .exec(failure.message) ?? [];
  assertEquals(kind === "input" ? `${owner}'s inputs` : owner, name);
  return listed!.split(", ");
}

async function failureOf(
  call: Calls[string],
  wrong: object,
): Promise<Error | undefined> {
  try {
    await call(wrong);
  } catch (error) {
    return error as Error;
  }
}

for (
  const [room, calls] of Object.entries({
    attention: STREAMS,
    layers: LAYERS,
    data: DATA,
    training: TRAINING,
    hub: HUB,
    onnx: ONNX,
  })
) {
  onCpu(
    `options of ${room} that are unknown or of the wrong kind are refused by name`,
    async () => {
      const before = new Set(Object.keys(tf.engine().registeredVariables));
      tf.engine().startScope();
      try {
        const ofTensors = room === "attention" ? mergedCalls() : {};
        const all = { ...ofTensors, ...calls };
        for (const [name, call] of Object.entries(all)) {
          const options = await optionsOf(name, call);
          for (const option of options) {
            for (const wrong of [null, {}]) {
              if (
                wrong && (OF_TFJS.has(option) || OBJECTS.has(option))
              ) continue;
              const failure = await failureOf(call, { [option]: wrong });
              const where = `${name}'s ${option}: ${JSON.stringify(wrong)}`;
              if (MAY_BE_NULL.has(where)) {
                assertEquals(failure, undefined, where);
                continue;
              }
              assert(failure, `${where} is accepted`);
              assert(
                failure instanceof TypeError || failure instanceof RangeError,
                `${where}: ${failure}`,
              );
              assert(
                failure.message.includes(option),
                `${where}: ${failure.message}`,
              );
            }
            // Most take no tensor; a message does not take one apart.
            const failure = await failureOf(call, { [option]: tf.zeros([3]) });
            const { message = "" } = failure ?? {};
            assert(!message.includes("dataId"), `${name}: ${message}`);
          }
        }
      } finally {
        tf.engine().endScope();
        const all = tf.engine().registeredVariables;
        for (const [name, variable] of Object.entries(all)) {
          if (!before.has(name)) variable.dispose();
        }
      }
    },
  );
}
