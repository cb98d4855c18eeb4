/** Metrics of predicted classes, over whole sets. @module */
import {
  assertOneOf,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
} from "@lionjs/base";
import { assertClass, classPairs } from "./pairs.ts";

/** Options of {@linkcode confusionMatrix}. */
export interface ConfusionMatrixOptions {
  /** Number of classes. @default one more than the largest in either array */
  classes?: number | undefined;
}

/** Options of {@linkcode f1}. */
export interface F1Options {
  /**
   * `"binary"`: the F1 of the class `positive`. `"macro"`: the mean of the F1 of
   * each class that is predicted or true somewhere. `"micro"`: the F1 of the
   * errors of all classes together, which is the accuracy. @default "binary"
   */
  average?: "binary" | "macro" | "micro" | undefined;
  /** The class whose F1 `"binary"` returns. @default 1 */
  positive?: number | undefined;
}

/** The most classes of a matrix, whose cells are as many as their square. */
const MOST_CLASSES = 8192;

const CONFUSION = optionsOf<ConfusionMatrixOptions>()("classes");

const F1 = optionsOf<F1Options>()("average positive");

/**
 * Returns the confusion matrix: the number of examples of each true class (row)
 * for which each class (column) was predicted. `confusionFigure` of
 * `./notebook` draws it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { confusionMatrix } from "@lionjs/lion/training";
 *
 * assertEquals(confusionMatrix([0, 1, 1], [0, 0, 1]), [[1, 1], [0, 1]]);
 * ```
 *
 * @param predicted The predicted classes.
 * @param labels The true classes, equally many; -100 does not count.
 * @param options See {@linkcode ConfusionMatrixOptions}.
 * @returns The counts, row by row.
 * @throws {TypeError} If the arrays differ in length, or an option is unknown.
 * @throws {RangeError} If a number is not a class, or there are more than 8192
 * classes.
 */
export function confusionMatrix(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: ConfusionMatrixOptions = {},
): number[][] {
  assertOptions("confusionMatrix", options, CONFUSION);
  const [guesses, truths] = classPairs(predicted, labels);
  const largest = [...guesses, ...truths]
    .reduce((most, x) => Math.max(most, x), -1);
  const { classes = Math.max(1, largest + 1) } = options;
  assertPositiveInteger("classes", classes);
  if (classes > MOST_CLASSES) {
    throw new RangeError(
      `classes should be at most ${MOST_CLASSES}, got ${classes}: are predicted and labels classes?`,
    );
  }
  if (largest >= classes) {
    throw new RangeError(
      `predicted and labels should be below classes, ${classes}, got ${largest}`,
    );
  }
  const counts = Array.from(
    { length: classes },
    () => new Array<number>(classes).fill(0),
  );
  truths.forEach((truth, i) => counts[truth]![guesses[i]!]!++);
  return counts;
}

/**
 * Returns the accuracy: the share of examples whose class was predicted
 * correctly.
 *
 * @param predicted The predicted classes.
 * @param labels The true classes, equally many; -100 does not count.
 * @returns The accuracy, from 0 to 1; NaN if no label counts.
 * @throws {TypeError} If the arrays differ in length.
 * @throws {RangeError} If a number is not a class.
 */
export function accuracyOf(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const [guesses, truths] = classPairs(predicted, labels);
  return guesses.filter((guess, i) => guess === truths[i]).length /
    truths.length;
}

/** For one class: how often it was predicted, was true, and both. */
interface ClassCounts {
  predicted: number;
  real: number;
  both: number;
}

export function countsByClass(
  guesses: readonly number[],
  truths: readonly number[],
): Map<number, ClassCounts> {
  const counts = new Map<number, ClassCounts>();
  const of = (label: number) => {
    const found = counts.get(label) ?? { predicted: 0, real: 0, both: 0 };
    counts.set(label, found);
    return found;
  };
  truths.forEach((truth, i) => {
    const guess = guesses[i]!;
    of(guess).predicted++;
    of(truth).real++;
    if (guess === truth) of(truth).both++;
  });
  return counts;
}

/**
 * Returns the F1: the harmonic mean of precision (the share of predictions that
 * are true) and recall (the share of true labels that are predicted): 2 · both
 * / (predicted + true).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { f1 } from "@lionjs/lion/training";
 *
 * const predicted = [1, 1, 0, 0], labels = [1, 0, 1, 0];
 * assertEquals(f1(predicted, labels), 0.5);
 * assertEquals(f1([2, 1, 0], [2, 1, 1], { average: "macro" }), (0 + 2 / 3 + 1) / 3);
 * ```
 *
 * @param predicted The predicted classes.
 * @param labels The true classes, equally many; -100 does not count.
 * @param options See {@linkcode F1Options}.
 * @returns The F1, from 0 to 1; 0 for a class that is neither predicted nor
 * true, NaN if no label counts.
 * @throws {TypeError} If the arrays differ in length, or an option is unknown.
 * @throws {RangeError} If a number is not a class, or there are more than two
 * classes for the binary F1.
 */
export function f1(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: F1Options = {},
): number {
  assertOptions("f1", options, F1);
  const { average = "binary", positive } = options;
  if (positive !== undefined) assertClass("positive", positive);
  assertOneOf("average", average, ["binary", "macro", "micro"]);
  const [guesses, truths] = classPairs(predicted, labels);
  if (truths.length === 0) return NaN;
  if (average === "micro") return accuracyOf(guesses, truths);
  const counts = countsByClass(guesses, truths);
  const scores = [...counts.values()].map(({ predicted, real, both }) =>
    2 * both / (predicted + real)
  );
  if (average === "macro") {
    return scores.reduce((sum, score) => sum + score) / scores.length;
  }
  if (positive === undefined && [...counts.keys()].some((x) => x > 1)) {
    throw new RangeError(
      `labels of the binary f1 should be 0 or 1, got ${
        Math.max(...counts.keys())
      }; pass average: "macro" or "micro", as in overClasses(f1, { average: "macro" }), or the class that is positive`,
    );
  }
  return scores[[...counts.keys()].indexOf(positive ?? 1)] ?? 0;
}

/**
 * Returns the Matthews correlation coefficient of predicted and true classes,
 * two or more. It is 1 if all predictions are correct, and about 0 for guesses,
 * however rare a class is.
 *
 * Source: Matthews 1975 (two classes), Gorodkin 2004 (more than two).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { matthews } from "@lionjs/lion/training";
 *
 * assertEquals(matthews([1, 1, 0, 0], [1, 0, 1, 0]), 0);
 * assertEquals(matthews([0, 0, 1, 2], [0, 0, 1, 2]), 1);
 * ```
 *
 * @param predicted The predicted classes.
 * @param labels The true classes, equally many; -100 does not count.
 * @returns The coefficient, from -1 to 1; 0 if all predictions or all labels
 * are the same, NaN if no label counts.
 * @throws {TypeError} If the arrays differ in length.
 * @throws {RangeError} If a number is not a class.
 */
export function matthews(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const [guesses, truths] = classPairs(predicted, labels);
  const all = truths.length;
  if (all === 0) return NaN;
  let right = 0, together = 0, ofPredicted = 0, ofReal = 0;
  for (
    const { predicted, real, both } of countsByClass(guesses, truths).values()
  ) {
    right += both;
    together += predicted * real;
    ofPredicted += predicted ** 2;
    ofReal += real ** 2;
  }
  const spread = Math.sqrt((all ** 2 - ofPredicted) * (all ** 2 - ofReal));
  return spread === 0 ? 0 : (right * all - together) / spread;
}
