/**
 * Groups of weights that an optimizer updates together, in one kernel: with one
 * for each small weight, a processor spends most of its time on starting kernels.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runKernel } from "../kernel/kernel.ts";
import { COLUMNS, JOIN, SQUARE_SUMS, UPDATE } from "./rules.ts";

/** The largest number of values in a group: a larger tensor may not fit a device. */
const LARGEST_GROUP = 2 ** 22;

/**
 * A group of weights. Its tensors, such as its values, are one matrix in which those of
 * all weights are concatenated; where one kernel changes many weights as they lie, they
 * are a tensor for each weight.
 */
export class WeightGroup {
  /** The weights of the group. */
  readonly variables: readonly tf.Variable[];
  /** Whether weight decay applies to these weights. */
  readonly decays: boolean;
  /** The factor of the learning rate for these weights. */
  readonly rate: number;
  /** Whether the group has a tensor for each weight. */
  readonly isApart: boolean;
  /** Number of zeros that fill the last row. */
  readonly #padding: number;
  /** The weights' data when they were settled last. */
  #settled: readonly object[] = [];

  /** Makes a group of weights. */
  constructor(
    variables: readonly tf.Variable[],
    decays: boolean,
    rate: number,
  ) {
    this.variables = variables;
    this.decays = decays;
    this.rate = rate;
    this.isApart = hasKernel(UPDATE);
    this.#padding = COLUMNS - sizeOf(variables) % COLUMNS;
  }

  /**
   * The group's tensors of those of its weights, found by name; zeros where one is
   * missing. Where they are apart, these are the given ones.
   */
  join(tensors: tf.NamedTensorMap): tf.Tensor[] {
    if (this.isApart) {
      return this.variables.map(({ name, shape }) =>
        tensors[name] ?? tf.zeros(shape)
      );
    }
    const parts = this.variables.map(({ name, size }) =>
      tensors[name] ? tf.reshape(tensors[name], [size]) : tf.zeros([size])
    );
    const flat = tf.concat([...parts, tf.zeros([this.#padding])]);
    return [tf.reshape(flat, [-1, COLUMNS])];
  }

  /**
   * Lets the backend lay weights, and what is kept beside them, as one kernel changes
   * them best; later, launches that are captured would be captured in vain.
   *
   * @param kept Lists of tensors that are changed, and end, together.
   */
  settle(kept: readonly (readonly tf.Tensor[])[]): void {
    if (!hasKernel(JOIN)) return;
    const dataIds = this.variables.map(({ dataId }) => dataId);
    if (dataIds.every((dataId, i) => dataId === this.#settled[i])) return;
    this.#settled = dataIds;
    for (const tensors of [this.variables, ...kept]) {
      runKernel(JOIN, Object.fromEntries(tensors.entries()));
    }
  }

  /** The values of the weights; where they are apart, the weights themselves. */
  values(): tf.Tensor[] {
    return this.join(
      Object.fromEntries(this.variables.map((weight) => [weight.name, weight])),
    );
  }

  /**
   * Splits a result of {@linkcode join} into tensors with the weights' shapes,
   * in their order.
   */
  split(joined: readonly tf.Tensor[]): tf.Tensor[] {
    if (this.isApart) return joined.map((tensor) => tf.clone(tensor));
    const sizes = this.variables.map(({ size }) => size);
    const flat = tf.reshape(joined[0]!, [-1]);
    const parts = tf.split(flat, [...sizes, this.#padding]);
    return this.variables.map(({ shape }, i) => tf.reshape(parts[i]!, shape));
  }

  /** Sets the weights to a result of {@linkcode join}. */
  assign(joined: readonly tf.Tensor[]): void {
    tf.tidy(() =>
      this.split(joined).forEach((value, i) => this.variables[i]!.assign(value))
    );
  }
}

/**
 * Groups weights; those with and without weight decay are in separate groups, and
 * so are those with different factors of the learning rate.
 */
export function groupWeights(
  variables: readonly tf.Variable[],
  decays: (weight: tf.Variable) => boolean,
  rateOf: (weight: tf.Variable) => number = () => 1,
): WeightGroup[] {
  const rates = new Map(variables.map((weight) => [weight, rateOf(weight)]));
  return [true, false].flatMap((decay) => {
    const own = variables.filter((weight) => decays(weight) === decay);
    return [...new Set(own.map((weight) => rates.get(weight)!))]
      .flatMap((rate) =>
        inParts(own.filter((weight) => rates.get(weight) === rate))
          .map((group) => new WeightGroup(group, decay, rate))
      );
  });
}

/** Divides weights, in their order, into parts that a device can hold. */
function inParts(weights: readonly tf.Variable[]): tf.Variable[][] {
  const parts: tf.Variable[][] = [];
  for (const weight of weights) {
    const last = parts.at(-1);
    if (last && sizeOf(last) + weight.size <= LARGEST_GROUP) {
      last.push(weight);
    } else parts.push([weight]);
  }
  return parts;
}

/** The Euclidean norm √ Σ x² over all values of groups' tensors. */
export function normOf(groups: readonly (readonly tf.Tensor[])[]): tf.Tensor {
  // Columns are summed first: tfjs-wasm adds up a vector one number after
  // another, and loses the small ones where there are millions.
  const sums = groups.flatMap((tensors) =>
    hasKernel(SQUARE_SUMS)
      ? [tf.tidy(() => {
        const inputs = Object.fromEntries(tensors.entries());
        return tf.sum(runKernel(SQUARE_SUMS, inputs).sums);
      })]
      : tensors.map((x) => tf.tidy(() => tf.sum(tf.sum(tf.square(x), 0))))
  );
  return tf.sqrt(tf.addN(sums));
}

function sizeOf(variables: readonly tf.Variable[]): number {
  return variables.reduce((size, weight) => size + weight.size, 0);
}
