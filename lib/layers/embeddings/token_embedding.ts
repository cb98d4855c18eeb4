/** The embedding of tokens, positions and types. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertSegments } from "../../operations/segments.ts";
import { assertIndices, type Complete, optionsOf } from "@lionjs/base";
import { runInReplays, valuesAtHand } from "@lionjs/tfjs/record";
import { drop } from "../randomness.ts";
import {
  type CallOptions,
  firstInput,
  firstShape,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  pick,
  secondInput,
  type Shape,
} from "../lion_layer.ts";
import { registerLayer } from "../own_layers.ts";
import { applyNorm, norm } from "../normalization.ts";
import {
  assertBooleans,
  assertCount,
  assertEmbeddingStd,
  assertEpsilon,
  assertRate,
} from "../options/option_values.ts";
import {
  assertPositions,
  EMBEDDING_STD,
  positionsFrom,
  positionsOf,
  positionsOfSegments,
} from "./positions.ts";
import { takeSegments } from "../segments.ts";
import { changed } from "./changed_tokens.ts";
import { currentSequence } from "../sequence.ts";

/** Options of {@linkcode tokenEmbedding}. */
export interface TokenEmbeddingOptions extends LionLayerOptions {
  /** Number of tokens in the vocabulary. */
  vocabularySize: number;
  /** Columns of a token's vector. */
  dim: number;
  /** Number of learned positions; 0 for no position embedding. @default 0 */
  maxLength?: number | undefined;
  /**
   * Number of token types, such as BERT's two sentences; 0 for none. @default 0
   */
  tokenTypes?: number | undefined;
  /**
   * Whether the last input holds segments, `[batch, length]`; positions then
   * restart with each. A segment longer than `maxLength` yields NaN.
   * @default false
   */
  segments?: boolean | undefined;
  /** Whether the sum is layer-normalised, as in BERT. @default false */
  normalize?: boolean | undefined;
  /** Epsilon added to the variance in the layer normalisation. @default 1e-6 */
  epsilon?: number | undefined;
  /** Share of the values that training sets to 0. @default 0 */
  dropout?: number | undefined;
  /**
   * Standard deviation of the tables' initial values, which are normally
   * distributed, truncated at two deviations. @default 0.02
   */
  embeddingStd?: number | undefined;
}

const DEFAULTS = {
  maxLength: 0,
  tokenTypes: 0,
  segments: false,
  normalize: false,
  epsilon: 1e-6,
  dropout: 0,
  embeddingStd: EMBEDDING_STD,
};

const OWN_OPTIONS = optionsOf<
  Omit<TokenEmbeddingOptions, keyof LionLayerOptions>
>()(
  "vocabularySize dim maxLength tokenTypes segments normalize epsilon dropout",
  "embeddingStd",
);

/** The layer of {@linkcode tokenEmbedding}. */
export class TokenEmbedding extends LionLayer {
  static readonly className: string = "LionTokenEmbedding";
  readonly #options: Complete<
    Omit<TokenEmbeddingOptions, keyof LionLayerOptions>
  >;

  constructor(options: TokenEmbeddingOptions) {
    super(options, OWN_OPTIONS);
    this.#options = { ...DEFAULTS, ...pick(options, OWN_OPTIONS) };
    const { vocabularySize, dim, maxLength, tokenTypes } = this.#options;
    const { segments, normalize, epsilon, dropout, embeddingStd } =
      this.#options;
    assertCount("vocabularySize", vocabularySize);
    assertCount("dim", dim);
    assertCount("maxLength", maxLength, 0);
    assertCount("tokenTypes", tokenTypes, 0);
    assertBooleans({ segments, normalize });
    assertEpsilon("epsilon", epsilon);
    assertRate("dropout", dropout);
    assertEmbeddingStd(embeddingStd);
  }

  protected override get axes(): string {
    return "batch, length";
  }

  protected override parametersFor(): Parameter[] {
    const { vocabularySize, dim, maxLength, tokenTypes } = this.#options;
    const { normalize, embeddingStd } = this.#options;
    const tables = {
      word_embeddings: vocabularySize,
      position_embeddings: maxLength,
      token_type_embeddings: tokenTypes,
    };
    return [
      ...Object.entries(tables).filter(([, rows]) => rows > 0).map(
        ([name, rows]): Parameter => ({
          name: `${name}.weight`,
          shape: [rows, dim],
          initial: { deviation: embeddingStd },
        }),
      ),
      ...(normalize ? norm("LayerNorm.", dim) : []),
    ];
  }

