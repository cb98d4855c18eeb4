/** Right calls of functions of tensors: attention, the family, operations. @module */
import * as tf from "@tensorflow/tfjs-core";
import * as family from "../../../lib/family/mod.ts";
import * as operations from "../../../lib/operations/mod.ts";
import * as lion from "../../../mod.ts";
import { MODELS } from "../../family/models.ts";
import { type GoodCall, type GoodCalls, plain } from "./good_call.ts";

const x = () => tf.fill([1, 2, 3, 4], 0.5);
const perToken = () => tf.fill([1, 2, 3], -0.5);
const mask = () => tf.ones([1, 3]);
const segments = () => tf.ones([1, 3], "int32");
const qkv = () => ({ q: x(), k: x(), v: x() });

/** The only rank, which has nobody to exchange with. */
export const alone = () => ({ rank: 0, size: 1, exchange: () => {} });

const attention = () => ({
  ...{ scale: 0.5, causal: false, mask: mask(), segments: segments() },
  kernel: false,
});

export const ATTENTION: GoodCalls = {
  acrossRanks: plain(lion.acrossRanks, () => ({ communicator: alone() })),
  alibiSlopes: plain(lion.alibiSlopes, () => ({ heads: 2 })),
  attentionAcrossRanks: plain(
    lion.attentionAcrossRanks,
    () => ({
      ...qkv(),
      options: {
        ...attention(),
        ...{ form: "chunkwise", chunkSize: 2, decay: lion.noDecay() },
        ...{ normalize: true, epsilon: 1e-6, communicator: alone() },
      },
    }),
  ),
  checkDecay: plain(
    lion.checkDecay,
    () => ({ decay: lion.selectiveDecay(perToken()) }),
  ),
  decayMask: plain(
    lion.decayMask,
    () => ({ decay: lion.fixedDecay(tf.tensor1d([-1, -2])), length: 3 }),
  ),
  deltaAcrossRanks: plain(
    lion.deltaAcrossRanks,
    () => ({
      ...qkv(),
      beta: tf.fill([1, 2, 3], 0.5),
      options: {
        ...attention(),
        ...{ form: "chunkwise", chunkSize: 2, decay: lion.noDecay() },
        communicator: alone(),
      },
    }),
  ),
  deltaAttention: plain(
    lion.deltaAttention,
    () => ({
      ...qkv(),
      beta: tf.fill([1, 2, 3], 0.5),
      options: {
        ...attention(),
        ...{ form: "chunkwise", chunkSize: 2, decay: lion.noDecay() },
        ...{ steps: 1, causal: true, initialState: tf.zeros([1, 2, 4, 4]) },
      },
    }),
  ),
  transitionAttention: plain(
    lion.transitionAttention,
    () => ({
      ...{ ...qkv(), a: x(), b: x() },
      options: {
        ...attention(),
        ...{ form: "chunkwise", chunkSize: 2, decay: lion.noDecay() },
        ...{ steps: 1, causal: true, initialState: tf.zeros([1, 2, 4, 4]) },
      },
    }),
    { takes: ["a", "b"] },
  ),
  transitionStep: plain(
    lion.transitionStep,
    () => ({
      state: tf.zeros([1, 2, 4, 4]),
      input: {
        ...{ ...qkv(), a: x(), b: x(), logDecay: perToken(), mask: mask() },
      },
      options: { scale: 0.5, kernel: false },
    }),
  ),
  deltaStep: plain(
    lion.deltaStep,
    () => ({
      state: tf.zeros([1, 2, 4, 4]),
      input: {
        ...qkv(),
        beta: tf.fill([1, 2, 3], 0.5),
        logDecay: perToken(),
        mask: mask(),
      },
      options: { scale: 0.5, kernel: false },
    }),
  ),
  diagonalDecay: plain(
    lion.diagonalDecay,
    () => ({ logDecay: tf.neg(x()), options: { convention: "arrival" } }),
  ),
  eluPlusOne: plain(lion.eluPlusOne, () => ({ x: x() })),
  explainAttention: plain(
    lion.explainAttention,
    () => ({ ...qkv(), options: attention() }),
  ),
  fixedDecay: plain(
    lion.fixedDecay,
    () => ({ logDecay: tf.tensor1d([-1, -2]) }),
  ),
  lionAttention: plain(
    lion.lionAttention,
    () => ({
      ...qkv(),
      options: {
        ...attention(),
        ...{ form: "chunkwise", chunkSize: 2, normalize: true, epsilon: 0.1 },
        precision: "f32",
        decay: lion.selectiveDecay(perToken()),
      },
    }),
  ),
  multiScanAttention: plain(
    lion.multiScanAttention,
    () => ({
      ...qkv(),
      ways: [{ order: [2, 0, 1], decay: lion.noDecay() }],
      options: { mask: mask(), normalize: true, epsilon: 0.1 },
    }),
  ),
  logSigmoid: plain(lion.logSigmoid, () => ({ x: x() })),
  noDecay: plain(lion.noDecay, () => ({})),
  recurrentState: plain(
    lion.recurrentState,
    () => ({ sizes: { batch: 1, heads: 2, headDim: 4, valueDim: 4 } }),
  ),
  recurrentStep: plain(
    lion.recurrentStep,
    () => ({
      state: { sum: tf.zeros([1, 2, 4, 5]), due: tf.zeros([1, 2]) },
      input: { ...qkv(), logDecay: perToken(), mask: mask() },
      options: {
        ...{ convention: "source", scale: 0.5, normalize: true, epsilon: 0.1 },
        kernel: false,
      },
    }),
  ),
  selectiveDecay: plain(
    lion.selectiveDecay,
    () => ({ logDecay: perToken(), options: { convention: "arrival" } }),
  ),
  shiftedSilu: plain(
    lion.shiftedSilu,
    () => ({ x: x(), options: { normalize: true } }),
  ),
  snakeScan: plain(
    lion.snakeScan,
    () => ({ rows: 2, columns: 3, options: { along: "columns", first: 1 } }),
  ),
  softmaxAttention: plain(
    lion.softmaxAttention,
    () => ({
      ...qkv(),
      options: {
        ...attention(),
        ...{ slopes: [0.5, 0.25], decay: lion.selectiveDecay(perToken()) },
      },
    }),
  ),
  streamBidirectional: plain(
    lion.streamBidirectional,
    () => ({
      source: {
        ...{ length: 6, segmentLength: 3 },
        read: () => ({
          ...qkv(),
          decay: lion.selectiveDecay(perToken()),
          mask: mask(),
        }),
      },
      write: () => {},
      options: {
        ...{ scale: 0.5, normalize: true, epsilon: 0.1, causal: false },
        ...{ signal: new AbortController().signal, onProgress: () => {} },
      },
    }),
  ),
  bidirectionalDecay: plain(
    lion.bidirectionalDecay,
    () => ({ forward: perToken(), backward: perToken() }),
  ),
};

