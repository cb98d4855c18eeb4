import type { Ranks } from "./ranks.ts";
import { RunCheckpoints } from "./run_checkpoints.ts";
import type { RunParts } from "./run_identity.ts";
import type { CheckpointOptions } from "./train_options.ts";
import type { TrainingState } from "./training_state.ts";

/** The checkpoints of a run that ranks share: the first of them reads and writes. */
export class RankCheckpoints {
  readonly #ranks: Ranks;
  /** On the first rank. */
  readonly #own: RunCheckpoints | undefined;
  #last: string | undefined;

  private constructor(ranks: Ranks, own: RunCheckpoints | undefined) {
    this.#ranks = ranks;
    this.#own = own;
  }

  /** As {@linkcode RunCheckpoints.open}, which brings the first rank's state to where the newest was. */
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
      // Another rank may have failed.
      await own?.close();
      throw error;
    }
  }

  /** The path of the last one, if there is one. */
  get last(): string | undefined {
    return this.#last;
  }

  /** Writes one, unless there is one of this step. */
  async save(state: TrainingState): Promise<void> {
    this.#last = await this.#ranks.first(async () => {
      await this.#own!.save(state);
      return this.#own!.last!;
    });
  }

  /** Lets others open the folder. */
  async close(): Promise<void> {
    await this.#own?.close();
  }
}
