/** The interface of mixers, the operations that mix the tokens of a layer. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { ConcreteForm } from "../attention/forms/form.ts";
import type { AttentionForm } from "../attention/lion_attention.ts";
import type { Parameter, Parameters, Shape } from "./lion_layer.ts";
import type { Sequence } from "./sequence.ts";

/** The arguments that a layer passes to its mixer in each call. */
export interface MixerCall {
  /**
   * The padding mask, `[batch, length]`: 1 for a token, 0 for padding, which no
   * token should attend to.
   */
  readonly mask: tf.Tensor2D | undefined;
  /** The segments, `[batch, length]`: no token should attend across a change of number. */
  readonly segments: tf.Tensor2D | undefined;
  /**
   * Whether each token should attend only to itself and the tokens before it.
   */
  readonly causal: boolean;
  /**
   * Whether the tokens come in reverse order, the last one first, as in layers
   * with direction "backward".
   */
  readonly reversed: boolean;
  /** The form to compute attention in, if the mixer has several. */
  readonly form: AttentionForm;
  /** Tokens per chunk; `undefined` lets the mixer choose. */
  readonly chunkSize: number | undefined;
  /** Whether dropout is active; the layer itself applies it to the output. */
  readonly training: boolean;
  /** Epsilon added to the variance in normalisations. */
  readonly epsilon: number;
  /**
   * What the first layer of the model has passed on, `[batch, length, dim]`; see
   * {@linkcode Mixer.readsFirst}.
   */
  readonly first?: tf.Tensor3D | undefined;
  /**
   * The sequence that the tokens are of: all of it, or else see
   * {@linkcode Mixer.sharesTokens}.
   */
  readonly sequence: Sequence;
}

/** The arguments that a layer passes to its mixer's `step` along with the next tokens. */
export type StepCall = Pick<MixerCall, "mask" | "epsilon" | "first">;

/** The state of a causal mixer after the earlier tokens: tensors by name. */
export type MixerState = Readonly<Record<string, tf.Tensor>>;

/** The costs of a mixer that depend on its form. */
export interface MixerCost {
  /** Multiplications and additions of a forward pass. */
  readonly operations: number;
  /** Lower bound of the bytes read and written. */
  readonly bytes: number;
  /** Peak memory in bytes. */
  readonly peakBytes: number;
}

/** The conditions under which a mixer's cost is estimated. */
export interface CostCall extends Pick<MixerCall, "causal" | "chunkSize"> {
  /** The form of computation. */
  readonly form: ConcreteForm;
  /** Whether sequences are packed into rows. */
  readonly segments: boolean;
}

/**
 * The part of a layer, a block or a model that mixes the tokens: a set of
 * functions without state, so that one mixer can serve any number of layers.
 * Layers call `apply` and `step` inside `tf.tidy`, which disposes of all
 * tensors that they create but do not return. Tensors that they are passed
 * belong to the layer: they may return these, but must not dispose of them.
 *
 * @example A custom mixer, in a vision transformer and in a language model
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
 *       decay, causal, mask, segments,
 *     }));
 *   },
 *   step(x, parameters, state, { mask }) {
 *     const input = { ...channels(x), mask };
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
   * Whether `apply` can work on a part of the tokens, by the functions of its
   * call's `sequence`. @default false
   */
  readonly sharesTokens?: boolean | undefined;
  /**
   * Whether the mixer reads `first` of its call, which the first layer of the model
   * passes on to all later ones. @default false
   */
  readonly readsFirst?: boolean | undefined;
  /**
   * In the first layer of a model whose later layers read it, returns what they read,
   * `[batch, length, dim]`, from the arguments of `apply`.
   */
  passFirst?(
    x: tf.Tensor3D,
    parameters: Parameters,
    call: MixerCall,
  ): tf.Tensor3D;
  /**
   * Makes a mixer for a block to have in place of its perceptron.
   *
   * @param hidden The hidden columns that the perceptron would have.
   */
  perceptron?(hidden: number): Mixer;
  /**
   * Returns the parameters for inputs of shape `[batch, length, dim]`; `dim` is
   * always known. Their names are used in the layer and in PyTorch's files.
   */
  parameters(shape: Shape): Parameter[];
  /**
   * Mixes the tokens: `[batch, length, dim]` to the same shape, differentiable.
   * `x` is finite at padding too, where the output may be anything finite.
   */
  apply(x: tf.Tensor3D, parameters: Parameters, call: MixerCall): tf.Tensor3D;
  /**
   * Returns rows of the weights W with which the mixer's heads add up values of
   * tokens, y_i = Σ_j W_ij v_j, before a normalisation, a gate and a projection:
   * `[batch, heads, rows, length]`, from the arguments of `apply` and the tokens whose
   * rows are wanted. `attentionRows` needs it.
   */
  weights?(
    x: tf.Tensor3D,
    parameters: Parameters,
    call: MixerCall,
    rows: readonly number[],
  ): tf.Tensor4D;
  /**
   * For causal mixers, mixes the next tokens, one or many, given the state
   * after the earlier ones, `undefined` before the first; `generate` needs it.
   * Shorter texts are padded on the left, and the padding must be skipped. A mixer
   * with `passFirst` also returns what it passes on, as `first`.
   */
  step?(
    x: tf.Tensor3D,
    parameters: Parameters,
    state: MixerState | undefined,
    call: StepCall,
  ): { y: tf.Tensor3D; state: MixerState; first?: tf.Tensor3D | undefined };
  /**
   * Returns the number of multiplications and additions in a forward pass,
   * except those in {@linkcode Mixer.cost}.
   */
  operations(shape: Shape): number;
  /**
   * Returns the cost in one form on the current backend, beyond
   * {@linkcode Mixer.operations}; `modelSummary` reports it.
   *
   * @throws {RangeError} If the computation does not fit the backend.
   */
  cost?(shape: Shape, call: CostCall): MixerCost;
}
