/**
 * TensorFlow.js's optimizers, whose steps are one launch where a backend changes weights
 * in place. Their state stays theirs: a step that does not fit is their own.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import "../kernel/tape.ts";
import { valuesAtHand } from "../record/values_at_hand.ts";
import { hasKernel } from "../kernel/kernel.ts";
import {
  fitsInPlace,
  ownValues,
  type Rule,
  type RuleNumbers,
  UPDATE,
  updateInPlace,
} from "./rules.ts";

/** Gradients as optimizers get them; one is missing if the loss does not depend on its weight. */
type Gradients = Parameters<tf.Optimizer["applyGradients"]>[0];

/** What an optimizer of TensorFlow.js keeps beside each weight. */
interface Slot {
  readonly originalName: string;
  readonly variable: tf.Variable;
}

/** The undeclared members of TensorFlow.js's optimizers. */
interface Members {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: number;
  readonly momentum: number;
  readonly rho: number;
  readonly centered: boolean;
  readonly useNesterov: boolean;
  readonly initialAccumulatorValue: number;
  /** Scalars: the negative learning rate, the momentum, and powers of the betas. */
  readonly c: tf.Tensor;
  readonly m: tf.Tensor;
  readonly accBeta1: tf.Variable;
  readonly accBeta2: tf.Variable;
  readonly iteration: tf.Variable;
  incrementIterations(): void;
}

/** How an optimizer of TensorFlow.js takes a step. */
interface Replaced {
  /** Its class. */
  readonly optimizer: { readonly prototype: tf.Optimizer };
  /** Members that are lists of slots, with the ends of the slots' names, in the rule's order. */
  readonly slots: (members: Members) => Readonly<Record<string, string>>;
  /** The rule of a step. */
  readonly rule: (members: Members) => Rule;
  /** The numbers of a step. */
  readonly numbers: (members: Members) => RuleNumbers;
  /** The values that slots begin with. @default 0 */
  readonly initial?: (members: Members) => number;
  /** Changes further members after a step. */
  readonly after?: (members: Members) => void;
}

/** The optimizers whose steps are replaced. */
export const REPLACED_OPTIMIZERS: readonly Replaced[] = [{
  optimizer: tf.AdamOptimizer,
  slots: () => ({ accumulatedFirstMoment: "m", accumulatedSecondMoment: "v" }),
  rule: () => "adam",
  numbers: ({ learningRate, beta1, beta2, epsilon, accBeta1, accBeta2 }) => ({
    ...decays(beta1, beta2),
    epsilon,
    step: -learningRate / rest(accBeta1),
    correction: 1 / Math.sqrt(rest(accBeta2)),
  }),
  after: ({ accBeta1, accBeta2, beta1, beta2 }) => {
    accBeta1.assign(tf.mul(accBeta1, beta1));
    accBeta2.assign(tf.mul(accBeta2, beta2));
  },
}, {
  optimizer: tf.AdamaxOptimizer,
  slots: () => ({
    accumulatedFirstMoment: "m",
    accumulatedWeightedInfNorm: "v",
  }),
  rule: () => "adamax",
  numbers: (
    { learningRate, beta1, beta2, epsilon, decay, iteration, accBeta1 },
  ) => ({
    ...decays(beta1, beta2),
    epsilon,
    step: -learningRate / (valueOf(iteration) * decay + 1) / rest(accBeta1),
  }),
  after: ({ iteration, accBeta1, beta1 }) => {
    iteration.assign(tf.add(iteration, 1));
    accBeta1.assign(tf.mul(accBeta1, beta1));
  },
}, {
  optimizer: tf.SGDOptimizer,
  slots: () => ({}),
  rule: () => "sgd",
  numbers: ({ c }) => ({ step: valueOf(c) }),
}, {
  optimizer: tf.MomentumOptimizer,
  slots: () => ({ accumulations: "momentum" }),
  rule: ({ useNesterov }) => useNesterov ? "nesterov" : "momentum",
  numbers: ({ c, m }) => ({ step: valueOf(c), decay1: valueOf(m) }),
}, {
  optimizer: tf.RMSPropOptimizer,
  slots: ({ centered }) => ({
    accumulatedMeanSquares: "rms",
    accumulatedMoments: "momentum",
    ...centered ? { accumulatedMeanGrads: "mg" } : {},
  }),
  rule: ({ centered }) => centered ? "centeredRmsProp" : "rmsProp",
  numbers: ({ learningRate, decay, momentum, epsilon }) => ({
    ...decays(momentum, decay),
    ...{ step: learningRate, epsilon },
  }),
}, {
  optimizer: tf.AdagradOptimizer,
  slots: () => ({ accumulatedGrads: "accumulator" }),
  rule: () => "adagrad",
  numbers: ({ learningRate }) => ({
    ...{ step: -learningRate, epsilon: tf.backend().epsilon() },
  }),
  initial: ({ initialAccumulatorValue }) => initialAccumulatorValue,
}, {
  optimizer: tf.AdadeltaOptimizer,
  slots: () => ({
    accumulatedGrads: "accum_grad",
    accumulatedUpdates: "accum_var",
  }),
  rule: () => "adadelta",
  numbers: ({ learningRate, rho, epsilon }) => ({
    ...decays(rho, 0),
    ...{ step: -learningRate, epsilon },
  }),
}];

