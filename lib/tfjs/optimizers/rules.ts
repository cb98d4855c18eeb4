/**
 * Rules by which optimizers change weights, and how they are applied to many weights
 * in one launch, in place: of a large model, a second copy of all weights would not fit.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "../kernel/kernel.ts";

/**
 * The rules, with the names of the states that each keeps for a weight; what they
 * compute is in `formulas.ts`.
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
  /** The moving average of a tensor, which is given in place of the gradient. */
  average: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The name of a rule. */
export type Rule = keyof typeof RULES;

/** The numbers that rules read; each rule reads some of them. */
export interface RuleNumbers {
  /** The factor of the change that is added to a weight: the negative step size. */
  readonly step: number;
  /** The factor of the first, or only, decaying mean or sum. @default 0 */
  readonly decay1?: number;
  /** The factor of the value that is added to the mean of `decay1`. @default 0 */
  readonly rest1?: number;
  /** The factor of the decaying mean of squares, or of the largest. @default 0 */
  readonly decay2?: number;
  /** The factor of the value that is added to the mean of `decay2`. @default 0 */
  readonly rest2?: number;
  /** Adam's factor of the root of the mean square. @default 1 */
  readonly correction?: number;
  /** Epsilon, added to the divisor of a change. @default 0 */
  readonly epsilon?: number;
  /** The factor of the weight itself, for decay. @default 1 */
  readonly keep?: number;
}

/** The attributes of the kernel of {@linkcode UPDATE}. */
export interface UpdateAttributes {
  /** The name of the rule. */
  readonly rule: Rule;
  /** The number of weights. */
  readonly weights: number;
  /** The numbers of this step. */
  readonly numbers: RuleNumbers;
}

/**
 * The kernel that changes weights in place: inputs `0`, `1`, …, for each weight
 * its value, its gradient and the tensors of its rule; and `factor`, a number
 * by which all gradients are multiplied first, or none. Other tensors that
 * shared the inputs' memory would change too.
 */
export const UPDATE: Operation<never> = {
  kernel: "LionUpdate",
  gradientsIn: [],
  // Without `strict`, TypeScript takes a plain [] as an array of undefined.
  outputs: new Array<never>(),
};

/**
 * The kernel that stores tensors together in memory, inputs `0`, `1`, …, so
 * that {@linkcode UPDATE} takes fewer launches. Their values stay the same for
 * all readers.
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

/** A weight with its gradient and the states that its rule keeps. */
export interface UpdatedWeight {
  /** The weight, which shares no memory with other tensors: see {@linkcode ownValues}. */
  readonly value: tf.Tensor;
  /** The weight's gradient, in the weight's shape. */
  readonly gradient: tf.Tensor;
  /**
   * The rule's states in the order of {@linkcode RULES}, each in the weight's
   * shape and sharing no memory.
   */
  readonly states: readonly tf.Tensor[];
}

/**
 * Whether the current backend changes these weights in place: it has the
 * kernel, each weight, gradient and state exists, is float32 and of the
 * weight's shape, and no weight is there twice, or is a gradient.
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
 * Changes weights, and their rule's states, in place.
 *
 * @param rule The rule.
 * @param weights The weights; all tensors are float32.
 * @param numbers The rule's numbers.
 * @param factor A scalar by which all gradients are multiplied first; the rule `average`
 * takes none. @default 1
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
