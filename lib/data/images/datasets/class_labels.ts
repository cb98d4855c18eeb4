import { assertIterable, assertText, shown } from "@lionjs/base";
import { shownClasses } from "../../batches/classes.ts";
import { byCodePoint } from "../../batches/code_point_order.ts";
import { assertClassCount } from "./image_dataset.ts";

export interface ClassLabels {
  readonly classes: readonly string[];
  readonly labels: Uint16Array;
}

/**
 * The classes and labels of values that a dataset has for its images: texts are
 * the classes' names, numbers their places.
 *
 * @param owner The name of the values in errors.
 * @param placeOf Names the place of a value in errors.
 */
export function classLabels(
  values: readonly unknown[],
  names: readonly string[] | undefined,
  owner: string,
  placeOf: (index: number) => string,
): ClassLabels {
  const areTexts = values.every((value) => typeof value === "string");
  const classes = names ??
    (areTexts
      ? [...new Set(values as string[])].sort(byCodePoint)
      : numbersUpTo(values, owner));
  assertClassCount(classes.length, `classes of ${owner}`);
  const places = new Map(classes.map((name, place) => [name, place]));
  const labels = Uint16Array.from(values, (value, index) => {
    const label = areTexts ? places.get(value as string) : value as number;
    if (Number.isInteger(label) && label! >= 0 && label! < classes.length) {
      return label!;
    }
    const wanted = areTexts
      ? `the classes ${shownClasses(classes)} alone`
      : `labels from 0 to below ${classes.length}, or texts`;
    throw new RangeError(
      `${owner} should have ${wanted}, got ${shown(value)} in ${
        placeOf(index)
      }`,
    );
  });
  return { classes, labels };
}

/** Throws unless names can be those of classes. */
export function assertClassNames(names: Iterable<string>): void {
  assertIterable("classes", names);
  for (const name of names) assertText("each of classes", name);
}

/** "0", "1" and so on, up to the largest label. */
function numbersUpTo(values: readonly unknown[], owner: string): string[] {
  let largest = -1;
  for (const value of values) {
    if (typeof value === "number" && value > largest) largest = value;
  }
  assertClassCount(largest + 1, `classes of ${owner}`);
  return Array.from({ length: largest + 1 }, (_, label) => `${label}`);
}