/** The factors of two decaying means. */
function decays(decay1: number, decay2: number) {
  return { decay1, rest1: 1 - decay1, decay2, rest2: 1 - decay2 };
}

/** The value of a scalar, or NaN where it is not at hand. */
function valueOf(scalar: tf.Tensor): number {
  return valuesAtHand(scalar, 1)?.[0] ?? NaN;
}

/** What is left of 1, in the precision of TensorFlow.js's own. */
function rest(power: tf.Variable): number {
  return Math.fround(1 - valueOf(power));
}

const replaced = new Set<tf.Optimizer>();

/** Replaces the steps of TensorFlow.js's optimizers, once. */
export function replaceOptimizers(): void {
  for (const description of REPLACED_OPTIMIZERS) {
    const { prototype } = description.optimizer;
    if (replaced.has(prototype)) continue;
    replaced.add(prototype);
    const stock = prototype.applyGradients;
    prototype.applyGradients = function (gradients) {
      if (!takeStep(description, this, gradients)) stock.call(this, gradients);
    };
  }
}

/** Takes a step in one launch; returns whether that could be done. */
function takeStep(
  description: Replaced,
  optimizer: tf.Optimizer,
  given: Gradients,
): boolean {
  if (!hasKernel(UPDATE)) return false;
  const members = optimizer as unknown as Members;
  const gradients: [string, tf.Tensor | null | undefined][] =
    Array.isArray(given)
      ? given.map(({ name, tensor }) => [name, tensor])
      : Object.entries(given);
  const { registeredVariables } = tf.engine();
  if (gradients.some(([name]) => !registeredVariables[name])) return false;
  const weights = gradients.flatMap(([name, gradient], i) => {
    const value = registeredVariables[name]!;
    const states = slotsOf(description, members, value, i);
    return gradient == null ? [] : [{ value, gradient, states }];
  });
  const numbers = description.numbers(members);
  const isKnown = Object.values(numbers).every((x) => !Number.isNaN(x));
  if (!isKnown || !fitsInPlace(weights)) return false;
  for (const { value, states } of weights) {
    for (const tensor of [value, ...states]) ownValues(tensor);
  }
  updateInPlace(description.rule(members), weights, numbers);
  tf.tidy(() => description.after?.(members));
  members.incrementIterations();
  return true;
}

/** What an optimizer keeps beside the weight at a place, made as by its own step. */
function slotsOf(
  { slots, initial }: Replaced,
  members: Members,
  value: tf.Variable,
  place: number,
): tf.Variable[] {
  const lists = members as unknown as Record<string, Slot[]>;
  return Object.entries(slots(members)).map(([name, end]) => {
    const list = lists[name]!;
    list[place] ??= {
      originalName: `${value.name}/${end}`,
      variable: tf.tidy(() =>
        tf.variable(
          initial
            ? tf.fill(value.shape, initial(members))
            : tf.zerosLike(value),
          false,
        )
      ),
    };
    return list[place].variable;
  });
}
