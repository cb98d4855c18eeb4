/** Adam with decoupled weight decay, of all weights at once. @module */
import * as tf from "@tensorflow/tfjs-core";
import "../kernel/tape.ts";
import { assertOptions, type Complete, optionsOf } from "@lionjs/base";
import {
  fitsInPlace,
  ownValues,
  type RuleNumbers,
  updateInPlace,
} from "./rules.ts";

/** The numbers that a step of Adam depends on. */
export interface AdamAttributes {
  /** The step size, including the correction of the mean's bias. */
  readonly stepSize: number;
  /** Decay of the moving mean of the gradients. */
  readonly beta1: number;
  /** Decay of the moving mean of the squared gradients. */
  readonly beta2: number;
  /** 1 / sqrt(1 - beta2^t), which corrects the bias of the root. */
  readonly rootCorrection: number;
  /** Epsilon added to the root of the mean square. */
  readonly epsilon: number;
  /** The factor of the value in weight decay: 1 - learningRate · weightDecay. */
  readonly keep: number;
}

/** Options of {@linkcode Adam}. */
export interface AdamOptions {
  /** The learning rate. @default 1e-3 */
  learningRate?: number | undefined;
  /** Decay of the moving mean of the gradients, β₁. @default 0.9 */
  beta1?: number | undefined;
  /** Decay of the moving mean of the squared gradients, β₂. @default 0.999 */
  beta2?: number | undefined;
  /** Epsilon added to the root of the mean square of the gradients. @default 1e-8 */
  epsilon?: number | undefined;
  /**
   * Decoupled weight decay: each step also subtracts learningRate · weightDecay
   * · value. @default 0
   */
  weightDecay?: number | undefined;
}

const OPTIONS = optionsOf<AdamOptions>()(
  "learningRate beta1 beta2 epsilon weightDecay",
);

/** The state that Adam keeps for a variable. */
interface Moments {
  /** The variable, kept since another may get its name later, and then starts anew. */
  readonly variable: tf.Variable;
  /** The number of steps that this variable has taken. */
  steps: number;
  mean: tf.Tensor;
  square: tf.Tensor;
}

/**
 * The Adam optimizer with decoupled weight decay. On WebAssembly, one kernel
 * changes all variables in place; on WebGPU, each kernel changes several,
 * whereas tfjs's optimizer runs a dozen kernels for each.
 *
 * Source: Kingma and Ba 2015 (arXiv:1412.6980); Loshchilov and Hutter 2019
 * (arXiv:1711.05101).
 *
 * @example Minimising a square
 * ```ts
 * import { assertLess } from "@std/assert";
 * import "@lionjs/lion";
 * import { Adam } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x = tf.variable(tf.scalar(2));
 * const adam = new Adam({ learningRate: 0.1 });
 * for (let step = 0; step < 100; step++) {
 *   adam.minimize(() => tf.square(x) as tf.Scalar);
 * }
 * assertLess(Math.abs((await x.data())[0]!), 0.1);
 * ```
 */
export class Adam extends tf.Optimizer {
  /** The learning rate, which may be changed between steps. */
  learningRate: number;
  readonly #options: Complete<AdamOptions>;
  #moments = new Map<string, Moments>();

  /**
   * Makes the optimizer.
   *
   * @param options See {@linkcode AdamOptions}.
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If an option has an invalid value.
   */
  constructor(options: AdamOptions = {}) {
    super();
    assertOptions("Adam", options, OPTIONS);
    this.#options = withDefaults(options);
    this.learningRate = this.#options.learningRate;
  }

  /** The optimizer's name in tfjs. */
  static get className(): string {
    return "LionAdam";
  }

  /** Updates variables with their gradients. */
  override applyGradients(
    variableGradients: tf.NamedTensorMap | {
      name: string;
      tensor: tf.Tensor;
    }[],
  ): void {
    const gradients: [string, tf.Tensor][] = Array.isArray(variableGradients)
      ? variableGradients.map(({ name, tensor }) => [name, tensor])
      : Object.entries(variableGradients);
    // A gradient is missing if the loss does not depend on the variable.
    const updates = gradients.filter(([, gradient]) => gradient != null)
      .map(([name, gradient]) => {
        const variable = tf.engine().registeredVariables[name]!;
        return { gradient, moments: this.#momentsOf(name, variable) };
      });
    for (const { moments } of updates) moments.steps++;
    // Variables that came later, or were left out, have taken fewer steps.
    const counts = new Set(updates.map(({ moments }) => moments.steps));
    for (const count of counts) {
      this.#update(
        updates.filter(({ moments }) => moments.steps === count),
        attributesOf(this.getConfig(), count),
      );
    }
  }

