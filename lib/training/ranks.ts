/** The ranks that train one model together, or the only process that does. @module */
import {
  type Communicator,
  type ContextGroup,
  fingerprintOf,
  messageOf,
  type RankNumbers,
  shown,
} from "@lionjs/base";
import type { Rows } from "../layers/randomness.ts";
import { assertContextGroup, groupedRanks } from "../ranks/context_group.ts";

/** A rank's share of a batch: some of its rows, a part of their tokens, or all of it. */
export interface Share {
  readonly rows?: Rows;
  readonly tokens?: ContextGroup;
}

/**
 * How ranks divide a batch: by its examples, by the tokens of each example, or,
 * with a number, by both: groups of that many consecutive ranks share the
 * tokens of their group's examples.
 */
export type SharedBy = "data" | "sequence" | { readonly sequence: number };

export type Reducing = Pick<
  Communicator,
  "rank" | "size" | "allreduce" | "broadcast"
>;

/** The largest number of differences to list. */
const MOST_LISTED = 8;

/** Facts that must be the same on all ranks, as JSON by name. */
type Facts = Readonly<Record<string, string>>;

/**
 * Coordinates the ranks of a training or an evaluation; without a communicator,
 * a single rank works alone.
 *
 * Each rank works by itself in {@linkcode together}, which ends with a meeting,
 * and communicates only after it. All meetings send the same message, so a rank
 * that fails goes to the next meeting, whichever it is for the others, and all
 * ranks throw there.
 */
export class Ranks {
  /** The communicator of numbers; its errors are thrown on all ranks. */
  readonly communicator: Reducing | undefined;

  readonly #given: Communicator | undefined;
  #tokens: ContextGroup | undefined;

  /** Whether all ranks throw already, so that a failure need not be announced any more. */
  #isOver = false;

  constructor(communicator: Communicator | undefined) {
    this.#given = communicator;
    if (!communicator) return;
    const { rank, size } = communicator;
    const known = async <T>(run: () => Promise<T>): Promise<T> => {
      try {
        return await run();
      } catch (error) {
        this.#isOver = true;
        throw error;
      }
    };
    this.communicator = {
      rank,
      size,
      allreduce: <T extends RankNumbers>(
        ...args: Parameters<typeof communicator.allreduce<T>>
      ) => known(() => communicator.allreduce(...args)),
      broadcast: <T extends RankNumbers>(
        ...args: Parameters<typeof communicator.broadcast<T>>
      ) => known(() => communicator.broadcast(...args)),
    };
  }

  /** The ranks that share each sequence's tokens; `undefined` unless sequences are shared. */
  get tokens(): ContextGroup | undefined {
    return this.#tokens;
  }

  /**
   * Sets how ranks divide a batch.
   *
   * @throws {TypeError} If ranks that share sequences cannot exchange tensors.
   * @throws {RangeError} If `sharedBy` is invalid, or the backend cannot share them.
   */
  share(sharedBy: SharedBy = "data"): void {
    if (sharedBy === "data") return;
    const communicator = this.#given;
    const all = communicator?.size ?? 1;
    const size = sharedBy === "sequence"
      ? all
      : Number(Object(sharedBy).sequence);
    if (!(Number.isInteger(size) && size > 0 && all % size === 0)) {
      throw new RangeError(
        `ranks should be "data", "sequence" or { sequence: a divisor of ${all} }, got ${
          shown(sharedBy)
        }`,
      );
    }
    if (!communicator) return;
    const tokens = communicator as Communicator & ContextGroup;
    assertContextGroup(tokens);
    this.#tokens = groupedRanks(tokens, size);
  }

  /** Whether this rank is rank 0, which writes files and shows progress. */
  get isFirst(): boolean {
    return !this.communicator || this.communicator.rank === 0;
  }

  /** This rank's share of a batch of `total` rows. Shares differ by one row at most. */
  shareOf(total: number): Share {
    const { communicator, tokens } = this;
    if (!communicator) return {};
    const ofOne = tokens?.size ?? 1;
    const groups = {
      rank: Math.floor(communicator.rank / ofOne),
      size: communicator.size / ofOne,
    };
    return {
      ...(groups.size > 1 || !tokens ? { rows: partOf(total, groups) } : {}),
      ...(tokens ? { tokens } : {}),
    };
  }

