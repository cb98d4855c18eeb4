/** Results in float32 beside their float64 oracle. @module */
import type { Differentiated } from "./float64.ts";

/** What a run on a backend gives: the output, and the gradients by input. */
export interface Result {
  readonly y: Float32Array;
  readonly gradients: Readonly<Record<string, Float32Array>>;
}

/**
 * Of so few tokens, or in arrays of so few numbers, such as those of a head each,
 * sums may cancel to nothing, with no larger one beside them: errors are then
 * relative to their terms, and of few tokens in gates to those of vectors.
 */
const FEW = 12;

/**
 * What is wrong with a result, a line for each array that is off.
 *
 * @param problem `logarithms`: inputs by name of which the gradient in the
 * logarithm is compared; `cancels`: outputs are quotients of sums that may cancel
 * to a small part of their terms, to which errors are then relative.
 * @param tolerance Largest errors, relative to the largest value; of gradients in
 * vectors, which cancel where few keys are read, to that of all vectors.
 */
export function differences(
  { length, logarithms = {}, cancels = false }: {
    readonly length: number;
    readonly logarithms?: Readonly<Record<string, Float32Array>>;
    readonly cancels?: boolean;
  },
  actual: Result,
  expected: Differentiated,
  tolerance: { readonly forward: number; readonly gradient: number },
): string[] {
  const few = length <= FEW;
  const which = few ? "magnitudes" : "values";
  const judge = (
    name: string,
    got: Float32Array,
    wanted: Float64Array,
    bound: number,
  ) => {
    let error = 0;
    // Math.max hands a NaN on.
    wanted.forEach((x, i) => error = Math.max(error, Math.abs(x - got[i]!)));
    return error <= bound ? [] : [
      `${name}: error ${error.toExponential(2)} > ${bound.toExponential(2)}`,
    ];
  };
  const ofVectors = Math.max(
    ...VECTORS.flatMap((name) => expected.gradients[name] ?? [])
      .map((sum) => largest(sum[which])),
  );
  return [
    judge(
      "y",
      actual.y,
      expected.y.values,
      tolerance.forward * largest(expected.y[cancels ? "magnitudes" : which]),
    ),
    ...Object.entries(expected.gradients).map(([name, sum]) => {
      const weights = logarithms[name];
      const weighted = <T extends Float32Array | Float64Array>(x: T) =>
        weights ? x.map((value, i) => value * weights[i]!) as T : x;
      const own = sum.values.length <= FEW ? "magnitudes" : which;
      const reference = largest(weighted(sum[own]));
      return judge(
        `d${name}`,
        weighted(actual.gradients[name]!),
        weighted(sum.values),
        tolerance.gradient *
          (few || VECTORS.includes(name)
            ? Math.max(reference, ofVectors)
            : reference),
      );
    }),
  ].flat();
}

/** Queries, keys and values, as the models call them. */
const VECTORS = ["q", "r", "c", "k", "b", "v", "x"];

function largest(values: Float64Array): number {
  return values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
}
