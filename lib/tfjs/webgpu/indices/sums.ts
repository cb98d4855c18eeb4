/** Kernels of WebGPU that add numbers at places given by integers. @module */
import * as tf from "@tensorflow/tfjs-core";
import { depthOf } from "../../index_checks.ts";
import { sizeOf } from "../../kernel_call.ts";
import { runElementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { makeOutput, runProgram, type Tensors } from "../program.ts";
import {
  absentOf,
  elementsOf,
  type IndexedKernel,
  rowsOf,
  typeOf,
} from "./indexed_kernel.ts";

const THREADS = 64;

/** The additions of a kernel: which value is added at which place of the result. */
interface Additions {
  readonly name: string;
  readonly variants?: readonly (string | false)[];
  readonly shape: number[];
  readonly dtype: tf.DataType;
  /** The number of additions, each by a thread of its own. */
  readonly count: number;
  readonly reads: Tensors;
  /** Elements of a row. */
  readonly columns: number;
  readonly integers?: Readonly<Record<string, number>>;
  /**
   * WGSL statements that declare the `row` and the `column` of addition `at`, and
   * whether it `is_there`; what is not is dropped.
   */
  readonly places: string;
  /** WGSL that says whether an addition spoils all of the result. @default none does */
  readonly wrong?: string;
  /** WGSL of the value of addition `at`. */
  readonly value: string;
  /** Whether the value replaces what is at its place. @default false */
  readonly replaces?: boolean;
}

/** Floats are added as their bits: there is no atomic addition of them. */
const ADD = {
  i32: /* wgsl */ `
fn add(place: u32, value: i32) { atomicAdd(&y[place], value); }
`,
  f32: /* wgsl */ `
fn add(place: u32, value: f32) {
  var before = atomicLoad(&y[place]);
  loop {
    let after = bitcast<i32>(bitcast<f32>(before) + value);
    let tried = atomicCompareExchangeWeak(&y[place], before, after);
    if (tried.exchanged) { break; }
    before = tried.old_value;
  }
}
`,
} as const;

/** Adds values to a tensor of zeros. */
function sumAt(
  webgpu: StrictWebGPUBackend,
  { name, variants = [], shape, dtype, count, reads, columns, ...how }:
    Additions,
): tf.TensorInfo {
  const y = makeOutput(webgpu, shape, dtype);
  if (sizeOf(y) === 0) return y;
  const wrong = how.wrong === undefined
    ? undefined
    : makeOutput(webgpu, [1], "int32");
  runElementwise(webgpu, {
    name: "integer zeros",
    variants: [wrong !== undefined && "wrong"],
    width: 1,
    elements: { y: "i32", wrong: "i32" },
    reads: {},
    writes: { y, ...(wrong && { wrong }) },
    body: `  y[at] = 0;
  ${wrong ? "if (at == 0) { wrong[0] = 0; }" : ""}`,
  });
  if (count > 0) {
    const type = typeOf(y), { elements, variant } = elementsOf(webgpu, reads);
    const place = "row * uniforms.columns + column";
    const value = `${type}(${how.value})`;
    runProgram(webgpu, {
      name: `add ${name}`,
      variants: [...variants, variant, type],
      width: 1,
      elements: { ...elements, y: "atomic<i32>", wrong: "atomic<i32>" },
      reads,
      writes: { y, ...(wrong && { wrong }) },
      integers: { count, columns, ...how.integers },
      threads: THREADS,
      workgroups: Math.ceil(count / THREADS),
      functions: how.replaces ? "" : ADD[type],
      body: /* wgsl */ `  let at = workgroup * ${THREADS}u + local;
  if (at >= uniforms.count) { return; }
${how.places}
  ${wrong ? `if (${how.wrong}) { atomicStore(&wrong[0], 1); }` : ""}
  if (!is_there) { return; }
  ${
        how.replaces
          ? `atomicStore(&y[${place}], bitcast<i32>(${value}));`
          : `add(${place}, ${value});`
      }`,
    });
  }
  if (wrong) {
    spoil(webgpu, y, wrong);
    webgpu.disposeData(wrong.dataId);
  }
  return y;
}

/** Makes all of a tensor absent if something was wrong. */
function spoil(
  webgpu: StrictWebGPUBackend,
  y: tf.TensorInfo,
  wrong: tf.TensorInfo,
): void {
  const absent = absentOf(y), type = typeOf(y);
  runElementwise(webgpu, {
    name: "spoil",
    variants: [type],
    width: 1,
    elements: { wrong: "i32", y: type },
    reads: { wrong },
    writes: { y },
    floats: absent.floats,
    body: `  if (wrong[0] != 0) { y[at] = ${absent.text}; }`,
  });
}

/**
 * The kernel `UnsortedSegmentSum`, which adds up the rows of each segment, and passes
 * over ids out of range, as TensorFlow does.
 */
export const unsortedSegmentSum: IndexedKernel = (
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
    columns: tf.util.sizeFromShape(rest),
    integers: { rows: numSegments },
    places: /* wgsl */ `  let id = i32(ids[at / uniforms.columns]);
  let row = u32(id);
  let column = at % uniforms.columns;
  let is_there = id >= 0 && id < i32(uniforms.rows);`,
    value: "x[at]",
  });
};

/**
 * The kernels `Bincount` and `DenseBincount`, which leave out numbers beyond the last
 * bin, as TensorFlow does; a negative one is wrong.
 */
export function bincount(name: string): IndexedKernel {
  return (webgpu, { inputs, attrs }) => {
    const { x, weights } = inputs as Record<"x" | "weights", tf.TensorInfo>;
    const { size, binaryOutput } = attrs as unknown as tf.DenseBincountAttrs;
    const isWeighted = sizeOf(weights) > 0 && !binaryOutput;
    const rows = name === "Bincount" ? [] : x.shape.slice(0, -1);
    const each = sizeOf(x) / tf.util.sizeFromShape(rows);
    return sumAt(webgpu, {
      name: "Bincount",
      variants: [isWeighted && "weighted", !!binaryOutput && "binary"],
      shape: [...rows, size],
      dtype: weights.dtype,
      count: sizeOf(x),
      reads: { x, ...(isWeighted && { weights }) },
      columns: size,
      integers: { each },
      places: /* wgsl */ `  let bin = i32(x[at]);
  let row = at / uniforms.each;
  let column = u32(bin);
  let is_there = bin >= 0 && bin < i32(uniforms.columns);`,
      wrong: "bin < 0",
      value: isWeighted ? "weights[at]" : "1",
      replaces: !!binaryOutput,
    });
  };
}

/** The kernel `ScatterNd`. */
export const scatterNd: IndexedKernel = (webgpu, { inputs, attrs }) => {
  const { indices, updates } = inputs as Record<
    "indices" | "updates",
    tf.TensorInfo
  >;
  const { shape } = attrs as unknown as tf.ScatterNdAttrs;
  const { numUpdates, sliceSize: columns } = tf.backend_util.calculateShapes(
    updates as tf.Tensor,
    indices as tf.Tensor,
    shape,
  );
  const depth = depthOf(indices), rows = rowsOf(shape, depth);
  return sumAt(webgpu, {
    name: "ScatterNd",
    variants: [rows.variant],
    shape,
    dtype: updates.dtype,
    count: numUpdates * columns,
    reads: { indices, updates },
    columns,
    integers: rows.integers,
    places: /* wgsl */ `  let first = at / uniforms.columns * ${depth}u;
${rows.text}
  let column = at % uniforms.columns;`,
    wrong: "!is_there",
    value: "updates[at]",
  });
};
