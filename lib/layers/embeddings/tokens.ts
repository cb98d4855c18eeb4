/** The class token, and pooling of tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertSegments } from "../../operations/segments.ts";
import { tokensIn } from "../../operations/padding/padding.ts";
import { tokenMean } from "../../operations/token_mean/token_mean.ts";
import {
  type CallOptions,
  firstInput,
  firstShape,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  type Shape,
} from "../lion_layer.ts";
import { registerLayer } from "../own_layers.ts";
import { assertCount, assertEmbeddingStd } from "../options/option_values.ts";
import { EMBEDDING_STD } from "./positions.ts";
import { takeSegments } from "../segments.ts";
import { currentSequence } from "../sequence.ts";
import { assertOneOf } from "@lionjs/base";

/** Options of {@linkcode classToken}. */
export interface ClassTokenOptions extends LionLayerOptions {
  /**
   * Standard deviation of the token's initial values, which are normally
   * distributed, truncated at two deviations. @default 0.02
   */
  embeddingStd?: number | undefined;
}

/** The layer of {@linkcode classToken}. */
export class ClassToken extends LionLayer {
  static readonly className: string = "LionClassToken";
  readonly #embeddingStd: number;

  constructor(options: ClassTokenOptions) {
    super(options, { embeddingStd: true });
    const { embeddingStd = EMBEDDING_STD } = options;
    assertEmbeddingStd(embeddingStd);
    this.#embeddingStd = embeddingStd;
  }

