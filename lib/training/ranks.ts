/** The ranks that train one model, or the only process that does. @module */
import type { Communicator, TokenRanks } from "../contract/communicator.ts";
import { assertTokenRanks, groupedRanks } from "../operations/token_ranks.ts";
import type { Share } from "./predict.ts";

/**
 * What of a batch ranks share: its examples, or the tokens of each, or both:
 * then so many ranks that follow one another share the tokens of the examples of
 * theirs.
 */
export type SharedBy = "data" | "sequence" | { readonly sequence: number };

/** What ranks do together; where there is no communicator, one rank does it alone. */
export class Ranks {
  /** By which they exchange numbers. */
  readonly communicator: Communicator | undefined;

  /** Each with a part of the tokens; `undefined` unless they share sequences. */
  readonly tokens: TokenRanks | undefined;

  /**
   * Of a training or an evaluation.
   *
   * @throws {TypeError} If ranks that are to share sequences cannot exchange.
   * @throws {RangeError} If the backend cannot, or it is not said what they share.
   */
  constructor(
    communicator: Communicator | undefined,
    sharedBy: SharedBy = "data",
  ) {
    this.communicator = communicator;
    if (sharedBy === "data") return;
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
    this.tokens = groupedRanks(tokens, size);
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

  /**
   * Runs on each rank, and throws on all of them if it has thrown on one: none
   * waits for one that gave up.
   */
  async together<T>(run: () => Promise<T>): Promise<T> {
    const { communicator } = this;
    if (!communicator) return await run();
    const [result] = await Promise.allSettled([run()]);
    const failed = result.status === "rejected";
    const own = failed ? communicator.rank + 1 : 0;
    const [found] = await communicator.allreduce(Int32Array.of(own), "max");
    if (found! > 0) {
      const failing = found! - 1;
      const message = failed ? messageOf(result.reason) : "";
      const theirs = await this.textOf(failing, message);
      if (!failed) throw new Error(`rank ${failing} failed: ${theirs}`);
    }
    if (failed) throw result.reason;
    return result.value;
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
  async assertSame(has: Readonly<Record<string, string>>): Promise<void> {
    const { communicator } = this;
    if (!communicator) return;
    const text = await this.textOf(0, JSON.stringify(has));
    const wanted: Record<string, string> = JSON.parse(text);
    const names = [...new Set([...Object.keys(wanted), ...Object.keys(has)])];
    const lines = names.filter((name) => wanted[name] !== has[name]).map(
      (name) =>
        `- ${name} is ${has[name] ?? "absent"}, on rank 0 ${
          wanted[name] ?? "absent"
        }`,
    );
    const own = lines.length > 0 ? communicator.rank : 0;
    const [other] = await communicator.allreduce(Int32Array.of(own), "max");
    if (other === 0) return;
    const differences = await this.textOf(other!, lines.join("\n"));
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
