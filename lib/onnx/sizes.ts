/** Sizes as expressions of a batch and a length, found from what they are in several runs. @module */

/** The sizes of the axes that are free in a run. */
export interface FreeSizes {
  readonly batch: number;
  readonly length: number;
}

/** `factor · batch^(0 or 1) · length^(0 or 1) + offset`. */
export interface Expression {
  readonly factor: number;
  readonly batch: boolean;
  readonly length: boolean;
  readonly offset: number;
}

/** A number that is the same in all runs, or an expression. */
export type Size = number | Expression;

/** The products of free sizes that an expression may have. */
const PRODUCTS: readonly Pick<Expression, "batch" | "length">[] = [
  { batch: true, length: false },
  { batch: false, length: true },
  { batch: true, length: true },
];

/**
 * The size that is each of these numbers in its run; `undefined` if it is none of the
 * expressions.
 *
 * @param values A number of each run, three at least: two points always have a line.
 */
export function sizeOf(
  values: readonly number[],
  runs: readonly FreeSizes[],
): Size | undefined {
  const [first] = values as [number];
  if (values.every((value) => Object.is(value, first))) return first;
  for (const product of PRODUCTS) {
    const units = runs.map(({ batch, length }) =>
      (product.batch ? batch : 1) * (product.length ? length : 1)
    );
    const other = units.findIndex((unit) => unit !== units[0]);
    if (other < 0) continue;
    const factor = (values[other]! - first) / (units[other]! - units[0]!);
    const offset = first - factor * units[0]!;
    const holds = values.every((value, i) =>
      value === factor * units[i]! + offset
    );
    if (Number.isInteger(factor) && holds) {
      return { factor, ...product, offset };
    }
  }
  return undefined;
}

/** The sum of two sizes; `undefined` if it is no expression. */
export function sumOf(one: Size, other: Size): Size | undefined {
  if (typeof one === "number") {
    return typeof other === "number"
      ? one + other
      : { ...other, offset: other.offset + one };
  }
  if (typeof other === "number") return sumOf(other, one);
  if (one.batch !== other.batch || one.length !== other.length) {
    return undefined;
  }
  const factor = one.factor + other.factor, offset = one.offset + other.offset;
  return factor === 0 ? offset : { ...one, factor, offset };
}
