/**
 * For authors of layers, mixers and models: the base classes of this library's
 * layers, the interface of a {@linkcode Mixer}, and the layers around a model's
 * blocks.
 *
 * A tfjs layer whose parameters have PyTorch's names extends
 * {@linkcode LionLayer}. A layer that mixes tokens is a
 * {@linkcode MixingLayer}, as are `lionBlock` and `lionAttentionLayer` of
 * `@lionjs/lion`.
 *
 * @example A custom layer, whose weights can be in PyTorch's files
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LionLayer, type Parameter, type Shape } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * class Gain extends LionLayer {
 *   static readonly className = "Gain";
 *   protected parametersFor(shape: Shape): Parameter[] {
 *     return [{ name: "weight", shape: [shape.at(-1)!], initial: "ones" }];
 *   }
 *   operations(shape: Shape): number {
 *     return (shape as number[]).reduce((a, b) => a * b);
 *   }
 *   override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
 *     return tf.mul([inputs].flat()[0]!, this.parameter("weight"));
 *   }
 * }
 * tf.serialization.registerClass(Gain);
 *
 * const layer = new Gain({});
 * const y = layer.apply(tf.ones([1, 2, 3])) as tf.Tensor;
 * assertEquals(await y.array(), [[[1, 1, 1], [1, 1, 1]]]);
 * assertEquals(layer.parameters.map(({ name }) => name), ["weight"]);
 * ```
 *
 * @module
 */
export {
  LionLayer,
  type Parameter,
  type Parameters,
  type Shape,
} from "./lion_layer.ts";
export type { Mixer, MixerCall, MixerState } from "./mixer.ts";
export { MixingLayer, type Reading } from "./mixing_layer.ts";
export { type Sequence, WHOLE_SEQUENCE } from "./sequence.ts";
export { ATTENTION_VARIANTS } from "./options/attention_options.ts";
export { patchEmbedding } from "./embeddings/patch_embedding.ts";
export { positionEmbedding, positionTable } from "./embeddings/positions.ts";
export { classToken, tokenPooling } from "./embeddings/tokens.ts";
export { tokenEmbedding } from "./embeddings/token_embedding.ts";
