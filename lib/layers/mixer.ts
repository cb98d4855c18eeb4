/** What mixes tokens in a layer, whatever it is. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { ConcreteForm } from "../attention/form.ts";
import type { AttentionForm } from "../attention/lion_attention.ts";
import type { Parameter, Parameters, Shape } from "./lion_layer.ts";

/** What a layer tells its mixer with each call. */
export interface MixerCall {
  /** `[batch, length]`, 1 for a token and 0 for padding, which should not be read. */
  readonly mask: tf.Tensor2D | undefined;
  /** `[batch, length]`: a change of number is a border that nothing should be read across. */
  readonly segments: tf.Tensor2D | undefined;
  /** Whether a token should read only itself and the tokens before it. */
  readonly causal: boolean;
  /** Whether the tokens come in reversed order, the last one first, as in layers that read backward. */
  readonly reversed: boolean;
  /** How to compute it, where there is a choice. */
  readonly form: AttentionForm;
  /** Tokens a chunk, if the caller chose. */
  readonly chunkSize: number | undefined;
  /** Whether dropout is active; the layer drops values of the output by itself. */
  readonly training: boolean;
  /** Of normalisations, added to the variance. */
  readonly epsilon: number;
}

/** What a mixer is told with the next tokens of texts. */
export type StepCall = Pick<MixerCall, "mask" | "epsilon">;

/** All that a causal mixer remembers of the tokens before, tensors by name. */
export type MixerState = Readonly<Record<string, tf.Tensor>>;

/** What depends on the form in which a mixer runs. */
export interface MixerCost {
  /** Multiplications and additions of a forward pass. */
  readonly operations: number;
  /** Bytes read and written at the least. */
  readonly bytes: number;
  /** Bytes alive at once. */
  readonly peakBytes: number;
}

/** Which cost a mixer is asked for. */
export interface CostCall extends Pick<MixerCall, "causal" | "chunkSize"> {
  /** The form. */
  readonly form: ConcreteForm;
  /** Whether sequences are packed into rows. */
  readonly segments: boolean;
}

/**
 * What mixes tokens in a layer, a block or a model: a set of functions without
 * a state of its own, so that one mixer serves any number of layers. All
 * tensors that `apply` and `step` make but do not return are the layer's, which
 * calls them in a `tf.tidy`.
 *
 * @example A mixer of one's own: each token adds the mean of all
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionAttentionLayer, type Mixer } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const mean: Mixer = {
 *   parameters: () => [],
 *   apply: (x) => tf.add(x, tf.mean(x, 1, true)),
 *   operations: (shape) => 2 * tf.util.sizeFromShape(shape as number[]),
 * };
 * const layer = lionAttentionLayer({ mixer: mean });
 * const y = layer.apply(tf.tensor3d([1, 3], [1, 2, 1])) as tf.Tensor;
 * assertEquals([...await y.data()], [3, 5]);
 * ```
 */
export interface Mixer {
  /**
   * The parameters for inputs of a shape, `[batch, length, dim]`, of which
   * `dim` is known: their names are the layer's, and PyTorch's.
   */
  parameters(shape: Shape): Parameter[];
  /**
   * `[batch, length, dim]` to the same, differentiable; `x` is finite in padding
   * too, where any finite output will do.
   */
  apply(x: tf.Tensor3D, parameters: Parameters, call: MixerCall): tf.Tensor3D;
  /**
   * The same of a causal mixer for the tokens that come next, one or many, with
   * what it remembers of those before them, `undefined` before the first;
   * `generate` asks for it. Padding stands before texts that are shorter and is
   * as if it were not there.
   */
  step?(
    x: tf.Tensor3D,
    parameters: Parameters,
    state: MixerState | undefined,
    call: StepCall,
  ): { y: tf.Tensor3D; state: MixerState };
  /** Multiplications and additions of a forward pass, without those of {@linkcode Mixer.cost}. */
  operations(shape: Shape): number;
  /**
   * What the rest costs in a form on the current backend; `describe` asks for it.
   *
   * @throws {RangeError} If it does not fit the backend.
   */
  cost?(shape: Shape, call: CostCall): MixerCost;
}
