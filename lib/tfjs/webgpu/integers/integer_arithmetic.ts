/** Arithmetic of integers, element by element, on WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { refer } from "../../kernel_call.ts";
import { axesOf } from "../../broadcast_axes.ts";
import { placesIn } from "../broadcast/places.ts";
import { PLACES_OF } from "../broadcast/places.wgsl.ts";
import { runElementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import type { IntegerKernel } from "./integer_kernel.ts";
import { makeOutput } from "../program.ts";

/** The WGSL of each function of one integer x. */
const UNARY: Readonly<Record<string, string>> = {
  Abs: "abs(x)",
  ClipByValue:
    "clamp(x, bitcast<i32>(uniforms.least), bitcast<i32>(uniforms.most))",
  Neg: "-x",
  Relu: "max(x, 0)",
  Square: "x * x",
};

/** A function of two integers x and y. */
interface Binary {
  readonly text: string;
  /** The type of the function's results. @default that of its arguments */
  readonly dtype?: tf.DataType;
}

/** The functions of two integers, by kernel name; a quotient by 0 is 0, as on cpu. */
const BINARY: Readonly<Record<string, Binary>> = {
  Add: { text: "x + y" },
  BitwiseAnd: { text: "x & y" },
  Equal: { text: "i32(x == y)", dtype: "bool" },
  FloorDiv: { text: "floor_of_quotient(x, y)", dtype: "int32" },
  Greater: { text: "i32(x > y)", dtype: "bool" },
  GreaterEqual: { text: "i32(x >= y)", dtype: "bool" },
  Less: { text: "i32(x < y)", dtype: "bool" },
  LessEqual: { text: "i32(x <= y)", dtype: "bool" },
  Maximum: { text: "max(x, y)" },
  Minimum: { text: "min(x, y)" },
  Mod: { text: "select(x - floor_of_quotient(x, y) * y, 0, y == 0)" },
  Multiply: { text: "x * y" },
  NotEqual: { text: "i32(x != y)", dtype: "bool" },
  Pow: { text: "power(x, y)" },
  SquaredDifference: { text: "(x - y) * (x - y)" },
  Sub: { text: "x - y" },
};

/** The kernels of one argument, by tfjs's names. */
export const UNARY_NAMES: readonly string[] = Object.keys(UNARY);
/** The kernels of two arguments, by tfjs's names. */
export const BINARY_NAMES: readonly string[] = Object.keys(BINARY);

const FUNCTIONS = /* wgsl */ `
fn floor_of_quotient(x: i32, y: i32) -> i32 {
  if (y == 0) { return 0; }
  let quotient = x / y;
  let is_below = quotient * y != x && (x < 0) != (y < 0);
  return select(quotient, quotient - 1, is_below);
}

fn power(base: i32, exponent: i32) -> i32 {
  if (exponent < 0) {
    // A fraction, but for 1 and -1.
    return select(0, select(1, base, (exponent & 1) == 1), abs(base) == 1);
  }
  var product = 1;
  var square = base;
  for (var rest = exponent; rest > 0; rest >>= 1u) {
    product *= select(1, square, (rest & 1) == 1);
    square *= square;
  }
  return product;
}
`;

/** The bits of an attribute as a 32-bit integer, limited to its range. */
function bitsOf(value: number): number {
  const limited = Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1);
  return Math.trunc(limited) >>> 0;
}

/** The kernel of a function of one argument. */
export function unaryKernel(name: string): IntegerKernel {
  return (webgpu, { inputs, attrs }) => {
    const x = inputs["x"] as tf.TensorInfo;
    const { clipValueMin, clipValueMax }: Partial<tf.ClipByValueAttrs> =
      attrs ?? {};
    const y = makeOutput(webgpu, x.shape, x.dtype);
    runElementwise(webgpu, {
      name: `integer ${name}`,
      width: 1,
      elements: { values: "i32", y: "i32" },
      reads: { values: x },
      writes: { y },
      ...(name === "ClipByValue" && {
        integers: { least: bitsOf(clipValueMin!), most: bitsOf(clipValueMax!) },
      }),
      body: `  let x = values[at];
  y[at] = ${UNARY[name]};`,
    });
    return y;
  };
}

/** The kernel of a function of two arguments, which may be broadcast. */
export function binaryKernel(name: string): IntegerKernel {
  return (webgpu, { inputs }) => {
    const { a, b } = inputs as Record<"a" | "b", tf.TensorInfo>;
    return combined(webgpu, name, a, b);
  };
}

/** The kernel `AddN` of integers. */
export const addN: IntegerKernel = (webgpu, { inputs }) => {
  const [first, ...rest] = Object.values(inputs) as tf.TensorInfo[];
  // The tensor itself would be taken for the result.
  if (rest.length === 0) return refer(webgpu, first!);
  return rest.reduce((sum, x) => {
    const next = combined(webgpu, "Add", sum, x);
    if (sum !== first) webgpu.disposeData(sum.dataId);
    return next;
  }, first!);
};

function combined(
  webgpu: StrictWebGPUBackend,
  name: string,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
): tf.TensorInfo {
  const { text, dtype = tf.upcastType(a.dtype, b.dtype) } = BINARY[name]!;
  const axes = axesOf([a, b]);
  const result = makeOutput(webgpu, axes.shape, dtype);
  runElementwise(webgpu, {
    name: `integer ${name}`,
    ...placesIn(axes),
    width: 1,
    elements: { a: "i32", b: "i32", result: "i32" },
    reads: { a, b },
    writes: { result },
    functions: FUNCTIONS + PLACES_OF,
    body: /* wgsl */ `  let places = places_of(at);
  let x = a[places.x];
  let y = b[places.y];
  result[at] = ${text};`,
  });
  return result;
}

/** The kernel `Fill`, which has no inputs but its attributes; `stock` handles strings. */
export function fillKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { shape, value, dtype } = call.attrs as unknown as tf.FillAttrs;
    const isInteger = dtype === "int32" || dtype === "bool";
    if (!isInteger || typeof value !== "number") return stock(call);
    const webgpu = call.backend as StrictWebGPUBackend;
    const values = tf.util.getTypedArrayFromDType(
      dtype as "int32",
      tf.util.sizeFromShape(shape),
    ).fill(value);
    return webgpu.makeTensorInfo(shape, dtype, values);
  };
}

/** The kernel `OneHot`, in the requested type. */
export const oneHot: IntegerKernel = (webgpu, { inputs, attrs }) => {
  const indices = inputs["indices"] as tf.TensorInfo;
  const { depth, onValue, offValue, dtype } =
    attrs as unknown as tf.OneHotAttrs;
  const y = makeOutput(webgpu, [...indices.shape, depth], dtype);
  const isFloat = dtype === "float32";
  const values = isFloat
    ? { on: onValue, off: offValue }
    : { on: bitsOf(onValue), off: bitsOf(offValue) };
  runElementwise(webgpu, {
    name: "integer OneHot",
    variants: [dtype],
    width: 1,
    elements: { indices: "i32", y: isFloat ? "f32" : "i32" },
    reads: { indices },
    writes: { y },
    integers: { depth, ...(!isFloat && values) },
    floats: { ...(isFloat && values) },
    body:
      /* wgsl */ `  let is_on = indices[at / uniforms.depth] == i32(at % uniforms.depth);
  let value = select(uniforms.off, uniforms.on, is_on);
  y[at] = ${isFloat ? "value" : "bitcast<i32>(value)"};`,
  });
  return y;
};
