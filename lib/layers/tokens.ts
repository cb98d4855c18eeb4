/** What is added to tokens, and what is made of them at the end. @module */
import * as tf from "@tensorflow/tfjs-core";
import { maskOf } from "./attention_layer.ts";
import {
  firstInput,
  firstShape,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  type Shape,
} from "./lion_layer.ts";

/** Puts a learned token before the others. */
export class ClassToken extends LionLayer {
  /** The name under which it is saved. */
  static readonly className: string = "LionClassToken";

  /** Those that it needs for inputs of a shape. */
  protected override parametersFor(shape: Shape): Parameter[] {
    const dim = shape.at(-1)!;
    return [
      { name: "value", shape: [1, 1, dim], initial: { deviation: 0.02 } },
    ];
  }

  /** None. */
  override operations(): number {
    return 0;
  }

  /** `[batch, length, dim]` to `[batch, 1 + length, dim]`. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = firstInput<tf.Tensor3D>(inputs);
      const token = tf.mul(
        this.parameter("value"),
        tf.ones([x.shape[0], 1, 1]),
      ) as tf.Tensor3D;
      return tf.concat([token, x], 1);
    });
  }

  /** `[batch, 1 + length, dim]` */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, length, dim] = firstShape(inputShape);
    return [batch!, length === null ? null : length! + 1, dim!];
  }
}
tf.serialization.registerClass(ClassToken);

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

/** Options of {@linkcode TokenPooling}. */
export interface TokenPoolingOptions extends LionLayerOptions {
  /** The mean of all tokens that are not padding, or token 0. */
  kind: "mean" | "first";
}

/** One vector for a sequence. */
export class TokenPooling extends LionLayer {
  /** The name under which it is saved. */
  static readonly className: string = "LionTokenPooling";
  readonly #kind: "mean" | "first";

  /** Makes the layer. */
  constructor(options: TokenPoolingOptions) {
    super(options);
    this.#kind = options.kind;
  }

  /** Those that it needs for inputs of a shape. */
  protected override parametersFor(): Parameter[] {
    return [];
  }

  /** Of the mean. */
  override operations(shape: Shape): number {
    return this.#kind === "first"
      ? 0
      : (shape as number[]).reduce((a, b) => a * b, 1);
  }

  /** `[batch, length, dim]`, and perhaps a mask, to `[batch, dim]`. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = firstInput<tf.Tensor3D>(inputs), mask = maskOf(inputs);
      if (this.#kind === "first") {
        return tf.squeeze(tf.slice(x, [0, 0, 0], [-1, 1, -1]), [1]);
      }
      if (!mask) return tf.mean(x, 1);
      const kept = tf.expandDims(tf.cast(mask, "float32"), 2);
      const count = tf.maximum(tf.sum(kept, 1), 1);
      return tf.div(tf.sum(tf.mul(x, kept), 1), count);
    });
  }

  /** `[batch, dim]` */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, , dim] = firstShape(inputShape);
    return [batch!, dim!];
  }

  /** All that it takes to make the layer again. */
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), kind: this.#kind };
  }
}
tf.serialization.registerClass(TokenPooling);
