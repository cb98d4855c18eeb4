/** What `recompute` saves and costs in training. @module */
import { setRecompute } from "@lionjs/lion";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import { MemoryWatch } from "../lib/backend/memory_watch.ts";
import { labelsOf, type SizedModel, tensorsOf } from "./sized_models.ts";

/** What is trained, and how often. */
export interface RecomputeProblem {
  readonly sized: SizedModel;
  /** Examples of a step. */
  readonly batch: number;
  /** Steps of each way, the first of which only counts for memory. */
  readonly steps: number;
}

/** Training steps of one way. */
export interface RecomputeSteps {
  /** The most bytes in use at once: model, gradients, optimizer and step. */
  readonly peakBytes: number;
  /** Milliseconds of each step that is timed. */
  readonly times: readonly number[];
}

/** Trains a model with LION-S by `train` on the current backend; usual and recomputed steps take turns. */
export async function measureRecompute(
  { sized, batch, steps }: RecomputeProblem,
): Promise<{ usual: RecomputeSteps; recomputed: RecomputeSteps }> {
  const watch = new MemoryWatch();
  const before = watch.begin();
  const model = sized.make({ variant: "s" });
  const inputs = sized.inputs(batch);
  const ways = [false, true].map((recompute) => ({
    recompute,
    peakBytes: 0,
    times: [] as number[],
  }));
  let span = before, began = 0;
  const wayOf = (step: number) => ways[step % ways.length]!;
  try {
    await train(model, batchesOf(() => tensorsOf(model, inputs), batch), {
      steps: steps * ways.length,
      loss: crossEntropy(),
      optimizer: { learningRate: () => 1e-4 },
      progress: false,
      callbacks: {
        onBatchBegin: (step) => {
          setRecompute(model, wayOf(step).recompute);
          span = watch.begin();
          began = performance.now();
        },
        onBatchEnd: (step) => {
          const way = wayOf(step);
          way.times.push(performance.now() - began);
          watch.end(span);
          const bytes = span.peakBytes - before.bytesBefore;
          way.peakBytes = Math.max(way.peakBytes, bytes);
        },
      },
    });
  } finally {
    watch.stop();
    model.dispose();
  }
  const [usual, recomputed] = ways.map(
    ({ peakBytes, times }): RecomputeSteps => {
      return { peakBytes, times: times.slice(steps > 1 ? 1 : 0) };
    },
  );
  return { usual: usual!, recomputed: recomputed! };
}

/** Endless batches of the same examples. */
function batchesOf(inputs: () => tf.Tensor[], batch: number) {
  return {
    stepsPerEpoch: 1_000_000,
    async *from() {
      while (true) {
        const labels = tf.tensor1d(labelsOf(batch), "int32");
        yield { inputs: inputs(), labels, size: batch };
      }
    },
  };
}
