/** Results in float32 beside their float64 oracle. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Differentiated, Sum } from "./float64.ts";

/** What a run on a backend gives: the output, and the gradients by input. */
export interface Result {
  readonly y: Float32Array;
  readonly gradients: Readonly<Record<string, Float32Array>>;
}

/** An array, as a tensor of the library has it. */
export interface Input {
  readonly values: Float32Array;
  readonly shape: readonly number[];
  /** @default "float32" */
  readonly dtype?: "float32" | "int32";
}

/** Arrays with the shapes of their names. */
export function shaped(
  arrays: Readonly<Record<string, Float32Array>>,
  shapeOf: (name: string) => readonly number[],
): Record<string, Input> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, values]) => [
      name,
      { values, shape: shapeOf(name) },
    ]),
  );
}

/**
 * The output of a function of the library, and its gradients.
 *
 * @param others Tensors that are no such inputs; they are disposed of.
 */
export async function outputAndGradients(
  inputs: Readonly<Record<string, Input>>,
  dy: Input,
  others: Readonly<Record<string, tf.Tensor | null>>,
  compute: (inputs: Record<string, tf.Tensor>) => tf.Tensor,
): Promise<Result> {
  const names = Object.keys(inputs);
  const tensorOf = ({ values, shape, dtype = "float32" }: Input) =>
    tf.tensor(values, [...shape], dtype);
  const tensors = names.map((name) => tensorOf(inputs[name]!));
  const outputGradient = tensorOf(dy);
  const made: tf.Tensor[] = [];
  try {
    const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) =>
      compute(Object.fromEntries(names.map((name, i) => [name, given[i]!])))
    )(tensors, outputGradient);
    made.push(value, ...grads);
    const [y, ...gradients] = await Promise.all(
      made.map((x) => x.data() as Promise<Float32Array>),
    );
    return {
      y: y!,
      gradients: Object.fromEntries(names.map((n, i) => [n, gradients[i]!])),
    };
  } finally {
    tf.dispose([...tensors, outputGradient, ...made]);
    for (const x of Object.values(others)) x?.dispose();
  }
}

/**
 * Of so few tokens, or in arrays of so few numbers, such as those of a head each,
 * sums may cancel to nothing, with no larger one beside them: errors of gradients
 * are then relative to their terms, and of few tokens in gates to those of vectors.
 */
const FEW = 12;

/** How far the number of an array is off that is farthest. */
export interface Deviation {
  /** The array: `y`, or `d` and an input. */
  readonly name: string;
  /** Where in it. */
  readonly at: number;
  readonly error: number;
  /** What the error is relative to. */
  readonly magnitude: number;
  /** Infinity where it is NaN. */
  readonly relative: number;
}

/** Largest errors of outputs and of gradients, relative to what is said of them. */
export interface Tolerance {
  readonly forward: number;
  readonly gradient: number;
}

/**
 * How far each array of a result is off.
 *
 * Each output has an error of its own, relative to its own terms: of a quotient of
 * sums that cancel a tolerance for all would be too small, and of a small number
 * too large. Errors of gradients are relative to the largest value, and in
 * vectors, which cancel where few keys are read, to that of all vectors.
 *
 * @param problem `logarithms`: inputs by name of which the gradient in the
 * logarithm is compared.
 * @param share Errors of gradients are relative at least to this share of their own
 * terms, and of the gradients in vectors, of whose differences kernels sum up those
 * in decays. @default none, whatever they cancel to
 */
export function deviations(
  { length, logarithms = {} }: {
    readonly length: number;
    readonly logarithms?: Readonly<Record<string, Float32Array>>;
  },
  actual: Result,
  expected: Differentiated,
  share = 0,
): Deviation[] {
  const few = length <= FEW;
  const which = few ? "magnitudes" : "values";
  const ofVectors = Math.max(
    ...VECTORS.flatMap((name) => expected.gradients[name] ?? [])
      .map((sum) => largest(sum[which])),
  );
  return [
    deviation("y", actual.y, expected.y),
    ...Object.entries(expected.gradients).map(([name, sum]) => {
      const weights = logarithms[name];
      const weighted = <T extends Float32Array | Float64Array>(x: T) =>
        weights ? x.map((value, i) => value * weights[i]!) as T : x;
      const own = sum.values.length <= FEW ? "magnitudes" : which;
      const reference = largest(weighted(sum[own]));
      const scale = few || VECTORS.includes(name)
        ? Math.max(reference, ofVectors)
        : Math.max(reference, share * ofVectors);
      return deviation(`d${name}`, weighted(actual.gradients[name]!), {
        values: weighted(sum.values),
        magnitudes: weighted(sum.magnitudes)
          .map((own) => Math.max(scale, share * Math.abs(own) || 0)),
      });
    }),
  ];
}