  /** Operations of adding the position and token type embeddings. */
  override operations(shape: Shape): number {
    const [batch, length] = shape as [number, number];
    return 2 * batch * length * this.#options.dim;
  }

  /**
   * Maps ids `[batch, length]`, optionally with types and segments of the same
   * shape, to vectors `[batch, length, dim]` and the table of token vectors,
   * `[vocabularySize, dim]`.
   */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    { training = false }: CallOptions = {},
  ): tf.Tensor[] {
    return tf.tidy(() => {
      const { others, segments } = takeSegments(this.name, inputs, {
        segments: this.#options.segments,
        most: this.#options.tokenTypes > 0 ? 2 : 1,
      });
      const ids = firstInput<tf.Tensor2D>(others);
      const types = secondInput(others);
      if (segments) assertSegments(segments, ids.shape);
      const table = this.parameter("word_embeddings.weight");
      const x = this.embed(ids, { types, segments });
      const rate = this.#options.dropout;
      return [drop(x, { training, rate }), tf.clone(table)];
    });
  }

  /**
   * Embeds tokens. Their positions are those in their sequence, or in their
   * segment if there are `segments`; they count from `start` if it is given, or
   * are the given `positions`, `[batch, length]`, all below `start + length`.
   */
  embed(
    ids: tf.Tensor2D,
    { start, positions, segments, types }: {
      start?: number | undefined;
      positions?: tf.Tensor2D | undefined;
      segments?: tf.Tensor2D | undefined;
      types: tf.Tensor | undefined;
    },
  ): tf.Tensor3D {
    const { maxLength, tokenTypes, normalize, epsilon } = this.#options;
    const [batch, length] = ids.shape;
    const lookUp = (name: string, ids: tf.Tensor) => {
      const table = this.parameter(`${name}.weight`);
      assertRows(table, ids);
      return tf.gather(table, tf.cast(ids, "int32"));
    };
    let x = changed(lookUp("word_embeddings", ids) as tf.Tensor3D);
    if (maxLength > 0) {
      const table = this.parameter(
        "position_embeddings.weight",
      ) as tf.Tensor2D;
      const sequence = currentSequence();
      if (segments) {
        x = tf.add(x, positionsOfSegments(table, segments, sequence));
      } else if (start === undefined) {
        x = tf.add(x, positionsFrom(table, length, sequence));
      } else if (positions) {
        assertPositions(table, start + length);
        x = tf.add(x, lookUp("position_embeddings", positions));
      } else x = tf.add(x, positionsOf(table, start, length));
    }
    if (tokenTypes > 0) {
      const all = types ?? tf.zeros([batch, length], "int32");
      x = tf.add(x, lookUp("token_type_embeddings", all));
    }
    return normalize ? applyNorm(x, "LayerNorm.", this.parameter, epsilon) : x;
  }

  /** The masks of the outputs: the tokens' own, and none for the table. */
  protected override masksAfter(
    mask: tf.Tensor | undefined,
  ): (tf.Tensor | undefined)[] {
    return [mask, undefined];
  }

  /** The shapes of the outputs, `[batch, length, dim]` and `[vocabularySize, dim]`. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape[] {
    const { dim, vocabularySize } = this.#options;
    const [batch, length] = firstShape(inputShape);
    return [[batch!, length!, dim], [vocabularySize, dim]];
  }

  /** True: padding has an id too, whose embedding is finite. */
  override get hasFinitePadding(): boolean {
    return true;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.#options };
  }
}
registerLayer(TokenEmbedding);

/**
 * Maps token ids to vectors: the sum of the learned vectors of the token, its
 * position and its type.
 *
 * The second output is the table of token vectors, for a head that shares it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tokenEmbedding } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const layer = tokenEmbedding({ vocabularySize: 10, dim: 4, maxLength: 16 });
 * const ids = tf.tensor2d([[1, 2, 3]], [1, 3], "int32");
 * const [vectors, table] = layer.apply(ids) as tf.Tensor[];
 * assertEquals(vectors!.shape, [1, 3, 4]);
 * assertEquals(table!.shape, [10, 4]);
 * ```
 *
 * @param options See {@linkcode TokenEmbeddingOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function tokenEmbedding(options: TokenEmbeddingOptions): LionLayer {
  return new TokenEmbedding(options);
}

/** Throws where a table has no row for an id; kernels do, but not where they are replayed. */
function assertRows({ shape: [rows] }: tf.Tensor, ids: tf.Tensor): void {
  if (ids.dtype !== "int32") return;
  runInReplays([ids], ([ids]) => {
    const values = valuesAtHand(ids!, ids!.size);
    if (values) assertIndices(values as Int32Array, rows!, 0);
  });
}