  /** Changes variables that have all taken the same number of steps. */
  #update(
    updates: readonly { gradient: tf.Tensor; moments: Moments }[],
    attributes: AdamAttributes,
  ): void {
    const weights = updates.map(({ gradient, moments }) => ({
      ...{ value: moments.variable, gradient },
      states: [moments.mean, moments.square],
    }));
    if (fitsInPlace(weights)) {
      for (const { value } of weights) ownValues(value);
      updateInPlace("adam", weights, ruleNumbers(attributes));
      return;
    }
    for (const { gradient, moments } of updates) {
      const { variable, ...means } = moments;
      const { value, mean, square } = tf.tidy(() =>
        update({ value: variable, gradient, ...means }, attributes)
      );
      variable.assign(value);
      tf.dispose([value, moments.mean, moments.square]);
      moments.mean = tf.keep(mean);
      moments.square = tf.keep(square);
    }
  }

  /** Disposes of the moving means of gradients and squares. */
  override dispose(): void {
    for (const { mean, square } of this.#moments.values()) {
      tf.dispose([mean, square]);
    }
    this.#moments.clear();
  }

  /** Returns the optimizer's options, for serialisation. */
  override getConfig(): Complete<AdamOptions> & Record<string, number> {
    return { ...this.#options, learningRate: this.learningRate };
  }

  #momentsOf(name: string, variable: tf.Variable): Moments {
    const known = this.#moments.get(name);
    if (known?.variable === variable) return known;
    if (known) tf.dispose([known.mean, known.square]);
    const moments = {
      ...{ variable, steps: 0 },
      mean: tf.keep(tf.zeros(variable.shape)),
      square: tf.keep(tf.zeros(variable.shape)),
    };
    this.#moments.set(name, moments);
    return moments;
  }
}

/** Fills in the defaults of Adam's options; throws if one is invalid. */
export function withDefaults(options: AdamOptions): Complete<AdamOptions> {
  const {
    learningRate = 1e-3,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0,
  } = options;
  const numbers = { learningRate, beta1, beta2, epsilon, weightDecay };
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value === "number") continue;
    throw new TypeError(`${name} should be a number, got ${typeof value}`);
  }
  for (const [name, value] of Object.entries({ beta1, beta2 })) {
    if (value >= 0 && value < 1) continue;
    throw new RangeError(`${name} should be in [0, 1), got ${value}`);
  }
  const positive = { learningRate, epsilon, weightDecay };
  for (const [name, value] of Object.entries(positive)) {
    if (value >= 0 && value < Infinity) continue;
    throw new RangeError(`${name} should be 0 or more, got ${value}`);
  }
  return { beta1, beta2, ...positive };
}

/** Computes the attributes of a step, counted from 1. */
export function attributesOf(
  options: Complete<AdamOptions>,
  step: number,
): AdamAttributes {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = options;
  return {
    stepSize: learningRate / (1 - beta1 ** step),
    beta1,
    beta2,
    rootCorrection: 1 / Math.sqrt(1 - beta2 ** step),
    epsilon,
    keep: 1 - learningRate * weightDecay,
  };
}

/** The numbers with which the rule `adam` takes a step. */
export function ruleNumbers(
  { stepSize, beta1, beta2, rootCorrection, epsilon, keep }: AdamAttributes,
): RuleNumbers {
  return {
    ...{ step: -stepSize, decay1: beta1, rest1: 1 - beta1 },
    ...{ decay2: beta2, rest2: 1 - beta2 },
    ...{ correction: rootCorrection, epsilon, keep },
  };
}

type AdamInputs = Record<"value" | "gradient" | "mean" | "square", tf.Tensor>;

/**
 * Computes a weight's new value, mean and square as new tensors, of the
 * weight's shape.
 */
export function update(
  inputs: AdamInputs,
  attributes: AdamAttributes,
): Record<"value" | "mean" | "square", tf.Tensor> {
  const { stepSize, beta1, beta2, rootCorrection, epsilon, keep } = attributes;
  const { value, gradient } = inputs;
  const mean = tf.add(
    tf.mul(inputs.mean, beta1),
    tf.mul(gradient, 1 - beta1),
  );
  const square = tf.add(
    tf.mul(inputs.square, beta2),
    tf.mul(tf.square(gradient), 1 - beta2),
  );
  const root = tf.add(tf.mul(tf.sqrt(square), rootCorrection), epsilon);
  const step = tf.mul(tf.div(mean, root), stepSize);
  return { value: tf.sub(tf.mul(value, keep), step), mean, square };
}
