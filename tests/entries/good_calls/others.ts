/** Right calls of the hub, of files, notebooks and proofs. @module */
import * as tf from "@tensorflow/tfjs-core";
import * as hub from "../../../lib/hub/mod.ts";
import * as io from "../../../lib/io/mod.ts";
import * as notebook from "../../../lib/notebook/mod.ts";
import * as onnx from "../../../lib/onnx/mod.ts";
import * as proof from "../../../notebooks/proof/mod.ts";
import { tinyModel } from "../../training/tiny.ts";
import { type GoodCalls, plain } from "./good_call.ts";

const NOWHERE = "/dev/null/none";
const online = () => ({
  ...{
    offline: false,
    revision: "main",
    cache: `${NOWHERE}/cache`,
    retries: 0,
  },
  ...{ timeout: 1000, endpoint: "http://127.0.0.1:1", token: "a" },
  signal: new AbortController().signal,
  fetch: () => Promise.resolve(new Response("", { status: 404 })),
});
const downloading = () => ({ ...online(), progress: () => {} });
const WRITES = { writes: ["cache"], isSlow: true } as const;

export const HUB: GoodCalls = {
  fromPretrained: plain(
    hub.fromPretrained,
    () => ({ source: "a/b", options: downloading() }),
    { ...WRITES, words: { source: /first argument/ } },
  ),
  hubBytes: plain(
    hub.hubBytes,
    () => ({ repo: "a/b", path: "c", options: online() }),
    WRITES,
  ),
  hubFile: plain(
    hub.hubFile,
    () => ({ repo: "a/b", path: "c", options: downloading() }),
    WRITES,
  ),
  hubFiles: plain(
    hub.hubFiles,
    () => ({ repo: "a/b", options: online() }),
    WRITES,
  ),
  hubSnapshot: plain(
    hub.hubSnapshot,
    () => ({
      repo: "a/b",
      options: { ...downloading(), include: ["*.json"], exclude: ["*.bin"] },
    }),
    WRITES,
  ),
};

const tiny = () => tinyModel({ depth: 1 });

export const IO: GoodCalls = {
  dequantizeInt8: plain(
    io.dequantizeInt8,
    () => ({
      tensor: {
        ...{ values: Int8Array.of(1, 2), scale: Float32Array.of(1) },
        shape: [1, 2],
      },
    }),
  ),
  loadPyTorchWeights: plain(
    io.loadPyTorchWeights,
    () => ({
      model: tiny(),
      tensors: new Map(),
      options: { allowMissing: true, ignore: true, rename: {} },
    }),
    { isSlow: true },
  ),
  quantizeInt8: plain(io.quantizeInt8, () => ({ w: tf.ones([2, 3]) })),
  readSafetensors: plain(
    io.readSafetensors,
    () => ({ source: `${NOWHERE}.safetensors` }),
  ),
  toPyTorchWeights: plain(
    io.toPyTorchWeights,
    () => ({ model: tiny(), options: {} }),
    { isSlow: true },
  ),
  writeSafetensors: plain(
    io.writeSafetensors,
    () => ({
      target: `${NOWHERE}/a.safetensors`,
      tensors: { a: tf.ones([2]) },
      options: { metadata: { a: "b" } },
    }),
    { writes: ["target"] },
  ),
};

export const ONNX: GoodCalls = {
  readOnnxWeights: plain(
    onnx.readOnnxWeights,
    () => ({ source: `${NOWHERE}.onnx` }),
  ),
};

const TITLES = { title: "a title", caption: "a caption" };
const SIZES = { width: 300, height: 200 };

