/** Right calls of models and layers, and of what goes with them. @module */
import * as tf from "@tensorflow/tfjs-core";
import { byteTokenizer } from "../../../lib/data/mod.ts";
import * as layers from "../../../lib/layers/mod.ts";
import * as lion from "../../../mod.ts";
import { type GoodCalls, plain } from "./good_call.ts";

const rows = () => tf.reshape(tf.range(0, 24), [1, 3, 8]);
const SMALL = { dim: 8, depth: 1, numHeads: 2, variant: "s", mlpRatio: 1 };
const MORE = {
  ...{ epsilon: 0.1, dropout: 0.1, embeddingStd: 0.1, seed: 1 },
  ...{ form: "chunkwise", chunkSize: 2, normalize: true, outputNorm: false },
};
const TEXT = { ...SMALL, ...MORE, vocabularySize: 11, maxLength: 8 };
const encoder = () =>
  lion.lionEncoder({
    ...{ dim: 8, depth: 1, numHeads: 2, variant: "s", mlpRatio: 1 },
    ...{ inputDim: 2, numClasses: 2, seed: 1 },
  });
const gpt = () =>
  lion.lionGpt({
    ...{ dim: 8, depth: 1, numHeads: 2, variant: "s", mlpRatio: 1 },
    ...{ vocabularySize: 11, maxLength: 8, seed: 1 },
  });

const bert = () =>
  lion.lionBert({
    ...{ dim: 8, depth: 1, numHeads: 2, variant: "s", mlpRatio: 1 },
    ...{ vocabularySize: 261, maxLength: 8, seed: 1 },
  });
const texts = () =>
  lion.lionEncoder({
    ...{ dim: 8, depth: 1, numHeads: 2, variant: "s", mlpRatio: 1 },
    ...{ vocabularySize: 261, numClasses: 2, seed: 1 },
  });

const scaling = () => ({ means: [0, 0], deviations: [1, 2] });

