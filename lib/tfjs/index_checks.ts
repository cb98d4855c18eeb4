/**
 * Checks of tensors of indices, whose kernels would read or write beyond a tensor,
 * or leave out what they cannot find.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { assertIndices } from "@lionjs/base";
import type { Call } from "./host_kernel.ts";

/** Reads a tensor's values, if they are in this program's memory. */
export type ReadIndices = (x: tf.TensorInfo) => Int32Array | undefined;

/**
 * Throws unless each tuple of indices names a row of a tensor.
 *
 * @param name The kernel.
 * @param depth Indices in a tuple.
 * @param shape The shape of the tensor that has the rows.
 * @throws {RangeError} If there is no such row.
 */
export function assertTuples(
  name: string,
  indices: Int32Array,
  depth: number,
  shape: readonly number[],
): void {
  for (let at = 0; at < indices.length; at++) {
    const index = indices[at]!;
    if (index >= 0 && index < shape[at % depth]!) continue;
    const first = at - at % depth;
    const tuple = indices.subarray(first, first + depth);
    throw new RangeError(
      // tfjs's message, between the kernel's name and what to do.
      `${name}: Invalid indices: ${tuple} does not index into ${shape}; give ` +
        `indices from 0 on, each below the size of its axis`,
    );
  }
}

/** The number of indices in a tuple, where a vector has tuples of one. */
export function depthOf({ shape }: tf.TensorInfo): number {
  return shape.length > 1 ? shape.at(-1)! : 1;
}

/** Throws if a number is counted that has no bin; those beyond the last are left out. */
function assertCounted(name: string, x: Int32Array): void {
  const wrong = x.find((value) => value < 0);
  if (wrong === undefined) return;
  throw new RangeError(
    `${name}: x should be 0 or more, got ${wrong}; what is not to be counted ` +
      `may be a number from size on`,
  );
}

/** Throws unless each row that is reduced is there, and has a segment. */
function assertReduced(
  name: string,
  { data, indices, segmentIds }: Record<string, tf.TensorInfo>,
  read: ReadIndices,
): void {
  const size = data!.shape[0]!;
  const count = indices!.shape[0]!, ids = segmentIds!.shape[0]!;
  if (count !== ids) {
    throw new TypeError(
      `${name}: segmentIds and indices should have same size, got ` +
        `[${ids}] and [${count}]`,
    );
  }
  read(indices!)?.forEach((index, i) => {
    if (index >= 0 && index < size) return;
    throw new RangeError(
      tf.backend_util.getSparseSegmentReductionIndicesOutOfRangeErrorMessage(
        i,
        index,
        size,
      ),
    );
  });
}

/** Throws unless there is a value for each tuple of indices, and rows can be counted. */
function assertRowsToFill(
  { indices, values, denseShape }: Record<string, tf.TensorInfo>,
  read: ReadIndices,
): void {
  const [tuples] = indices!.shape, [count] = values!.shape;
  if (tuples !== count) {
    throw new TypeError(
      `sparseFillEmptyRows: values should have one for each of the ${tuples} ` +
        `tuples of indices, got ${count}`,
    );
  }
  const rows = read(denseShape!)?.[0];
  if (rows === undefined || rows >= 0) return;
  throw new RangeError(
    `sparseFillEmptyRows: denseShape should be 0 or more, got ${rows} rows`,
  );
}

/** Throws if a row of a ragged tensor is none of its outer dimension. */
function assertRowIds(
  inputs: tf.NamedTensorInfoMap,
  { rowPartitionTypes }: tf.RaggedTensorToTensorAttrs,
  read: ReadIndices,
): void {
  const parts = inputs["rowPartitionTensors"] as unknown as tf.TensorInfo[];
  rowPartitionTypes.forEach((type, i) => {
    if (type !== "VALUE_ROWIDS") return;
    const wrong = read(parts[i]!)?.find((id) => id < 0);
    if (wrong === undefined) return;
    throw new RangeError(
      `raggedTensorToTensor: ids of rows should be 0 or more, got ${wrong}`,
    );
  });
}

/** Checks a call's indices, of which `read` has those that can be looked at. */
type Check = (call: Call, read: ReadIndices, name: string) => void;

const counted: Check = ({ inputs }, read, name) => {
  const x = read(inputs["x"] as tf.TensorInfo);
  if (x) assertCounted(name, x);
};

const reduced: Check = ({ inputs }, read, name) =>
  assertReduced(name, inputs as Record<string, tf.TensorInfo>, read);

/** A check of tuples that name rows of a tensor. */
const naming =
  (input: string, shapeOf: (call: Call) => readonly number[]): Check =>
  (call, read, name) => {
    const indices = call.inputs[input] as tf.TensorInfo;
    const all = read(indices);
    if (all) assertTuples(name, all, depthOf(indices), shapeOf(call));
  };

/** The checks, by the names of kernels. */
const CHECKS: Readonly<Record<string, Check>> = {
  Bincount: counted,
  DenseBincount: counted,
  GatherNd: naming(
    "indices",
    ({ inputs }) => (inputs["params"] as tf.TensorInfo).shape,
  ),
  GatherV2({ inputs, attrs }, read) {
    const x = inputs["x"] as tf.TensorInfo;
    const { axis } = attrs as unknown as tf.GatherV2Attrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const all = read(inputs["indices"] as tf.TensorInfo);
    if (all) assertIndices(all, x.shape[along]!, along);
  },
  RaggedTensorToTensor: ({ inputs, attrs }, read) =>
    assertRowIds(
      inputs,
      attrs as unknown as tf.RaggedTensorToTensorAttrs,
      read,
    ),
  ScatterNd: naming(
    "indices",
    ({ attrs }) => (attrs as unknown as tf.ScatterNdAttrs).shape,
  ),
  SparseFillEmptyRows: ({ inputs }, read) =>
    assertRowsToFill(inputs as Record<string, tf.TensorInfo>, read),
  SparseReshape: (call, read, name) => {
    const { inputIndices, inputShape } = call.inputs as Record<
      string,
      tf.TensorInfo
    >;
    const shape = read(inputShape!), all = read(inputIndices!);
    if (shape && all) assertTuples(name, all, shape.length, [...shape]);
  },
  SparseSegmentMean: reduced,
  SparseSegmentSum: reduced,
  SparseToDense: naming(
    "sparseIndices",
    ({ attrs }) => (attrs as unknown as tf.SparseToDenseAttrs).outputShape,
  ),
  TensorScatterUpdate: naming(
    "indices",
    ({ inputs }) => (inputs["tensor"] as tf.TensorInfo).shape,
  ),
};

/** The kernels whose indices are checked. */
export const INDEXED: readonly string[] = Object.keys(CHECKS);

/** Throws if an index of a call names nothing, as far as `read` has them. */
export function checkIndices(
  name: string,
  call: Call,
  read: ReadIndices,
): void {
  CHECKS[name]?.(call, read, name);
}

/** A kernel whose indices are checked first. */
export function indexedKernel(
  stock: tf.KernelFunc,
  name: string,
  reader: (backend: unknown) => ReadIndices,
): tf.KernelFunc {
  return (call) => {
    checkIndices(name, call, reader(call.backend));
    return stock(call);
  };
}
