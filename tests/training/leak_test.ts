/** Training takes no more memory the longer it lasts. @module */
import { assert } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { accuracy, train } from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { ofLongTests } from "../sample.ts";
import {
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  withFolder,
} from "./tiny.ts";

/** Of tfjs, and of the device where there is one. */
function memory(): Record<string, number> {
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  const all = { numTensors, numDataBuffers, numBytes };
  if (tf.getBackend() !== "webgpu") return all;
  const { bufferManager } = tf.backend() as WebGPUBackend;
  const { numBytesUsed, numBytesAllocated } = bufferManager;
  return { ...all, numBytesUsed, numBytesAllocated };
}

onEachBackend(
  "training leaks nothing, however long it lasts",
  (backend) =>
    withFolder(async (folder) => {
      const model = tinyModel({ depth: 1 });
      const seen: Record<string, number>[] = [];
      await train(
        model,
        tinyData(),
        tinyOptions({
          // Others take minutes for as many, or most of one. In the first half of WebGPU's
          // a step is recorded again, which happens after 200.
          steps: { wasm: 1000, webgpu: 420, cpu: 300 }[backend],
          evaluate: {
            data: tinyPass,
            metrics: { accuracy: accuracy() },
            every: 20,
          },
          optimizer: { accumulate: 1 },
          checkpoints: { folder, every: 25 },
          callbacks: {
            // So that a GPU has as much to do between two reads.
            onBatchEnd: () => {},
            onEpochEnd: () => {
              seen.push(memory());
            },
          },
        }),
      );
      const half = seen.length / 2;
      const [before, after] = [seen.slice(0, half), seen.slice(half)];
      for (const name of Object.keys(seen[0]!)) {
        const [most, later] = [before, after].map((part) =>
          Math.max(...part.map((memory) => memory[name]!))
        );
        assert(later! <= most!, `${name} grew from ${most} to ${later}`);
      }
      model.dispose();
    }),
  ofLongTests(),
);
