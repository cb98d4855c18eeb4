/** Lookups as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { assertIndices } from "@lionjs/base";
import { assertTuples } from "../../index_checks.ts";
import { addressOf } from "../address.ts";
import type { KernelHost } from "../host.ts";
import { JOBS } from "../jobs.ts";
import { type MakeKernel, type Running, withOutputs } from "../outputs.ts";
import { copyRow, type Elements } from "./copy_row.ts";
import { areFew, rowsOf, runChecked, type Tuples } from "./tuples.ts";

/**
 * The kernel `GatherV2`, for any type of number, where each batch entry has its own
 * indices.
 */
export const gatherKernel: MakeKernel =
  (_stock, _name, host) => ({ inputs, backend, attrs }) => {
    const wasm = backend as BackendWasm;
    const { x, indices } = inputs as Record<"x" | "indices", tf.TensorInfo>;
    const { axis, batchDims } = attrs as unknown as tf.GatherV2Attrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const rows = x.shape[along]!;
    const { batchSize, outerSize, sliceSize, outputShape } = tf.backend_util
      .segment_util.collectGatherOpShapeInfo(
        x as tf.Tensor,
        indices as tf.Tensor,
        along,
        batchDims,
      );
    const count = tf.util.sizeFromShape(indices.shape);
    return gatherRows(host, wasm, {
      x,
      shape: outputShape,
      tuples: { indices, count, depth: 1, strides: [1], rows },
      groups: batchSize * outerSize,
      groupsPerBatch: outerSize,
      places: count / batchSize,
      size: sliceSize,
      assertAll: (all) => assertIndices(all, rows, along),
    });
  };

/** The kernel `GatherNd`, which refuses tuples of indices that name nothing. */
export const gatherNdKernel: MakeKernel =
  (_stock, name, host) => ({ inputs, backend }) => {
    const wasm = backend as BackendWasm;
    const { params, indices } = inputs as Record<
      "params" | "indices",
      tf.TensorInfo
    >;
    const [shape, count, size, strides] = tf.backend_util
      .prepareAndValidate(params as tf.Tensor, indices as tf.Tensor);
    const rows = tf.util.sizeFromShape(params.shape) / size;
    const tuples = { indices, count, depth: strides.length, strides, rows };
    return gatherRows(host, wasm, {
      ...{ x: params, shape, tuples, places: count, size },
      ...{ groups: 1, groupsPerBatch: 1 },
      assertAll: (all) => assertTuples(name, all, tuples.depth, params.shape),
    });
  };

/** The rows that are copied. */
interface Gather {
  /** The tensor that has them. */
  readonly x: tf.TensorInfo;
  /** The result's shape. */
  readonly shape: number[];
  /** The tuples that name the rows. */
  readonly tuples: Tuples;
  /** Groups of rows, and how many of them in a row have the same tuples. */
  readonly groups: number;
  readonly groupsPerBatch: number;
  /** Tuples of a group. */
  readonly places: number;
  /** Elements of a row. */
  readonly size: number;
  /** Throws if a tuple names nothing. */
  readonly assertAll: (indices: Int32Array) => void;
}

function gatherRows(
  host: KernelHost,
  wasm: BackendWasm,
  gather: Gather,
): tf.TensorInfo {
  return withOutputs(wasm, (make) => {
    const { x, shape, tuples, groups, places, size } = gather;
    const y = make(shape, x.dtype);
    if (areFew(groups * places, size, tuples.depth)) {
      gatherHere(wasm, y, gather);
    } else gatherByJob({ host, wasm, make }, y, gather);
    return y;
  });
}

/** The rows of a task are as many as have this many bytes, and at most this number. */
const BYTES = 65_536, ROWS = 16_384;

function gatherByJob(
  running: Running,
  y: tf.TensorInfo,
  { x, tuples, groups, groupsPerBatch, places, size, assertAll }: Gather,
): void {
  const { host, wasm } = running;
  const { indices, depth, rows, strides } = tuples;
  const bytes = size * tf.util.bytesPerElement(x.dtype);
  const run = (wrong: number) =>
    host.run(JOBS.gatherRows, {
      ...{ groups, groupsPerBatch, places, depth, rows, bytes, wrong },
      rowsPerTask: Math.min(ROWS, Math.ceil(BYTES / bytes)),
      x: addressOf(wasm, x),
      indices: addressOf(wasm, indices),
      y: addressOf(wasm, y),
    }, {
      operations: groups * places * (8 * size + 30),
      fill: (memory, address) =>
        new Int32Array(memory, address, depth).set(strides),
    });
  runChecked(running, tuples, run, assertAll);
}

function gatherHere(
  wasm: BackendWasm,
  y: tf.TensorInfo,
  { x, tuples, groups, groupsPerBatch, places, size, assertAll }: Gather,
): void {
  const indices = wasm.typedArrayFromHeap(tuples.indices) as Int32Array;
  assertAll(indices);
  const named = rowsOf(indices, tuples);
  const from = wasm.typedArrayFromHeap(x) as Elements;
  const to = wasm.typedArrayFromHeap(y) as Elements;
  let at = 0;
  for (let group = 0; group < groups; group++) {
    const first = Math.floor(group / groupsPerBatch) * places;
    for (let place = first; place < first + places; place++) {
      const row = group * tuples.rows + named[place]!;
      copyRow(to, at, from, row * size, size);
      at += size;
    }
  }
}
