/** What a model learns. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Batch, BatchStream } from "@lionjs/lion/data";
import type { PassedOver } from "./calls.ts";

/** Examples of classes, and what is made for them. */
export interface Task {
  readonly classes: readonly string[];
  /** Number of examples to train on. */
  readonly trained: number;
  readonly batches: BatchStream;
  /** The names of the examples that are held out. */
  readonly names: readonly string[];
  /** One pass over them. */
  heldOut(): AsyncIterable<Batch>;
  readonly passed: readonly PassedOver[];
  makeModel(): LayersModel;
  /** What is saved beside the model, by the files' names. */
  readonly files: Readonly<Record<string, string>>;
}

/** Examples of a step. */
const BATCH = 16;

/** The size of a batch of so many examples. */
export function batchSizeOf(examples: number): number {
  return Math.min(BATCH, examples);
}

/** Throws unless classes can be told apart, and there is something to try it with. */
export function assertLearnable(
  classes: readonly string[],
  heldOut: readonly boolean[],
): void {
  if (classes.length < 2) {
    throw new RangeError(
      `there should be at least two classes, got ${
        classes.length === 0 ? "none" : `only ${classes[0]}`
      }`,
    );
  }
  if (heldOut.includes(true)) return;
  throw new RangeError(
    "a class should have at least two different examples: one to train on, one to hold out",
  );
}
