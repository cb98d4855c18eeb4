/** Rows that are added to others or replace them, as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { assertTuples } from "../../index_checks.ts";
import { assertSegments } from "../../place_checks.ts";
import { addressOf } from "../address.ts";
import { JOBS } from "../jobs.ts";
import { type MakeKernel, type Running, withOutputs } from "../outputs.ts";
import { areFew, rowsOf, runChecked, type Tuples } from "./tuples.ts";

/**
 * The kernel `UnsortedSegmentSum`, the gradient of lookups: it adds up the rows of each
 * segment, and passes over ids out of range, as TensorFlow does.
 */
export const segmentSumKernel = scatteringKernel("x", ({ inputs, attrs }) => {
  const { x, segmentIds } = inputs as Record<"x" | "segmentIds", tf.TensorInfo>;
  const { numSegments } = attrs as unknown as tf.UnsortedSegmentSumAttrs;
  const shape = [numSegments, ...x.shape.slice(1)];
  const tuples = {
    indices: segmentIds,
    count: tf.util.sizeFromShape(segmentIds.shape),
    depth: 1,
    strides: [1],
    rows: numSegments,
  };
  const columns = tf.util.sizeFromShape(shape.slice(1));
  assertSegments(x, segmentIds, numSegments);
  return { shape, tuples, columns, mayBeAbsent: true };
});

/** The kernel `ScatterNd`, which refuses tuples of indices that name nothing. */
export const scatterNdKernel = scatteringKernel(
  "updates",
  ({ inputs, attrs }) => {
    const { shape } = attrs as unknown as tf.ScatterNdAttrs;
    return rowsOfUpdates(inputs, shape);
  },
);

/** The kernel `TensorScatterUpdate`, like {@linkcode scatterNdKernel}. */
export const scatterUpdateKernel = scatteringKernel("updates", ({ inputs }) => {
  const before = inputs["tensor"] as tf.TensorInfo;
  return { ...rowsOfUpdates(inputs, before.shape), before };
});

/**
 * Makes a kernel that scatters rows of 32-bit numbers; `stock` gets others, and those of
 * another type than what they replace.
 */
function scatteringKernel(
  source: string,
  read: (call: Parameters<tf.KernelFunc>[0]) => Scatter,
): MakeKernel {
  return (stock, name, host) => (call) => {
    const x = call.inputs[source] as tf.TensorInfo;
    const { dtype } = (call.inputs["tensor"] ?? x) as tf.TensorInfo;
    const isOwn = dtype === "float32" || dtype === "int32";
    if (!isOwn || x.dtype !== dtype) return stock(call);
    const wasm = call.backend as BackendWasm;
    return withOutputs(
      wasm,
      (make) => scatter({ host, wasm, make }, name, x, read(call)),
    );
  };
}

/** The places of rows in a result, and the tensor that they change. */
interface Scatter {
  /** The result's shape. */
  readonly shape: number[];
  readonly tuples: Tuples;
  /** Elements of a row. */
  readonly columns: number;
  /** The tensor of which rows are replaced; without one, they are added to zeros. */
  readonly before?: tf.TensorInfo;
  /** Whether rows that are not there are passed over. @default false */
  readonly mayBeAbsent?: boolean;
}

function rowsOfUpdates(
  inputs: tf.NamedTensorInfoMap,
  shape: number[],
): Scatter {
  const { indices, updates } = inputs as Record<
    "indices" | "updates",
    tf.TensorInfo
  >;
  const { sliceRank, numUpdates, sliceSize, strides, outputSize } = tf
    .backend_util.calculateShapes(updates, indices, shape);
  const tuples = {
    indices,
    count: numUpdates,
    depth: sliceRank,
    strides: strides.slice(0, sliceRank),
    rows: outputSize / sliceSize,
  };
  return { shape, tuples, columns: sliceSize };
}

function scatter(
  running: Running,
  name: string,
  x: tf.TensorInfo,
  how: Scatter,
): tf.TensorInfo {
  const { shape, tuples, columns, mayBeAbsent } = how;
  const assertAll = mayBeAbsent
    ? undefined
    : (all: Int32Array) => assertTuples(name, all, tuples.depth, shape);
  const y = running.make(shape, x.dtype), size = tf.util.sizeFromShape(shape);
  if (size === 0) {
    assertAll?.(running.wasm.typedArrayFromHeap(tuples.indices) as Int32Array);
    return y;
  }
  if (areFew(tuples.count, columns, tuples.depth, size)) {
    scatterHere(running.wasm, x, y, how, assertAll);
  } else scatterByJob(running, x, y, how, assertAll);
  return y;
}

/** The columns of a task are this many, or a multiple: a line of the cache. */
const LINE = 16;

function scatterByJob(
  running: Running,
  x: tf.TensorInfo,
  y: tf.TensorInfo,
  { tuples, columns, before }: Scatter,
  assertAll?: (indices: Int32Array) => void,
): void {
  const { host, wasm } = running;
  const { indices, count, depth, rows, strides } = tuples;
  const perThread = Math.ceil(columns / host.threads / LINE);
  const run = (wrong: number) =>
    host.run(JOBS.scatterRows, {
      ...{ places: count, depth, rows, columns, wrong },
      columnsPerTask: LINE * Math.max(1, perThread),
      areIntegers: Number(x.dtype === "int32"),
      replace: Number(before !== undefined),
      before: before ? addressOf(wasm, before) : 0,
      x: addressOf(wasm, x),
      indices: addressOf(wasm, indices),
      y: addressOf(wasm, y),
    }, {
      operations: 8 * (rows * columns + count * (columns + 8)),
      fill: (memory, address) =>
        new Int32Array(memory, address, depth).set(strides),
    });
  if (assertAll) runChecked(running, tuples, run, assertAll);
  else run(0);
}

function scatterHere(
  wasm: BackendWasm,
  x: tf.TensorInfo,
  y: tf.TensorInfo,
  { tuples, columns, before }: Scatter,
  assertAll?: (indices: Int32Array) => void,
): void {
  const indices = wasm.typedArrayFromHeap(tuples.indices) as Int32Array;
  assertAll?.(indices);
  const from = wasm.typedArrayFromHeap(x), to = wasm.typedArrayFromHeap(y);
  if (before) to.set(wasm.typedArrayFromHeap(before));
  else to.fill(0);
  const named = rowsOf(indices, tuples);
  for (let place = 0, start = 0; place < tuples.count; place++) {
    const row = named[place]!, end = start + columns;
    let at = row * columns;
    if (row < 0 || row >= tuples.rows) start = end;
    else if (before) { while (start < end) to[at++] = from[start++]!; }
    else while (start < end) to[at++]! += from[start++]!;
  }
}
