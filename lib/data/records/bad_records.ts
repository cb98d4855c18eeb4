import { assertOptions, type OptionNames } from "../../contract/options.ts";
import { assertFinite } from "../../contract/values.ts";

/** A record that was passed over: a line, a row, or the rest of a file. */
export interface BadRecord {
  /** Where it is, such as `file:line`. */
  readonly name: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** The records that were passed over so far, each once. */
export interface BadRecords {
  /** The number of them. */
  readonly count: number;
  /** All of them, in the order in which they were met. */
  readonly records: readonly BadRecord[];
}

/** How bad records are passed over. */
export interface SkipBadRecords {
  /** Bad records are passed over. */
  skip: true;
  /**
   * The share of the records that may be bad, from 0 to 1; 10 may be in any
   * case, unless it is 0.
   * @default 0.01
   */
  limit?: number | undefined;
}

const OPTIONS: OptionNames<SkipBadRecords> = { skip: true, limit: true };

/** Records that an error names, and that may be bad among few. */
const FEW = 10;

/** Counts bad records, up to a limit. */
export class BadRecordCount implements BadRecords {
  readonly #found = new Map<string, BadRecord>();
  readonly #limit: number | undefined;

  /**
   * Counts none yet.
   *
   * @param owner Who has the option.
   * @param onBad The option `onBad`.
   */
  constructor(owner: string, onBad: "fail" | SkipBadRecords) {
    this.#limit = onBad === "fail" ? undefined : limitOf(owner, onBad);
  }

  get count(): number {
    return this.#found.size;
  }

  get records(): BadRecord[] {
    return [...this.#found.values()];
  }

  /**
   * Counts a record.
   *
   * @param name Where it is.
   * @param error What is wrong with it.
   * @param read How many records were read, with it.
   * @throws {unknown} The error, where no record may be bad, or if it says
   * nothing of the record, such as one of the network.
   * @throws {Error} If too many are bad.
   */
  add(name: string, error: unknown, read: number): void {
    // What could not be reached may be there another time: it is not bad.
    const isBad = error instanceof SyntaxError || error instanceof RangeError;
    if (this.#limit === undefined || !isBad) throw error;
    const reason = error.message;
    this.#found.set(name, { name, reason });
    const few = this.#limit > 0 ? FEW : 0;
    if (this.count <= Math.max(few, this.#limit * read)) return;
    const lines = this.records.slice(0, FEW).map(({ reason }) => reason);
    throw new Error(
      `of ${read} records at most a share of ${this.#limit} should be bad, by onBad's limit, got ${this.count}:\n${
        lines.join("\n")
      }`,
      { cause: error },
    );
  }
}

function limitOf(owner: string, onBad: SkipBadRecords): number {
  if (typeof onBad !== "object") {
    throw new RangeError(
      `onBad should be "fail" or { skip: true }, got ${JSON.stringify(onBad)}`,
    );
  }
  assertOptions(`${owner}'s onBad`, onBad, OPTIONS);
  const { skip, limit = 0.01 } = onBad;
  if (skip !== true) {
    throw new TypeError(`onBad's skip should be true, got ${skip}`);
  }
  assertFinite("onBad's limit", limit);
  if (limit >= 0 && limit <= 1) return limit;
  throw new RangeError(
    `onBad's limit should be a share from 0 to 1, got ${limit}`,
  );
}
