/**
 * ONNX: models out, for ONNX Runtime and all programs that read ONNX files, and weights
 * in.
 *
 * @module
 */
export { exportOnnx, onnxBytes } from "./export.ts";

export { readOnnxWeights } from "./file/read.ts";

export { saveTransformersJs } from "./folder/save_transformers_js.ts";
