/**
 * Rules by which optimizers change weights, and how they are applied to many weights
 * in one launch, in place: of a large model, a second copy of all weights would not fit.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "../kernel/kernel.ts";

/**
 * The rules, with the tensors that each keeps beside a weight. What they compute is in
 * `tools/kernels/rules.ts`, from which the WebAssembly module is made.
 */
export const RULES = {
  adam: ["mean", "square"],
  adamax: ["mean", "largest"],
  sgd: [],
  momentum: ["sum"],
  nesterov: ["sum"],
  rmsProp: ["square", "moment"],
  centeredRmsProp: ["square", "moment", "mean"],
  adagrad: ["square"],
  adadelta: ["square", "change"],
  /** The moving average of what stands in the place of the gradient. */
  average: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The name of a rule. */
export type Rule = keyof typeof RULES;

/** The numbers of rules; one that a rule does not read has no effect. */
export interface RuleNumbers {
  /** The factor of the change that is added to a weight. */
  readonly step: number;
  /** The factor of the first, or only, decaying mean or sum. @default 0 */
  readonly decay1?: number;
  /** The factor of what is added to it. @default 0 */
  readonly rest1?: number;
  /** The factor of the decaying mean of squares, or of the largest. @default 0 */
  readonly decay2?: number;
  /** The factor of what is added to it. @default 0 */
  readonly rest2?: number;
  /** Adam's factor of the root of the mean square. @default 1 */
  readonly correction?: number;
  /** Added to what is divided by. @default 0 */
  readonly epsilon?: number;
  /** The factor of the weight itself, for decay. @default 1 */
  readonly keep?: number;
}

/** The attributes of the kernel of {@linkcode UPDATE}. */
export interface UpdateAttributes {
  /** The rule. */
  readonly rule: Rule;
  /** The number of weights. */
  readonly weights: number;
  /** Its numbers. */
  readonly numbers: RuleNumbers;
}

/**
 * The kernel that changes weights in place: inputs `0`, `1`, …, for each weight its
 * value, its gradient and the tensors of its rule; and `factor`, a number by which all
 * gradients are multiplied first, or none. Only who holds an input knows of the change.
 */
export const UPDATE: Operation<never> = {
  kernel: "LionUpdate",
  gradientsIn: [],
  // Without `strict`, a plain [] is one of undefined.
  outputs: new Array<never>(),
};

/**
 * The kernel that joins tensors in memory, inputs `0`, `1`, …, where {@linkcode UPDATE}
 * then takes fewer launches. Who reads them does not know of it.
 */
export const JOIN: Operation<never> = {
  kernel: "LionJoin",
  gradientsIn: [],
  outputs: new Array<never>(),
};

/**
 * The kernel that adds up the squares of many tensors: inputs `0`, `1`, …, as if they
 * lay one behind the other in rows of {@linkcode COLUMNS}; the output is the sum of
 * the rows.
 */
export const SQUARE_SUMS: Operation<"sums"> = {
  kernel: "LionSquareSums",
  gradientsIn: [],
  outputs: ["sums"],
};

/**
 * Columns of concatenated values: tfjs sums rows faster, and more accurately.
 */
export const COLUMNS = 1024;

/** A weight, what changes it, and what its rule keeps beside it. */
export interface UpdatedWeight {
  /** The weight, all of whose values are its own: see {@linkcode ownValues}. */
  readonly value: tf.Tensor;
  /** Its gradient. */
  readonly gradient: tf.Tensor;
  /** The tensors of the rule, in its order, which own their values. */
  readonly states: readonly tf.Tensor[];
}

/**
 * Whether the current backend changes these weights in place: it has the kernel, and
 * they and what changes them exist, are float32, of one shape, and no weight is there
 * twice, or the gradient of one.
 */
export function fitsInPlace(weights: readonly UpdatedWeight[]): boolean {
  const values = new Set(weights.map(({ value }) => value));
  return hasKernel(UPDATE) && values.size === weights.length &&
    weights.every(({ value, gradient, states }) =>
      [value, gradient, ...states].every(({ dtype, shape, isDisposed }) =>
        dtype === "float32" && !isDisposed &&
        tf.util.arraysEqual(shape, value.shape)
      ) && !values.has(gradient)
    );
}

/**
 * Changes weights, and what their rule keeps, in place.
 *
 * @param rule The rule.
 * @param weights The weights; all tensors are float32.
 * @param numbers The rule's numbers.
 * @param factor A scalar by which all gradients are multiplied first. @default 1
 */
export function updateInPlace(
  rule: Rule,
  weights: readonly UpdatedWeight[],
  numbers: RuleNumbers,
  factor?: tf.Tensor,
): void {
  if (weights.length === 0) return;
  const inputs: tf.NamedTensorMap = {};
  let place = 0;
  for (const { value, gradient, states } of weights) {
    inputs[place++] = value;
    inputs[place++] = gradient;
    for (const state of states) inputs[place++] = state;
  }
  if (factor) inputs["factor"] = factor;
  const attributes: UpdateAttributes = {
    ...{ rule, numbers },
    weights: weights.length,
  };
  runKernel(UPDATE, inputs, attributes);
}

/**
 * The tensor, if no other has its values; otherwise a copy that is kept in its place,
 * and the tensor is disposed of. A variable gets a copy of its values.
 */
export function ownValues<T extends tf.Tensor>(tensor: T): T {
  if (tf.backend().refCount(tensor.dataId) === 1) return tensor;
  const copy = tf.tidy(() => tf.mul(tensor, 1));
  if (tensor instanceof tf.Variable) {
    tensor.assign(copy);
    copy.dispose();
    return tensor;
  }
  tensor.dispose();
  return tf.keep(copy) as T;
}
