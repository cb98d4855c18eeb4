/**
 * Functions of each element that LION's WebAssembly module computes: the single list
 * from which the module's loops and tfjs's kernels are made. What each computes is in
 * tools/kernels/elementwise/functions.ts.
 *
 * @module
 */

/** The operands, the result and the cost of a function. */
export interface Signature {
  /** The types of operands, in order: `f` for 32-bit floats, `b` for bools of a byte each. */
  readonly operands: string;
  /** The type of the result, by the same letters. */
  readonly result: "f" | "b";
  /**
   * Operations per element, roughly, with those that reading and writing takes as
   * long as.
   */
  readonly operations: number;
}

/** Functions with the same signature: operands, result, operations, and their names. */
const GROUPS = [
  ["f", "f", 8, [
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
  ]],
  ["f", "f", 30, [
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
  ]],
  ["f", "b", 8, ["isNan", "isInf", "isFinite"]],
  ["ff", "f", 8, [
    "add",
    "sub",
    "multiply",
    "realDiv",
    "maximum",
    "minimum",
    "squaredDifference",
    "prelu",
    "eluGrad",
  ]],
  ["f", "f", 30, ["logSigmoid"]],
  ["ff", "f", 30, ["logSigmoidGradient"]],
  ["f", "f", 8, ["atLeast"]],
  ["ff", "f", 8, ["atLeastGradient", "dropout"]],
  ["ff", "f", 60, ["pow", "mod", "floorDiv", "atan2"]],
  ["ff", "b", 8, [
    "equal",
    "notEqual",
    "less",
    "lessEqual",
    "greater",
    "greaterEqual",
  ]],
  ["b", "b", 4, ["logicalNot"]],
  ["bb", "b", 4, ["logicalAnd", "logicalOr", "logicalXor"]],
  ["bff", "f", 8, ["select"]],
  ["f", "b", 8, ["toBool"]],
  ["b", "f", 8, ["ofBool"]],
] as const;

export type FunctionName = (typeof GROUPS)[number][3][number];

/** The functions; their order gives them their numbers in the module. */
export const FUNCTIONS: Readonly<Record<FunctionName, Signature>> = Object
  .fromEntries(
    GROUPS.flatMap(([operands, result, operations, names]) =>
      names.map((name) => [name, { operands, result, operations }])
    ),
  ) as Record<FunctionName, Signature>;

/**
 * Functions that leave some arguments out, such as huge angles, and report whether they
 * met any; and what computes those arguments: a function, or the cpu backend's kernel.
 */
export const PARTIAL: Readonly<
  Partial<Record<FunctionName, ((x: number) => number) | "cpu">>
> = { sin: Math.sin, cos: Math.cos, tan: Math.tan, mod: "cpu" };

/** Angles beyond this are left out. */
export const LARGEST_ANGLE = 8192;

/** The most axes around the innermost one along which operands are repeated. */
export const OUTER_AXES = 5;
