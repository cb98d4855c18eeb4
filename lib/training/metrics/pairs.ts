/** Checks of pairs of predicted and true values. @module */
import { IGNORE_INDEX, shown } from "@lionjs/base";

/** Throws unless two arrays are of numbers, and as long as each other. */
export function assertPairs(
  name: string,
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): void {
  for (const [what, values] of Object.entries({ [name]: predicted, labels })) {
    const given: unknown = values;
    if (Array.isArray(given) || ArrayBuffer.isView(given)) continue;
    throw new TypeError(
      `${what} should be an array of numbers, got ${shown(given)}`,
    );
  }
  if (predicted.length === labels.length) return;
  throw new TypeError(
    `${name} should be as long as labels, ${labels.length}, got ${predicted.length}`,
  );
}

/** Throws unless all that an array holds are numbers, of which NaN is one, and a hole none. */
export function assertAllNumbers(
  name: string,
  values: ArrayLike<number>,
): void {
  for (let i = 0; i < values.length; i++) {
    if (typeof values[i] === "number") continue;
    throw new TypeError(
      `${name} should be an array of numbers, got ${shown(values[i])} at ${i}`,
    );
  }
}

/** The pairs whose label counts. */
export function countedPairs(
  name: string,
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): [predicted: number[], labels: number[]] {
  assertPairs(name, predicted, labels);
  const places = Array.from(
    labels,
    (label, i) => label === IGNORE_INDEX ? -1 : i,
  )
    .filter((i) => i >= 0);
  return [places.map((i) => predicted[i]!), places.map((i) => labels[i]!)];
}

/** The pairs of classes whose label counts. */
export function classPairs(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): [predicted: number[], labels: number[]] {
  const pairs = countedPairs("predicted", predicted, labels);
  pairs[0].forEach((value) => assertClass("predicted", value));
  pairs[1].forEach((value) => assertClass("labels", value));
  return pairs;
}

/** Throws unless a value is a class. */
export function assertClass(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0) return;
  throw new RangeError(
    `${name} should be classes, integers of 0 or more, got ${shown(value)}`,
  );
}
