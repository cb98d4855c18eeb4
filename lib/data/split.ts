import { assertOptions, type OptionNames } from "../contract/options.ts";
import { seeded } from "./random.ts";

/** Documents for training, for choosing, and for the result. */
export interface Split<D> {
  /** To train on. */
  readonly train: D[];
  /** To choose by: when to stop, which settings. */
  readonly validation: D[];
  /** To report on. */
  readonly test: D[];
}

/** Options of {@linkcode splitDocuments}. */
export interface SplitOptions<D> {
  /** Share of the documents, about. @default 0.05 */
  validation?: number;
  /** Share of the documents, about. @default 0.05 */
  test?: number;
  /** Of the choice. @default 0 */
  seed?: number;
  /** What a document is known by; those of the same key stay together. @default the document as JSON */
  key?: (document: D) => string;
}

const OPTIONS: OptionNames<SplitOptions<unknown>> = {
  validation: true,
  test: true,
  seed: true,
  key: true,
};

/**
 * Splits documents by a hash of each: a document comes to the same part
 * whatever the others are, and one that is there twice stays in one part.
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
 * @param documents What is split.
 * @param options See {@linkcode SplitOptions}.
 * @returns The parts, in the order of the documents.
 * @throws {RangeError} If a share is negative, or they leave nothing to train on.
 */
export function splitDocuments<D>(
  documents: readonly D[],
  options: SplitOptions<D> = {},
): Split<D> {
  assertOptions("splitDocuments", options, OPTIONS);
  const { validation = 0.05, test = 0.05, seed = 0, key = JSON.stringify } =
    options;
  if (!(validation >= 0 && test >= 0 && validation + test < 1)) {
    throw new RangeError(
      `validation and test should be 0 or more, together below 1, got ${validation} and ${test}`,
    );
  }
  const split: Split<D> = { train: [], validation: [], test: [] };
  for (const document of documents) {
    const place = seeded("split", seed, key(document))();
    const part = place < validation
      ? split.validation
      : place < validation + test
      ? split.test
      : split.train;
    part.push(document);
  }
  return split;
}
