/**
 * Operations around attention, for authors of layers: linear maps,
 * normalisation, activations, heads, the short convolution and the selective
 * scan. They take and return tensors, are differentiable, and run the backend's
 * kernel if there is one.
 *
 * @example Attention between the projections of a layer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionAttention } from "@lionjs/lion";
 * import { dense, joinHeads, splitHeads } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor3D = tf.randomNormal([2, 6, 8]);
 * const columns = dense(x, tf.randomNormal([8, 24])) as tf.Tensor3D;
 * const { q, k, v } = splitHeads(columns, { numHeads: 2, featureMap: tf.relu });
 * const y = dense(joinHeads(lionAttention(q, k, v)), tf.randomNormal([8, 8]));
 * assertEquals(y.shape, [2, 6, 8]);
 * ```
 *
 * @module
 */
// This import registers the gradients of tfjs-core's operations.
import "@tensorflow/tfjs-layers";

export { dense } from "./dense/dense.ts";
export { gelu } from "./gelu/gelu.ts";
export { joinHeads, splitHeads } from "./heads/heads.ts";
export { layerNorm } from "./layer_norm/layer_norm.ts";
export { positiveRandomFeatures } from "./random_features.ts";
export { rmsNorm } from "./rms_norm/rms_norm.ts";
export {
  selectiveScan,
  type SelectiveScanInputs,
} from "./selective_scan/selective_scan.ts";
export { shortConvolution } from "./short_convolution/short_convolution.ts";
