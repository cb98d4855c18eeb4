/** Sums, products and extremes of integers on WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { callKernel, reducedShape } from "../../kernel_call.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import type { IntegerKernel } from "./integer_kernel.ts";
import { elementOf, makeOutput, runProgram, withOutputs } from "../program.ts";

const THREADS = 64;
const LOWEST = -(2 ** 31);
const HIGHEST = 2 ** 31 - 1;

/** A reduction of integers: how two results are combined, the neutral element, and the type. */
interface Reduction {
  /** WGSL that combines the results `x` and `y`. */
  readonly join: string;
  readonly neutral: number;
  readonly dtype: (dtype: tf.DataType) => tf.DataType;
  /** WGSL of the result for one element, `x[at]`. @default the element */
  readonly own?: string;
}

/** WGSL of an element as a bool; bools that a caller has written may be any numbers. */
const IS_TRUE = "i32(x[at] != 0)";

const same = (dtype: tf.DataType) => dtype;
const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  All: { join: "x & y", neutral: 1, dtype: same, own: IS_TRUE },
  Any: { join: "x | y", neutral: 0, dtype: same, own: IS_TRUE },
  Max: { join: "max(x, y)", neutral: LOWEST, dtype: same },
  Min: { join: "min(x, y)", neutral: HIGHEST, dtype: same },
  Prod: { join: "x * y", neutral: 1, dtype: tf.sumOutType },
  Sum: { join: "x + y", neutral: 0, dtype: tf.sumOutType },
};

/** The names of the reductions' kernels. */
export const REDUCTION_NAMES: readonly string[] = Object.keys(REDUCTIONS);

/** The WGSL literal of an integer; -2147483648 is there the negative of a literal that is too large. */
function literal(value: number): string {
  return value === LOWEST ? "bitcast<i32>(0x80000000u)" : `${value}`;
}

export function reductionKernel(name: string): IntegerKernel {
  const { join, neutral, dtype, own = "x[at]" } = REDUCTIONS[name]!;
  return (webgpu, { inputs, attrs }) => {
    const x = inputs["x"] as tf.TensorInfo;
    const { axis, reductionIndices, keepDims } = attrs as unknown as
      & tf.SumAttrs
      & tf.MaxAttrs;
    const axes = tf.util.parseAxisParam(axis ?? reductionIndices, x.shape);
    const last = withAxesLast(webgpu, x, axes);
    const shape = reducedShape(x.shape, axes, keepDims);
    const y = makeOutput(webgpu, shape, dtype(x.dtype));
    const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
    reduceRows(webgpu, { x: last, y }, count, {
      name,
      state: "i32",
      neutral: literal(neutral),
      own,
      join,
      result: "total",
    });
    if (last !== x) webgpu.disposeData(last.dataId);
    return y;
  };
}

/** WGSL of integers in the order of floats; of NaN, it is the worst one. */
const orderOf = (worst: string): string => /* wgsl */ `
fn order_of(x: f32) -> i32 {
  let bits = bitcast<i32>(select(x, 0.0, x == 0.0));
  let is_nan = (bits & 0x7fffffff) > 0x7f800000;
  return select(bits ^ ((bits >> 31u) & 0x7fffffff), ${worst}, is_nan);
}
`;

/**
 * The kernel `ArgMax` or `ArgMin` of integers or floats, which returns the first of
 * equal elements, and that of NaN only where there is no other.
 */
export function argumentKernel(name: string): IntegerKernel {
  const isMore = name === "ArgMax" ? ">" : "<";
  const worst = literal(name === "ArgMax" ? LOWEST : HIGHEST);
  return (webgpu, { inputs, attrs }) => {
    const x = inputs["x"] as tf.TensorInfo;
    const { axis } = attrs as unknown as tf.ArgMaxAttrs;
    const [along] = tf.util.parseAxisParam(axis, x.shape);
    const last = withAxesLast(webgpu, x, [along!]);
    const y = makeOutput(webgpu, x.shape.toSpliced(along!, 1), "int32");
    reduceRows(webgpu, { x: last, y }, x.shape[along!]!, {
      name,
      // The best value and its index; the initial index is beyond all of the row's.
      state: "vec2i",
      neutral: `vec2i(${worst}, ${HIGHEST})`,
      own: `vec2i(${
        elementOf(webgpu, x) === "f32" ? "order_of(x[at])" : "x[at]"
      }, i32(i))`,
      functions: orderOf(worst),
      join: `select(y, x, x.x ${isMore} y.x || (x.x == y.x && x.y < y.y))`,
      result: "total.y",
    });
    if (last !== x) webgpu.disposeData(last.dataId);
    return y;
  };
}

/** The kernel `ArgMax` or `ArgMin` of floats. */
export function floatArgumentKernel(
  _: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  const kernel = argumentKernel(name);
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    return withOutputs(webgpu, () => kernel(webgpu, call));
  };
}

/** The tensor, or a copy with the given axes moved behind the others. */
function withAxesLast(
  backend: StrictWebGPUBackend,
  x: tf.TensorInfo,
  axes: readonly number[],
): tf.TensorInfo {
  const kept = x.shape.map((_, axis) => axis)
    .filter((axis) => !axes.includes(axis));
  const perm = [...kept, ...axes.toSorted((a, b) => a - b)];
  if (perm.every((axis, i) => axis === i)) return x;
  return callKernel("webgpu", "Transpose", backend, { x }, { perm });
}

/** The reduction of a row by a workgroup, as WGSL. */
interface RowReduction {
  readonly name: string;
  /** The type of the partial results. */
  readonly state: "i32" | "vec2i";
  readonly neutral: string;
  /** WGSL that `own` calls. */
  readonly functions?: string;
  /** The partial result for element `i` of the row, `x[at]`. */
  readonly own: string;
  /** The join of the partial results `x` and `y`. */
  readonly join: string;
  /** The final result, from the partial result `total`. */
  readonly result: string;
}

/** Reduces each row of `count` numbers by a workgroup of its own. */
function reduceRows(
  webgpu: StrictWebGPUBackend,
  { x, y }: { x: tf.TensorInfo; y: tf.TensorInfo },
  count: number,
  { name, state, neutral, functions = "", own, join, result }: RowReduction,
): void {
  const element = elementOf(webgpu, x);
  runProgram(webgpu, {
    name: `integer ${name}`,
    variants: [element],
    width: 1,
    elements: { x: element, y: "i32" },
    reads: { x },
    writes: { y },
    integers: { count },
    threads: THREADS,
    workgroups: tf.util.sizeFromShape(y.shape),
    functions: /* wgsl */ `${functions}
var<workgroup> parts: array<${state}, ${THREADS}>;

fn combined(x: ${state}, y: ${state}) -> ${state} { return ${join}; }
`,
    body: /* wgsl */ `  let first = workgroup * uniforms.count;
  var total = ${neutral};
  for (var i = local; i < uniforms.count; i += ${THREADS}u) {
    let at = first + i;
    total = combined(total, ${own});
  }
  parts[local] = total;
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      total = combined(total, parts[local + half]);
      parts[local] = total;
    }
  }
  if (local == 0u) { y[workgroup] = ${result}; }`,
  });
}
