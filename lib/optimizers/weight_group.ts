/**
 * Weights that an optimizer changes together: one kernel where each of them
 * would take its own, which for small weights is most of what a GPU waits for.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";

/** Joined values are rows of so many: tfjs sums rows faster, and more exactly. */
const COLUMNS = 1024;

/** Values a group: of more, a tensor may be too large for a device. */
const LARGEST_GROUP = 2 ** 22;

/** Weights whose values are joined, one after another, in matrices. */
export class WeightGroup {
  /** The weights. */
  readonly variables: readonly tf.Variable[];
  /** Whether weight decay applies to them. */
  readonly decays: boolean;
  /** Zeros that fill the last row. */
  readonly #padding: number;

  /** Makes a group. */
  constructor(variables: readonly tf.Variable[], decays: boolean) {
    this.variables = variables;
    this.decays = decays;
    this.#padding = COLUMNS - sizeOf(variables) % COLUMNS;
  }

  /** Joins the tensors that stand for the weights under their names; zeros where there is none. */
  join(tensors: tf.NamedTensorMap): tf.Tensor {
    const parts = this.variables.map(({ name, size }) =>
      tensors[name] ? tf.reshape(tensors[name], [size]) : tf.zeros([size])
    );
    const flat = tf.concat([...parts, tf.zeros([this.#padding])]);
    return tf.reshape(flat, [-1, COLUMNS]);
  }

  /** Joins the weights' own values. */
  values(): tf.Tensor {
    return this.join(
      Object.fromEntries(this.variables.map((weight) => [weight.name, weight])),
    );
  }

  /** What {@linkcode join} joined, in the shapes and the order of the weights. */
  split(joined: tf.Tensor): tf.Tensor[] {
    const sizes = this.variables.map(({ size }) => size);
    const parts = tf.split(tf.reshape(joined, [-1]), [...sizes, this.#padding]);
    return this.variables.map(({ shape }, i) => tf.reshape(parts[i]!, shape));
  }

  /** Sets the weights to joined values. */
  assign(joined: tf.Tensor): void {
    tf.tidy(() =>
      this.split(joined).forEach((value, i) => this.variables[i]!.assign(value))
    );
  }
}

/** The groups of weights, each of those that decay or of those that do not. */
export function groupWeights(
  variables: readonly tf.Variable[],
  decays: (weight: tf.Variable) => boolean,
): WeightGroup[] {
  return [true, false].flatMap((decay) => {
    const groups: tf.Variable[][] = [];
    for (const weight of variables) {
      if (decays(weight) !== decay) continue;
      const last = groups.at(-1);
      if (last && sizeOf(last) + weight.size <= LARGEST_GROUP) {
        last.push(weight);
      } else groups.push([weight]);
    }
    return groups.map((group) => new WeightGroup(group, decay));
  });
}

/** √ Σ x², of all values of joined matrices. */
export function normOf(matrices: readonly tf.Tensor[]): tf.Tensor {
  // Column by column: tfjs-wasm adds up a vector one number after another, and
  // loses the small ones where there are millions.
  const sums = matrices.map((x) => tf.sum(tf.sum(tf.square(x), 0)));
  return tf.sqrt(tf.addN(sums));
}

function sizeOf(variables: readonly tf.Variable[]): number {
  return variables.reduce((size, weight) => size + weight.size, 0);
}
