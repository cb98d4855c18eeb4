/** Second derivatives of subjects, beside differences of their oracles' gradients. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Differentiated } from "../float64.ts";
import { array, uniform } from "../random.ts";
import {
  type AnySubject,
  type Problem,
  tensorsOf,
  type TokenCase,
  tokenOptions,
  type Way,
} from "./subject.ts";

/** Arrays by name: of inputs, or `dy`. */
type Arrays = Record<string, Float32Array | Float64Array>;

/** Largest error, relative to the largest number of all inputs' derivatives. */
const LARGEST_ERROR = 1e-3;

/** Below it, the second derivative in a number is not compared where that in its logarithm is. */
const SMALLEST = 1e-3;

/** The step of differences, relative to a direction. */
const STEP = 0.01;

/** The steps at which differences need a function. */
const STEPS = [-2 * STEP, -STEP, STEP, 2 * STEP];

/** f' at 0 of each array, of the fourth order: the error is about STEP⁴. */
function differencesOf(f: (step: number) => Arrays): Arrays {
  const [a, b, c, d] = STEPS.map(f) as [Arrays, Arrays, Arrays, Arrays];
  return Object.fromEntries(
    Object.keys(a).map((name) => [
      name,
      Float64Array.from(a[name]!, (first, i) => {
        const inner = c[name]![i]! - b[name]![i]!;
        return (8 * inner - (d[name]![i]! - first)) / (12 * STEP);
      }),
    ]),
  );
}

/** Directions in which numbers change by a part of themselves, so that none leaves its range. */
function directionsOf({ inputs }: Problem): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { values }], i) => {
      const parts = array(values.length, uniform(5 + i));
      return [
        name,
        values.map((x, j) => Number.isFinite(x) ? x * parts[j]! : 0),
      ];
    }),
  );
}

/** Differences of the oracle's gradients in a direction, and of its output: the gradient in `dy`. */
function expectedOf(
  { solve }: AnySubject,
  problem: Problem,
  directions: Arrays,
): { readonly values: Arrays; readonly terms: number } {
  const { inputs } = problem;
  const names = Object.keys(inputs);
  const first = names.map((name) => inputs[name]!.values.slice());
  const moved = (step: number): Differentiated => {
    names.forEach((name, i) =>
      // Whatever else a problem has of an input is the same array.
      inputs[name]!.values.set(
        first[i]!.map((x, j) => x + step * directions[name]![j]!),
      )
    );
    return solve(problem);
  };
  const values = differencesOf((step) => {
    const { y, gradients } = moved(step);
    const found = names.map((name) => [name, gradients[name]!.values] as const);
    return { ...Object.fromEntries(found), dy: y.values };
  });
  const { gradients } = moved(0);
  const terms = names.map((name) => largest(gradients[name]!.magnitudes));
  return { values, terms: Math.max(...terms) };
}

const largest = (x: Float32Array | Float64Array) =>
  Float64Array.from(x).reduce((a, b) => Math.max(a, Math.abs(b)), 0);

/** The gradient of Σ ⟨u, dx⟩ in the inputs and in `dy`, of the gradients dx of a subject. */
async function secondDerivatives(
  { run }: AnySubject,
  problem: Problem,
  directions: Arrays,
  way: Way,
): Promise<Arrays> {
  const { inputs, outputGradient } = problem;
  const names = Object.keys(inputs);
  const tokens = tokenOptions(problem), tensors = tensorsOf(problem);
  const dy = tf.tensor(outputGradient.values, [...outputGradient.shape]);
  const us = names.map((name) =>
    tf.tensor(directions[name]!, [...inputs[name]!.shape])
  );
  const found = tf.tidy(() =>
    tf.grads((...xs: tf.Tensor[]) => {
      const dxs = tf.grads((...xs: tf.Tensor[]) => {
        const given = names.map((name, i) => [name, xs[i]]);
        const options = { ...way, ...tokens };
        return run(Object.fromEntries(given), problem, options);
      })(xs.slice(0, -1), xs.at(-1));
      return tf.addN(dxs.map((dx, i) => tf.sum(tf.mul(dx, us[i]!))));
    })([...names.map((name) => tensors[name]!), dy])
  );
  const values = await Promise.all(
    found.map((x) => x.data() as Promise<Float32Array>),
  );
  tf.dispose([found, us, dy, tensors, { ...tokens }]);
  return Object.fromEntries(
    [...names, "dy"].map((name, i) => [name, values[i]!]),
  );
}

