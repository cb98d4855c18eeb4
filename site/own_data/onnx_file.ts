/// <reference lib="dom" />
/** A trained model as an ONNX file. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { setClassNames } from "@lionjs/lion";
import { onnxBytes } from "@lionjs/lion/onnx";
import { start } from "../device.ts";
import type { Task } from "./task.ts";

/**
 * Writes a model as ONNX: from WebAssembly's kernels, so one that was trained on WebGPU is
 * copied there.
 */
export async function onnxFileOf(
  model: LayersModel,
  task: Task,
): Promise<Uint8Array<ArrayBuffer>> {
  if (tf.getBackend() === "wasm") return (await onnxBytes(model)).model;
  const values = await Promise.all(
    model.getWeights().map(async (weight) =>
      [await weight.data(), weight.shape] as const
    ),
  );
  await start("wasm");
  try {
    const copy = task.makeModel();
    setClassNames(copy, task.classes);
    const weights = values.map(([data, shape]) => tf.tensor(data, shape));
    copy.setWeights(weights);
    tf.dispose(weights);
    try {
      return (await onnxBytes(copy)).model;
    } finally {
      copy.dispose();
    }
  } finally {
    await start("webgpu");
  }
}
