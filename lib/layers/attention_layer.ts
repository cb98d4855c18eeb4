import * as tf from "@tensorflow/tfjs-core";
import type { OptionNames } from "../contract/options.ts";
import { attend, attentionParameters } from "./attention.ts";
import {
  assertAttentionOptions,
  ATTENTION_OPTIONS,
  type AttentionOptions,
} from "./attention_options.ts";
import {
  type CallOptions,
  firstInput,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  pick,
  type Shape,
} from "./lion_layer.ts";
import { assertEpsilon } from "./option_values.ts";
import { takeSegments } from "./segments.ts";

/** Options of {@linkcode lionAttentionLayer}. */
export interface LionAttentionLayerOptions
  extends AttentionOptions, LionLayerOptions {
  /** Added to the variance by the normalisation of the output. @default 1e-6 */
  epsilon?: number;
}

const OWN_OPTIONS: OptionNames<
  Omit<LionAttentionLayerOptions, keyof LionLayerOptions>
> = { ...ATTENTION_OPTIONS, epsilon: true };

/** Multi-head LION attention as a layer; see {@linkcode lionAttentionLayer}. */
export class LionAttentionLayer extends LionLayer {
  /** The name under which it is saved. */
  static readonly className: string = "LionAttention";
  /** How it attends; `form` and `chunkSize` may be changed at any time. */
  readonly attention: AttentionOptions;
  readonly #epsilon: number;

  /** Makes the layer. */
  constructor(options: LionAttentionLayerOptions) {
    super(options, OWN_OPTIONS);
    this.attention = pick(options, ATTENTION_OPTIONS);
    this.#epsilon = options.epsilon ?? 1e-6;
  }

  /** Those that it needs for inputs of a shape. */
  protected override parametersFor(shape: Shape): Parameter[] {
    const dim = shape.at(-1)!;
    assertAttentionOptions(this.attention, dim);
    assertEpsilon("epsilon", this.#epsilon);
    return attentionParameters(this.attention, dim);
  }

  /** Of the projections. */
  override operations(shape: Shape): number {
    return projectionOperations(shape);
  }

  /**
   * `[batch, length, dim]` to the same; a mask `[batch, length]` may come second,
   * and segments come last if the option says so.
   */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    options: CallOptions = {},
  ): tf.Tensor {
    return tf.tidy(() => {
      const { others, segments } = takeSegments(this.name, inputs, {
        segments: this.attention.segments ?? false,
        most: 2,
      });
      const mask = this.tokensOf(others, options);
      const x = this.readable(firstInput<tf.Tensor3D>(others), mask);
      return attend(x, this.attention, this.parameter, {
        mask,
        segments,
        training: options.training ?? false,
        epsilon: this.#epsilon,
      });
    });
  }

  /** Yes, whatever came in. */
  override get hasFinitePadding(): boolean {
    return true;
  }

  /** All that it takes to make the layer again. */
  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      ...this.attention as unknown as tf.serialization.ConfigDict,
      epsilon: this.#epsilon,
    };
  }
}
tf.serialization.registerClass(LionAttentionLayer);

/** Of queries, keys, values and output. */
export function projectionOperations(shape: Shape): number {
  const [batch, length, dim] = shape as [number, number, number];
  return 2 * batch * length * 4 * dim * dim;
}

/**
 * Multi-head LION attention as a layer for `tf.model` and `tf.sequential`: one
 * projection to queries, keys and values, attention in the chosen variant and
 * form, one projection of what the heads answer.
 *
 * It is applied to `[batch, length, dim]`, or to that and a mask of padding,
 * `[batch, length]`; it obeys the masks of tfjs's layers too
 * (`embedding({ maskZero: true })`, `masking`), and hands them on. With the
 * option `segments`, the segments of packed sequences come as the last input.
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
 * @param options See {@linkcode LionAttentionLayerOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} When it is built, if an option has an impossible value.
 */
export function lionAttentionLayer(
  options: LionAttentionLayerOptions,
): LionAttentionLayer {
  return new LionAttentionLayer(options);
}