  /** Runs a function on all ranks; if it throws on one, all ranks throw. */
  async whole<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      await this.#tell(error);
      throw error;
    }
  }

  /**
   * Runs a function on each rank, inside {@linkcode whole}. If it throws on one
   * rank, all ranks throw, so that none waits for one that gave up.
   *
   * @param facts What must then be the same on all ranks.
   */
  async together<T>(run: () => Promise<T>, facts?: () => Facts): Promise<T> {
    const { communicator } = this;
    if (!communicator) return await run();
    const result = await run();
    const own = facts?.() ?? {};
    if (!await this.#meet(undefined, fingerprintOf(JSON.stringify(own)))) {
      await this.assertSame(own);
    }
    return result;
  }

  /** Announces an error of this rank at the meeting of all ranks. */
  async #tell(error: unknown): Promise<void> {
    if (!this.communicator || this.#isOver) return;
    this.#isOver = true;
    const reason = messageOf(error);
    try {
      // Other ranks may be waiting for this one's tokens.
      this.#given!.failed?.(reason);
      await this.#meet(reason, 0);
    } catch {
      // Other ranks have failed too.
    }
  }

  /**
   * Meets the other ranks, to learn whether one has failed.
   *
   * @returns Whether all ranks have the same fingerprint.
   * @throws {Error} If another rank has failed.
   */
  async #meet(
    failure: string | undefined,
    fingerprint: number,
  ): Promise<boolean> {
    const { communicator } = this;
    const { rank } = communicator!;
    const failing = failure === undefined ? 0 : rank + 1;
    const met = Int32Array.of(failing, fingerprint, ~fingerprint);
    const [found, most, least] = await communicator!.allreduce(met, "max");
    if (found === 0) return most === ~least!;
    this.#isOver = true;
    const first = found! - 1;
    const theirs = await this.textOf(first, failure ?? "");
    throw new Error(`rank ${first} failed: ${theirs}`);
  }

  /** Runs a function on rank 0; all ranks get the text that it returns, or throw. */
  async first(run: () => Promise<string>): Promise<string> {
    const text = await this.together(async () =>
      this.isFirst ? await run() : ""
    );
    return await this.textOf(0, text);
  }

  async textOf(rank: number, text: string): Promise<string> {
    const { communicator } = this;
    if (!communicator) return text;
    const own = new TextEncoder().encode(text);
    const length = Int32Array.of(own.length);
    const [bytes] = await communicator.broadcast(length, rank);
    const theirs = communicator.rank === rank ? own : new Uint8Array(bytes!);
    await communicator.broadcast(theirs, rank);
    return new TextDecoder().decode(theirs);
  }

  /**
   * Throws on all ranks unless they have the same facts.
   *
   * @param has The facts of this rank, as JSON by name.
   */
  async assertSame(has: Facts): Promise<void> {
    const { communicator } = this;
    if (!communicator) return;
    const text = await this.textOf(0, JSON.stringify(has));
    const wanted: Record<string, string> = JSON.parse(text);
    const found = differences(
      wanted,
      has,
      (theirs, own) => `is ${own}, on rank 0 ${theirs}`,
    );
    const own = found ? communicator.rank : 0;
    const [other] = await communicator.allreduce(Int32Array.of(own), "max");
    if (other === 0) return;
    const theirs = await this.textOf(other!, found);
    this.#isOver = true;
    throw new RangeError(
      `all ranks should train the same, got another on rank ${other}:\n${theirs}`,
    );
  }
}

/** A rank's part of `total` things, in the order of ranks. */
export function partOf(
  total: number,
  { rank, size }: Pick<Communicator, "rank" | "size">,
): { readonly first: number; readonly count: number; readonly total: number } {
  const first = Math.floor(total * rank / size);
  const end = Math.floor(total * (rank + 1) / size);
  return { first, count: end - first, total };
}

/**
 * Lists facts that differ, a line for each.
 *
 * @param words Says what a fact is in both.
 * @returns An empty text if all are the same.
 */
export function differences(
  some: Facts,
  others: Facts,
  words: (one: string, other: string) => string,
): string {
  const names = new Set([...Object.keys(some), ...Object.keys(others)]);
  const different = [...names].filter((name) => some[name] !== others[name]);
  const lines = different.slice(0, MOST_LISTED).map((name) =>
    `- ${name} ${words(some[name] ?? "absent", others[name] ?? "absent")}`
  );
  const more = different.length - lines.length;
  return [...lines, ...more > 0 ? [`- and ${more} more`] : []].join("\n");
}
