/**
 * Weights and models in files.
 *
 * Importing this also lets tfjs save and load models with `file://` and an
 * absolute or relative path to a folder. A folder holds the old model until the
 * new one is complete: weights are in a file named after their SHA-256, and
 * `model.json`, which names that file and has its own SHA-256, is written last.
 * Both hashes are checked on reading.
 *
 * @example Saving and loading a model
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

export { dequantizeInt8, quantizeInt8 } from "./int8.ts";
export { readSafetensors, writeSafetensors } from "./safetensors.ts";
export {
  loadPyTorchWeights,
  type LoadPyTorchWeightsOptions,
  toPyTorchWeights,
} from "./pytorch.ts";
