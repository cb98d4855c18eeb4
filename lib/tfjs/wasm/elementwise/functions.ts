/**
 * Functions of each element that LION's WebAssembly module computes: the single list
 * from which the module's loops and tfjs's kernels are made. What each computes is in
 * tools/kernels/elementwise/functions.ts.
 *
 * @module
 */

/** What a function reads and writes, and costs. */
export interface Signature {
  /** Its operands, in order: `f` for 32-bit floats, `b` for bools of a byte each. */
  readonly operands: string;
  /** Its result, likewise. */
  readonly result: "f" | "b";
  /**
   * Operations per element, roughly, with those that reading and writing takes as
   * long as.
   */
  readonly operations: number;
}

const signatures = <N extends string>(
  operands: string,
  result: "f" | "b",
  operations: number,
  names: readonly N[],
): Record<N, Signature> =>
  Object.fromEntries(
    names.map((name) => [name, { operands, result, operations }]),
  ) as Record<N, Signature>;

/** The functions; their order gives them their numbers in the module. */
export const FUNCTIONS = {
  ...signatures("f", "f", 8, [
    "abs",
    "neg",
    "sqrt",
    "rsqrt",
    "square",
    "cube",
    "reciprocal",
    "floor",
    "ceil",
    "round",
    "sign",
    "step",
    "relu",
    "relu6",
    "leakyRelu",
    "clipByValue",
  ]),
  ...signatures("f", "f", 30, [
    "exp",
    "expm1",
    "log",
    "log1p",
    "sigmoid",
    "softplus",
    "elu",
    "selu",
    "tanh",
    "sinh",
    "cosh",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "asinh",
    "acosh",
    "atanh",
    "erf",
  ]),
  ...signatures("f", "b", 8, ["isNan", "isInf", "isFinite"]),
  ...signatures("ff", "f", 8, [
    "add",
    "sub",
    "multiply",
    "realDiv",
    "maximum",
    "minimum",
    "squaredDifference",
    "prelu",
    "eluGrad",
  ]),
  ...signatures("f", "f", 30, ["logSigmoid"]),
  ...signatures("ff", "f", 30, ["logSigmoidGradient"]),
  ...signatures("f", "f", 8, ["atLeast"]),
  ...signatures("ff", "f", 8, ["atLeastGradient", "dropout"]),
  ...signatures("ff", "f", 60, ["pow", "mod", "floorDiv", "atan2"]),
  ...signatures("ff", "b", 8, [
    "equal",
    "notEqual",
    "less",
    "lessEqual",
    "greater",
    "greaterEqual",
  ]),
  ...signatures("b", "b", 4, ["logicalNot"]),
  ...signatures("bb", "b", 4, ["logicalAnd", "logicalOr", "logicalXor"]),
  ...signatures("bff", "f", 8, ["select"]),
  ...signatures("f", "b", 8, ["toBool"]),
  ...signatures("b", "f", 8, ["ofBool"]),
};

export type FunctionName = keyof typeof FUNCTIONS;

/**
 * Functions that leave some arguments out, such as huge angles, and tell whether they
 * met any, with what computes these: a function, or the kernel of the cpu backend.
 */
export const PARTIAL: Readonly<
  Partial<Record<FunctionName, ((x: number) => number) | "cpu">>
> = { sin: Math.sin, cos: Math.cos, tan: Math.tan, mod: "cpu" };

/** Angles beyond this are left out. */
export const LARGEST_ANGLE = 8192;

/** The most axes around the innermost one along which operands are repeated. */
export const OUTER_AXES = 5;
