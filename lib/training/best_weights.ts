/** The weights of the best evaluation so far, and the patience with the next ones. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Reducing } from "./ranks.ts";

/** How the best evaluation is chosen, and how long training waits for a better one. */
export interface BestSettings {
  readonly metric: string;
  readonly mode: "min" | "max";
  /** The number of evaluations without a better one after which training ends. */
  readonly patience: number;
}

/** The record of a run's evaluations so far, which is part of the run's state. */
export interface BestRecord {
  /** The step of the last evaluation; 0 before the first. */
  readonly evaluatedAt: number;
  /** The number of evaluations since the best. */
  readonly waited: number;
  /** The step of the best evaluation; 0 before there is one. */
  readonly step: number;
  /** The best value; `null` before there is one. */
  readonly value: number | null;
}

const NONE: BestRecord = { evaluatedAt: 0, waited: 0, step: 0, value: null };

/** The beginning of the best weights' names in a checkpoint. */
const PREFIX = "best/";

export class BestWeights {
  readonly #settings: BestSettings;
  /** The names of all weights, in the model's order. */
  readonly #names: ReadonlyMap<tf.Variable, string>;
  #tensors: tf.Tensor[];
  #record = NONE;

  constructor(
    settings: BestSettings,
    names: ReadonlyMap<tf.Variable, string>,
  ) {
    this.#settings = settings;
    this.#names = names;
    this.#tensors = this.#current();
  }

  get record(): BestRecord {
    return this.#record;
  }

  /** The best evaluation; `undefined` before there is one. */
  get found(): { readonly step: number; readonly value: number } | undefined {
    const { step, value } = this.#record;
    return value === null ? undefined : { step, value };
  }

  /** Whether `patience` evaluations in a row have not been better than the best. */
  get isOver(): boolean {
    return this.#record.waited >= this.#settings.patience;
  }

  /**
   * Copies of the model's weights, which share memory with the model until it
   * changes.
   */
  #current(): tf.Tensor[] {
    return [...this.#names.keys()].map((weight) => tf.keep(tf.clone(weight)));
  }

  /** Keeps the model's weights if an evaluation of them is the best. */
  async consider(
    evaluation: Readonly<Record<string, number>>,
    step: number,
    communicator: Reducing | undefined,
  ): Promise<void> {
    const { metric, mode } = this.#settings;
    const own = Float64Array.of(evaluation[metric]!);
    // All ranks decide by rank 0's value, since ranks may round differently.
    const [value] = communicator ? await communicator.broadcast(own) : own;
    const { value: best, waited } = this.#record;
    const isBetter = Number.isFinite(value) &&
      (best === null || (mode === "min" ? value! < best : value! > best));
    if (!isBetter) {
      const record = { evaluatedAt: step, waited: waited + 1 };
      this.#record = { ...this.#record, ...record };
      return;
    }
    this.#record = { evaluatedAt: step, waited: 0, step, value: value! };
    tf.dispose(this.#tensors);
    this.#tensors = this.#current();
  }

  /** Puts the best weights into the model, if there was an evaluation. */
  use(): void {
    if (!this.found) return;
    [...this.#names.keys()].forEach((weight, i) =>
      weight.assign(this.#tensors[i]!)
    );
  }

  /** Copies of the weights by their names in a checkpoint; the caller disposes of them. */
  snapshot(): tf.NamedTensorMap {
    return Object.fromEntries(
      [...this.#names.values()].map((
        name,
        i,
      ) => [PREFIX + name, tf.clone(this.#tensors[i]!)]),
    );
  }

  /** Restores a snapshot, in which the weights have these names. */
  restore(
    record: BestRecord,
    names: readonly string[],
    tensors: ReadonlyMap<string, tf.Tensor>,
  ): void {
    this.#record = record;
    tf.dispose(this.#tensors);
    this.#tensors = bestOf(names, tensors)!.map((tensor) =>
      tf.keep(tf.clone(tensor))
    );
  }

  /** Replaces the record of each rank by that of rank 0. */
  async broadcast(communicator: Reducing): Promise<void> {
    const { evaluatedAt, waited, step, value } = this.#record;
    const own = Float64Array.of(evaluatedAt, waited, step, value ?? NaN);
    const theirs = await communicator.broadcast(own);
    this.#record = {
      evaluatedAt: theirs[0]!,
      waited: theirs[1]!,
      step: theirs[2]!,
      value: Number.isNaN(theirs[3]!) ? null : theirs[3]!,
    };
  }

  dispose(): void {
    tf.dispose(this.#tensors);
  }
}

/** The best weights in a checkpoint; `undefined` if its run kept none. */
export function bestOf(
  names: readonly string[],
  tensors: ReadonlyMap<string, tf.Tensor>,
): tf.Tensor[] | undefined {
  const found = names.map((name) => tensors.get(PREFIX + name));
  return found.every((tensor) => tensor !== undefined) ? found : undefined;
}
