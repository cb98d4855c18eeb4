/** Linear maps of the last axis, as parts of layers and as a layer. @module */
import * as tf from "@tensorflow/tfjs-core";
import { optionsOf } from "@lionjs/base";
import { dense, denseGelu, recordDense } from "../operations/dense/dense.ts";
import { activate, type Activation } from "./activation.ts";
import {
  firstInput,
  firstShape,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  type Parameters,
  secondInput,
  type Shape,
} from "./lion_layer.ts";
import { registerLayer } from "./own_layers.ts";
import { assertCount } from "./options/option_values.ts";
import { withoutPadding } from "../operations/padding/padding.ts";
import { tokensAmong } from "./padding.ts";

/**
 * The parameters of a linear map, named `weight` and `bias` after `prefix`. The
 * initial weights preserve the variance of the input at any width: the usual
 * deviation of 0.02 suits 768 columns and more, and starves narrow models.
 */
export function linear(
  prefix: string,
  inputs: number,
  outputs: number,
): Parameter[] {
  return [
    {
      name: `${prefix}weight`,
      shape: [inputs, outputs],
      initial: { deviation: inputs ** -0.5 },
      layout: "linear",
    },
    { name: `${prefix}bias`, shape: [outputs], initial: "zeros" },
  ];
}

/**
 * Applies the linear map whose parameters' names start with `prefix` to x,
 * `[..., inputs]`.
 */
export function applyLinear<T extends tf.Tensor>(
  x: T,
  prefix: string,
  parameters: Parameters,
): T {
  const weight = parameters(`${prefix}weight`) as tf.Tensor2D;
  const bias = parameters(`${prefix}bias`) as tf.Tensor1D;
  return dense(x, weight, bias) as T;
}

/** The parameter of a linear map without bias: its weight. */
export function matrix(
  prefix: string,
  inputs: number,
  outputs: number,
): Parameter[] {
  return linear(prefix, inputs, outputs).slice(0, 1);
}

/** Applies the linear map without bias whose weight's name starts with `prefix`. */
export function applyMatrix<T extends tf.Tensor>(
  x: T,
  prefix: string,
  parameters: Parameters,
): T {
  return dense(x, parameters(`${prefix}weight`) as tf.Tensor2D) as T;
}

/**
 * Applies a linear map to x, `[..., inputs]`, and then an activation; in one
 * kernel if there is one.
 */
export function applyActivated<T extends tf.Tensor>(
  x: T,
  prefix: string,
  parameters: Parameters,
  activation: Activation,
): T {
  if (activation !== "gelu") {
    return activate(applyLinear(x, prefix, parameters), activation);
  }
  const weight = parameters(`${prefix}weight`);
  return denseGelu(x, weight, parameters(`${prefix}bias`)) as T;
}

/**
 * `applyLinear` without its product: for gradients only, where nothing reads
 * the output.
 */
export function recordLinear<T extends tf.Tensor>(
  x: T,
  prefix: string,
  parameters: Parameters,
): T {
  const weight = parameters(`${prefix}weight`);
  return recordDense(x, weight, parameters(`${prefix}bias`)) as T;
}

export interface LinearOptions extends LionLayerOptions {
  outputs: number;
  /** Activation function of the output. @default "linear" */
  activation?: "linear" | "tanh" | undefined;
}

const OWN_OPTIONS = optionsOf<Omit<LinearOptions, keyof LionLayerOptions>>()(
  "outputs activation",
);

/** A linear map of the last axis, whose output may pass through tanh. */
export class Linear extends LionLayer {
  static readonly className: string = "LionLinear";
  readonly #outputs: number;
  readonly #activation: "linear" | "tanh";

  constructor(options: LinearOptions) {
    super(options, OWN_OPTIONS);
    assertCount("outputs", options.outputs);
    this.#outputs = options.outputs;
    this.#activation = options.activation ?? "linear";
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    return linear("", shape.at(-1)!, this.#outputs);
  }

  override operations(shape: Shape): number {
    return 2 * this.#outputs * (shape as number[]).reduce((a, b) => a * b, 1);
  }

  /**
   * Maps `[..., inputs]` to `[..., outputs]`. With a mask `[batch, length]` as
   * second input, padding counts as zeros.
   */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = firstInput(inputs);
      const mask = tokensAmong(this.name, x, [secondInput(inputs)]);
      const tokens = mask ? withoutPadding(x, mask) : x;
      const y = applyLinear(tokens, "", this.parameter);
      return this.#activation === "tanh" ? tf.tanh(y) : y;
    });
  }

  /** The output's shape, `[..., outputs]`. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return [...firstShape(inputShape).slice(0, -1), this.#outputs];
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      outputs: this.#outputs,
      activation: this.#activation,
    };
  }
}
registerLayer(Linear);
