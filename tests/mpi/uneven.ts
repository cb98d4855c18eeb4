/** Batches whose rows do not divide among ranks, and have few labels that count. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Batch, BatchStream } from "../../lib/data/batches/stream.ts";
import { accuracy, type TrainOptions } from "../../lib/training/mod.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
} from "../training/tiny.ts";

/** Of fewer columns, which are almost the same, a normalisation makes much of rounding. */
export function unevenModel(): LayersModel {
  return tinyModel({ dim: 8 });
}

/** Five examples, or one: then some ranks have none. */
function unevenBatch(position: number): Batch {
  return tinyBatch(position, position % 4 === 1 ? 1 : 5, 0.4);
}

/** An epoch of ten of them. */
export function unevenData(): BatchStream {
  return tinyData(unevenBatch);
}

/** One pass over two. */
async function* unevenPass(): AsyncIterable<Batch> {
  yield await Promise.resolve(unevenBatch(-4));
  yield unevenBatch(-3);
}

/** Fifty steps with all that is random, averaged, clipped and accumulated. */
export function unevenOptions(options: Partial<TrainOptions>): TrainOptions {
  return tinyOptions({
    steps: 50,
    evaluate: { data: unevenPass, metrics: { accuracy: accuracy() } },
    ...options,
  });
}
