/** Right calls of `@lionjs/lion/training`. @module */
import * as tf from "@tensorflow/tfjs-core";
import { replayed } from "../../../lib/tfjs/mod.ts";
import * as training from "../../../lib/training/mod.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyPass,
} from "../../training/tiny.ts";
import { type GoodCalls, NOWHERE, plain } from "./good_call.ts";

const classes = () => ({ predicted: [0, 1, 1, 0], labels: [0, 1, 0, 1] });
const values = () => ({ predicted: [0.5, 1, 2, 3], labels: [1, 2, 4, 3] });
const PASSES = { takes: ["predicted", "labels", "scores"] };
const PAIRS = [Float64Array.of(0, 1), Float64Array.of(0, 1)];
const model = () => tinyModel({ depth: 1 });
const logits = () => tf.tensor2d([[1, 2], [3, 1]]);

const ADAM = plain(
  (options) => new training.Adam(options).dispose(),
  () => ({
    options: {
      ...{ learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 0.1 },
      weightDecay: 0.1,
    },
  }),
);

export const TFJS: GoodCalls = {
  Adam: ADAM,
  replayed: plain(
    (run) => replayed(run).dispose(),
    () => ({ run: () => [tf.scalar(1)] }),
  ),
};

export const TRAINING: GoodCalls = {
  Adam: ADAM,
  absoluteError: plain(
    (predictions, labels) => training.absoluteError()(predictions, labels),
    () => ({ predictions: logits(), labels: tf.ones([2, 2]) }),
  ),
  calibration: plain(
    training.calibration,
    () => ({
      confidences: [0.5, 0.9],
      right: [0, 1],
      options: { bins: 2 },
    }),
    { takes: ["right"], words: { right: /right|labels/ } },
  ),
  calibrationError: plain(
    (options) => training.calibrationError(options),
    () => ({ options: { bins: 2 } }),
  ),
  classScores: plain(
    training.classScores,
    () => ({ ...classes(), options: { classes: ["a", "b"] } }),
    PASSES,
  ),
  report: plain(
    training.report,
    () => ({
      model: model(),
      batches: [tinyBatch(1)],
      options: { signal: new AbortController().signal },
    }),
    { isSlow: true },
  ),
  corpusTask: plain(
    training.corpusTask,
    () => ({
      source: Array.from({ length: 9 }, (_, i) => `text ${i} of some`),
      options: { vocabularySize: 261, length: 2, batchSize: 1, seed: 1 },
    }),
    { isSlow: true, words: { source: /texts|source/ } },
  ),
  imageTask: plain(
    training.imageTask,
    () => ({
      folder: NOWHERE,
      options: {
        ...{ size: 4, randAugment: "rand-m9-inc1", batchSize: 1, seed: 1 },
        crop: { scale: [0.5, 1], ratio: [1, 1] },
      },
    }),
  ),
  seriesTask: plain(
    training.seriesTask,
    () => ({
      source: Array.from({ length: 30 }, (_, i) => ({ a: i })),
      options: {
        ...{ columns: ["a"], targets: ["a"], past: 1, ahead: 1 },
        ...{ batchSize: 1, seed: 1 },
      },
    }),
    { isSlow: true, words: { source: /row|source/ } },
  ),
  textTask: plain(
    training.textTask,
    () => ({
      source: Array.from(
        { length: 9 },
        (_, i) => ({ text: `a ${i}`, label: "b" }),
      ),
      options: {
        ...{ vocabularySize: 261, length: 4, batchSize: 1, seed: 1 },
        ...{ text: "text", label: "label" },
      },
    }),
    // Labels may be anything that has a text.
    { isSlow: true, takes: ["label", "text"], words: { source: /row|source/ } },
  ),
  squaredError: plain(
    (predictions, labels) => training.squaredError()(predictions, labels),
    () => ({ predictions: logits(), labels: tf.ones([2, 2]) }),
  ),
  topAccuracy: plain(
    (k, predictions, labels) => training.topAccuracy(k)(predictions, labels),
    () => ({
      k: 1,
      predictions: logits(),
      labels: tf.tensor1d([0, 1], "int32"),
    }),
  ),
  accuracy: plain(
    (predictions, labels) => training.accuracy()(predictions, labels),
    () => ({ predictions: logits(), labels: tf.tensor1d([0, 1], "int32") }),
  ),
  areaUnderCurve: plain(
    training.areaUnderCurve,
    () => ({ scores: [0.5, 1, 2, 3], labels: [0, 1, 0, 1] }),
    PASSES,
  ),
  binaryCrossEntropy: plain(
    (options, predictions, labels) =>
      training.binaryCrossEntropy(options)(predictions, labels),
    () => ({
      options: { positiveWeights: [1, 2] },
      predictions: logits(),
      labels: tf.ones([2, 2]),
    }),
  ),
  confusionMatrix: plain(
    training.confusionMatrix,
    () => ({ ...classes(), options: { classes: 2 } }),
  ),
  crossEntropy: plain(
    (options, predictions, labels) =>
      training.crossEntropy(options)(predictions, labels),
    () => ({
      options: { labelSmoothing: 0.1, classWeights: [1, 2] },
      predictions: logits(),
      labels: tf.tensor1d([0, 1], "int32"),
    }),
  ),
  evaluate: plain(
    training.evaluate,
    () => ({
      model: model(),
      batches: [tinyBatch(1)],
      options: {
        loss: training.crossEntropy(),
        metrics: { accuracy: training.accuracy() },
        ...{ signal: new AbortController().signal, ranks: "data" },
      },
    }),
    { isSlow: true },
  ),
  f1: plain(
    training.f1,
    () => ({ ...classes(), options: { average: "binary", positive: 1 } }),
    PASSES,
  ),
  glueMetrics: plain(training.glueMetrics, () => ({ task: "mrpc" })),
  infoNCE: plain(
    (options, a, b, same) => training.infoNCE(options)(a, b, same),
    () => ({
      options: { temperature: 0.1 },
      ...{ a: logits(), b: logits(), same: [[false, true], [false, false]] },
    }),
  ),
  layerwiseDecay: plain(
    (model, decay) =>
      training.layerwiseDecay(model, decay)(
        Object(model).weights[0].originalName,
      ),
    () => ({ model: model(), decay: 0.9 }),
    { isSlow: true },
  ),
  loadCheckpoint: plain(
    training.loadCheckpoint,
    () => ({
      model: model(),
      path: "/dev/null/none",
      options: { best: true },
    }),
    { isSlow: true },
  ),
  matthews: plain(training.matthews, classes, PASSES),
  meanSquaredError: plain(
    (predictions, labels) => training.meanSquaredError()(predictions, labels),
    () => ({ predictions: logits(), labels: tf.ones([2, 2]) }),
  ),
  overClasses: plain(
    (score, options) => training.overClasses(score, options).result(PAIRS),
    () => ({ score: training.f1, options: { average: "macro" } }),
  ),
  overScores: plain(
    (score) => training.overScores(score).result(PAIRS),
    () => ({ score: training.areaUnderCurve }),
  ),
  overValues: plain(
    (score) => training.overValues(score).result(PAIRS),
    () => ({ score: training.pearson }),
  ),
  pearson: plain(training.pearson, values, PASSES),
  perplexity: plain(
    training.perplexity,
    () => ({ crossEntropy: 1.5 }),
    { takes: ["crossEntropy"] },
  ),
  predict: plain(
    training.predict,
    () => ({
      model: model(),
      batches: [tinyBatch(1)],
      options: {
        map: (x: tf.Tensor) => tf.softmax(x),
        signal: new AbortController().signal,
      },
    }),
    { isSlow: true },
  ),
  predictBatches: plain(
    (model, batches, options) =>
      Array.fromAsync(training.predictBatches(model, batches, options)),
    () => ({
      model: model(),
      batches: [tinyBatch(1)],
      options: {
        map: (x: tf.Tensor) => tf.softmax(x),
        signal: new AbortController().signal,
      },
    }),
    { isSlow: true },
  ),
  softCrossEntropy: plain(
    (predictions, labels) => training.softCrossEntropy()(predictions, labels),
    () => ({ predictions: logits(), labels: tf.fill([2, 2], 0.5) }),
  ),
  spearman: plain(training.spearman, values, PASSES),
  train: plain(
    training.train,
    () => ({
      model: model(),
      data: tinyData(),
      options: {
        ...{ steps: 2, loss: training.crossEntropy(), seed: 5 },
        ...{ progress: false, record: false },
        optimizer: {
          ...{ learningRate: 0.01, warmUpSteps: 1, beta1: 0.9, beta2: 0.99 },
          ...{ epsilon: 1e-8, weightDecay: 0.1, clipNorm: 0.5, accumulate: 1 },
        },
        ema: { decay: 0.9 },
        evaluate: {
          data: tinyPass,
          metrics: { accuracy: training.accuracy() },
          every: 2,
        },
        best: { metric: "accuracy", mode: "max", patience: 3 },
        callbacks: { onBatchEnd: () => {} },
        signal: new AbortController().signal,
      },
    }),
    { isSlow: true },
  ),
  trainingProgress: plain(training.trainingProgress, () => ({})),
  warmUpCosine: plain(
    (options, step) => training.warmUpCosine(options)(step),
    () => ({
      options: { learningRate: 1, warmUpSteps: 2, steps: 4, final: 0.1 },
      step: 3,
    }),
  ),
  warmUpLinear: plain(
    (options, step) => training.warmUpLinear(options)(step),
    () => ({
      options: { learningRate: 1, warmUpSteps: 2, steps: 4, final: 0.1 },
      step: 3,
    }),
  ),
};
