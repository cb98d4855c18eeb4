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
  /** Of the loss, in this number; known after {@linkcode differentiate}. */
  gradient: number;
  readonly parents: readonly (readonly [parent: Scalar, slope: number])[];
}

/** All numbers in the order in which they were made. */
let made: Scalar[] = [];

function make(value: number, parents: Scalar["parents"] = []): Scalar {
  const scalar = { value, gradient: 0, parents };
  made.push(scalar);
  return scalar;
}

/** A number without a past. */
export function constant(value: number): Scalar {
  return make(value);
}

/** a + b + … */
export function plus(...terms: Scalar[]): Scalar {
  return make(
    terms.reduce((sum, { value }) => sum + value, 0),
    terms.map((term) => [term, 1] as const),
  );
}

/** a - b */
export function minus(a: Scalar, b: Scalar): Scalar {
  return make(a.value - b.value, [[a, 1], [b, -1]]);
}

/** a · b */
export function times(a: Scalar, b: Scalar): Scalar {
  return make(a.value * b.value, [[a, b.value], [b, a.value]]);
}

/** a / b */
export function over(a: Scalar, b: Scalar): Scalar {
  return make(a.value / b.value, [
    [a, 1 / b.value],
    [b, -a.value / b.value ** 2],
  ]);
}

/** A function of one number, by its value and its slope there. */
export function apply(
  x: Scalar,
  value: (x: number) => number,
  slope: (x: number) => number,
): Scalar {
  return make(value(x.value), [[x, slope(x.value)]]);
}

/** e^x; of -Infinity it is 0, and so is its slope. */
export function exp(x: Scalar): Scalar {
  return apply(x, Math.exp, Math.exp);
}

/** a · b for vectors. */
export function dot(a: readonly Scalar[], b: readonly Scalar[]): Scalar {
  return plus(...a.map((x, i) => times(x, b[i]!)));
}

/** An output, and the gradients by the name of their input. */
export interface Differentiated {
  readonly y: Float64Array;
  readonly gradients: Readonly<Record<string, Float64Array>>;
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
  y.forEach((scalar, i) => scalar.gradient += dy[i]!);
  for (const { gradient, parents } of made.reverse()) {
    if (gradient === 0) continue;
    for (const [parent, slope] of parents) parent.gradient += gradient * slope;
  }
  made = [];
  return {
    y: Float64Array.from(y, ({ value }) => value),
    gradients: Object.fromEntries(
      Object.entries(given).map(([name, scalars]) => [
        name,
        Float64Array.from(scalars, ({ gradient }) => gradient),
      ]),
    ),
  };
}
