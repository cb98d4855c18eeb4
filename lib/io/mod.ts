/**
 * Weights and models in files.
 *
 * Importing it also lets tfjs save a model to a folder, and load it from there,
 * as `file://` and a path, absolute or not. A folder has the old model until it
 * has the new one: the weights lie in a file called after their SHA-256, and
 * `model.json`, which names that file and has a SHA-256 of its own, comes last.
 * Both are checked when they are read.
 *
 * @example A model there and back
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import "@lionjs/lion/io";
 * import * as tf from "@tensorflow/tfjs-core";
 * import * as layers from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = layers.sequential({
 *   layers: [layers.layers.dense({ units: 2, inputShape: [3] })],
 * });
 * const folder = await Deno.makeTempDir();
 * await model.save(`file://${folder}`);
 * const loaded = await layers.loadLayersModel(`file://${folder}/model.json`);
 *
 * const x = tf.ones([1, 3]);
 * const [y, same] = [model, loaded].map((m) => m.predict(x) as tf.Tensor);
 * assertEquals(await same!.array(), await y!.array());
 * ```
 *
 * @module
 */
import "./file_handler.ts";

export {
  readSafetensors,
  type Safetensors,
  writeSafetensors,
  type WriteSafetensorsOptions,
} from "./safetensors.ts";
export {
  loadPyTorchWeights,
  type LoadPyTorchWeightsOptions,
  type SkippedWeights,
  toPyTorchWeights,
} from "./pytorch.ts";
export type { TensorNames } from "./tensor_names.ts";
