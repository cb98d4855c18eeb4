/** How much memory a step of training takes beside the model. */
import { assertLess } from "@std/assert";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { MemoryWatch } from "../../lib/backend/memory_watch.ts";
import { onEachBackend } from "../backends.ts";

onEachBackend(
  "a step holds the weights, their gradients and two moments, and little more",
  async () => {
    // Each layer has as many weights as are updated together.
    const dim = 2048, depth = 8;
    const model = tfl.sequential();
    for (let i = 0; i < depth; i++) {
      model.add(tfl.layers.dense({
        ...{ units: dim, useBias: false, kernelInitializer: "zeros" },
        ...i === 0 ? { inputShape: [dim] } : {},
      }));
    }
    const weights = 4 * depth * dim * dim;
    const data = {
      stepsPerEpoch: 1,
      async *from() {
        while (true) {
          const labels = tf.zeros([1], "int32");
          yield { inputs: [tf.ones([1, dim])], labels, size: 1 };
        }
      },
    };
    const watch = new MemoryWatch();
    const span = watch.begin();
    try {
      const optimizer = { learningRate: 1e-3, accumulate: 2 };
      const options = { loss: crossEntropy(), steps: 1, progress: false };
      await train(model, data, { ...options, optimizer });
    } finally {
      watch.stop();
    }
    // Two moments, the gradients of two batches, and a layer's; the weights change in
    // place.
    assertLess((span.peakBytes - span.bytesBefore) / weights, 4.3);
    model.dispose();
  },
  ["wasm"],
);
