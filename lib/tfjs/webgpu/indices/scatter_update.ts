/** Rows that replace those that tuples of indices name, as kernels of WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { depthOf } from "../../index_checks.ts";
import { sizeOf } from "../../kernel_call.ts";
import { runElementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { makeOutput, runProgram } from "../program.ts";
import {
  absentOf,
  elementsOf,
  type IndexedKernel,
  rowsOf,
  typeOf,
} from "./indexed_kernel.ts";

const THREADS = 64;

/** The kernel `TensorScatterUpdate`. */
export const scatterUpdate: IndexedKernel = (webgpu, { inputs }) => {
  const { tensor, indices, updates } = inputs as Record<
    "tensor" | "indices" | "updates",
    tf.TensorInfo
  >;
  return replaced(webgpu, tensor.shape, tensor, indices, updates);
};

/** The kernel `SparseToDense`. */
export const sparseToDense: IndexedKernel = (webgpu, { inputs, attrs }) => {
  const { sparseIndices, sparseValues, defaultValue } = inputs as Record<
    "sparseIndices" | "sparseValues" | "defaultValue",
    tf.TensorInfo
  >;
  const { outputShape } = attrs as unknown as tf.SparseToDenseAttrs;
  return replaced(
    webgpu,
    outputShape,
    defaultValue,
    sparseIndices,
    sparseValues,
  );
};

/**
 * A tensor of which rows are replaced. Of several tuples that name a row, the last one
 * counts, so that the result does not depend on which thread is first.
 *
 * @param before The tensor, or the number that all of it is.
 * @param updates The rows, or the number that all of them are.
 */
function replaced(
  webgpu: StrictWebGPUBackend,
  shape: number[],
  before: tf.TensorInfo,
  indices: tf.TensorInfo,
  updates: tf.TensorInfo,
): tf.TensorInfo {
  const { numUpdates, sliceSize: columns } = tf.backend_util.calculateShapes(
    updates,
    indices,
    shape,
  );
  const y = makeOutput(webgpu, shape, updates.dtype);
  if (sizeOf(y) === 0) return y;
  const rows = sizeOf(y) / columns, some = numUpdates > 0;
  // The tuple of each row, counted from 1 on; and whether one names no row.
  const owners = makeOutput(webgpu, [rows + 1], "int32");
  runElementwise(webgpu, {
    name: "integer zeros",
    width: 1,
    elements: { y: "i32" },
    reads: {},
    writes: { y: owners },
    body: "  y[at] = 0;",
  });
  if (some) findOwners(webgpu, shape, indices, numUpdates, owners);
  const type = typeOf(updates), absent = absentOf(updates);
  const reads = { before, owners, ...(some && { updates }) };
  const { elements, variant } = elementsOf(webgpu, reads);
  const isOne = updates.shape.length === 0;
  const whole = before.shape.length > 0;
  const value = isOne
    ? "updates[0]"
    : "updates[u32(owner - 1) * uniforms.columns + at % uniforms.columns]";
  runElementwise(webgpu, {
    name: "scatter_update",
    variants: [
      ...[variant, type, whole && "whole", isOne && "one"],
      some && "some",
    ],
    width: 1,
    elements: { ...elements, y: type },
    reads,
    writes: { y },
    integers: { columns, rows },
    floats: absent.floats,
    body: /* wgsl */ `  let owner = owners[at / uniforms.columns];
  var value = ${type}(before[${whole ? "at" : "0"}]);
  ${some ? `if (owner > 0) { value = ${type}(${value}); }` : ""}
  if (owners[uniforms.rows] != 0) { value = ${absent.text}; }
  y[at] = value;`,
  });
  webgpu.disposeData(owners.dataId);
  return y;
}

function findOwners(
  webgpu: StrictWebGPUBackend,
  shape: number[],
  indices: tf.TensorInfo,
  count: number,
  owners: tf.TensorInfo,
): void {
  const depth = depthOf(indices), rows = rowsOf(shape, depth);
  const { elements, variant } = elementsOf(webgpu, { indices });
  runProgram(webgpu, {
    name: "scatter_owners",
    variants: [rows.variant, variant],
    width: 1,
    elements: { ...elements, owners: "atomic<i32>" },
    reads: { indices },
    writes: { owners },
    integers: { count, last: sizeOf(owners) - 1, ...rows.integers },
    threads: THREADS,
    workgroups: Math.ceil(count / THREADS),
    body: /* wgsl */ `  let at = workgroup * ${THREADS}u + local;
  if (at >= uniforms.count) { return; }
  let first = at * ${depth}u;
${rows.text}
  let place = select(uniforms.last, row, is_there);
  atomicMax(&owners[place], i32(at) + 1);`,
  });
}
