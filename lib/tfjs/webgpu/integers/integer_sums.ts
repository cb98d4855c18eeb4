/** Kernels of WebGPU that add integers at indices given by other integers. @module */
import * as tf from "@tensorflow/tfjs-core";
import { runElementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import type { IntegerKernel } from "./integer_kernel.ts";
import { sizeOf } from "../../kernel_call.ts";
import { makeOutput, runProgram, type Tensors } from "../program.ts";
import { repeat } from "../shader.ts";

const THREADS = 64;

/** The additions of a kernel: which value is added at which place of the result. */
interface Additions {
  readonly name: string;
  readonly variants?: readonly string[];
  readonly shape: number[];
  readonly dtype: tf.DataType;
  /** The number of additions, each by a thread of its own. */
  readonly count: number;
  readonly reads: Tensors;
  readonly integers: Readonly<Record<string, number>>;
  /** WGSL statements that declare the `row` and `column` of addition `at`; the row may be out of range. */
  readonly places: string;
  /** WGSL of the value of addition `at`. */
  readonly value: string;
  /** The function that combines a value with what is at its place. @default "atomicAdd" */
  readonly by?: "atomicAdd" | "atomicMax";
}

/** Adds values to a tensor of zeros; those out of range are dropped. */
function sumAt(
  webgpu: StrictWebGPUBackend,
  { name, variants, shape, dtype, count, reads, integers, places, value, by }:
    Additions,
): tf.TensorInfo {
  const y = makeOutput(webgpu, shape, dtype);
  if (sizeOf(y) === 0) return y;
  runElementwise(webgpu, {
    name: "integer zeros",
    width: 1,
    elements: { y: "i32" },
    reads: {},
    writes: { y },
    body: "  y[at] = 0;",
  });
  if (count === 0) return y;
  const elements = Object.fromEntries(
    Object.keys(reads).map((read) => [read, "i32"] as const),
  );
  runProgram(webgpu, {
    name: `integer ${name}`,
    ...(variants && { variants }),
    width: 1,
    elements: { ...elements, y: "atomic<i32>" },
    reads,
    writes: { y },
    integers: { count, size: sizeOf(y), ...integers },
    threads: THREADS,
    workgroups: Math.ceil(count / THREADS),
    body: /* wgsl */ `  let at = workgroup * ${THREADS}u + local;
  if (at >= uniforms.count) { return; }
${places}
  let place = u32(row) * uniforms.columns + column;
  if (row >= 0 && place < uniforms.size) {
    ${by ?? "atomicAdd"}(&y[place], ${value});
  }`,
  });
  return y;
}

/** The kernel `UnsortedSegmentSum` of integers, which adds up the rows of each segment. */
export const unsortedSegmentSum: IntegerKernel = (
  webgpu,
  { inputs, attrs },
) => {
  const { x, segmentIds } = inputs as Record<
    "x" | "segmentIds",
    tf.TensorInfo
  >;
  const { numSegments } = attrs as unknown as tf.UnsortedSegmentSumAttrs;
  const rest = x.shape.slice(1);
  return sumAt(webgpu, {
    name: "UnsortedSegmentSum",
    shape: [numSegments, ...rest],
    dtype: x.dtype,
    count: sizeOf(x),
    reads: { x, ids: segmentIds },
    integers: { columns: tf.util.sizeFromShape(rest) },
    places: /* wgsl */ `  let row = ids[at / uniforms.columns];
  let column = at % uniforms.columns;`,
    value: "x[at]",
  });
};

/** The kernels `Bincount` and `DenseBincount` with integers as weights, or without weights. */
export const bincount: IntegerKernel = (webgpu, { inputs, attrs }) => {
  const { x, weights } = inputs as Record<"x" | "weights", tf.TensorInfo>;
  const { size, binaryOutput } = attrs as unknown as tf.DenseBincountAttrs;
  const isWeighted = sizeOf(weights) > 0 && !binaryOutput;
  const rows = x.shape.slice(0, -1);
  return sumAt(webgpu, {
    name: "Bincount",
    variants: [isWeighted ? "weighted" : "", binaryOutput ? "binary" : ""],
    shape: [...rows, size],
    dtype: weights.dtype,
    count: sizeOf(x),
    reads: { x, ...(isWeighted && { weights }) },
    integers: { columns: 1, bins: size, each: x.shape.at(-1)! },
    places: /* wgsl */ `  let bin = x[at];
  let is_within = bin >= 0 && bin < i32(uniforms.bins);
  let row = select(-1, i32(at / uniforms.each * uniforms.bins) + bin, is_within);
  let column = 0u;`,
    value: isWeighted ? "weights[at]" : "1",
    by: binaryOutput ? "atomicMax" : "atomicAdd",
  });
};

/** The kernel `ScatterNd` of integers. */
export const scatterNd: IntegerKernel = (webgpu, { inputs, attrs }) => {
  const { indices, updates } = inputs as Record<
    "indices" | "updates",
    tf.TensorInfo
  >;
  const { shape } = attrs as unknown as tf.ScatterNdAttrs;
  const { sliceRank, sliceSize, strides } = tf.backend_util.calculateShapes(
    updates as tf.Tensor,
    indices as tf.Tensor,
    shape,
  );
  const isScalar = updates.shape.length === 0;
  return sumAt(webgpu, {
    name: "ScatterNd",
    variants: [`rank ${sliceRank}`, isScalar ? "scalar" : ""],
    shape,
    dtype: updates.dtype,
    count: sizeOf(indices) / Math.max(1, sliceRank) * sliceSize,
    reads: { indices, updates },
    integers: {
      columns: sliceSize,
      ...Object.fromEntries(strides.map((stride, i) => [`stride${i}`, stride])),
    },
    places: /* wgsl */ `  let first = at / uniforms.columns * ${sliceRank}u;
  let row = ${
      repeat(
        sliceRank,
        (i) => `indices[first + ${i}u] * i32(uniforms.stride${i})`,
        " + ",
      )
    };
  let column = at % uniforms.columns;`,
    value: isScalar ? "updates[0]" : "updates[at]",
  });
};
