/** Precision, recall and F1 of each class. @module */
import { assertList, assertOptions, optionsOf, shown } from "@lionjs/base";
import { countsByClass } from "./classification.ts";
import { classPairs } from "./pairs.ts";

/** Options of {@linkcode classScores}. */
export interface ClassScoresOptions {
  /** The names of the classes. @default 0, 1, … */
  classes?: readonly string[] | undefined;
}

const OPTIONS = optionsOf<ClassScoresOptions>()("classes");

/** The scores of a class, or the mean of all. */
export interface ClassScores {
  /** The class's name; `"mean"` for the mean of all, `"weighted mean"` by support. */
  readonly class: string;
  /** The share of predictions of the class that are right; 0 if there are none. */
  readonly precision: number;
  /** The share of the class's examples that are found; 0 if there are none. */
  readonly recall: number;
  /** The harmonic mean of precision and recall. */
  readonly f1: number;
  /** Number of examples of the class. */
  readonly support: number;
}

/** What {@linkcode ClassScores} measures. */
const SCORES = ["precision", "recall", "f1"] as const;

/**
 * Returns precision, recall and F1 of each class, then their mean and their mean
 * by support: the rows of a table, for `console.table` and for `table` of
 * `@lionjs/lion/notebook`. `report` makes them of a model and its batches.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { classScores } from "@lionjs/lion/training";
 *
 * const rows = classScores([1, 1, 0, 1], [1, 0, 0, 1], { classes: ["cat", "lion"] });
 * console.table(rows);
 * assertEquals(rows[0], {
 *   class: "cat", precision: 1, recall: 0.5, f1: 2 / 3, support: 2,
 * });
 * assertEquals(rows.map((row) => row.class), [
 *   "cat", "lion", "mean", "weighted mean",
 * ]);
 * ```
 *
 * @param predicted The predicted classes.
 * @param labels The true classes, equally many; -100 does not count.
 * @param options See {@linkcode ClassScoresOptions}.
 * @returns The rows: one for each class that is predicted, true or named, in the
 * order of their numbers, then the means.
 * @throws {TypeError} If the arrays differ in length, or an option is unknown or of
 * the wrong type.
 * @throws {RangeError} If a number is not a class, or has no name.
 */
export function classScores(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: ClassScoresOptions = {},
): ClassScores[] {
  assertOptions("classScores", options, OPTIONS);
  const { classes } = options;
  if (classes !== undefined) assertList("classes", classes);
  const counts = countsByClass(...classPairs(predicted, labels));
  const named = classes?.keys() ?? [];
  const all = [...new Set([...named, ...counts.keys()])].sort((a, b) => a - b);
  const rows = all.map((index): ClassScores => {
    const name = classes ? classes[index] : String(index);
    if (typeof name !== "string") {
      throw new RangeError(
        `classes should be a name for each class, got ${
          shown(name)
        } for class ${index}`,
      );
    }
    const { predicted, real, both } = counts.get(index) ??
      { predicted: 0, real: 0, both: 0 };
    return {
      class: name,
      precision: predicted ? both / predicted : 0,
      recall: real ? both / real : 0,
      f1: predicted + real ? 2 * both / (predicted + real) : 0,
      support: real,
    };
  });
  const support = rows.reduce((sum, row) => sum + row.support, 0);
  const mean = (name: string, weightOf: (row: ClassScores) => number) => ({
    class: name,
    ...Object.fromEntries(
      SCORES.map((score) => [
        score,
        rows.reduce((sum, row) => sum + weightOf(row) * row[score], 0),
      ]),
    ) as Record<typeof SCORES[number], number>,
    support,
  });
  return [
    ...rows,
    mean("mean", () => 1 / rows.length),
    mean("weighted mean", (row) => row.support / support),
  ];
}
