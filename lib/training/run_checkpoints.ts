import * as tf from "@tensorflow/tfjs-core";
import {
  checkpointsIn,
  newestCheckpoint,
  readSums,
  removeOldCheckpoints,
  writeCheckpoint,
} from "./checkpoint.ts";
import { type FolderLock, lockFolder } from "./folder_lock.ts";
import { assertSameRun, identityOf, type RunParts } from "./run_identity.ts";
import type { CheckpointOptions } from "./train_options.ts";
import type { TrainingState } from "./training_state.ts";

export class RunCheckpoints {
  readonly #folder: string;
  readonly #lock: FolderLock;
  readonly #keep: number;
  readonly #identity: Readonly<Record<string, string>>;
  /** The checksums of checkpoints that were there at the start or are this run's own. */
  readonly #known = new Set<string | undefined>();
  #last: { readonly path: string; readonly steps: number } | undefined;

  private constructor(
    folder: string,
    lock: FolderLock,
    keep: number,
    identity: Readonly<Record<string, string>>,
  ) {
    this.#folder = folder;
    this.#lock = lock;
    this.#keep = keep;
    this.#identity = identity;
  }

  /**
   * Opens the folder of a run's checkpoints, and locks it until it is closed.
   * On resuming, restores the state from the newest checkpoint.
   */
  static async open(
    { folder, resume = false }: CheckpointOptions,
    parts: RunParts,
    state: TrainingState,
  ): Promise<RunCheckpoints> {
    const lock = await lockFolder(folder);
    try {
      const { keep } = parts.settings;
      const identity = await identityOf(parts);
      const checkpoints = new RunCheckpoints(folder, lock, keep, identity);
      if (resume) await checkpoints.#resume(state);
      else await checkpoints.#assertEmpty();
      for (const { path } of await checkpointsIn(folder)) {
        checkpoints.#known.add(await readSums(path));
      }
      return checkpoints;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }

  /** The path of the last checkpoint, if there is one. */
  get last(): string | undefined {
    return this.#last?.path;
  }

  /** Writes a checkpoint, unless there is one of this step. */
  async save(state: TrainingState): Promise<void> {
    const { steps } = state;
    if (this.#last?.steps === steps) return;
    const snapshot = state.snapshot();
    try {
      await this.#keepLock();
      const write = () =>
        writeCheckpoint(this.#folder, { ...snapshot, run: this.#identity });
      const path = await write().catch(async (error) => {
        // The folder may have been removed during the write.
        if (await this.#keepLock()) return await write();
        throw error;
      });
      this.#last = { path, steps };
      this.#known.add(await readSums(path));
    } finally {
      tf.dispose([...snapshot.tensors.values()]);
    }
    await removeOldCheckpoints(this.#folder, { steps, keep: this.#keep });
  }

  /**
   * Locks the folder again if it or its lock has been removed; throws if
   * another run has used it since. Returns whether it had been removed.
   */
  async #keepLock(): Promise<boolean> {
    if (!await this.#lock.renew()) return false;
    for (const { path } of await checkpointsIn(this.#folder)) {
      if (this.#known.has(await readSums(path))) continue;
      throw new RangeError(
        `checkpoints.folder should be one that nothing else trains into, got ${path} of another run: ${this.#folder} or its lock was removed during this one. The model keeps its weights: save them, and use another folder`,
      );
    }
    return true;
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
      `checkpoints.folder should have no checkpoints of an earlier run, got ${found.path}; pass resume: true to continue it, or another folder`,
    );
  }
}
