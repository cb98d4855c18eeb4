/** Results in float32 beside their float64 oracle. @module */
import type { Differentiated, Sum } from "./float64.ts";

/** What a run on a backend gives: the output, and the gradients by input. */
export interface Result {
  readonly y: Float32Array;
  readonly gradients: Readonly<Record<string, Float32Array>>;
}

/**
 * Of so few tokens, or in arrays of so few numbers, such as those of a head each,
 * sums may cancel to nothing, with no larger one beside them: errors of gradients
 * are then relative to their terms, and of few tokens in gates to those of vectors.
 */
const FEW = 12;

/**
 * What is wrong with a result, a line for each array that is off.
 *
 * Each output has an error of its own, relative to its own terms: of a quotient of
 * sums that cancel a tolerance for all would be too small, and of a small number
 * too large.
 *
 * @param problem `logarithms`: inputs by name of which the gradient in the
 * logarithm is compared.
 * @param tolerance Largest errors: of each output, relative to the sum of its
 * absolute terms; of gradients, relative to the largest value, and in vectors,
 * which cancel where few keys are read, to that of all vectors.
 */
export function differences(
  { length, logarithms = {} }: {
    readonly length: number;
    readonly logarithms?: Readonly<Record<string, Float32Array>>;
  },
  actual: Result,
  expected: Differentiated,
  tolerance: { readonly forward: number; readonly gradient: number },
): string[] {
  const few = length <= FEW;
  const which = few ? "magnitudes" : "values";
  const ofVectors = Math.max(
    ...VECTORS.flatMap((name) => expected.gradients[name] ?? [])
      .map((sum) => largest(sum[which])),
  );
  return [
    judge("y", actual.y, expected.y, tolerance.forward),
    ...Object.entries(expected.gradients).map(([name, sum]) => {
      const weights = logarithms[name];
      const weighted = <T extends Float32Array | Float64Array>(x: T) =>
        weights ? x.map((value, i) => value * weights[i]!) as T : x;
      const own = sum.values.length <= FEW ? "magnitudes" : which;
      const reference = largest(weighted(sum[own]));
      const scale = few || VECTORS.includes(name)
        ? Math.max(reference, ofVectors)
        : reference;
      const values = weighted(sum.values);
      return judge(
        `d${name}`,
        weighted(actual.gradients[name]!),
        { values, magnitudes: values.map(() => scale) },
        tolerance.gradient,
      );
    }),
  ].flat();
}

/** The least normal float32: what is below it may be 0. */
const LEAST = 2 ** -126;

/** The number that is farthest off, if it is off by more than the tolerance times its magnitude. */
function judge(
  name: string,
  got: Float32Array,
  { values, magnitudes }: Sum,
  tolerance: number,
): string[] {
  let worst = 0;
  let line: string | undefined;
  values.forEach((x, i) => {
    const error = Math.abs(x - got[i]!);
    const bound = tolerance * magnitudes[i]! + LEAST;
    // Of NaN no comparison is true.
    if (error <= bound || error / bound <= worst) return;
    worst = error / bound;
    line = `${name}[${i}]: error ${error.toExponential(2)} > ${
      bound.toExponential(2)
    }`;
  });
  return line === undefined ? [] : [line];
}

/** Queries, keys and values, as the models call them. */
const VECTORS = ["q", "r", "c", "k", "b", "v", "x"];

function largest(values: Float64Array): number {
  return values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
}
