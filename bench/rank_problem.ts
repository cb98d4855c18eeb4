/** What ranks train and exchange, and what they are asked and answer. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionEncoder } from "@lionjs/lion";
import type { BatchStream } from "@lionjs/lion/data";
import { array, uniform } from "../tests/random.ts";

/** A model of LION-S that classifies sequences of random bytes. */
export const PROBLEM = {
  ...{ batch: 16, length: 512, vocabulary: 256, classes: 10 },
  ...{ dim: 128, depth: 2, heads: 4 },
} as const;

/** What ranks exchange to be timed. */
export const OPERATIONS = ["exchange", "allreduce", "exscan"] as const;

/** What a rank is asked to do; all ranks of a job are asked the same. */
export type Request =
  /** Begins a training, which takes no step yet. */
  | {
    readonly kind: "open";
    readonly name: string;
    /** Sequences of a batch, of all ranks. */
    readonly batch: number;
    /** Nothing for one rank without a communicator. */
    readonly sharedBy?: "data" | "sequence";
  }
  /** Takes steps of a training. */
  | { readonly kind: "step"; readonly name: string; readonly steps: number }
  /** Exchanges so many bytes so many times, after the results have been checked. */
  | {
    readonly kind: "exchange";
    readonly operation: typeof OPERATIONS[number];
    readonly bytes: number;
    readonly times: number;
  }
  /** Ends. */
  | { readonly kind: "end" };

/** What steps of a training came to, on one rank. */
export interface Steps {
  readonly milliseconds: number;
  readonly losses: readonly number[];
  /** Milliseconds of these in which batches were made. */
  readonly making: number;
  /** Exchanges inside operations, and all reductions. */
  readonly messages: Traffic;
  readonly reductions: Traffic;
}

/** How often something was sent, and how much in all. */
export interface Traffic {
  readonly count: number;
  readonly bytes: number;
}

/** What a rank has done when it is ready for another request. */
export type Reply =
  | {
    readonly kind: "ready";
    readonly version: string;
    /** Numbers of the model. */
    readonly weights: number;
  }
  | { readonly kind: "stepped"; readonly steps: Steps }
  | { readonly kind: "exchanged"; readonly milliseconds: readonly number[] };

/** The same model for all. */
export function modelOf(): LayersModel {
  const { vocabulary, classes, dim, depth, heads } = PROBLEM;
  return lionEncoder({
    ...{ vocabularySize: vocabulary, numClasses: classes },
    ...{ dim, depth, numHeads: heads, variant: "s", seed: 1 },
  });
}

/** Batches that take turns, each with its own examples. */
const DIFFERENT_BATCHES = 4;

/** Batches of examples that lie in memory; `tell` hears what making one took. */
export function batchesOf(
  size: number,
  tell: (milliseconds: number) => void,
): BatchStream {
  const { length, vocabulary, classes } = PROBLEM;
  const examples = Array.from({ length: DIFFERENT_BATCHES }, (_, i) => {
    const random = uniform(i);
    const below = (end: number) => (u: number) => Math.floor(end * u);
    return {
      ids: Int32Array.from(array(size * length, random, below(vocabulary))),
      labels: Int32Array.from(array(size, random, below(classes))),
    };
  });
  return {
    stepsPerEpoch: 1_000_000,
    async *from(start) {
      for (let position = start;; position++) {
        const begun = performance.now();
        const { ids, labels } = examples[position % DIFFERENT_BATCHES]!;
        const inputs = [
          tf.tensor2d(ids, [size, length], "int32"),
          tf.ones([size, length]),
        ];
        const batch = { inputs, labels: tf.tensor1d(labels, "int32"), size };
        tell(performance.now() - begun);
        yield await Promise.resolve(batch);
      }
    },
  };
}
