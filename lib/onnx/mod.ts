/**
 * ONNX: models out, for ONNX Runtime and all programs that read ONNX files, and weights
 * in.
 *
 * @module
 */
export {
  type ExportedOnnx,
  exportOnnx,
  type ExportOnnxOptions,
  onnxBytes,
} from "./export.ts";
export type { OnnxForm } from "./attention/style.ts";
export type { Dimension, ElementType, ValueInfo } from "./graph.ts";
export type { WeightStorage } from "./file/storage.ts";
export type { OnnxBytes } from "./file/write.ts";
export { readOnnxWeights, type ReadOnnxWeightsOptions } from "./file/read.ts";
export type { TransformersJsTask } from "./folder/borrowed.ts";
export {
  saveTransformersJs,
  type SaveTransformersJsOptions,
} from "./folder/save_transformers_js.ts";
