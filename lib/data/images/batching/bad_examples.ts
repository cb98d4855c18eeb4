import { assertOptions, type OptionNames } from "../../../contract/options.ts";
import { assertFinite } from "../../../contract/values.ts";

/** An image that has been passed over. */
export interface BadExample {
  /** Its place in the dataset. */
  readonly index: number;
  /** Its name. */
  readonly name: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** The images that a stream has passed over so far, each once. */
export interface BadExamples {
  /** The number of them. */
  readonly count: number;
  /** All of them, in the order in which they were met. */
  readonly examples: readonly BadExample[];
}

/** How bad images are passed over. */
export interface SkipBad {
  /** Bad images are passed over. */
  skip: true;
  /** The share of the images that may be bad, from 0 to 1. @default 0.01 */
  limit?: number | undefined;
}

const OPTIONS: OptionNames<SkipBad> = { skip: true, limit: true };

/** Images that an error names. */
const NAMED = 10;

/** Counts bad images, up to a limit. */
export class BadCount implements BadExamples {
  readonly #found = new Map<number, BadExample>();
  readonly #size: number;
  readonly #limit: number;
  /** Whether none may be bad. */
  readonly fails: boolean;

  /**
   * Counts none yet.
   *
   * @param onBad The option of who makes the stream.
   * @param size Number of images.
   */
  constructor(onBad: "fail" | SkipBad, size: number) {
    this.fails = onBad === "fail";
    this.#size = size;
    this.#limit = this.fails ? 0 : limitOf(onBad as SkipBad);
  }

  /** The number of bad images. */
  get count(): number {
    return this.#found.size;
  }

  /** The bad images. */
  get examples(): BadExample[] {
    return [...this.#found.values()];
  }

  /** The most images that may be bad; one is needed in the place of the others. */
  get most(): number {
    return Math.min(Math.floor(this.#limit * this.#size), this.#size - 1);
  }

  /**
   * Counts images, unless they are known.
   *
   * @throws {Error} If there are more than may be.
   */
  add(examples: readonly BadExample[]): void {
    for (const example of examples) this.#found.set(example.index, example);
    if (this.count > this.most) throw this.tooMany(this.examples);
  }

  /** The error that says that there are too many of them. */
  tooMany(examples: readonly BadExample[]): Error {
    const lines = examples.slice(0, NAMED)
      .map(({ name, reason }) => `${name}: ${reason}`);
    return new Error(
      `of ${this.#size} images at most ${this.most} should be bad, by onBad's limit ${this.#limit}, got ${examples.length}:\n${
        lines.join("\n")
      }`,
    );
  }
}

function limitOf(onBad: SkipBad): number {
  if (typeof onBad !== "object") {
    throw new RangeError(
      `onBad should be "fail" or { skip: true }, got ${JSON.stringify(onBad)}`,
    );
  }
  assertOptions("imageBatches' onBad", onBad, OPTIONS);
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
