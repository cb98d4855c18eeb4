import { assertMatrix } from "./matrix.ts";
import { shown } from "../base/shown.ts";
import { assertOptions, optionsOf } from "../base/options.ts";
import { assertInteger, assertText } from "../base/values.ts";
import { differenceOf } from "./degree.ts";
import { PRIME, residue } from "./field.ts";
import type { Matrix } from "./matrix.ts";
import { type Draw, drawer } from "./random.ts";

/** Options of {@linkcode identity} and {@linkcode counterexample}. */
export interface IdentityOptions {
  /** Number of times that both sides are computed, each time with new unknowns. @default 2 */
  trials?: number | undefined;
  /** The seed of the unknowns. @default 1 */
  seed?: number | undefined;
}

const OPTIONS = optionsOf<IdentityOptions>()("trials seed");

/** The result of {@linkcode identity}. */
export interface Identity {
  /** The name of the identity. */
  readonly name: string;
  /** Upper bound of the degree of a polynomial that is 0 where both sides agree. */
  readonly degree: number;
  /** Number of times that both sides were computed. */
  readonly trials: number;
  /** Upper bound of the probability that a false identity passes. */
  readonly chance: number;
}

/** An entry in which two sides differ. */
export interface Counterexample {
  /** The name of the identity. */
  readonly name: string;
  /** The trial, counted from 0. */
  readonly trial: number;
  /** The row, counted from 0. */
  readonly row: number;
  /** The column, counted from 0. */
  readonly column: number;
  /** The left side's entry, modulo 2⁶¹ − 1. */
  readonly left: bigint;
  /** The right side's entry, modulo 2⁶¹ − 1. */
  readonly right: bigint;
}

/**
 * Proves an identity of polynomials, or of fractions of polynomials, by
 * computing both sides exactly for random unknowns.
 *
 * Both sides must be equal, number by number. If the identity is false, then in
 * some entry the difference of both sides, cleared of denominators, is a
 * nonzero polynomial, say of degree n. It vanishes at a random point of the
 * field of p = 2⁶¹ − 1 numbers with a probability of at most n / p (Schwartz
 * 1980, Zippel 1979), so a false identity passes `trials` times with a
 * probability of at most (n / p)^trials.
 *
 * The degree follows from what is computed. Denominators count by the rules for
 * fractions: a/b = c/d is ad − cb = 0, of degree max(deg a + deg d, deg c + deg
 * b). A point at which a denominator is 0 proves nothing and throws.
 *
 * Coefficients count modulo p too. An identity that is false over the integers
 * could be true modulo p only if p divided every coefficient of the difference.
 *
 * @example The square of a sum
 * ```ts
 * import { assertLess, assertThrows } from "@std/assert";
 * import { type Draw, identity } from "@lionjs/lion/proof";
 *
 * const unknowns = (draw: Draw) => ({ a: draw(1, 1), b: draw(1, 1) });
 * const { chance } = identity(
 *   "(a + b)² = a² + 2ab + b²",
 *   unknowns,
 *   ({ a, b }) => a.plus(b).times(a.plus(b)),
 *   ({ a, b }) => a.times(a).plus(a.times(b).times(2)).plus(b.times(b)),
 * );
 * assertLess(chance, 1e-35);
 *
 * assertThrows(
 *   () => identity(
 *     "(a + b)² = a² + b²",
 *     unknowns,
 *     ({ a, b }) => a.plus(b).times(a.plus(b)),
 *     ({ a, b }) => a.times(a).plus(b.times(b)),
 *   ),
 *   Error,
 *   "false at row 0, column 0",
 * );
 * ```
 *
 * @param name The name, for messages.
 * @param unknowns Draws the unknowns of one trial.
 * @param left The left side.
 * @param right The right side, of the same shape.
 * @param options See {@linkcode IdentityOptions}.
 * @returns The degree, and a bound on the probability that a false identity
 * passes.
 * @throws {Error} If the sides differ; the message gives the first such entry.
 * @throws {TypeError} If the sides have different shapes, or an option is unknown.
 * @throws {RangeError} If something is divided by 0, or `trials` is not a positive
 * integer.
 */
export function identity<Unknowns>(
  name: string,
  unknowns: (draw: Draw) => Unknowns,
  left: (unknowns: Unknowns) => Matrix,
  right: (unknowns: Unknowns) => Matrix,
  options: IdentityOptions = {},
): Identity {
  const found = compare(name, unknowns, left, right, options);
  if ("degree" in found) return found;
  throw new Error(
    `"${name}" is false at row ${found.row}, column ${found.column}: the left ` +
      `side is ${found.left}, the right side ${found.right}, modulo 2^61 - 1`,
  );
}

/**
 * Finds the first entry in which the sides of a false identity differ, which disproves it.
 *
 * @example A matrix product depends on the order of its factors
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { counterexample } from "@lionjs/lion/proof";
 *
 * const { row, column } = counterexample(
 *   "AB = BA",
 *   (draw) => ({ A: draw(2, 2), B: draw(2, 2) }),
 *   ({ A, B }) => A.times(B),
 *   ({ A, B }) => B.times(A),
 * );
 * assertEquals([row, column], [0, 0]);
 * ```
 *
 * @param name The name, for messages.
 * @param unknowns Draws the unknowns of one trial.
 * @param left The left side.
 * @param right The right side, of the same shape.
 * @param options See {@linkcode IdentityOptions}.
 * @throws {Error} If the sides are equal in every trial.
 * @throws {TypeError} If the sides have different shapes, or an option is unknown.
 * @throws {RangeError} If something is divided by 0, or `trials` is not a positive
 * integer.
 */
export function counterexample<Unknowns>(
  name: string,
  unknowns: (draw: Draw) => Unknowns,
  left: (unknowns: Unknowns) => Matrix,
  right: (unknowns: Unknowns) => Matrix,
  options: IdentityOptions = {},
): Counterexample {
  const found = compare(name, unknowns, left, right, options);
  if ("row" in found) return found;
  throw new Error(`"${name}" is true in ${found.trials} trials`);
}

/** The most trials; after a few, a false identity is as good as impossible. */
const MOST_TRIALS = 10_000;

function compare<Unknowns>(
  name: string,
  unknowns: (draw: Draw) => Unknowns,
  left: (unknowns: Unknowns) => Matrix,
  right: (unknowns: Unknowns) => Matrix,
  options: IdentityOptions,
): Identity | Counterexample {
  assertOptions("identity", options, OPTIONS);
  const { trials = 2, seed = 1 } = options;
  assertInteger("trials", trials, 1, MOST_TRIALS);
  assertText("name", name);
  for (const [part, given] of Object.entries({ unknowns, left, right })) {
    if (typeof given === "function") continue;
    throw new TypeError(`${part} should be a function, got ${shown(given)}`);
  }
  const draw = drawer(seed);
  let degree = 0;
  for (let trial = 0; trial < trials; trial++) {
    const point = unknowns(draw);
    const [a, b] = [left(point), right(point)];
    assertMatrix("what left returns", a);
    assertMatrix("what right returns", b);
    const [first] = a.differences(b);
    if (first) {
      const [row, column] = first;
      const entryOf = (side: Matrix) =>
        residue(side.at(row, column).values[0]!);
      return { name, trial, row, column, left: entryOf(a), right: entryOf(b) };
    }
    degree = Math.max(degree, differenceOf(a.degree, b.degree));
  }
  return { name, degree, trials, chance: (degree / Number(PRIME)) ** trials };
}
