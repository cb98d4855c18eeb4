/** What a training needs of one's own data. @module */
import type { Batch, BatchStream } from "@lionjs/data/batches";
import type { Metrics } from "../metrics/metric.ts";
import type { Loss } from "../losses/loss.ts";

/** Data that have been read, split and made into batches, for `train`. */
export interface Task {
  /** The batches to train on. */
  readonly train: BatchStream;
  /** The options of `train` that fit the data: the loss, and an evaluation. */
  readonly options: {
    /** The loss. */
    readonly loss: Loss;
    /** The evaluation on the validation part, with metrics that fit. */
    readonly evaluate: {
      readonly data: () => AsyncIterable<Batch>;
      readonly metrics: Metrics;
    };
  };
  /** One pass over what decisions are made by, such as when to stop. */
  validation(): AsyncIterable<Batch>;
  /** One pass over what the reported result is of. */
  test(): AsyncIterable<Batch>;
}