  protected override get axes(): string {
    return "batch, length, dim";
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    const dim = shape.at(-1)!;
    return [{
      name: "value",
      shape: [1, 1, dim],
      initial: { deviation: this.#embeddingStd },
    }];
  }

  /** Zero operations: the layer only concatenates. */
  override operations(): number {
    return 0;
  }

  /** Maps `[batch, length, dim]` to `[batch, 1 + length, dim]`. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      currentSequence().assertWhole(this.name);
      const x = firstInput<tf.Tensor3D>(inputs);
      const token = tf.mul(
        this.parameter("value"),
        tf.ones([x.shape[0], 1, 1]),
      ) as tf.Tensor3D;
      return tf.concat([token, x], 1);
    });
  }

  /** The output's mask, in which the class token is not padding. */
  protected override masksAfter(
    mask: tf.Tensor | undefined,
  ): (tf.Tensor | undefined)[] {
    if (!mask) return [undefined];
    return [tf.tidy(() => {
      const isToken = tf.cast(tokensIn("mask", mask), "bool");
      const first = tf.ones([mask.shape[0]!, 1], "bool");
      return tf.concat([first, isToken], 1);
    })];
  }

  /** The output's shape, `[batch, 1 + length, dim]`. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, length, dim] = firstShape(inputShape);
    return [batch!, length === null ? null : length! + 1, dim!];
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), embeddingStd: this.#embeddingStd };
  }
}
registerLayer(ClassToken);

/**
 * Puts a learned token before the others: `[batch, length, dim]` to
 * `[batch, 1 + length, dim]`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { classToken } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const y = classToken().apply(tf.ones([2, 5, 8])) as tf.Tensor;
 * assertEquals(y.shape, [2, 6, 8]);
 * ```
 *
 * @param options See {@linkcode ClassTokenOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If `embeddingStd` is not a standard deviation.
 */
export function classToken(options: ClassTokenOptions = {}): LionLayer {
  return new ClassToken(options);
}

/** Options of {@linkcode tokenPooling}. */
export interface TokenPoolingOptions extends LionLayerOptions {
  /** How to pool: the mean of all tokens that are not padding, or token 0. */
  kind: "mean" | "first";
  /**
   * The largest number of sequences packed into a row. The last input then
   * holds segments, `[batch, length]`, and the output has one vector per
   * sequence, `[batch, maxSegments, dim]`, with zeros after the last. A row
   * with more sequences yields NaN; trailing segments of only padding do not
   * count. @default no packing
   */
  maxSegments?: number | undefined;
}

/** The layer of {@linkcode tokenPooling}. */
export class TokenPooling extends LionLayer {
  static readonly className: string = "LionTokenPooling";
  readonly #kind: "mean" | "first";
  readonly #maxSegments: number | undefined;

  constructor(options: TokenPoolingOptions) {
    super(options, { kind: true, maxSegments: true });
    const { kind, maxSegments } = options;
    if (maxSegments !== undefined) assertCount("maxSegments", maxSegments);
    assertOneOf("kind", kind, ["mean", "first"]);
    this.#kind = kind;
    this.#maxSegments = maxSegments;
  }

  protected override get axes(): string {
    return "batch, length, dim";
  }

  protected override parametersFor(): Parameter[] {
    return [];
  }

  override operations(shape: Shape): number {
    const all = (shape as number[]).reduce((a, b) => a * b, 1);
    if (this.#maxSegments !== undefined) return 2 * all * this.#maxSegments;
    return this.#kind === "first" ? 0 : all;
  }

  /**
   * Maps `[batch, length, dim]`, optionally with a mask, to `[batch, dim]`, or
   * with segments to `[batch, maxSegments, dim]`.
   */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    options: CallOptions = {},
  ): tf.Tensor {
    return tf.tidy(() => {
      const { others, segments } = takeSegments(this.name, inputs, {
        segments: this.#maxSegments !== undefined,
        most: 2,
      });
      const x = firstInput<tf.Tensor3D>(others);
      const mask = this.tokensOf(others, options);
      const sequence = currentSequence();
      sequence.assertSame("tokenPooling", {
        kind: this.#kind,
        ...{ batch: x.shape[0], dim: x.shape[2] },
        ...{ mask: Boolean(mask), segments: this.#maxSegments ?? false },
      });
      if (segments) {
        return this.#poolSegments(this.readable(x, mask), mask, segments);
      }
      if (this.#kind === "first") {
        const first = tf.squeeze(tf.slice(x, [0, 0, 0], [-1, 1, -1]), [1]);
        return sequence.ofFirst(first);
      }
      if (sequence.isWhole) return tokenMean(x, mask);
      if (!mask) {
        const { all } = sequence.lengths(x.shape[1]);
        return tf.div(sequence.sum(tf.sum(x, 1)), all);
      }
      const kept = tf.expandDims(mask, 2);
      const count = tf.maximum(sequence.sum(tf.sum(kept, 1)), 1);
      const read = tf.mul(this.readable(x, mask), kept);
      return tf.div(sequence.sum(tf.sum(read, 1)), count);
    });
  }

  #poolSegments(
    x: tf.Tensor3D,
    mask: tf.Tensor2D | undefined,
    segments: tf.Tensor2D,
  ): tf.Tensor {
    const [batch, length] = x.shape;
    assertSegments(segments, [batch, length]);
    const most = this.#maxSegments!;
    const sequence = currentSequence();
    const numbers = sequence.numberSegments(segments);
    const tokens: tf.Tensor2D = mask ?? tf.ones([batch, length]);
    const kept = this.#kind === "mean"
      ? tokens
      : tf.cast(sequence.endsOf(segments).first, "float32");
    const isOf = tf.equal(tf.expandDims(numbers, 2), tf.range(1, most + 1));
    const weights = tf.mul(tf.cast(isOf, "float32"), tf.expandDims(kept, 2));
    const sums = sequence.sum(tf.matMul(weights, x, true));
    const last = sequence.maximum(tf.max(tf.mul(numbers, tokens), 1, true));
    const unknown = tf.where(
      tf.greater(last, most),
      tf.fill([batch, 1], NaN),
      tf.zeros([batch, 1]),
    );
    const counts = tf.maximum(sequence.sum(tf.sum(weights, 1)), 1);
    const divisors = tf.expandDims(tf.add(counts, unknown), 2);
    return tf.div(sums, divisors);
  }

  /** The output has no mask, since it has no axis of tokens. */
  protected override masksAfter(): undefined[] {
    return [undefined];
  }

  /** The output's shape, `[batch, dim]` or `[batch, maxSegments, dim]`. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, , dim] = firstShape(inputShape);
    return this.#maxSegments === undefined
      ? [batch!, dim!]
      : [batch!, this.#maxSegments, dim!];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const config = { ...super.getConfig(), kind: this.#kind };
    return this.#maxSegments === undefined
      ? config
      : { ...config, maxSegments: this.#maxSegments };
  }
}
registerLayer(TokenPooling);

/**
 * Pools the tokens of a sequence into one vector: `[batch, length, dim]`,
 * optionally followed by a mask `[batch, length]`, to `[batch, dim]`, or with
 * segments to `[batch, maxSegments, dim]`.
 *
 * @example The mean of the tokens that are not padding
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tokenPooling } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const pooling = tokenPooling({ kind: "mean" });
 * const x = tf.tensor3d([[[1], [3], [100]]]);
 * const mask = tf.tensor2d([[1, 1, 0]]);
 * const y = pooling.apply([x, mask]) as tf.Tensor2D;
 * assertEquals(await y.array(), [[2]]);
 * ```
 *
 * @param options See {@linkcode TokenPoolingOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If an option has an invalid value.
 */
export function tokenPooling(options: TokenPoolingOptions): LionLayer {
  return new TokenPooling(options);
}
