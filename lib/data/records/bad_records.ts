/** Records that are skipped, and the count of them. @module */
import { assertOptions, assertShare, optionsOf, shown } from "@lionjs/base";

/** A skipped record: a line, a row, an image, or the rest of a file. */
export interface BadRecord {
  /** The record's place, such as `file:line`. */
  readonly name: string;
  /** The record's index in the dataset, if it has one, as images do. */
  readonly index?: number | undefined;
  /** The message of the error that it would have caused. */
  readonly reason: string;
}

/** The skipped records, each listed once. */
export interface BadRecords {
  /** The number of skipped records. */
  readonly count: number;
  /** The records, in the order in which they were met. */
  readonly records: readonly BadRecord[];
}

/** Options for skipping bad records. */
export interface SkipBad {
  /** Skips bad records: true; to fail instead, leave `onBad` out. */
  skip: boolean;
  /**
   * The share that may be bad, from 0 to 1, of a dataset's images or of the
   * records read so far. Unless it is 0, 10 may always be bad.
   * @default 0.01
   */
  limit?: number | undefined;
}

const OPTIONS = optionsOf<SkipBad>()("skip limit");

/**
 * The most records that an error names, and the least limit of bad ones if some
 * are allowed.
 */
const FEW = 10;

export class BadRecordCount implements BadRecords {
  readonly #found = new Map<number | string, BadRecord>();
  readonly #limit: number;
  readonly #what: string;
  /** Whether no record may be bad. */
  readonly fails: boolean;

  /** Starts with no bad records. */
  constructor(owner: string, onBad: "fail" | SkipBad, what = "records") {
    this.fails = onBad === "fail";
    this.#limit = onBad === "fail" ? 0 : limitOf(owner, onBad);
    this.#what = what;
  }

  get count(): number {
    return this.#found.size;
  }

  get records(): BadRecord[] {
    return [...this.#found.values()];
  }

  /** The most bad records that are allowed among `total`. */
  mostOf(total: number): number {
    const few = this.#limit > 0 ? FEW : 0;
    return Math.max(few, Math.floor(this.#limit * total));
  }

  /**
   * Counts the record that an error is about.
   *
   * @throws {unknown} The error, where no record may be bad, or if it says
   * nothing of the record, such as one of the network.
   * @throws {Error} If too many are bad.
   */
  addFailure(name: string, error: unknown, read: number): void {
    // An error of the network or the disk does not make the record bad.
    const isBad = error instanceof SyntaxError || error instanceof RangeError;
    if (this.fails || !isBad) throw error;
    this.add([{ name, reason: error.message }], read, error);
  }

  /**
   * Counts records, unless they are known.
   *
   * @param total How many there are, or were read, with those that are good.
   */
  add(records: readonly BadRecord[], total: number, cause?: unknown): void {
    for (const one of records) this.#found.set(one.index ?? one.name, one);
    if (this.count <= this.mostOf(total)) return;
    throw this.tooMany(this.records, total, cause);
  }

  /** The error that says that too many records are bad. */
  tooMany(
    records: readonly BadRecord[],
    total: number,
    cause?: unknown,
  ): Error {
    const lines = records.slice(0, FEW).map(({ reason }) => reason);
    return new Error(
      `of ${total} ${this.#what} at most ${
        this.mostOf(total)
      } should be bad, by onBad's limit ${this.#limit}, got ${records.length}:\n${
        lines.join("\n")
      }`,
      { cause },
    );
  }
}

function limitOf(owner: string, onBad: SkipBad): number {
  if (typeof onBad !== "object") {
    throw new RangeError(
      `onBad should be "fail" or { skip: true }, got ${shown(onBad)}`,
    );
  }
  assertOptions(`${owner}'s onBad`, onBad, OPTIONS);
  const { skip, limit = 0.01 } = onBad;
  if (skip !== true) {
    throw new TypeError(`onBad's skip should be true, got ${shown(skip)}`);
  }
  assertShare("onBad's limit", limit);
  return limit;
}
