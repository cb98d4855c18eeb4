import type { Ranks } from "./ranks.ts";
import { RunCheckpoints } from "./run_checkpoints.ts";
import type { RunParts } from "./run_identity.ts";
import type { CheckpointOptions } from "./train_options.ts";
import type { TrainingState } from "./training_state.ts";

/** The checkpoints of a run on several ranks, of which rank 0 reads and writes them. */
export class RankCheckpoints {
  readonly #ranks: Ranks;
  /** The checkpoints themselves, on rank 0 only. */
  readonly #own: RunCheckpoints | undefined;
  #last: string | undefined;

  private constructor(ranks: Ranks, own: RunCheckpoints | undefined) {
    this.#ranks = ranks;
    this.#own = own;
  }

  /** Opens the checkpoints on rank 0, which restores its state if it resumes a run. */
  static async open(
    ranks: Ranks,
    options: CheckpointOptions,
    parts: RunParts,
    state: TrainingState,
  ): Promise<RankCheckpoints> {
    let own: RunCheckpoints | undefined;
    try {
      const last = await ranks.first(async () => {
        own = await RunCheckpoints.open(options, parts, state);
        return own.last ?? "";
      });
      const checkpoints = new RankCheckpoints(ranks, own);
      checkpoints.#last = last || undefined;
      return checkpoints;
    } catch (error) {
      // A failure on another rank ends this one too.
      await own?.close();
      throw error;
    }
  }

  get last(): string | undefined {
    return this.#last;
  }

  async save(state: TrainingState): Promise<void> {
    this.#last = await this.#ranks.first(async () => {
      await this.#own!.save(state);
      return this.#own!.last!;
    });
  }

  async close(): Promise<void> {
    await this.#own?.close();
  }
}
