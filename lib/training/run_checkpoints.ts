import * as tf from "@tensorflow/tfjs-core";
import {
  checkpointsIn,
  newestCheckpoint,
  removeOldCheckpoints,
  writeCheckpoint,
} from "./checkpoint.ts";
import { assertSameRun, identityOf, type RunParts } from "./run_identity.ts";
import type { CheckpointOptions } from "./train_options.ts";
import type { TrainingState } from "./training_state.ts";

/** The checkpoints of one run. */
export class RunCheckpoints {
  readonly #folder: string;
  readonly #keep: number;
  readonly #identity: Readonly<Record<string, string>>;
  #last: { readonly path: string; readonly steps: number } | undefined;

  private constructor(
    folder: string,
    keep: number,
    identity: Readonly<Record<string, string>>,
  ) {
    this.#folder = folder;
    this.#keep = keep;
    this.#identity = identity;
  }

  /**
   * Opens the folder of a run's checkpoints, and brings the state to where the
   * newest of them was, if the run is to be resumed.
   */
  static async open(
    { folder, resume = false }: CheckpointOptions,
    parts: RunParts,
    state: TrainingState,
  ): Promise<RunCheckpoints> {
    await Deno.mkdir(folder, { recursive: true });
    const identity = await identityOf(parts);
    const checkpoints = new RunCheckpoints(
      folder,
      parts.settings.keep,
      identity,
    );
    if (resume) await checkpoints.#resume(state);
    else await checkpoints.#assertEmpty();
    return checkpoints;
  }

  /** The path of the last one, if there is one. */
  get last(): string | undefined {
    return this.#last?.path;
  }

  /** Writes one, unless there is one of this step. */
  async save(state: TrainingState): Promise<void> {
    const { steps } = state;
    if (this.#last?.steps === steps) return;
    const snapshot = state.snapshot();
    try {
      const path = await writeCheckpoint(this.#folder, {
        ...snapshot,
        run: this.#identity,
      });
      this.#last = { path, steps };
    } finally {
      tf.dispose([...snapshot.tensors.values()]);
    }
    await removeOldCheckpoints(this.#folder, { steps, keep: this.#keep });
  }

  async #resume(state: TrainingState): Promise<void> {
    const checkpoint = await newestCheckpoint(this.#folder);
    if (!checkpoint) return;
    try {
      assertSameRun(checkpoint, this.#identity);
      state.restore(checkpoint);
      this.#last = checkpoint;
    } finally {
      tf.dispose([...checkpoint.tensors.values()]);
    }
  }

  async #assertEmpty(): Promise<void> {
    const [found] = await checkpointsIn(this.#folder);
    if (!found) return;
    throw new RangeError(
      `checkpoints.folder should have no checkpoints of an earlier run, got ${found.path}; pass resume: true to go on with it, or another folder`,
    );
  }
}
