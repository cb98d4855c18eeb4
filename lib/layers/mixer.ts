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
  /**
   * Whether each token should attend only to itself and the tokens before it.
   */
  readonly causal: boolean;
  /** Whether the tokens come in reversed order, the last one first, as in layers that read backward. */
  readonly reversed: boolean;
  /** How to compute it, where there is a choice. */
  readonly form: AttentionForm;
  /** Tokens per chunk, if the caller chose. */
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
  /** Bytes read and written at least. */
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
 * @example A mixer of one's own, in a vision transformer and in a language model
 * ```ts
 * import { assertEquals, assertLess } from "@std/assert";
 * import {
 *   fixedDecay, generate, lionAttention, lionGpt, lionViT, logSigmoid, type Mixer,
 *   recurrentState, recurrentStep,
 * } from "@lionjs/lion";
 * import { crossEntropy, train } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // A moving average of each channel, at a pace that it learns.
 * const channels = (x: tf.Tensor3D) => {
 *   const v: tf.Tensor4D = tf.expandDims(tf.transpose(x, [0, 2, 1]), 3);
 *   return { q: tf.onesLike(v), k: tf.onesLike(v), v };
 * };
 * const rows = (y: tf.Tensor4D): tf.Tensor3D =>
 *   tf.transpose(tf.squeeze<tf.Tensor3D>(y, [3]), [0, 2, 1]);
 * const average: Mixer = {
 *   parameters: (shape) => [
 *     { name: "pace", shape: [shape.at(-1)!], initial: "zeros" },
 *   ],
 *   apply(x, parameters, { causal, mask, segments }) {
 *     const { q, k, v } = channels(x);
 *     const decay = fixedDecay(logSigmoid(parameters("pace") as tf.Tensor1D));
 *     return rows(lionAttention(q, k, v, {
 *       decay, causal, ...(mask && { mask }), ...(segments && { segments }),
 *     }));
 *   },
 *   step(x, parameters, state, { mask }) {
 *     const input = { ...channels(x), ...(mask && { mask }) };
 *     const [batch, heads] = input.v.shape;
 *     const sizes = { batch, heads, headDim: 1, valueDim: 1 };
 *     const logDecay = logSigmoid(parameters("pace") as tf.Tensor1D);
 *     const before = (state ?? recurrentState(sizes)) as ReturnType<typeof recurrentState>;
 *     const step = recurrentStep(before, { ...input, logDecay });
 *     return { y: rows(step.y), state: step.state };
 *   },
 *   operations: (shape) => 10 * tf.util.sizeFromShape(shape as number[]),
 * };
 *
 * const sizes = { mixer: average, dim: 8, depth: 2, seed: 1 };
 * const vit = lionViT({ ...sizes, imageSize: 4, patchSize: 2, channels: 1, numClasses: 2 });
 * const gpt = lionGpt({ ...sizes, vocabularySize: 5, maxLength: 8 });
 * const images = () => tf.concat([tf.zeros([1, 4, 4, 1]), tf.ones([1, 4, 4, 1])]);
 * const texts = () => tf.tensor2d([[1, 2, 3], [3, 4, 1]], [2, 3], "int32");
 * const next = () => tf.tensor2d([[2, 3, 4], [4, 1, 2]], [2, 3], "int32");
 * for (const [model, inputs, labels] of [
 *   [vit, images, () => tf.tensor1d([0, 1], "int32")],
 *   [gpt, texts, next],
 * ] as const) {
 *   const data = {
 *     stepsPerEpoch: 1,
 *     async *from() {
 *       while (true) yield { inputs: [inputs()], labels: labels(), size: 2 };
 *     },
 *   };
 *   const { losses } = await train(model, data, {
 *     steps: 60, loss: crossEntropy(), optimizer: { learningRate: 0.02 }, progress: false,
 *   });
 *   assertLess(losses.at(-1)!, 0.1 * losses[0]!);
 * }
 * // After training it counts on: 1, 2, 3, 4.
 * assertEquals(await generate(gpt, [1, 2], { maxNewTokens: 2, temperature: 0 }), [3, 4]);
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
