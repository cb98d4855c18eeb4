/** Functions of each element as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { cpuKernel } from "../cpu_kernel.ts";
import type { MakeKernel } from "../outputs.ts";
import {
  compute,
  type Elementwise,
  elementwise,
  type Numbers,
} from "./elementwise.ts";
import { type FunctionName, FUNCTIONS } from "./functions.ts";

/** A kernel whose operands or attributes are not named as most are. */
interface Named {
  readonly operands?: readonly string[];
  readonly numbers?: (attributes: Readonly<Record<string, number>>) => Numbers;
}

/** The names of operands, by their number. */
const OPERANDS = [[], ["x"], ["a", "b"]];

const alpha: Named["numbers"] = ({ alpha }) => ({ p: alpha });

const NAMED: Readonly<Record<string, Named>> = {
  ClipByValue: {
    numbers: ({ clipValueMin, clipValueMax }) => ({
      p: clipValueMin!,
      q: clipValueMax!,
    }),
  },
  EluGrad: { operands: ["dy", "y"] },
  LeakyRelu: { numbers: alpha },
  Prelu: { operands: ["x", "alpha"] },
  Step: { numbers: alpha },
};

/** Functions that are no kernels of tfjs's, or that several kernels are made of. */
const OTHERS: readonly string[] = [
  ...["atLeast", "atLeastGradient", "cube", "dropout", "logSigmoid"],
  ...["logSigmoidGradient", "pow", "select", "toBool", "ofBool"],
];

/** The kernels that are a function each, whose names are those with a capital. */
export const ELEMENTWISE_KERNELS: readonly string[] = Object.keys(FUNCTIONS)
  .filter((name) => !OTHERS.includes(name))
  .map((name) => name[0]!.toUpperCase() + name.slice(1));

/**
 * A kernel that computes a function of each element, of the types that the function
 * takes; `stock` gets other types, and what the function leaves out is computed by the
 * cpu backend's.
 */
export const elementwiseKernel: MakeKernel = (stock, name, host) => {
  const fn = elementwise(functionOf(name));
  const { operands = OPERANDS[fn.types.length]!, numbers } = NAMED[name] ?? {};
  // tfjs's own repeats operands along six axes, and leaves results of more as they are.
  const rest = cpuKernel(stock, name, fn.types);
  return (call) => {
    const given: tf.TensorInfo[] = [];
    for (let i = 0; i < operands.length; i++) {
      const operand = call.inputs[operands[i]!] as tf.TensorInfo;
      if (operand.dtype !== fn.types[i]) return stock(call);
      given.push(operand);
    }
    return compute(
      host,
      call.backend as BackendWasm,
      fn,
      given,
      numbers?.(call.attrs as Record<string, number>),
    ) ?? rest(call);
  };
};

function functionOf(kernel: string): FunctionName {
  return kernel[0]!.toLowerCase() + kernel.slice(1) as FunctionName;
}

/** Exponents for which there is a faster function, right to one unit in the last place. */
const POWERS: Readonly<Record<number, Elementwise | undefined>> = {
  [-1]: elementwise("reciprocal"),
  2: elementwise("square"),
  3: elementwise("cube"),
};

/** The kernel `Pow`, like {@linkcode elementwiseKernel}. */
export const powerKernel: MakeKernel = (stock, _name, host) => {
  const power = elementwise("pow"), rest = cpuKernel(stock, "Pow", power.types);
  return (call) => {
    const { a, b } = call.inputs as Record<"a" | "b", tf.TensorInfo>;
    if (a.dtype !== "float32" || b.dtype !== "float32") return stock(call);
    const wasm = call.backend as BackendWasm;
    const isNumber = b.shape.length <= a.shape.length &&
      b.shape.every((size) => size === 1);
    const fn = isNumber && POWERS[wasm.typedArrayFromHeap(b)[0]!];
    return (fn
      ? compute(host, wasm, fn, [a])
      : compute(host, wasm, power, [a, b])) ?? rest(call);
  };
};

/** The kernel `AddN`, which adds one tensor after the other. */
export const addKernel: MakeKernel = (stock, _name, host) => {
  const add = elementwise("add");
  return (call) => {
    const [first, ...others] = call.inputs as unknown as tf.TensorInfo[];
    const isOfFloats = (x: tf.TensorInfo) => x.dtype === "float32";
    if (!first || others.length === 0) return stock(call);
    if (![first, ...others].every(isOfFloats)) return stock(call);
    const wasm = call.backend as BackendWasm;
    let sum = first;
    for (const x of others) {
      const before = sum;
      try {
        sum = compute(host, wasm, add, [before, x])!;
      } finally {
        if (before !== first) wasm.disposeData(before.dataId);
      }
    }
    return sum;
  };
};

/**
 * The kernel `Select`, of a condition for each element or for each row along the first
 * axis.
 */
export const selectKernel: MakeKernel = (stock, _name, host) => {
  const select = elementwise("select");
  return (call) => {
    const { condition, t, e } = call.inputs as Record<
      "condition" | "t" | "e",
      tf.TensorInfo
    >;
    const { dtype, shape: { length: rank } } = t;
    if (condition.dtype !== "bool" || e.dtype !== dtype) return stock(call);
    if (dtype !== "float32" && dtype !== "int32") return stock(call);
    const isOfRows = condition.shape.length === 1 && rank > 1;
    const shape = isOfRows
      ? [...condition.shape, ...new Array<number>(rank - 1).fill(1)]
      : condition.shape;
    const wasm = call.backend as BackendWasm;
    const operands = [{ ...condition, shape }, t, e];
    return compute(host, wasm, { ...select, type: dtype }, operands) ??
      stock(call);
  };
};