/** What is wrong with the second derivatives of a case, a line for each array that is off. */
export async function wrongSeconds<C extends TokenCase>(
  subject: AnySubject,
  c: C,
  way: Way,
): Promise<string[]> {
  const problem: Problem = subject.problemOf(c);
  const directions = directionsOf(problem);
  const { values, terms } = expectedOf(subject, problem, directions);
  const actual = await secondDerivatives(subject, problem, directions, way);
  const { logarithms = {} } = problem;
  const where = `${subject.name} ${JSON.stringify({ ...c, ...way })}`;
  return wrongOf(actual, values, 0.01 * terms, logarithms)
    .map((line) => `${where}: ${line}`);
}

/**
 * Which arrays are off.
 *
 * @param least What errors are relative to at least: the rounding errors of sums that cancel.
 * @param logarithms Inputs by name, in whose logarithms derivatives are compared.
 */
function wrongOf(
  actual: Arrays,
  expected: Arrays,
  least: number,
  logarithms: Problem["logarithms"] = {},
): string[] {
  const weighted = (name: string, x: Float32Array | Float64Array) => {
    const weights = logarithms[name];
    return Float64Array.from(x, (value, i) => {
      if (!weights) return value;
      // The second derivative of a logarithm may be 1 / x², and its rounding error is as large.
      return Math.abs(weights[i]!) > SMALLEST ? value * weights[i]! : 0;
    });
  };
  const names = Object.keys(expected);
  const wanted = names.map((name) => weighted(name, expected[name]!));
  const most = Math.max(least, ...wanted.map(largest));
  return names.flatMap((name, i) => {
    const errors = Float64Array.from(
      weighted(name, actual[name]!),
      (value, j) => value - wanted[i]![j]!,
    );
    const error = largest(errors);
    return error <= LARGEST_ERROR * most
      ? []
      : [`${name} is off by ${error / most}`];
  });
}

/**
 * What is wrong with the second derivatives of a function without an oracle, whose
 * first ones are right: a line for each input that is off.
 *
 * @param shapes Of the inputs, which are drawn.
 */
export async function wrongSecondsOf(
  shapes: readonly number[][],
  run: (...xs: tf.Tensor[]) => tf.Tensor | Record<string, tf.Tensor>,
): Promise<string[]> {
  const drawn = (seed: number) =>
    shapes.map((shape, i) =>
      tf.tensor(
        array(tf.util.sizeFromShape(shape), uniform(seed + i)),
        shape,
      )
    );
  const xs = drawn(1), parts = drawn(50);
  // No number changes its sign, where some functions have no derivative.
  const us = xs.map((x, i) => tf.mul(x, parts[i]!));
  // A sum of squares, each with a weight of its own, depends on the gradients of outputs.
  const gradients = tf.grads((...xs: tf.Tensor[]) => {
    const y = run(...xs);
    const outputs = y instanceof tf.Tensor ? [y] : Object.values(y);
    return tf.addN(outputs.map((y) => {
      const weights = tf.add(tf.sin(tf.range(0, y.size)), 1.5);
      return tf.sum(tf.mul(tf.square(tf.reshape(y, [-1])), weights));
    }));
  });
  const read = async (tensors: tf.Tensor[]): Promise<Arrays> => {
    const values = await Promise.all(
      tensors.map((x) => x.data() as Promise<Float32Array>),
    );
    tf.dispose(tensors);
    return Object.fromEntries(values.map((x, i) => [`input ${i}`, x]));
  };
  const moved = new Map<number, Arrays>();
  for (const step of STEPS) {
    const found = tf.tidy(() =>
      gradients(xs.map((x, i) => tf.add(x, tf.mul(us[i]!, step))))
    );
    moved.set(step, await read(found));
  }
  const expected = differencesOf((step) => moved.get(step)!);
  const actual = await read(
    tf.tidy(() =>
      tf.grads((...xs: tf.Tensor[]) =>
        tf.addN(gradients(xs).map((dx, i) => tf.sum(tf.mul(dx, us[i]!))))
      )(xs)
    ),
  );
  tf.dispose([xs, parts, us]);
  return wrongOf(actual, expected, 0);
}

/** The names of the kernels that run meanwhile. */
export async function kernelsOf(
  run: () => Promise<void>,
): Promise<Set<string>> {
  const engine = tf.engine(), names = new Set<string>();
  const { runKernel } = engine;
  engine.runKernel = (name, ...rest) => {
    names.add(name);
    return runKernel.call(engine, name, ...rest) as never;
  };
  try {
    await run();
  } finally {
    engine.runKernel = runKernel;
  }
  return names;
}
