/** Splitting of documents into training, validation and test sets. @module */
import {
  assertFinite,
  assertIterable,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import { seeded } from "./random.ts";

/** Documents for training, validation and testing. */
export interface Split<D> {
  /** Documents to train on. */
  readonly train: D[];
  /** Documents for decisions, such as when to stop and which settings to use. */
  readonly validation: D[];
  /** Documents for the reported result. */
  readonly test: D[];
}

/** Options of {@linkcode splitDocuments}. */
export interface SplitOptions<D> {
  /** Approximate share of the documents for validation. @default 0.05 */
  validation?: number | undefined;
  /** Approximate share of the documents for testing. @default 0.05 */
  test?: number | undefined;
  /** Seed of the split. @default 0 */
  seed?: number | undefined;
  /**
   * The key of a document; documents with the same key stay together.
   * @default the document as JSON
   */
  key?: ((document: D) => string) | undefined;
}

const OPTIONS = optionsOf<SplitOptions<unknown>>()("validation test seed key");

/**
 * Splits documents by a hash of each: a document's part does not depend on the
 * others, and duplicates are in the same part.
 *
 * @example
 * ```ts
 * import { assertEquals, assertLess } from "@std/assert";
 * import { splitDocuments } from "@lionjs/lion/data";
 *
 * const documents = Array.from({ length: 100 }, (_, i) => `document ${i}`);
 * const { train, validation, test } = splitDocuments(documents, { test: 0.2 });
 * assertEquals(train.length + validation.length + test.length, 100);
 * assertLess(test.length, train.length);
 * ```
 *
 * @param documents The documents.
 * @param options See {@linkcode SplitOptions}.
 * @returns The parts, each in the order of the documents.
 * @throws {TypeError} If the documents are not iterable, or an option is
 * unknown.
 * @throws {RangeError} If a share is negative, or they leave nothing to train on.
 */
export function splitDocuments<D>(
  documents: readonly D[],
  options: SplitOptions<D> = {},
): Split<D> {
  assertOptions("splitDocuments", options, OPTIONS);
  assertIterable("splitDocuments's documents", documents);
  const { validation = 0.05, test = 0.05, seed = 0, key = JSON.stringify } =
    options;
  assertShares({ validation, test, seed });
  if (typeof key !== "function") {
    throw new TypeError(
      `key should be a function of a document, got ${shown(key)}`,
    );
  }
  const split: Split<D> = { train: [], validation: [], test: [] };
  for (const document of documents) {
    const of = key(document);
    if (typeof of !== "string") {
      throw new TypeError(`key should return a string, got ${shown(of)}`);
    }
    const place = seeded("split", seed, of)();
    const part = place < validation
      ? split.validation
      : place < validation + test
      ? split.test
      : split.train;
    part.push(document);
  }
  return split;
}

/** Options of {@linkcode splitInTime}. */
export interface SplitInTimeOptions {
  /** Share of the rows for validation, before those for testing. @default 0.1 */
  validation?: number | undefined;
  /** Share of the rows for testing, the last ones. @default 0.1 */
  test?: number | undefined;
}

const IN_TIME = optionsOf<SplitInTimeOptions>()("validation test");

/**
 * Splits a series in time: what comes first is trained on, what comes last is for
 * testing. No window of one part then has rows of another.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { splitInTime } from "@lionjs/lion/data";
 *
 * const days = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
 * const { train, validation, test } = splitInTime(days, { test: 0.2 });
 * assertEquals([train, validation, test], [[1, 2, 3, 4, 5, 6, 7], [8], [9, 10]]);
 * ```
 *
 * @param rows The rows in the order of time.
 * @param options See {@linkcode SplitInTimeOptions}.
 * @returns The parts, each in the order of the rows.
 * @throws {TypeError} If the rows are not iterable, or an option is unknown.
 * @throws {RangeError} If a share is negative, or they leave nothing to train on.
 */
export function splitInTime<R>(
  rows: Iterable<R>,
  options: SplitInTimeOptions = {},
): Split<R> {
  assertOptions("splitInTime", options, IN_TIME);
  assertIterable("splitInTime's rows", rows);
  const { validation = 0.1, test = 0.1 } = options;
  assertShares({ validation, test, seed: 0 });
  const all = [...rows];
  const [held, tested] = [validation, test].map((share) =>
    Math.round(share * all.length)
  );
  const end = all.length - tested!;
  return {
    train: all.slice(0, end - held!),
    validation: all.slice(end - held!, end),
    test: all.slice(end),
  };
}

/** Throws unless a split's shares are shares that leave something to train on. */
export function assertShares(
  split: { validation: number; test: number; seed: number },
): void {
  for (const [name, value] of Object.entries(split)) assertFinite(name, value);
  const { validation, test } = split;
  if (validation >= 0 && test >= 0 && validation + test < 1) return;
  throw new RangeError(
    `validation and test should be 0 or more, together below 1, got ${validation} and ${test}`,
  );
}
