/** Learned vectors of positions. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  firstInput,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  type Shape,
} from "./lion_layer.ts";
import { assertCount } from "./option_values.ts";

/**
 * The vectors of neighbouring positions.
 *
 * @param table `[maxLength, dim]`
 * @returns `[length, dim]`
 * @throws {RangeError} If the table ends before they do.
 */
export function positionsOf(
  table: tf.Tensor2D,
  start: number,
  length: number,
): tf.Tensor2D {
  assertPositions(table, start + length);
  return tf.slice(table, [start, 0], [length, table.shape[1]]);
}

/**
 * Throws unless a table has so many positions.
 *
 * @throws {RangeError} If it ends before.
 */
export function assertPositions(table: tf.Tensor2D, count: number): void {
  const [maxLength] = table.shape;
  if (count <= maxLength) return;
  throw new RangeError(
    `a sequence should have at most maxLength = ${maxLength} tokens, got ${count}; ` +
      "make the model with a larger maxLength, or with 0 for no positions",
  );
}

/** Adds a learned vector for each position. */
export class PositionEmbedding extends LionLayer {
  /** The name under which it is saved. */
  static readonly className: string = "LionPositionEmbedding";

  /** Those that it needs for inputs of a shape. */
  protected override parametersFor(shape: Shape): Parameter[] {
    const [, length, dim] = shape;
    return [{
      name: "value",
      shape: [1, length!, dim!],
      initial: { deviation: 0.02 },
    }];
  }

  /** Of the additions. */
  override operations(shape: Shape): number {
    return (shape as number[]).reduce((a, b) => a * b, 1);
  }

  /** `[batch, length, dim]` to the same. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.add(firstInput(inputs), this.parameter("value"));
  }
}
tf.serialization.registerClass(PositionEmbedding);

/** Options of {@linkcode PositionTable}. */
export interface PositionTableOptions extends LionLayerOptions {
  /** Positions that have a vector; a sequence may be shorter. */
  maxLength: number;
}

/** Adds a learned vector for each position to sequences of any length up to a largest. */
export class PositionTable extends LionLayer {
  /** The name under which it is saved. */
  static readonly className: string = "LionPositionTable";
  readonly #maxLength: number;

  /** Makes the layer. */
  constructor(options: PositionTableOptions) {
    super(options, { maxLength: true });
    assertCount("maxLength", options.maxLength);
    this.#maxLength = options.maxLength;
  }

  /** Those that it needs for inputs of a shape. */
  protected override parametersFor(shape: Shape): Parameter[] {
    return [{
      name: "weight",
      shape: [this.#maxLength, shape.at(-1)!],
      initial: { deviation: 0.02 },
    }];
  }

  /** Of the additions. */
  override operations(shape: Shape): number {
    return (shape as number[]).reduce((a, b) => a * b, 1);
  }

  /** `[batch, length, dim]` to the same. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = firstInput<tf.Tensor3D>(inputs);
      const table = this.parameter("weight") as tf.Tensor2D;
      return tf.add(x, positionsOf(table, 0, x.shape[1]));
    });
  }

  /** All that it takes to make the layer again. */
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), maxLength: this.#maxLength };
  }
}
tf.serialization.registerClass(PositionTable);