export const NOTEBOOK: GoodCalls = {
  Figure: plain(
    (data, layout, options) => new notebook.Figure(data, layout, options),
    () => ({
      data: [{ y: [1, 2] }],
      layout: { title: { text: "a" } },
      options: { caption: "a caption" },
    }),
    { takes: ["data", "layout"] },
  ),
  LivePlot: plain(
    (options) => new notebook.LivePlot(options),
    () => ({
      options: {
        ...{ caption: "a caption", x: "step", y: "loss", yType: "log" },
        colors: { loss: "red" },
      },
    }),
  ),
  Progress: plain(
    (options) => new notebook.Progress(options),
    () => ({
      options: { total: 3, description: "steps", initial: 1, unit: "step" },
    }),
  ),
  attentionMatrix: plain(
    notebook.attentionMatrix,
    () => ({
      values: [[1, 0], [0.5, 0.5]],
      options: { ...TITLES, ...SIZES, rows: ["a", "b"], range: [0, 1] },
    }),
    { takes: ["values"] },
  ),
  weightsOverImage: plain(
    notebook.weightsOverImage,
    () => ({
      image: tf.ones([4, 4]),
      weights: [[0.1, 0.2], [0.3, 0.4]],
      options: {
        ...{ ...TITLES, ...SIZES, range: [0, 1] },
        ...{ colorscale: "Viridis", opacity: 0.5, showScale: true },
      },
    }),
    { takes: ["weights"] },
  ),
  weightsOverText: plain(
    notebook.weightsOverText,
    () => ({
      tokens: ["a", "b"],
      weights: [0.1, 0.2],
      options: { title: "t", full: 1, reader: 0 },
    }),
    { takes: ["weights"] },
  ),
  bars: plain(
    notebook.bars,
    () => ({
      values: { a: 1, b: 2 },
      options: { ...TITLES, x: "s", width: 300 },
    }),
    { takes: ["values"] },
  ),
  calibrationFigure: plain(
    notebook.calibrationFigure,
    () => ({
      bins: [{ count: 1, confidence: 0.5, accuracy: 1 }],
      options: { ...TITLES, ...SIZES },
    }),
    { takes: ["count", "confidence", "accuracy"] },
  ),
  confusionFigure: plain(
    notebook.confusionFigure,
    () => ({
      counts: [[1, 2], [3, 4]],
      options: { ...TITLES, ...SIZES, classes: ["a", "b"], showCounts: true },
    }),
  ),
  curves: plain(
    notebook.curves,
    () => ({
      series: { a: [1, 2], b: { x: [1, 2], y: [2, 3], dash: "dot" } },
      options: {
        ...{ ...TITLES, ...SIZES, x: "x", y: "y", at: [1, 2] },
        ...{ xType: "log", yType: "linear", markers: true, fromZero: true },
      },
    }),
    { takes: ["series", "at"] },
  ),
  markdown: plain(notebook.markdown, () => ({ text: "*a*" })),
  matrix: plain(
    notebook.matrix,
    () => ({
      values: [[1, 0], [0.5, 0.5]],
      options: {
        ...{ ...TITLES, ...SIZES, rows: "rows", columns: ["a", "b"] },
        ...{ colorscale: "Viridis", range: [0, 1], showScale: true },
      },
    }),
    { takes: ["values"] },
  ),
  panels: plain(
    notebook.panels,
    () => ({
      figures: [notebook.bars({ a: 1 }), notebook.bars({ b: 2 })],
      options: { ...TITLES, ...SIZES },
    }),
  ),
  table: plain(
    notebook.table,
    () => ({ rows: [{ a: 1, b: "x" }], options: { digits: 3 } }),
    { takes: ["rows"] },
  ),
  tex: plain(notebook.tex, () => ({ source: "x^2" })),
  progressBar: plain(
    async (items, options) => {
      for await (const item of notebook.progressBar(items, options)) {
        return item;
      }
    },
    () => ({
      items: [1, 2],
      options: {
        ...{ total: 2, description: "items", initial: 0, unit: "item" },
        signal: new AbortController().signal,
      },
    }),
    { takes: ["items"] },
  ),
};

const { Matrix } = proof;

export const PROOF: GoodCalls = {
  Matrix: plain(
    (shape, values) => new proof.Matrix(shape, values),
    () => ({ shape: [1, 2], values: [1n, 2n] }),
  ),
  counterexample: plain(
    proof.counterexample,
    () => ({
      name: "x = y",
      unknowns: (draw: proof.Draw) => [draw(1, 1), draw(1, 1)],
      left: (all: proof.Matrix[]) => Object(all)[0],
      right: (all: proof.Matrix[]) => Object(all)[1],
      options: { trials: 2, seed: 1 },
    }),
    { words: { unknowns: /left/ } },
  ),
  drawer: plain(
    (seed, rows, columns) => proof.drawer(seed)(rows, columns),
    () => ({ seed: 1, rows: 2, columns: 2 }),
  ),
  gradient: plain(
    proof.gradient,
    () => ({ f: (x: proof.Matrix) => x, x: Matrix.ones(1, 1) }),
  ),
  identity: plain(
    proof.identity,
    () => ({
      name: "x = x",
      unknowns: (draw: proof.Draw) => draw(1, 1),
      left: (x: proof.Matrix) => x,
      right: (x: proof.Matrix) => x,
      options: { trials: 2, seed: 1 },
    }),
    { words: { unknowns: /left/ } },
  ),
};
