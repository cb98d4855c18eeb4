/** The ranks that train one model, or the only process that does. @module */
import type {
  Communicator,
  RankNumbers,
  TokenRanks,
} from "../contract/communicator.ts";
import { fingerprintOf } from "../contract/fingerprint.ts";
import type { Rows } from "../layers/randomness.ts";
import { assertTokenRanks, groupedRanks } from "../operations/token_ranks.ts";

/** What one rank computes of a batch: all of it, or some rows, or a part of their tokens. */
export interface Share {
  readonly rows?: Rows;
  readonly tokens?: TokenRanks;
}

/**
 * What of a batch ranks share: its examples, or the tokens of each, or both:
 * then so many ranks that follow one another share the tokens of the examples of
 * theirs.
 */
export type SharedBy = "data" | "sequence" | { readonly sequence: number };

/** What training needs of a communicator. */
export type Reducing = Pick<
  Communicator,
  "rank" | "size" | "allreduce" | "broadcast"
>;

/** The largest number of differences to list. */
const MOST_LISTED = 8;

/** What all ranks should have, as JSON by name. */
type Facts = Readonly<Record<string, string>>;

/**
 * What ranks do together; where there is no communicator, one rank does it alone.
 *
 * Each does its own in {@linkcode together}, which ends with a meeting, and only
 * then what needs the others. All meetings are the same message, so a rank that
 * fails comes to the next one, whichever it is for the others, and all of them
 * throw there.
 */
export class Ranks {
  /** By which they exchange numbers; an error of it is one on all ranks. */
  readonly communicator: Reducing | undefined;

  readonly #given: Communicator | undefined;
  #tokens: TokenRanks | undefined;

  /** Whether all ranks throw, so that there is nothing to tell any more. */
  #isOver = false;

  /** Of a training or an evaluation. */
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

  /** Each with a part of the tokens; `undefined` unless they share sequences. */
  get tokens(): TokenRanks | undefined {
    return this.#tokens;
  }

  /**
   * Says what they share.
   *
   * @throws {TypeError} If ranks that are to share sequences cannot exchange.
   * @throws {RangeError} If the backend cannot, or it is not said what they share.
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
          JSON.stringify(sharedBy)
        }`,
      );
    }
    if (!communicator) return;
    const tokens = communicator as Communicator & TokenRanks;
    assertTokenRanks(tokens);
    this.#tokens = groupedRanks(tokens, size);
  }

  /** Whether this one writes files and shows progress. */
  get isFirst(): boolean {
    return !this.communicator || this.communicator.rank === 0;
  }

  /** This rank's share of a batch with so many rows. Two shares of rows differ by one at most. */
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

  /** Runs all that ranks do; where one of them throws, all do. */
  async whole<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      await this.#tell(error);
      throw error;
    }
  }

  /**
   * Runs on each rank, inside {@linkcode whole}, and throws on all of them if it
   * has thrown on one: none
   * waits for one that gave up.
   *
   * @param facts What they should have the same of, when it has run.
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

  /** Comes to the meeting of all ranks with what has been thrown on this one. */
  async #tell(error: unknown): Promise<void> {
    if (!this.communicator || this.#isOver) return;
    this.#isOver = true;
    const reason = messageOf(error);
    try {
      // Others may stand still, and wait for its tokens.
      this.#given!.failed?.(reason);
      await this.#meet(reason, 0);
    } catch {
      // Others have failed too.
    }
  }

  /**
   * Tells all ranks whether this one has failed.
   *
   * @returns Whether they have the same fingerprint.
   * @throws {Error} If another one has failed.
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

  /** Runs on the first rank; all of them get the text it returns, or throw. */
  async first(run: () => Promise<string>): Promise<string> {
    const text = await this.together(async () =>
      this.isFirst ? await run() : ""
    );
    return await this.textOf(0, text);
  }

  /** A rank's text, on all of them. */
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
   * Throws on all ranks unless they have the same.
   *
   * @param has What this one has, as JSON by name.
   * @throws {RangeError} It names what differs.
   */
  async assertSame(has: Facts): Promise<void> {
    const { communicator } = this;
    if (!communicator) return;
    const text = await this.textOf(0, JSON.stringify(has));
    const wanted: Record<string, string> = JSON.parse(text);
    const names = [...new Set([...Object.keys(wanted), ...Object.keys(has)])];
    const different = names.filter((name) => wanted[name] !== has[name]);
    const lines = different.slice(0, MOST_LISTED).map((name) =>
      `- ${name} is ${has[name] ?? "absent"}, on rank 0 ${
        wanted[name] ?? "absent"
      }`
    );
    const more = different.length - lines.length;
    if (more > 0) lines.push(`- and ${more} more`);
    const own = lines.length > 0 ? communicator.rank : 0;
    const [other] = await communicator.allreduce(Int32Array.of(own), "max");
    if (other === 0) return;
    const differences = await this.textOf(other!, lines.join("\n"));
    this.#isOver = true;
    throw new RangeError(
      `all ranks should train the same, got another on rank ${other}:\n${differences}`,
    );
  }
}

/** A rank's part of so many things in their order. */
export function partOf(
  total: number,
  { rank, size }: Pick<Communicator, "rank" | "size">,
): { readonly first: number; readonly count: number; readonly total: number } {
  const first = Math.floor(total * rank / size);
  const end = Math.floor(total * (rank + 1) / size);
  return { first, count: end - first, total };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
