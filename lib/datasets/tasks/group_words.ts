import {
  assertInteger,
  assertOneOf,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import {
  below,
  type Examples,
  generated,
  type GeneratedOptions,
} from "@lionjs/data/batches";
import type { LabelledTokens } from "@lionjs/data/text";

/** Where each of a few points goes. */
type Permutation = readonly number[];

/** Permutations as words are made of them, and as their products are numbered. */
interface Group {
  /** The permutations that a token may stand for; its id is the place in this list. */
  readonly letters: readonly Permutation[];
  /** All products of letters; a label is the place in this list. */
  readonly elements: readonly Permutation[];
}

/** The names of the groups of {@linkcode groupWords}. */
export type GroupName = "Z2" | "Z5" | "swaps" | "S3" | "A5" | "S5";

const S3: readonly Permutation[] = permutations(3);
const S5: readonly Permutation[] = permutations(5);
const A5: readonly Permutation[] = S5.filter((element) =>
  inversions(element) % 2 === 0
);

const GROUPS: Readonly<Record<GroupName, Group>> = {
  Z2: whole(permutations(2)),
  Z5: whole(S5[0]!.map((_, turn) => S5[0]!.map((point) => (point + turn) % 5))),
  swaps: {
    letters: S5.filter((element) => moved(element) <= 2),
    elements: S5,
  },
  S3: whole(S3),
  A5: whole(A5),
  S5: whole(S5),
};

/**
 * For each group of {@linkcode groupWords}, how many letters its words are made
 * of, which is the size of a model's vocabulary, and how many elements the group
 * has, which is the number of its classes.
 *
 * @example A model of words of three points
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { GROUP_SIZES } from "@lionjs/lion/datasets";
 *
 * const { letters: vocabularySize, elements: numClasses } = GROUP_SIZES.S3;
 * assertEquals({ vocabularySize, numClasses }, { vocabularySize: 6, numClasses: 6 });
 * ```
 */
export const GROUP_SIZES: Readonly<
  Record<GroupName, { readonly letters: number; readonly elements: number }>
> = Object.fromEntries(
  Object.entries(GROUPS).map(([name, { letters, elements }]) => [
    name,
    { letters: letters.length, elements: elements.length },
  ]),
) as Record<GroupName, { letters: number; elements: number }>;

/** Options of {@linkcode groupWords}. */
export interface GroupWordsOptions extends GeneratedOptions {
  /**
   * The group: parity (`"Z2"`), sums modulo 5 (`"Z5"`), the permutations of three
   * or five points (`"S3"`, `"S5"`), the even ones of five (`"A5"`), or those of
   * five points by words that swap two of them, or none, at a time (`"swaps"`).
   */
  group: GroupName;
  /** Tokens per word. @default 64 */
  length?: number | undefined;
  /**
   * What is asked at a token: the product of the letters up to it (`"before"`),
   * or the pair of that product and the product of the letters from it on
   * (`"both"`), which no causal model can know. With n elements there are n
   * classes, or n², n times the first product's number plus the second one's.
   * @default "before"
   */
  labels?: "before" | "both" | undefined;
}

const OPTIONS = optionsOf<GroupWordsOptions>()(
  "size group length labels seed part",
);

/**
 * Makes a task of state tracking, the word problem of a group: each token is a
 * random letter, a permutation, and its label is what the permutations up to it
 * make of the points, one after the other. To answer at any length, a model must
 * hold the product so far, and change it at each token.
 *
 * Which layers can is known: decays between 0 and 1 alone solve none of these
 * groups, one reflection per token solves `"Z2"` and `"swaps"`, and `"S5"` needs
 * four (see `docs/choosing.md`).
 *
 * Source: Merrill, Petty and Sabharwal 2024 (arXiv:2404.08819); Grazzi et al.
 * 2024 (arXiv:2411.12537); Siems et al. 2025 (arXiv:2502.10297).
 *
 * @example The parity of the ones so far
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { groupWords } from "@lionjs/lion/datasets";
 *
 * const { ids, labels } = groupWords({ size: 1, group: "Z2", length: 9 }).get(0);
 * const ones = Array.from(ids).reduce((sum, id) => sum + id);
 * assertEquals(labels[8], ones % 2);
 * ```
 *
 * @param options See {@linkcode GroupWordsOptions}.
 * @returns The examples, for `collateTokens`.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function groupWords(
  options: GroupWordsOptions,
): Examples<LabelledTokens> {
  assertOptions("groupWords", options, OPTIONS);
  const { group, length = 64, labels: asked = "before" } = options;
  assertOneOf("group", group, Object.keys(GROUPS) as GroupName[]);
  assertInteger("length", length, 1);
  assertOneOf("labels", asked, ["before", "both"]);
  const { letters, elements } = GROUPS[group];
  const numbers = new Map(elements.map((element, i) => [String(element), i]));
  const numberOf = (element: Permutation) => numbers.get(String(element))!;
  const identity = elements[0]!;
  return generated("words of a group", options, (random) => {
    const ids = Int32Array.from(
      { length },
      () => below(letters.length, random),
    );
    const labels = new Int32Array(length);
    let before = identity;
    ids.forEach((id, i) => {
      before = after(letters[id]!, before);
      labels[i] = numberOf(before);
    });
    if (asked === "both") {
      let behind = identity;
      for (let i = length - 1; i >= 0; i--) {
        behind = after(letters[ids[i]!]!, behind);
        labels[i] = labels[i]! * elements.length + numberOf(behind);
      }
    }
    return { ids, labels };
  });
}

/** A group whose letters are all of its elements. */
function whole(elements: readonly Permutation[]): Group {
  return { letters: elements, elements };
}

/** The permutation that does `first`, then `second`. */
function after(second: Permutation, first: Permutation): Permutation {
  return first.map((point) => second[point]!);
}

/** All permutations of so many points in lexical order, so the identity is first. */
function permutations(points: number): Permutation[] {
  let found: Permutation[] = [[]];
  for (let i = 0; i < points; i++) {
    found = found.flatMap((begun) =>
      Array.from({ length: points }, (_, point) => point)
        .filter((point) => !begun.includes(point))
        .map((point) => [...begun, point])
    );
  }
  return found;
}

/** Pairs of points that a permutation brings out of order. */
function inversions(element: Permutation): number {
  return element.reduce(
    (sum, image, i) => sum + element.slice(i).filter((x) => x < image).length,
    0,
  );
}

/** Points that do not stay where they are. */
function moved(element: Permutation): number {
  return element.filter((image, point) => image !== point).length;
}