export const MODELS: GoodCalls = {
  acceptLosses: plain(lion.acceptLosses, () => ({ model: encoder() })),
  forecast: plain(
    lion.forecast,
    () => ({
      model: encoder(),
      rows: [[1, 2], [3, 4]],
      options: { scaling: scaling() },
    }),
    { isSlow: true },
  ),
  seriesScaling: plain(lion.seriesScaling, () => ({ model: encoder() })),
  setSeriesScaling: plain(
    lion.setSeriesScaling,
    () => ({ model: encoder(), scaling: scaling() }),
  ),
  attentionRows: plain(
    lion.attentionRows,
    () => ({
      model: texts(),
      inputs: [tf.tensor2d([[3, 1, 4]], [1, 3], "int32"), tf.ones([1, 3])],
      options: { layer: 0, rows: [1], heads: [0] },
    }),
  ),
  inputSaliency: plain(
    lion.inputSaliency,
    () => ({
      model: texts(),
      inputs: [tf.tensor2d([[3, 1, 4]], [1, 3], "int32"), tf.ones([1, 3])],
      options: { of: 1, method: "gradient" },
    }),
  ),
  classify: plain(
    lion.classify,
    () => ({
      model: texts(),
      input: "a",
      options: {
        ...{ top: 1, batchSize: 1, multiLabel: false, orientation: "apply" },
        tokenizer: byteTokenizer(),
      },
    }),
    // Special tokens that no text here has are not read.
    {
      isSlow: true,
      takes: ["specials", "vocabularySize"],
      words: { input: /input/ },
    },
  ),
  fill: plain(
    lion.fill,
    () => ({
      model: bert(),
      text: "a[MASK]",
      options: { top: 1, gap: "[MASK]", tokenizer: byteTokenizer() },
    }),
    { isSlow: true, takes: ["specials", "vocabularySize"] },
  ),
  classNames: plain(lion.classNames, () => ({ model: encoder() })),
  contextParallel: plain(
    lion.contextParallel,
    () => ({
      communicator: { rank: 0, size: 1, exchange: () => {} },
      run: () => 1,
    }),
  ),
  factoredPositions: plain(
    lion.factoredPositions,
    () => ({
      ...{ groups: [[0, 0, 1], [0, 1, 0]], std: 0.5, dim: 4 },
      options: { seed: 1 },
    }),
  ),
  modelSummary: plain(
    lion.modelSummary,
    () => ({ model: encoder(), inputShapes: [[1, 3, 2], [1, 3]] }),
    { isSlow: true },
  ),
  generate: plain(
    lion.generate,
    () => ({
      model: gpt(),
      prompt: [1, 2],
      options: {
        ...{ maxNewTokens: 2, temperature: 0.5, topK: 3, topP: 0.9, seed: 1 },
        ...{ stopToken: [3], onToken: () => {}, returnState: false },
      },
    }),
    // A seed may be a text.
    { isSlow: true, takes: ["seed"] },
  ),
  hydraMixer: plain(
    lion.hydraMixer,
    () => ({
      options: {
        ...{ stateDim: 4, convSize: 3, expand: 2, headDim: 8 },
      },
    }),
  ),
  lionAttentionLayer: plain(
    (options, x) => lion.lionAttentionLayer(options).apply(x),
    () => ({
      options: { variant: "s", numHeads: 2, seed: 1, chunkSize: 2 },
      input: rows(),
    }),
  ),
  lionBert: plain(
    lion.lionBert,
    () => ({
      options: {
        ...TEXT,
        ...{ tokenTypes: 2, head: "classification", numClasses: 2 },
        ...{ pooling: "mean", segments: true, maxSegments: 2 },
      },
    }),
    { isSlow: true },
  ),
  lionBlock: plain(
    (options, x) => lion.lionBlock(options).apply(x),
    () => ({
      options: {
        ...{ variant: "s", numHeads: 2, seed: 1, mlpRatio: 1, epsilon: 0.1 },
        ...{ dropPath: 0.1, norm: "pre", activation: "gelu" },
      },
      input: rows(),
    }),
  ),
  lionEncoder: plain(
    lion.lionEncoder,
    () => ({
      options: {
        ...{ ...SMALL, ...MORE, inputDim: 2, numClasses: 2, maxLength: 8 },
        dropPath: 0.1,
      },
    }),
    { isSlow: true },
  ),
  lionGpt: plain(lion.lionGpt, () => ({ options: TEXT }), { isSlow: true }),
  lionViT: plain(
    lion.lionViT,
    () => ({
      options: {
        ...SMALL,
        ...MORE,
        ...{
          imageSize: 4,
          dropPath: 0.1,
          patchSize: 2,
          channels: 1,
          numClasses: 2,
        },
      },
    }),
    { isSlow: true },
  ),
  setClassNames: plain(
    lion.setClassNames,
    () => ({ model: encoder(), names: ["a", "b"] }),
    { isSlow: true },
  ),
  setForm: plain(
    lion.setForm,
    () => ({ model: encoder(), form: "chunkwise", chunkSize: 2 }),
    { isSlow: true },
  ),
  setGradientCheckpointing: plain(
    lion.setGradientCheckpointing,
    () => ({ model: encoder(), gradientCheckpointing: true }),
    { isSlow: true },
  ),
  vimMixer: plain(
    lion.vimMixer,
    () => ({
      options: {
        ...{ stateDim: 4, convSize: 3, expand: 2, stepRank: 2 },
        ...{ average: true, causal: false },
      },
    }),
  ),
};

export const LAYERS: GoodCalls = {
  classToken: plain(
    (options, input) => layers.classToken(options).apply(input),
    () => ({ options: { embeddingStd: 0.1, seed: 1 }, input: rows() }),
  ),
  patchEmbedding: plain(
    (options, input) => layers.patchEmbedding(options).apply(input),
    () => ({
      options: { patchSize: 2, dim: 8, seed: 1 },
      input: tf.ones([1, 4, 4, 1]),
    }),
  ),
  positionEmbedding: plain(
    (options, input) => layers.positionEmbedding(options).apply(input),
    () => ({ options: { embeddingStd: 0.1, seed: 1 }, input: rows() }),
  ),
  positionTable: plain(
    (options, input) => layers.positionTable(options).apply(input),
    () => ({
      options: { maxLength: 8, embeddingStd: 0.1, seed: 1 },
      input: rows(),
    }),
  ),
  tokenEmbedding: plain(
    (options, input) => layers.tokenEmbedding(options).apply(input),
    () => ({
      options: {
        ...{ vocabularySize: 11, dim: 8, maxLength: 8, embeddingStd: 0.1 },
        ...{ normalize: true, epsilon: 0.1, dropout: 0.1, seed: 1 },
      },
      input: tf.ones([1, 3], "int32"),
    }),
  ),
  tokenPooling: plain(
    (options, input) => layers.tokenPooling(options).apply(input),
    () => ({ options: { kind: "mean" }, input: rows() }),
  ),
};
