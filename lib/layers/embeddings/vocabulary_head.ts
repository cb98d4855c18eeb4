/** The head of a language model: logits over the vocabulary. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  activate,
  type Activation,
  assertActivation,
  savedActivation,
} from "../activation.ts";
import { applyLinear, linear } from "../linear.ts";
import {
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  type Shape,
} from "../lion_layer.ts";
import { registerLayer } from "../own_layers.ts";
import { applyNorm, norm } from "../normalization.ts";
import { assertBooleans, assertEpsilon } from "../options/option_values.ts";

/** Options of {@linkcode VocabularyHead}. */
export interface VocabularyHeadOptions extends LionLayerOptions {
  /**
   * Whether the table is that of the token embedding, the second input, or one of
   * the head's own. @default true
   */
  tied?: boolean | undefined;
  /**
   * Whether to apply BERT's transformation to the vectors and add a bias to the
   * logits. @default false
   */
  transform?: boolean | undefined;
  /** The transformation's activation; see {@linkcode Activation}. @default "gelu" */
  activation?: Activation | undefined;
  /** Epsilon added to the variance in the layer normalisation. @default 1e-6 */
  epsilon?: number | undefined;
}

/**
 * A head that maps vectors to logits over the vocabulary by their product with a
 * table of token vectors: the one that the model starts with (tied weights), or
 * its own.
 */
export class VocabularyHead extends LionLayer {
  static readonly className: string = "LionVocabularyHead";
  readonly #tied: boolean;
  readonly #transform: boolean;
  readonly #activation: Activation;
  readonly #epsilon: number;
  #vocabularySize = 0;

  constructor(options: VocabularyHeadOptions) {
    super(options, {
      ...{ tied: true, transform: true, activation: true, epsilon: true },
    });
    assertBooleans({ tied: options.tied, transform: options.transform });
    assertActivation(options.activation);
    assertEpsilon("epsilon", options.epsilon);
    this.#tied = options.tied ?? true;
    this.#transform = options.transform ?? false;
    this.#activation = options.activation ?? "gelu";
    this.#epsilon = options.epsilon ?? 1e-6;
  }

  override build(inputShape: Shape | Shape[]): void {
    this.#vocabularySize = (inputShape as Shape[])[1]![0]!;
    super.build(inputShape);
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    const dim = shape.at(-1)!;
    const table: Parameter = {
      name: "weight",
      shape: [this.#vocabularySize, dim],
      initial: { deviation: dim ** -0.5 },
    };
    const own = this.#tied ? [] : [table];
    if (!this.#transform) return own;
    return [
      ...own,
      ...linear("transform.dense.", dim, dim),
      ...norm("transform.LayerNorm.", dim),
      { name: "bias", shape: [this.#vocabularySize], initial: "zeros" },
    ];
  }

  override operations(shape: Shape): number {
    const [batch, length, dim] = shape as [number, number, number];
    const columns = this.#vocabularySize + (this.#transform ? dim : 0);
    return 2 * batch * length * dim * columns;
  }

  /**
   * Maps vectors `[batch, length, dim]` and the token embedding table to logits
   * `[batch, length, vocabularySize]`.
   */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x, table] = inputs as [tf.Tensor3D, tf.Tensor2D];
      return this.logits(x, table);
    });
  }

  /**
   * Computes the logits of vectors `[batch, length, dim]`.
   *
   * @param shared The token embedding table.
   */
  logits(x: tf.Tensor3D, shared: tf.Tensor2D): tf.Tensor3D {
    const [batch, length, dim] = x.shape;
    const table = this.#tied ? shared : this.parameter("weight") as tf.Tensor2D;
    const rows = tf.reshape(this.#transform ? this.#transformed(x) : x, [
      batch * length,
      dim,
    ]) as tf.Tensor2D;
    const logits = tf.fused.matMul({
      a: rows,
      b: table,
      transposeB: true,
      ...(this.#transform ? { bias: this.parameter("bias") } : {}),
    });
    return tf.reshape(logits, [batch, length, table.shape[0]]);
  }

  #transformed(x: tf.Tensor3D): tf.Tensor3D {
    const y = activate(
      applyLinear(x, "transform.dense.", this.parameter),
      this.#activation,
    );
    return applyNorm(y, "transform.LayerNorm.", this.parameter, this.#epsilon);
  }

  /** The output's shape, `[batch, length, vocabularySize]`. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [[batch, length], [vocabularySize]] = inputShape as [Shape, Shape];
    return [batch!, length!, vocabularySize!];
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      // Saved only if false, so that configs from before the option stay the same.
      ...(this.#tied ? {} : { tied: false }),
      transform: this.#transform,
      ...savedActivation(this.#activation),
      epsilon: this.#epsilon,
    };
  }
}
registerLayer(VocabularyHead);
