/**
 * Numbers in float64 that know their derivatives: an oracle is the plain loop of
 * a paper's recurrence, written with them, and its gradients come from the chain
 * rule alone.
 *
 * @module
 */

/** A number, and where the tape has what it was made of. */
export interface Scalar {
  readonly value: number;
  /** The sum of the absolute terms: rounding errors are relative to it. */
  readonly magnitude: number;
  /** Its place among the numbers that change with the inputs; -1 if it does not. */
  readonly place: number;
}

/**
 * How numbers follow from earlier ones: an entry for each of these, in arrays of
 * numbers, since objects would keep the garbage collector busy most of the time.
 */
class Tape {
  /** The place of the earlier number. */
  readonly parents: number[] = [];
  /** How much the later one changes with it. */
  readonly derivatives: number[] = [];
  /** The sum of the derivative's absolute terms. */
  readonly magnitudes: number[] = [];
  /** Where the entries of each number end, by its place. */
  readonly ends: number[] = [];
}

let tape = new Tape();

/** Notes that the number that is made next changes with another. */
function follow(
  parent: Scalar,
  derivative: number,
  magnitude: number = Math.abs(derivative),
): void {
  if (parent.place < 0) return;
  tape.parents.push(parent.place);
  tape.derivatives.push(derivative);
  tape.magnitudes.push(magnitude);
}

/** Makes a number of those that it was said to follow from. */
function make(value: number, magnitude: number): Scalar {
  const { parents, ends } = tape;
  if (parents.length === (ends.at(-1) ?? 0)) return constant(value, magnitude);
  return { value, magnitude, place: ends.push(parents.length) - 1 };
}

/** An input. */
function variable(value: number): Scalar {
  const place = tape.ends.push(tape.parents.length) - 1;
  return { value, magnitude: Math.abs(value), place };
}

/** A number without a past. */
export function constant(
  value: number,
  magnitude: number = Math.abs(value),
): Scalar {
  return { value, magnitude, place: -1 };
}

/** a + b + … */
export function plus(...terms: Scalar[]): Scalar {
  let value = 0, magnitude = 0;
  for (const term of terms) {
    value += term.value;
    magnitude += term.magnitude;
    follow(term, 1);
  }
  return make(value, magnitude);
}

/** a - b */
export function minus(a: Scalar, b: Scalar): Scalar {
  follow(a, 1);
  follow(b, -1);
  return make(a.value - b.value, a.magnitude + b.magnitude);
}

/** a · b */
export function times(a: Scalar, b: Scalar): Scalar {
  follow(a, b.value, b.magnitude);
  follow(b, a.value, a.magnitude);
  return make(a.value * b.value, a.magnitude * b.magnitude);
}

/** a / b, which is as far off as the one of them that cancels more. */
export function over(a: Scalar, b: Scalar): Scalar {
  const one = 1 / Math.abs(b.value);
  const magnitude = Math.max(
    a.magnitude,
    Math.abs(a.value) * one * b.magnitude,
  );
  follow(a, 1 / b.value, b.magnitude * one ** 2);
  follow(b, -a.value / b.value ** 2, magnitude * one ** 2);
  return make(a.value / b.value, magnitude * one);
}

/**
 * A function of one number, by its value and its derivative there.
 *
 * @param magnitude What errors of it are relative to. @default its own value
 */
export function apply(
  x: Scalar,
  value: (x: number) => number,
  derivative: (x: number) => number,
  magnitude?: number,
): Scalar {
  const y = value(x.value);
  follow(x, derivative(x.value), magnitude);
  return make(y, magnitude ?? Math.abs(y));
}

/** e^x; of -Infinity it is 0, and so is its derivative. */
export function exp(x: Scalar): Scalar {
  return apply(x, Math.exp, Math.exp);
}

/** σ(x) */
export function sigmoid(x: Scalar): Scalar {
  return apply(
    x,
    (x) => 1 / (1 + Math.exp(-x)),
    (x) => 1 / (2 + Math.exp(-x) + Math.exp(x)),
  );
}

/** x σ(x) */
export function silu(x: Scalar): Scalar {
  return times(x, sigmoid(x));
}

/** log(1 + e^x) */
export function softplus(x: Scalar): Scalar {
  return apply(
    x,
    (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    (x) => 1 / (1 + Math.exp(-x)),
  );
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
  tape = new Tape();
  const given = Object.fromEntries(
    Object.entries(inputs).map(([name, x]) => [name, Array.from(x, variable)]),
  );
  const y = compute(given);
  const { parents, derivatives, magnitudes, ends } = tape;
  tape = new Tape();
  // Of the loss, in each number.
  const gradients = new Float64Array(ends.length);
  const terms = new Float64Array(ends.length);
  y.forEach(({ place }, i) => {
    if (place < 0) return;
    gradients[place]! += dy[i]!;
    terms[place]! += Math.abs(dy[i]!);
  });
  for (let place = ends.length - 1; place >= 0; place--) {
    if (terms[place] === 0) continue;
    for (let at = ends[place - 1] ?? 0; at < ends[place]!; at++) {
      const parent = parents[at]!;
      gradients[parent]! += gradients[place]! * derivatives[at]!;
      terms[parent]! += terms[place]! * magnitudes[at]!;
    }
  }
  const of = (scalars: Scalar[], x: Float64Array) =>
    Float64Array.from(scalars, ({ place }) => x[place]!);
  return {
    y: {
      values: Float64Array.from(y, ({ value }) => value),
      magnitudes: Float64Array.from(y, ({ magnitude }) => magnitude),
    },
    gradients: Object.fromEntries(
      Object.entries(given).map(([name, scalars]) => [
        name,
        { values: of(scalars, gradients), magnitudes: of(scalars, terms) },
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
