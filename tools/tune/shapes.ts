/** What stands for the problems of a class. @module */
import type { ShapeClass } from "../../lib/kernels/tuning.ts";

/** Sizes of a problem of one sequence. */
export interface Sizes {
  readonly heads: number;
  readonly length: number;
  /** Of queries, keys and values. */
  readonly columns: number;
}

/** The classes, the most used first: time may not be enough for the last. */
export const CLASSES: readonly ShapeClass[] = [
  "long 64",
  "short 64",
  "long 32",
  "short 32",
  "long 128",
  "short 128",
];

/** What is timed of a class, and what is checked: fewer heads, and a length that no chunk divides. */
export function sizesOf(
  shape: ShapeClass,
): Readonly<Record<"timed" | "checked", Sizes>> {
  const [length, columns] = shape.split(" ") as ["short" | "long", string];
  const isLong = length === "long";
  const sizes = (heads: number, length: number): Sizes => ({
    heads,
    length,
    columns: Number(columns),
  });
  return {
    timed: sizes(4, isLong ? 1024 : 256),
    checked: sizes(1, isLong ? 523 : 131),
  };
}
