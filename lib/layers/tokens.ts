/** The class token, and what is made of tokens at the end. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type CallOptions,
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

  /** The class token is no padding. */
  protected override masksAfter(
    mask: tf.Tensor | undefined,
  ): (tf.Tensor | undefined)[] {
    if (!mask) return [undefined];
    return [tf.tidy(() => {
      const isToken = tf.cast(mask, "bool");
      const first = tf.ones([mask.shape[0]!, 1], "bool");
      return tf.concat([first, isToken], 1);
    })];
  }

  /** `[batch, 1 + length, dim]` */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, length, dim] = firstShape(inputShape);
    return [batch!, length === null ? null : length! + 1, dim!];
  }
}
tf.serialization.registerClass(ClassToken);

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
    super(options, { kind: true });
    const { kind } = options;
    if (kind !== "mean" && kind !== "first") {
      throw new RangeError(
        `kind should be "mean" or "first", got ${JSON.stringify(kind)}`,
      );
    }
    this.#kind = kind;
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
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    options: CallOptions = {},
  ): tf.Tensor {
    return tf.tidy(() => {
      const x = firstInput<tf.Tensor3D>(inputs);
      const mask = this.tokensOf(inputs, options);
      if (this.#kind === "first") {
        return tf.squeeze(tf.slice(x, [0, 0, 0], [-1, 1, -1]), [1]);
      }
      if (!mask) return tf.mean(x, 1);
      const kept = tf.expandDims(mask, 2);
      const count = tf.maximum(tf.sum(kept, 1), 1);
      const read = tf.mul(this.readable(x, mask), kept);
      return tf.div(tf.sum(read, 1), count);
    });
  }

  /** None: there are no tokens any more. */
  protected override masksAfter(): undefined[] {
    return [undefined];
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
