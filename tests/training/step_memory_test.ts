/** How much memory a step of training takes beside the model. */
import { assertLess } from "@std/assert";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tfl from "@tensorflow/tfjs-layers";
import { MemoryWatch } from "../../lib/backend/memory_watch.ts";
import { withDefaults } from "../../lib/tfjs/optimizers/adam.ts";
import { TrainingState } from "../../lib/training/training_state.ts";
import { alive, assertNoLeak, onEachBackend } from "../backends.ts";
import { tinyBatch, tinyModel } from "./tiny.ts";

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

onEachBackend("a step that runs out of memory leaks nothing", () => {
  const model = tinyModel({ depth: 1 }), batch = tinyBatch(0);
  const wasm = tf.backend() as BackendWasm, { makeOutput } = wasm;
  const before = alive();
  let steps = 0, failures = 0;
  for (let fitting = 0; steps === 0; fitting += 3) {
    const state = new TrainingState(model, {
      ...{ adam: withDefaults({}), clipNorm: 1, averageDecay: 0.9 },
      ...{ decays: () => true, rateOf: undefined, best: undefined },
    });
    state.addGradients(batch, () => crossEntropy(), "seed");
    // Who has a snapshot keeps the values as they are, and the step needs others.
    const { tensors } = state.snapshot();
    let left = fitting;
    wasm.makeOutput = (...given) => {
      if (left-- === 0) throw new Error("no memory");
      return makeOutput.apply(wasm, given);
    };
    try {
      state.step(0.1).dispose();
      steps++;
    } catch {
      failures++;
    } finally {
      wasm.makeOutput = makeOutput;
    }
    state.dispose();
    tf.dispose([...tensors.values()]);
    assertNoLeak(before);
  }
  assertLess(5, failures);
  tf.dispose([...batch.inputs, batch.labels]);
  model.dispose();
}, ["wasm"]);
