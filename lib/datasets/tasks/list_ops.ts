import {
  assertInteger,
  assertOptions,
  type Complete,
  optionsOf,
} from "@lionjs/base";
import {
  below,
  type Examples,
  generated,
  type GeneratedOptions,
  type Part,
  type Random,
  seeded,
} from "@lionjs/data/batches";
import type { ClassifiedTokens } from "@lionjs/data/text";

/** Options of {@linkcode listOps}; the defaults are Long Range Arena's. */
export interface ListOpsOptions extends GeneratedOptions {
  /** Maximum number of levels of a tree. @default 10 */
  maxDepth?: number | undefined;
  /** Maximum number of arguments of an operation. @default 10 */
  maxArguments?: number | undefined;
  /** Lower limit of the length: every sequence has more tokens than this. @default 500 */
  minLength?: number | undefined;
  /** Upper limit of the length: every sequence has fewer tokens than this. @default 2000 */
  maxLength?: number | undefined;
}

const OPTIONS = optionsOf<ListOpsOptions>()(
  "size maxDepth maxArguments minLength maxLength seed part",
);

/**
 * The tokens of {@linkcode listOps} by id; "X" closes a list, 0 is padding.
 *
 * @example An expression as ids
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LIST_OPS_TOKENS } from "@lionjs/lion/datasets";
 *
 * const tokens = "[MAX 3 7 X".split(" ");
 * const ids = tokens.map((token) => LIST_OPS_TOKENS.indexOf(token));
 * assertEquals(ids, [12, 4, 8, 15]);
 * ```
 */
export const LIST_OPS_TOKENS: readonly string[] = [
  "<pad>",
  ...Array.from("0123456789"),
  "[MIN",
  "[MAX",
  "[MED",
  "[SM",
  "X",
];

/**
 * The operations, in the order of their tokens, which start at
 * {@linkcode FIRST_OPERATION}.
 */
const OPERATIONS: readonly ((values: number[]) => number)[] = [
  (values) => Math.min(...values),
  (values) => Math.max(...values),
  (values) => {
    const sorted = values.toSorted((a, b) => a - b);
    const half = (sorted.length - 1) / 2;
    return Math.floor(
      (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2,
    );
  },
  (values) => values.reduce((a, b) => a + b) % 10,
];

const FIRST_DIGIT = LIST_OPS_TOKENS.indexOf("0");
const FIRST_OPERATION = LIST_OPS_TOKENS.indexOf("[MIN");
const CLOSE = LIST_OPS_TOKENS.indexOf("X");

/** Probability that an argument is a list, above the lowest level. */
const LIST_RATE = 0.25;

/** Largest number of trees to draw for an example. */
const MAX_DRAWS = 100_000;

/** The parts of the examples, as ranges of the hashes of trees. */
const PARTS: Readonly<Record<Part, readonly [from: number, to: number]>> = {
  train: [0, 0.5],
  validation: [0.5, 0.75],
  test: [0.75, 1],
};

/** An example of {@linkcode listOps}: a tree, written as tokens. */
export interface ListOpsExample extends ClassifiedTokens {
  /** Number of levels of the tree, digits included: 2 for a list of digits. */
  readonly depth: number;
}

/** The most arguments of an operation: the tree of a list this long is tens of thousands of tokens. */
const MOST_ARGUMENTS = 2 ** 16;

/** The limits of a tree's size. */
type Limits = Complete<Omit<ListOpsOptions, keyof GeneratedOptions>>;

/**
 * Makes the ListOps task of Long Range Arena: nested lists of digits under MIN,
 * MAX, MED (the median, rounded down) and SM (the sum modulo 10); the label is
 * the digit to which they evaluate. There are 15 tokens, 16 with padding, and
 * 10 classes.
 *
 * Half of all trees are for training, and a quarter each for validation and
 * testing. A tree's hash decides, so no tree is in two parts. The published
 * sizes are 96,000, 2,000 and 2,000.
 * `{ maxDepth: 5, minLength: 31, maxLength: 129 }` is a small variant, with
 * sequences of 32 to 128 tokens.
 *
 * Source: Nangia and Bowman 2018 (arXiv:1804.06028); Tay et al. 2021
 * (arXiv:2011.04006).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LIST_OPS_TOKENS, listOps } from "@lionjs/lion/datasets";
 *
 * const dataset = listOps({ size: 10, maxDepth: 3, minLength: 6, maxLength: 9 });
 * const { ids, label, depth } = dataset.get(0);
 * const text = Array.from(ids, (id) => LIST_OPS_TOKENS[id]).join(" ");
 * assertEquals(text, "[MAX 9 0 9 5 1 X");
 * assertEquals([label, depth], [9, 2]);
 * ```
 *
 * @param options See {@linkcode ListOpsOptions}.
 * @returns The examples, for `collateTokens`, each with its depth.
 * @throws {RangeError} If an option has an invalid value; from `get`, if trees
 * of such lengths are too rare to find.
 */
export function listOps(options: ListOpsOptions): Examples<ListOpsExample> {
  assertOptions("listOps", options, OPTIONS);
  const {
    maxDepth = 10,
    maxArguments = 10,
    minLength = 500,
    maxLength = 2000,
  } = options;
  assertInteger("maxDepth", maxDepth, 2);
  assertInteger("maxArguments", maxArguments, 2, MOST_ARGUMENTS);
  assertInteger("minLength", minLength, 0);
  assertInteger("maxLength", maxLength, minLength + 2);
  const limits = { maxDepth, maxArguments, minLength, maxLength };
  return generated("ListOps", options, (random, part) => {
    const [from, to] = PARTS[part];
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const tree = drawTree(random, limits);
      if (!tree) continue;
      const place = seeded("part", Array.from(tree.ids).join(" "))();
      if (place >= from && place < to) return tree;
    }
    throw new RangeError(
      `minLength and maxLength should be lengths that trees have, got ${minLength} and ${maxLength} at maxDepth ${maxDepth} and maxArguments ${maxArguments}, of which ${MAX_DRAWS} trees had none`,
    );
  });
}

/** Draws a tree and its value; returns undefined if its length is out of limits. */
export function drawTree(
  random: Random,
  limits: Limits,
): ListOpsExample | undefined {
  const { maxDepth, maxArguments, minLength, maxLength } = limits;
  const ids: number[] = [];
  let deepest = 1;
  const grow = (depth: number): number => {
    deepest = Math.max(deepest, depth);
    const start = ids.push(0) - 1;
    if (ids.length >= maxLength) return 0; // the tree is dropped
    if (depth === maxDepth || random() > LIST_RATE) {
      const digit = below(10, random);
      ids[start] = FIRST_DIGIT + digit;
      return digit;
    }
    const count = 2 + below(maxArguments - 1, random);
    const values = Array.from({ length: count }, () => grow(depth + 1));
    const operation = below(OPERATIONS.length, random);
    ids[start] = FIRST_OPERATION + operation;
    ids.push(CLOSE);
    return OPERATIONS[operation]!(values);
  };
  const label = grow(1);
  if (ids.length <= minLength || ids.length >= maxLength) return undefined;
  return { ids, label, depth: deepest };
}
