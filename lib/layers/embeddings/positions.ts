/** Learned position embeddings. @module */
import * as tf from "@tensorflow/tfjs-core";
import { composed } from "@lionjs/tfjs/record";
import { assertSegments } from "../../operations/segments.ts";
import {
  firstInput,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  type Shape,
} from "../lion_layer.ts";
import { registerLayer } from "../own_layers.ts";
import {
  assertBooleans,
  assertCount,
  assertEmbeddingStd,
} from "../options/option_values.ts";
import { takeSegments } from "../segments.ts";
import { currentSequence, type Sequence } from "../sequence.ts";

/** Standard deviation of the initial values of learned vectors, as in BERT, GPT-2 and ViT. */
export const EMBEDDING_STD = 0.02;

/**
 * Returns the embeddings of `length` consecutive positions, from `start` on.
 *
 * @param table `[maxLength, dim]`
 * @returns `[length, dim]`
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
 * Returns the embeddings of the positions of tokens in their sequence.
 *
 * @param table `[maxLength, dim]`
 * @param length The number of these tokens.
 * @returns `[length, dim]`
 * @throws {RangeError} If the table has fewer positions than the whole sequence needs.
 */
export function positionsFrom(
  table: tf.Tensor2D,
  length: number,
  sequence: Sequence,
): tf.Tensor2D {
  sequence.assertSame("positions", { table: table.shape });
  const { before, all } = sequence.lengths(length);
  assertPositions(table, all);
  return positionsOf(table, before, length);
}

/** Throws unless a table has at least `count` positions. */
export function assertPositions(table: tf.Tensor2D, count: number): void {
  const [maxLength] = table.shape;
  if (count <= maxLength) return;
  throw new RangeError(
    `a sequence should have at most maxLength = ${maxLength} tokens, got ${count}; ` +
      "make the model with a larger maxLength, or with 0 for no positions",
  );
}

/**
 * Returns the embeddings of positions counted from the start of each segment;
 * NaN beyond the end of the table.
 *
 * @param table `[maxLength, dim]`
 * @param segments `[batch, length]`
 * @returns `[batch, length, dim]`
 */
export function positionsOfSegments(
  table: tf.Tensor2D,
  segments: tf.Tensor2D,
  sequence: Sequence,
): tf.Tensor3D {
  const maxLength = table.shape[0];
  const facts = { table: table.shape, batch: segments.shape[0] };
  sequence.assertSame("positions of segments", facts);
  const positions = sequence.positionsIn(segments);
  return composed("LionPositionRows", { table, positions }, {}, () => {
    const known = tf.minimum(positions, maxLength - 1);
    const rows = tf.gather(
      table,
      tf.cast(known, "int32"),
    ) as tf.Tensor as tf.Tensor3D;
    if (sequence.isWhole && segments.shape[1] <= maxLength) return rows;
    // Values of segments are not read back here, so a long segment cannot throw.
    const isBeyond = tf.greaterEqual(positions, maxLength);
    const { shape } = positions;
    const wrong = tf.where(isBeyond, tf.fill(shape, NaN), tf.zeros(shape));
    return tf.add<tf.Tensor3D>(rows, tf.expandDims(wrong, 2));
  });
}

/** Options of {@linkcode positionEmbedding}. */
export interface PositionEmbeddingOptions extends LionLayerOptions {
  /**
   * Standard deviation of the vectors' initial values, which are normally
   * distributed, truncated at two deviations. @default 0.02
   */
  embeddingStd?: number | undefined;
}

/** The layer of {@linkcode positionEmbedding}. */
export class PositionEmbedding extends LionLayer {
  static readonly className: string = "LionPositionEmbedding";
  readonly #embeddingStd: number;

  constructor(options: PositionEmbeddingOptions) {
    super(options, { embeddingStd: true });
    const { embeddingStd = EMBEDDING_STD } = options;
    assertEmbeddingStd(embeddingStd);
    this.#embeddingStd = embeddingStd;
  }

