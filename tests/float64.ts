/**
 * Numbers in float64 that know their derivatives: an oracle is the plain loop of
 * a paper's recurrence, written with them, and its gradients come from the chain
 * rule alone.
 *
 * @module
 */

/** A number, and the numbers that it was made of. */
export interface Scalar {
  readonly value: number;
  /** The sum of the absolute terms: rounding errors are relative to it. */
  readonly magnitude: number;
  /** Of the loss, in this number; known after {@linkcode differentiate}. */
  gradient: number;
  /** The sum of its absolute terms. */
  gradientMagnitude: number;
  readonly parents: readonly Parent[];
}

/** What a number was made of, and how much it changes with it. */
type Parent = readonly [
  parent: Scalar,
  slope: number,
  magnitude?: number | undefined,
];

/** All numbers in the order in which they were made. */
let made: Scalar[] = [];

function make(
  value: number,
  magnitude: number,
  parents: Scalar["parents"] = [],
): Scalar {
  const [gradient, gradientMagnitude] = [0, 0];
  const scalar = { value, magnitude, gradient, gradientMagnitude, parents };
  made.push(scalar);
  return scalar;
}

/** A number without a past. */
export function constant(value: number): Scalar {
  return make(value, Math.abs(value));
}

/** a + b + … */
export function plus(...terms: Scalar[]): Scalar {
  return make(
    terms.reduce((sum, { value }) => sum + value, 0),
    terms.reduce((sum, { magnitude }) => sum + magnitude, 0),
    terms.map((term) => [term, 1] as const),
  );
}

/** a - b */
export function minus(a: Scalar, b: Scalar): Scalar {
  const parents = [[a, 1], [b, -1]] as const;
  return make(a.value - b.value, a.magnitude + b.magnitude, parents);
}

/** a · b */
export function times(a: Scalar, b: Scalar): Scalar {
  return make(a.value * b.value, a.magnitude * b.magnitude, [
    [a, b.value, b.magnitude],
    [b, a.value, a.magnitude],
  ]);
}

/** a / b, which is as far off as the one of them that cancels more. */
export function over(a: Scalar, b: Scalar): Scalar {
  const one = 1 / Math.abs(b.value);
  const magnitude = Math.max(
    a.magnitude,
    Math.abs(a.value) * one * b.magnitude,
  );
  return make(a.value / b.value, magnitude * one, [
    [a, 1 / b.value, b.magnitude * one ** 2],
    [b, -a.value / b.value ** 2, magnitude * one ** 2],
  ]);
}

/**
 * A function of one number, by its value and its slope there.
 *
 * @param magnitude What errors of it are relative to. @default its own value
 */
export function apply(
  x: Scalar,
  value: (x: number) => number,
  slope: (x: number) => number,
  magnitude?: number,
): Scalar {
  const y = value(x.value);
  return make(y, magnitude ?? Math.abs(y), [[x, slope(x.value), magnitude]]);
}

/** e^x; of -Infinity it is 0, and so is its slope. */
export function exp(x: Scalar): Scalar {
  return apply(x, Math.exp, Math.exp);
}

/** a · b for vectors. */
export function dot(a: readonly Scalar[], b: readonly Scalar[]): Scalar {
  return plus(...a.map((x, i) => times(x, b[i]!)));
}

/** Numbers, and how large the terms were that they are the sums of. */
export interface Sum {
  readonly values: Float64Array;
  readonly magnitudes: Float64Array;
}

/** An output, and the gradients by the name of their input. */
export interface Differentiated {
  readonly y: Sum;
  readonly gradients: Readonly<Record<string, Sum>>;
}

/**
 * Computes a function and the gradients of Σ y · dy.
 *
 * @param inputs By name, flat.
 * @param dy The gradient of the loss in the output, flat.
 * @param compute Gets the inputs as scalars, and gives the output.
 */
export function differentiate(
  inputs: Readonly<Record<string, Float32Array>>,
  dy: Float32Array,
  compute: (inputs: Record<string, Scalar[]>) => Scalar[],
): Differentiated {
  made = [];
  const given = Object.fromEntries(
    Object.entries(inputs).map(([name, x]) => [name, Array.from(x, constant)]),
  );
  const y = compute(given);
  y.forEach((scalar, i) => {
    scalar.gradient += dy[i]!;
    scalar.gradientMagnitude += Math.abs(dy[i]!);
  });
  for (const { gradient, gradientMagnitude, parents } of made.reverse()) {
    if (gradientMagnitude === 0) continue;
    for (const [parent, slope, magnitude = Math.abs(slope)] of parents) {
      parent.gradient += gradient * slope;
      parent.gradientMagnitude += gradientMagnitude * magnitude;
    }
  }
  made = [];
  const sum = (
    scalars: Scalar[],
    value: "value" | "gradient",
    magnitude: "magnitude" | "gradientMagnitude",
  ): Sum => ({
    values: Float64Array.from(scalars, (x) => x[value]),
    magnitudes: Float64Array.from(scalars, (x) => x[magnitude]),
  });
  return {
    y: sum(y, "value", "magnitude"),
    gradients: Object.fromEntries(
      Object.entries(given).map(([name, scalars]) => [
        name,
        sum(scalars, "gradient", "gradientMagnitude"),
      ]),
    ),
  };
}

/**
 * A solution of a recurrence that turns its states, as the delta rule and rotations
 * do: the absolute terms of its transitions grow with each token, up to Infinity,
 * where its states do not, and so would what is called a rounding error. Magnitudes
 * are at most the largest number: of outputs and the values that they are read of,
 * and of gradients and those that they come of.
 */
export function ofBoundedStates(
  { y, gradients }: Differentiated,
  { v, dy }: { readonly v: Float32Array; readonly dy: Float32Array },
): Differentiated {
  const ofOutputs = Math.max(largest(y.values), largest(v));
  const ofGradients = Math.max(
    largest(dy),
    ...Object.values(gradients).map(({ values }) => largest(values)),
  );
  return {
    y: bounded(y, ofOutputs),
    gradients: Object.fromEntries(
      Object.entries(gradients).map(([name, sum]) => [
        name,
        bounded(sum, ofGradients),
      ]),
    ),
  };
}

/** Beyond this is what padding holds. */
const JUNK = 1e6;

function largest(x: Float32Array | Float64Array): number {
  let most = 0;
  for (const value of x) {
    const size = Math.abs(value);
    if (size > most && size < JUNK) most = size;
  }
  return most;
}

function bounded({ values, magnitudes }: Sum, most: number): Sum {
  // What has overflowed may be NaN.
  return { values, magnitudes: magnitudes.map((x) => x < most ? x : most) };
}
