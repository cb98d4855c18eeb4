import type * as tf from "@tensorflow/tfjs-core";
import {
  assertAttentionOptions,
  type AttentionOptions,
} from "./options/attention_options.ts";
import type { LionLayerOptions, Parameter, Shape } from "./lion_layer.ts";
import { registerLayer } from "./own_layers.ts";
import { MixingLayer, type Reading } from "./mixing_layer.ts";
import { assertEpsilon } from "./options/option_values.ts";

/** Options of {@linkcode lionAttentionLayer}. */
export interface LionAttentionLayerOptions
  extends AttentionOptions, LionLayerOptions {
  /** Epsilon added to the variance in the output's normalisation. @default 1e-6 */
  epsilon?: number | undefined;
}

/** The layer of {@linkcode lionAttentionLayer}. */
export class LionAttentionLayer extends MixingLayer {
  static readonly className: string = "LionAttention";
  readonly epsilon: number;

  constructor(options: LionAttentionLayerOptions) {
    super(options, { epsilon: true });
    this.epsilon = options.epsilon ?? 1e-6;
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    assertAttentionOptions(this.attention, shape.at(-1)!);
    assertEpsilon("epsilon", this.epsilon);
    return this.mixer.parameters(shape);
  }

  /** The mixer's operations, except those that depend on the form of attention. */
  override operations(shape: Shape): number {
    return this.mixer.operations(shape);
  }

  protected override transform(x: tf.Tensor3D, reading: Reading): tf.Tensor {
    return this.mix(x, this.parameter, reading);
  }

  protected override passOn(x: tf.Tensor3D, reading: Reading): tf.Tensor3D {
    return this.passFirst(x, this.parameter, reading);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), epsilon: this.epsilon };
  }
}
registerLayer(LionAttentionLayer);

/**
 * Makes a layer of multi-head LION attention, for `tf.model` and
 * `tf.sequential`: one projection to queries, keys and values, attention in the
 * chosen variant and form, and one projection of the heads' outputs.
 *
 * Its input is `[batch, length, dim]`, optionally followed by a padding mask,
 * `[batch, length]`. It also applies the masks of tfjs's layers
 * (`embedding({ maskZero: true })`, `masking`) and passes them on. With the
 * option `segments`, the last input holds the segments of packed sequences.
 *
 * @example In a model
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionAttentionLayer } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const tokens = tf.input({ shape: [null, 8] });
 * const layer = lionAttentionLayer({ variant: "s", numHeads: 2 });
 * const model = tf.model({ inputs: tokens, outputs: layer.apply(tokens) as tf.SymbolicTensor });
 * assertEquals(model.countParams(), 8 * 24 + 24 + 8 * 2 + 2 + 8 * 8 + 8);
 * ```
 *
 * @example The same layer in another form
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { lionAttentionLayer } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const layer = lionAttentionLayer({ variant: "s", numHeads: 2, form: "full" });
 * const x = tf.randomNormal([1, 6, 8]);
 * const before = await (layer.apply(x) as tf.Tensor).data();
 * layer.attention.form = "recurrent";
 * const after = await (layer.apply(x) as tf.Tensor).data();
 * before.forEach((value, i) => assertAlmostEquals(value, after[i]!, 1e-5));
 * ```
 *
 * @param options See {@linkcode LionAttentionLayerOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} When the layer is built, if an option has an invalid
 * value.
 */
export function lionAttentionLayer(
  options: LionAttentionLayerOptions,
): MixingLayer {
  return new LionAttentionLayer(options);
}
