import { assertIterable, shown } from "@lionjs/base";
import { byCodePoint } from "./code_point_order.ts";

/** The classes of a dataset whose labels are names. */
export interface Classes {
  /** The names of the classes; a class's index is its label. */
  readonly classes: readonly string[];
  /**
   * Returns the label of a class, its index in `classes`.
   *
   * @throws {RangeError} If there is no such class.
   */
  labelOf(name: string): number;
}

/** Number of names that an error lists. */
const SHOWN = 10;

/**
 * Finds the classes among labels that are names, as in tables, and sorts them
 * by code point.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byteTokenizer, classesOf } from "@lionjs/lion/data";
 *
 * const rows = [{ text: "It purrs.", animal: "cat" }, { text: "It roars.", animal: "lion" }];
 * const { classes, labelOf } = classesOf(rows.map(({ animal }) => animal));
 * assertEquals(classes, ["cat", "lion"]);
 * const examples = rows.map(({ text, animal }) => ({
 *   ids: byteTokenizer().encode(text),
 *   label: labelOf(animal),
 * }));
 * assertEquals(examples.map(({ label }) => label), [0, 1]);
 * ```
 *
 * @param labels The labels of the training examples, or the names of the
 * classes alone. A label that occurs only in other examples cannot be learned.
 * @returns See {@linkcode Classes}; `setClassNames` stores the names in a
 * model.
 * @throws {TypeError} If a label is not a string.
 * @throws {RangeError} If there are no labels.
 */
export function classesOf(labels: Iterable<string>): Classes {
  assertIterable("labels", labels);
  const all = [...labels];
  const wrong = all.findIndex((label) => typeof label !== "string");
  if (wrong >= 0) {
    throw new TypeError(
      `labels should be strings, got ${shown(all[wrong])} at ${wrong}`,
    );
  }
  if (all.length === 0) {
    throw new RangeError("labels should not be empty, got none");
  }
  const classes = [...new Set(all)].sort(byCodePoint);
  const indices = new Map(classes.map((name, i) => [name, i]));
  return {
    classes,
    labelOf(name) {
      const label = indices.get(name);
      if (label !== undefined) return label;
      throw new RangeError(
        `a label should be one of ${shownClasses(classes)}, got ${shown(name)}`,
      );
    },
  };
}

/** The names of classes as an error shows them. */
export function shownClasses(classes: readonly string[]): string {
  const others = classes.length - SHOWN;
  const names = classes.slice(0, SHOWN).map((name) => JSON.stringify(name));
  return names.join(", ") + (others > 0 ? ` and ${others} others` : "");
}
