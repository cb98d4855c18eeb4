/** Applying a model to a batch, sharing it among ranks, and counting its labels. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertModel,
  type Communicator,
  type ContextGroup,
  itemsUnlessAborted,
  turns,
} from "@lionjs/base";
import { compileAheadOnce } from "@lionjs/tfjs/record";
import type { Batch } from "@lionjs/data/batches";
import type { Rows } from "../layers/randomness.ts";
import { isOwnModel } from "../models/layer_runs.ts";
import { ReplayedModel } from "../models/replayed_model.ts";
import { contextParallel } from "../ranks/context_parallel.ts";
import type { Loss } from "./losses/loss.ts";
import { partOf, type Share } from "./ranks.ts";

export function assertOneOutput(model: LayersModel): void {
  assertModel("model", model);
  const { name, outputs } = model;
  if (outputs.length === 1) return;
  throw new TypeError(
    `model ${name} should have one output, got ${outputs.length}`,
  );
}

/** Disposes of a batch that nobody has taken. */
export function disposeBatch({ inputs, labels }: Batch): void {
  tf.dispose([...inputs, labels]);
}

/**
 * Batches until a signal aborts, whose reason is then thrown: while one is awaited, and
 * before one is taken, though it be there.
 */
export async function* batchesUnlessAborted(
  signal: AbortSignal | undefined,
  batches: AsyncIterable<Batch>,
): AsyncGenerator<Batch, void> {
  const each = itemsUnlessAborted(signal, batches, disposeBatch);
  const takeTurn = turns();
  for await (const batch of each) {
    if (signal?.aborted) {
      disposeBatch(batch);
      throw signal.reason;
    }
    yield batch;
    // The turn comes after the batch: nobody would dispose of one whose
    // caller gave up during a turn.
    await takeTurn();
  }
}

/** The error of a pass without a batch, whose means would be NaN. */
export function noBatches(name: string): RangeError {
  return new RangeError(
    `${name} should be one or more, got none: an iterator gives its batches once, and an empty dataset has none`,
  );
}

/** A model's output for a batch; the caller disposes of it. */
export function outputOf(
  model: LayersModel,
  inputs: readonly tf.Tensor[],
  options: { training: boolean },
): tf.Tensor {
  return model.apply([...inputs], options) as tf.Tensor;
}

/**
 * A model that is applied to batches, one after another; where it is of the library's
 * layers, its kernels are recorded and replayed.
 */
export class AppliedModel {
  readonly #model: LayersModel;
  readonly #runs: ReplayedModel | undefined;

  constructor(model: LayersModel) {
    this.#model = model;
    const isFit = () => isOwnModel(model);
    if (!isFit()) return;
    const unit = `batch that ${model.name} gets`;
    this.#runs = new ReplayedModel({ of: [model], unit, isFit });
  }

  /** The output for a share's inputs. Call it in `tf.tidy`. */
  outputOf(inputs: readonly tf.Tensor[], share: Share = {}): tf.Tensor {
    const apply = () =>
      asShare(
        share,
        () => outputOf(this.#model, inputs, { training: false }),
      );
    if (!this.#runs) return apply();
    return this.#runs.run("", inputs, () => [apply()])[0]!;
  }

  /**
   * Compiles the shaders of the output for inputs like these, before the
   * model's first output.
   */
  async compileAhead(
    inputs: readonly tf.Tensor[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!this.#runs) return;
    await compileAheadOnce(this.#model, "output", () => {
      outputOf(this.#model, inputs, { training: false });
    }, signal);
  }

  dispose(): void {
    this.#runs?.dispose();
  }
}

/** Runs a function in which models see this share's part of the tokens. */
export function asShare<T>({ tokens }: Share, run: () => T): T {
  return tokens ? contextParallel(tokens, run) : run();
}

/** Takes a share of a batch as a batch. Call it inside `tf.tidy`, or dispose of it. */
export function shareIn(
  model: LayersModel,
  batch: Batch,
  { rows, tokens }: Share,
): Batch {
  const some = rows ? rowsIn(batch, rows) : batch;
  return tokens ? tokensIn(model, some, tokens) : some;
}

/** Takes a rank's part of the tokens; labels are divided only if there is one per token. */
function tokensIn(
  { inputs: [first], outputs: [output] }: LayersModel,
  batch: Batch,
  ranks: ContextGroup,
): Batch {
  const total = batch.inputs[0]!.shape[1] ?? 0;
  if (first!.shape[1] !== null || total < ranks.size) {
    throw new RangeError(
      `sequences that ${ranks.size} ranks share should have any length, and a token for each rank, got inputs ${
        first!.name
      } of shape [${batch.inputs[0]!.shape}]`,
    );
  }
  const { first: start, count } = partOf(total, ranks);
  const take = (tensor: tf.Tensor) => {
    const { shape } = tensor;
    if (shape[1] === total) {
      const begin = shape.map((_, axis) => axis === 1 ? start : 0);
      return tf.slice(
        tensor,
        begin,
        shape.map((size, axis) => axis === 1 ? count : size),
      );
    }
    throw new RangeError(
      `inputs of sequences that ranks share should have as many tokens as the first, ${total}, got [${shape}]`,
    );
  };
  const { shape } = output!;
  const isOfTokens = shape.length > 2 && shape[1] === null;
  return {
    inputs: batch.inputs.map(take),
    labels: isOfTokens ? take(batch.labels) : tf.clone(batch.labels),
    size: isOfTokens ? batch.size * count / total : batch.size,
  };
}

/** Describes the shapes of a batch, which must be the same on all ranks. */
export function shapesOf({ inputs, labels, size }: Batch): string {
  const words = ({ dtype, shape }: tf.Tensor) => `${dtype} [${shape}]`;
  return `inputs ${inputs.map(words).join(", ")}, labels ${
    words(labels)
  }, size ${size}`;
}

/** The number of labels that the mean loss of a batch is over. */
export function countOf(loss: Loss, { labels, size }: Batch): tf.Scalar {
  return loss.count?.(labels) ?? tf.scalar(size);
}

function rowsIn(batch: Batch, { first, count, total }: Rows): Batch {
  const take = (tensor: tf.Tensor) => {
    if (tensor.shape[0] === total) return tf.slice(tensor, first, count);
    throw new RangeError(
      `inputs of a batch that ranks share should have as many rows as its labels, ${total}, got [${tensor.shape}]`,
    );
  };
  return {
    inputs: batch.inputs.map(take),
    labels: take(batch.labels),
    // If examples are packed, the size is only the weight of the rows.
    size: batch.size * count / total,
  };
}

/** Says what is wrong with some of these labels, as far as the loss can tell. */
export async function wrongLabels(
  { outputs }: LayersModel,
  loss: Loss,
  labels: readonly tf.Tensor[],
): Promise<string | undefined> {
  for (const some of labels) {
    const wrong = await loss.wrongLabels?.(some, outputs[0]!.shape);
    if (wrong) return wrong;
  }
  return undefined;
}

export function assertFunctions(owner: string, functions: object): void {
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value === "function") continue;
    throw new TypeError(
      `${owner} ${name} should be a function, got ${typeof value}`,
    );
  }
}

export function assertCommunicator(
  owner: string,
  communicator: Communicator | undefined,
): void {
  if (communicator === undefined) return;
  const { allreduce, broadcast } = Object(communicator) as Communicator;
  assertFunctions(`${owner} communicator's`, { allreduce, broadcast });
}
