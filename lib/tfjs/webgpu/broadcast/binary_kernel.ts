/**
 * The kernels of functions of two floats that a GPU computes in an instruction or two.
 *
 * TensorFlow.js has a text for each function, rank and way to broadcast. Ours depends on
 * the function, on the types, on which operand is repeated, and on whether four numbers
 * lie next to each other; shapes are numbers that it reads.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { axesOf } from "../../broadcast_axes.ts";
import { sizeOf } from "../../kernel_call.ts";
import { elementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { launch } from "../launch.ts";
import {
  elementOf,
  makeOutput,
  type PackWidth,
  type Prepared,
  prepared,
  type Program,
  widthOf,
  withOutputs,
} from "../program.ts";
import { RecentCache } from "../recent_cache.ts";
import { placesIn } from "./places.ts";
import { PLACES_OF } from "./places.wgsl.ts";

/** A function of two floats. */
interface Binary {
  /** WGSL of the function of two packs x and y: a pack, or truths. */
  readonly text: string;
  /** Whether results are truths. @default false */
  readonly isTruth?: boolean;
  /** Whether it takes two bools as floats. @default false */
  readonly takesBools?: boolean;
  /** Whether small tensors on the host stay there, as with tfjs's kernel. @default true */
  readonly isOnHost?: boolean;
}

const orNaN = (text: string) =>
  `select(${text}, Pack(uniforms.nan), is_nan(x) | is_nan(y))`;

const FUNCTIONS: Readonly<Record<string, Binary>> = {
  Add: { text: "x + y" },
  Equal: { text: "x == y", isTruth: true },
  Greater: { text: "x > y", isTruth: true },
  GreaterEqual: { text: "x >= y", isTruth: true },
  Less: { text: "x < y", isTruth: true },
  LessEqual: { text: "x <= y", isTruth: true },
  LogicalAnd: {
    text: "(x >= Pack(1.0)) & (y >= Pack(1.0))",
    isTruth: true,
    takesBools: true,
    isOnHost: false,
  },
  LogicalOr: {
    text: "(x >= Pack(1.0)) | (y >= Pack(1.0))",
    isTruth: true,
    takesBools: true,
    isOnHost: false,
  },
  Maximum: { text: orNaN("max(x, y)") },
  Minimum: { text: orNaN("min(x, y)") },
  Multiply: { text: "x * y" },
  NotEqual: { text: "(x != y) | is_nan(x) | is_nan(y)", isTruth: true },
  RealDiv: { text: "x / y", isOnHost: false },
  SquaredDifference: { text: "(x - y) * (x - y)", isOnHost: false },
  Sub: { text: "x - y" },
};

/** The names of the kernels. */
export const BINARY_KERNELS: readonly string[] = Object.keys(FUNCTIONS);

/** WGSL by the width of packs: the type of a pack's truths, and where it is NaN. */
const PACKS: Readonly<Record<PackWidth, string>> = {
  1: /* wgsl */ `
alias Truths = i32;
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
`,
  4: /* wgsl */ `
alias Truths = vec4i;
fn is_nan(x: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
}
`,
};

/**
 * The kernel of a function of two floats, or of a float and an integer, which is taken as
 * one.
 *
 * @param stock The previous kernel: for integers, complex numbers and strings, and for
 * small tensors on the host.
 */
export function binaryKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  const { takesBools = false, isOnHost = true } = FUNCTIONS[name]!;
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const { a, b } = call.inputs as Record<"a" | "b", tf.TensorInfo>;
    const isOurs = isReal(a) && isReal(b) &&
      (takesBools || a.dtype === "float32" || b.dtype === "float32") &&
      !(isOnHost && webgpu.shouldExecuteOnCPU([a, b]));
    return isOurs
      ? withOutputs(webgpu, () => combined(webgpu, name, a, b))
      : stock(call);
  };
}

const isReal = ({ dtype }: tf.TensorInfo): boolean =>
  dtype === "float32" || dtype === "int32" || dtype === "bool";

/** Programs that are kept at least, for calls of the same shapes: more than a step has. */
const KEPT = 1024;

const programs = new WeakMap<StrictWebGPUBackend, RecentCache<Prepared>>();

function combined(
  webgpu: StrictWebGPUBackend,
  name: string,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
): tf.TensorInfo {
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const y = makeOutput(webgpu, shape, dtypeOf(name));
  if (sizeOf(y) === 0) return y;
  let kept = programs.get(webgpu);
  if (!kept) programs.set(webgpu, kept = new RecentCache(KEPT, () => {}));
  const [typeA, typeB] = [elementOf(webgpu, a), elementOf(webgpu, b)];
  const key = `${name} ${typeA} ${a.shape} ${typeB} ${b.shape}`;
  let program = kept.get(key);
  if (!program) {
    const [ofA, ofB] = [operand(typeA, a), operand(typeB, b)];
    program = prepared(webgpu, programOf(name, ofA, ofB));
    kept.set(key, program);
  }
  launch(webgpu, program.shader, [a, b, y], program.uniforms);
  return y;
}

const dtypeOf = (name: string) => FUNCTIONS[name]!.isTruth ? "bool" : "float32";

/** What a program depends on of a tensor, which a program that is kept must not hold. */
interface Operand extends tf.TensorInfo {
  readonly element: "f32" | "i32";
}

const operand = (
  element: "f32" | "i32",
  { shape, dtype }: tf.TensorInfo,
): Operand => ({ element, shape, dtype, dataId: {} });

function programOf(name: string, a: Operand, b: Operand): Program {
  const axes = axesOf([a, b]);
  const width = widthOf(axes.columns);
  // Where an operand is repeated along the innermost axis, a pack needs one number of it.
  const [widthA, widthB] = axes.strides.map((strides): PackWidth =>
    strides.at(-1) ? width : 1
  ) as [PackWidth, PackWidth];
  const elements = {
    a: elementsIn(a.element, widthA),
    b: elementsIn(b.element, widthB),
    y: elementsIn(FUNCTIONS[name]!.isTruth ? "i32" : "f32", width),
  } as const;
  const { text, isTruth } = FUNCTIONS[name]!;
  return elementwise({
    name: `binary ${name}`,
    variants: [elements.a, elements.b],
    ...placesIn(axes, [widthA, widthB]),
    width,
    elements,
    reads: { a, b },
    writes: { y: { dataId: {}, shape: axes.shape, dtype: dtypeOf(name) } },
    floats: { nan: NaN },
    functions: /* wgsl */ `${PACKS[width]}${PLACES_OF}
fn value_of(x: Pack, y: Pack) -> ${isTruth ? "Truths" : "Pack"} {
  return ${isTruth ? `Truths(${text})` : text};
}
`,
    body: /* wgsl */ `  let places = places_of(at);
  let x = ${packOf("a", "x", widthA)};
  y[at] = value_of(x, ${packOf("b", "y", widthB)});`,
  });
}

const elementsIn = (element: "f32" | "i32", width: PackWidth) =>
  width === 1 ? element : element === "f32" ? "vec4f" : "vec4i";

/** WGSL of the floats of an operand, of whatever type it is. */
const packOf = (name: string, place: string, width: PackWidth) =>
  width === 4
    ? `Pack(${name}[places.${place}])`
    : `Pack(f32(${name}[places.${place}]))`;
