/** Layer normalisation, as a part of layers and as a layer. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { NormParameters } from "../operations/layer_norm/add_norm.ts";
import { layerNorm } from "../operations/layer_norm/layer_norm.ts";
import { rmsNorm } from "../operations/rms_norm/rms_norm.ts";
import {
  firstInput,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  type Parameters,
  type Shape,
} from "./lion_layer.ts";
import { registerLayer } from "./own_layers.ts";
import { assertEpsilon } from "./options/option_values.ts";

/** The parameters of a layer normalisation, named `weight` and `bias` after `prefix`. */
export function norm(prefix: string, columns: number): Parameter[] {
  return [
    { name: `${prefix}weight`, shape: [columns], initial: "ones" },
    { name: `${prefix}bias`, shape: [columns], initial: "zeros" },
  ];
}

/** Applies the layer normalisation whose parameters' names start with `prefix`. */
export function applyNorm<T extends tf.Tensor>(
  x: T,
  prefix: string,
  parameters: Parameters,
  epsilon: number,
): T {
  const { scale, offset } = normParameters(prefix, parameters, epsilon);
  return layerNorm(x, scale, offset, { epsilon });
}

/** Parameters of a normalisation, as {@linkcode addAndNorm} takes them. */
export function normParameters(
  prefix: string,
  parameters: Parameters,
  epsilon: number,
): NormParameters {
  const scale = parameters(`${prefix}weight`);
  return { scale, offset: parameters(`${prefix}bias`), epsilon };
}

/** The parameter of a root mean square normalisation, named `weight` after `prefix`. */
export function scaleOnly(prefix: string, columns: number): Parameter[] {
  return norm(prefix, columns).slice(0, 1);
}

/** Applies RMS normalisation with the parameter `weight` after `prefix`, then the gate. */
export function applyRmsNorm<T extends tf.Tensor>(
  x: T,
  prefix: string,
  parameters: Parameters,
  epsilon: number,
  gate?: T,
): T {
  const scale = parameters(`${prefix}weight`) as tf.Tensor1D;
  return rmsNorm(x, scale, { epsilon, gate });
}

export interface NormalizationOptions extends LionLayerOptions {
  /** Epsilon added to the variance. @default 1e-6 */
  epsilon?: number | undefined;
}

/** Layer normalisation of the last axis. */
export class Normalization extends LionLayer {
  static readonly className: string = "LionNormalization";
  readonly #epsilon: number;

  constructor(options: NormalizationOptions) {
    super(options, { epsilon: true });
    assertEpsilon("epsilon", options.epsilon);
    this.#epsilon = options.epsilon ?? 1e-6;
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    return norm("", shape.at(-1)!);
  }

  /** Operations of the mean, the variance, the scale and the offset. */
  override operations(shape: Shape): number {
    return 8 * (shape as number[]).reduce((a, b) => a * b, 1);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return applyNorm(firstInput(inputs), "", this.parameter, this.#epsilon);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), epsilon: this.#epsilon };
  }
}
registerLayer(Normalization);