/**
 * How far each array is off as a whole, relative to its largest value, and each of
 * its parts to the largest sum of absolute terms there, so that a sequence of strong
 * decays is not hidden by one of weak ones.
 *
 * @param few Whether decays have so few terms that these cancel to a hundredth of
 * their size and less, with no larger value beside them.
 * @param partsOf In how many parts an array is looked at; in none if it is not given.
 */
export function wholeDeviations(
  actual: Result,
  expected: Differentiated,
  { few = false, partsOf = () => 0 }: {
    readonly few?: boolean;
    readonly partsOf?: (name: string) => number;
  },
): Deviation[] {
  const { gradients } = expected;
  // Where one key is left in a row, the gradients in q and k cancel to ~ε; what is
  // rounded then is of the size of the gradient in v.
  const vectors = ["q", "k", "v"];
  const ofVectors = largest(
    ...vectors.map((name) => gradients[name]?.values ?? []),
  );
  const judge = (name: string, got: Float32Array, x: Float64Array, m: number) =>
    deviation(name, got, { values: x, magnitudes: x.map(() => m) });
  const all: [string, Float32Array, Sum, number][] = [
    ["y", actual.y, expected.y, largest(expected.y.values)],
    ...Object.entries(gradients).map((
      [name, sum],
    ): [string, Float32Array, Sum, number] => [
      `d${name}`,
      actual.gradients[name]!,
      sum,
      vectors.includes(name)
        ? ofVectors
        : largest(few ? sum.magnitudes : sum.values),
    ]),
  ];
  return all.flatMap(([name, got, { values, magnitudes }, whole]) => {
    const parts = partsOf(name), size = values.length / parts;
    return [
      judge(name, got, values, whole),
      ...Array.from({ length: parts }, (_, s) => {
        const range = [s * size, (s + 1) * size] as const;
        return judge(
          `${name} of part ${s}`,
          got.subarray(...range),
          values.subarray(...range),
          largest(magnitudes.subarray(...range)),
        );
      }),
    ];
  });
}

/** What is wrong with a result, a line for each array of {@linkcode deviations} that is off. */
export function differences(
  problem: Parameters<typeof deviations>[0],
  actual: Result,
  expected: Differentiated,
  tolerance: Tolerance,
): string[] {
  return beyond(deviations(problem, actual, expected), tolerance);
}

/** The deviations that are larger than the tolerance, a line each. */
export function beyond(
  found: readonly Deviation[],
  { forward, gradient }: Tolerance,
): string[] {
  return found.flatMap(({ name, at, error, magnitude, relative }) => {
    const tolerance = /^y\b/.test(name) ? forward : gradient;
    if (relative <= tolerance) return [];
    const bound = tolerance * magnitude + LEAST;
    return [
      `${name}[${at}]: error ${error.toExponential(2)} > ${
        bound.toExponential(2)
      }`,
    ];
  });
}

/** The least normal float32: what is below it may be 0. */
const LEAST = 2 ** -126;

/** The number that is farthest off, relative to its magnitude. */
export function deviation(
  name: string,
  got: Float32Array,
  { values, magnitudes }: Sum,
): Deviation {
  if (got.length !== values.length) {
    throw new Error(`${name} has ${got.length} numbers, not ${values.length}`);
  }
  let worst: Deviation = {
    ...{ name, at: 0, error: 0, magnitude: magnitudes[0] ?? 0, relative: 0 },
  };
  values.forEach((x, at) => {
    const error = Math.abs(x - got[at]!);
    // Of NaN no comparison is true.
    if (error <= LEAST) return;
    const magnitude = magnitudes[at]!;
    const ratio = (error - LEAST) / magnitude;
    const relative = Number.isNaN(ratio) ? Infinity : ratio;
    if (relative <= worst.relative) return;
    worst = { name, at, error, magnitude, relative };
  });
  return worst;
}

/** Throws unless a result is near another, to so much of its largest number. */
export function assertNear(
  name: string,
  got: Float32Array,
  wanted: Float32Array | Float64Array,
  bound: number,
): void {
  if (got.length !== wanted.length) {
    throw new Error(`${name} has ${got.length} numbers, not ${wanted.length}`);
  }
  let error = 0, size = 0;
  // Math.max hands a NaN on.
  wanted.forEach((x, i) => {
    error = Math.max(error, Math.abs(x - got[i]!));
    size = Math.max(size, Math.abs(x));
  });
  // A page imports this, where there is no library of assertions.
  if (error <= bound * size) return;
  throw new Error(`${name}: error ${error} of ${size}`);
}

/** Queries, keys and values, as the models call them. */
const VECTORS = ["q", "r", "c", "k", "b", "v", "x"];

/** The largest absolute number; NaN if one is. */
export function largest(...arrays: readonly Iterable<number>[]): number {
  let max = 0;
  for (const x of arrays) {
    for (const value of x) max = Math.max(max, Math.abs(value));
  }
  return max;
}
