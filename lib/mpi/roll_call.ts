/**
 * Naming the ranks that do not answer. One that is stopped, or whose machine is, keeps
 * the others waiting as one that computes does, and nothing would tell which it is.
 *
 * @module
 */
import type { SideChannel } from "./side_channel.ts";

/** Milliseconds of waiting after which a rank asks which others answer. */
const PATIENCE = 60_000;

/** Milliseconds in which ranks that wait, too, have answered. */
const TIME_TO_ANSWER = 15_000;

/** The answers that one rank has heard of the other ranks. */
export class RollCall {
  readonly #channel: SideChannel;
  readonly #rank: number;
  readonly #size: number;
  /** The time of each rank's last answer, in milliseconds, by rank. */
  readonly #answered = new Map<number, number>();
  /** The ranks that a warning has named before. */
  readonly #named = new Set<number>();

  constructor(channel: SideChannel, rank: number, size: number) {
    this.#channel = channel;
    this.#rank = rank;
    this.#size = size;
  }

  /** Records that a rank has answered. */
  hear(rank: number): void {
    this.#answered.set(rank, performance.now());
  }

  /**
   * Returns a function to call while this rank waits: after a minute it asks the
   * others, and then warns of those that have not answered, of each once.
   *
   * @param what What this rank waits for.
   */
  while(what: string): () => void {
    const begun = performance.now();
    let asked: number | undefined, isOver = false;
    return () => {
      if (isOver) return;
      const now = performance.now();
      if (asked === undefined && now - begun >= PATIENCE) {
        asked = now;
        this.#channel.tellAll({ kind: "asks", from: this.#rank });
      } else if (asked !== undefined && now - asked >= TIME_TO_ANSWER) {
        isOver = true;
        this.#warn(what, Math.round((now - begun) / 1000), asked);
      }
    };
  }

  #warn(what: string, seconds: number, asked: number): void {
    const missing: number[] = [];
    for (let rank = 0; rank < this.#size; rank++) {
      if (rank === this.#rank) continue;
      const hasAnswered = (this.#answered.get(rank) ?? -Infinity) >= asked;
      // The lowest rank that waits and answers warns for all; a higher one
      // stays silent.
      if (hasAnswered && rank < this.#rank) return;
      if (!hasAnswered && !this.#named.has(rank)) missing.push(rank);
    }
    if (missing.length === 0) return;
    for (const rank of missing) this.#named.add(rank);
    const ranks = missing.length === 1 ? "rank" : "ranks";
    console.warn(
      `rank ${this.#rank} has waited ${seconds} s for ${what}, and nothing is heard of ${ranks} ${
        missing.join(", ")
      }: still computing, or stopped`,
    );
  }
}
