/** What `recompute` saves and costs in training a vision transformer. @module */
import {
  lionViT,
  type LionViTOptions,
  setRecompute,
  VIT_PRESETS,
} from "@lionjs/lion";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import { MemoryWatch } from "../lib/backend/memory_watch.ts";

/** What is trained, and how often. */
export interface RecomputeProblem {
  /** The size of the model, for images of 224 pixels. */
  readonly size: keyof typeof VIT_PRESETS;
  /** Images of a step. @default 8 */
  readonly batch?: number | undefined;
  /** Steps of each way, the first of which only counts for memory. @default 4 */
  readonly steps?: number | undefined;
  /** How tokens are weighted. @default "s" */
  readonly variant?: LionViTOptions["variant"];
}

/** Training steps of one way. */
export interface RecomputeSteps {
  /** The most bytes in use at once: model, gradients, optimizer and step. */
  readonly peakBytes: number;
  /** Of the fastest step. */
  readonly milliseconds: number;
}

/** Both ways, and those with `recompute` over those without. */
export interface RecomputeMeasurement {
  readonly usual: RecomputeSteps;
  readonly recomputed: RecomputeSteps;
  readonly peakRatio: number;
  readonly timeRatio: number;
}

/** Trains a model by `train` on the current backend; usual and recomputed steps take turns. */
export async function measureRecompute(
  { size, batch = 8, steps = 4, variant = "s" }: RecomputeProblem,
): Promise<RecomputeMeasurement> {
  const watch = new MemoryWatch();
  const before = watch.begin();
  const model = lionViT({ ...VIT_PRESETS[size], variant, seed: 1 });
  const ways = [false, true].map((recompute) => ({
    recompute,
    peakBytes: 0,
    times: [] as number[],
  }));
  let span = before, began = 0;
  const wayOf = (step: number) => ways[step % ways.length]!;
  try {
    await train(model, imagesOf(batch), {
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
  const [usual, recomputed] = ways.map(({ peakBytes, times }) => ({
    peakBytes,
    milliseconds: Math.min(...times.slice(steps > 1 ? 1 : 0)),
  })) as [RecomputeSteps, RecomputeSteps];
  return {
    usual,
    recomputed,
    peakRatio: recomputed.peakBytes / usual.peakBytes,
    timeRatio: recomputed.milliseconds / usual.milliseconds,
  };
}

/** Endless batches of the same images. */
function imagesOf(batch: number) {
  return {
    stepsPerEpoch: 1_000_000,
    async *from() {
      while (true) {
        const images = tf.randomUniform(
          [batch, 224, 224, 3],
          -1,
          1,
          "float32",
          1,
        );
        const labels = tf.range(0, batch, 1, "int32");
        yield { inputs: [images], labels, size: batch };
      }
    },
  };
}