  protected override get axes(): string {
    return "batch, length, dim";
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    const [, length, dim] = shape;
    return [{
      name: "value",
      shape: [1, length!, dim!],
      initial: { deviation: this.#embeddingStd },
    }];
  }

  override operations(shape: Shape): number {
    return (shape as number[]).reduce((a, b) => a * b, 1);
  }

  /** Maps `[batch, length, dim]` to the same shape. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    currentSequence().assertWhole(this.name);
    return tf.add(firstInput(inputs), this.parameter("value"));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), embeddingStd: this.#embeddingStd };
  }
}
registerLayer(PositionEmbedding);

/**
 * Adds a learned vector per position to sequences of one fixed length:
 * `[batch, length, dim]` to the same shape.
 *
 * @example The same vectors in every sequence
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { positionEmbedding } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const layer = positionEmbedding();
 * const y = layer.apply(tf.zeros([2, 3, 4])) as tf.Tensor;
 * const [first, second] = await y.array() as number[][][];
 * assertEquals(first, second);
 * const { shape } = layer.parameter("value");
 * assertEquals(shape, [1, 3, 4]);
 * ```
 *
 * @param options See {@linkcode PositionEmbeddingOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If `embeddingStd` is not a standard deviation.
 */
export function positionEmbedding(
  options: PositionEmbeddingOptions = {},
): LionLayer {
  return new PositionEmbedding(options);
}

/** Options of {@linkcode positionTable}. */
export interface PositionTableOptions extends PositionEmbeddingOptions {
  /** Number of positions that have a vector; sequences may be shorter. */
  maxLength: number;
  /**
   * Whether the second input holds segments, `[batch, length]`; positions then
   * restart with each. A segment longer than `maxLength` yields NaN.
   * @default false
   */
  segments?: boolean | undefined;
}

/** The layer of {@linkcode positionTable}. */
export class PositionTable extends LionLayer {
  static readonly className: string = "LionPositionTable";
  readonly #maxLength: number;
  readonly #segments: boolean;
  readonly #embeddingStd: number;

  constructor(options: PositionTableOptions) {
    super(options, { maxLength: true, segments: true, embeddingStd: true });
    const { maxLength, segments = false, embeddingStd = EMBEDDING_STD } =
      options;
    assertCount("maxLength", maxLength);
    assertBooleans({ segments });
    assertEmbeddingStd(embeddingStd);
    this.#embeddingStd = embeddingStd;
    this.#maxLength = maxLength;
    this.#segments = segments;
  }

  protected override get axes(): string {
    return "batch, length, dim";
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    return [{
      name: "weight",
      shape: [this.#maxLength, shape.at(-1)!],
      initial: { deviation: this.#embeddingStd },
    }];
  }

  override operations(shape: Shape): number {
    return (shape as number[]).reduce((a, b) => a * b, 1);
  }

  /** Maps `[batch, length, dim]` to the same shape. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const { others, segments } = takeSegments(this.name, inputs, {
        segments: this.#segments,
        most: 1,
      });
      const x = firstInput<tf.Tensor3D>(others);
      const table = this.parameter("weight") as tf.Tensor2D;
      const sequence = currentSequence();
      if (!segments) {
        return tf.add(x, positionsFrom(table, x.shape[1], sequence));
      }
      assertSegments(segments, [x.shape[0], x.shape[1]]);
      return tf.add(x, positionsOfSegments(table, segments, sequence));
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      maxLength: this.#maxLength,
      segments: this.#segments,
      embeddingStd: this.#embeddingStd,
    };
  }
}
registerLayer(PositionTable);

/**
 * Adds a learned vector per position to sequences of at most `maxLength`
 * tokens: `[batch, length, dim]` to the same shape.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { positionTable } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const layer = positionTable({ maxLength: 8 });
 * const y = layer.apply(tf.zeros([2, 5, 4])) as tf.Tensor;
 * assertEquals(y.shape, [2, 5, 4]);
 * assertThrows(() => layer.apply(tf.zeros([2, 9, 4])), RangeError, "at most");
 * ```
 *
 * @param options See {@linkcode PositionTableOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value; when the layer is
 * applied, if there are more than `maxLength` tokens.
 */
export function positionTable(options: PositionTableOptions): LionLayer {
  return new PositionTable(options);
}