const SIZES: Readonly<Record<string, number>> = {
  ...{ batch: 1, heads: 2, length: 3, headDim: 4, valueDim: 4, steps: 2 },
  ...{ angles: 2, levels: 3 },
};

/** A call of a model of the family. */
function memberCall({ inputs, run, forms }: typeof MODELS[number]): GoodCall {
  return plain(run, () => ({
    inputs: Object.fromEntries(
      Object.entries(inputs).map(([name, axes]) => [
        name,
        tf.fill(
          axes.map((axis) => SIZES[axis]!),
          /log|^a$/i.test(name) ? -0.5 : 0.5,
        ),
      ]),
    ),
    options: {
      causal: true,
      ...forms.length > 0 ? { chunkSize: 2, form: "chunkwise" } : {},
      ...{ mask: mask(), segments: segments() },
      scale: 0.5,
    },
  }));
}

export const FAMILY: GoodCalls = {
  ...Object.fromEntries(MODELS.map((model) => [model.name, memberCall(model)])),
  decayLogits: plain(
    family.decayLogits,
    () => ({ logDecay: tf.tensor1d([-1, -2]) }),
    // The logit of a decay of 1 is infinite, and above there is none.
    { takes: ["logDecay"] },
  ),
  mambaTimeStep: plain(
    family.mambaTimeStep,
    () => ({
      channels: 2,
      options: { smallest: 0.001, largest: 0.1, seed: 1 },
    }),
  ),
  retentionDecay: plain(family.retentionDecay, () => ({ heads: 2 })),
  s4dLin: plain(family.s4dLin, () => ({ channels: 2 })),
  s4dReal: plain(family.s4dReal, () => ({ channels: 2 })),
};

const rows = () => tf.fill([1, 3, 4], 0.5);

export const OPERATIONS: GoodCalls = {
  dense: plain(
    operations.dense,
    () => ({ x: rows(), weight: tf.ones([4, 2]), bias: tf.ones([2]) }),
  ),
  gelu: plain(
    operations.gelu,
    () => ({ x: rows(), options: { approximate: "tanh" } }),
  ),
  joinHeads: plain(operations.joinHeads, () => ({ x: x() })),
  layerNorm: plain(
    operations.layerNorm,
    () => ({
      ...{ x: rows(), scale: tf.ones([4]), offset: tf.ones([4]) },
      options: { epsilon: 0.1 },
    }),
  ),
  positiveRandomFeatures: plain(
    (directions, x) => operations.positiveRandomFeatures(directions)(x),
    () => ({ directions: tf.ones([6, 4]), x: x() }),
  ),
  rmsNorm: plain(
    operations.rmsNorm,
    () => ({ x: rows(), scale: tf.ones([4]), options: { epsilon: 0.1 } }),
  ),
  selectiveScan: plain(
    operations.selectiveScan,
    () => ({
      inputs: {
        ...{ x: rows(), dt: rows(), z: rows(), d: tf.ones([4]) },
        ...{ a: tf.fill([4, 2], -1), b: tf.ones([1, 3, 2]) },
        c: tf.ones([1, 3, 2]),
      },
      options: {
        ...{ mask: mask(), segments: segments() },
        ...{ kernel: false, reverse: true },
      },
    }),
  ),
  shortConvolution: plain(
    operations.shortConvolution,
    () => ({
      ...{ x: rows(), weight: tf.ones([4, 3]), bias: tf.ones([4]) },
      options: {
        ...{ place: "causal", activation: "silu", kernel: false },
        ...{ mask: mask(), segments: segments() },
      },
    }),
  ),
  splitHeads: plain(
    operations.splitHeads,
    () => ({ x: tf.ones([1, 3, 12]), options: { numHeads: 2 } }),
  ),
};
