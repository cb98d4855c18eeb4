/**
 * The numbers of proofs: integers modulo p². Two of them are equal if they are
 * equal modulo the prime p = 2⁶¹ − 1.
 *
 * Modulo p they are a field, in which every number but 0 has an inverse. The
 * second digit, which equality does not see, is there for derivatives: p is a
 * step whose square is 0, see {@linkcode gradient}.
 *
 * @module
 */

/**
 * The prime p = 2⁶¹ − 1, modulo which numbers are compared.
 *
 * @example It is equal to zero
 * ```ts
 * import { assert } from "@std/assert";
 * import { Matrix, PRIME } from "./mod.ts";
 *
 * const one = Matrix.eye(1);
 * assert(one.times(PRIME).equals(Matrix.zeros(1, 1)));
 * assert(one.plus(one.times(PRIME)).equals(one));
 * ```
 */
export const PRIME: bigint = 2n ** 61n - 1n;

const MODULUS = PRIME * PRIME;

/** An integer reduced modulo p², from 0 to below p². */
export function reduce(integer: bigint): bigint {
  const rest = integer % MODULUS;
  return rest < 0n ? rest + MODULUS : rest;
}

/** A number modulo p, which is what equality compares: from 0 to below p. */
export function residue(number: bigint): bigint {
  return number % PRIME;
}

/** The reciprocal 1 / number, by Euclid's algorithm. */
export function reciprocal(number: bigint): bigint {
  if (residue(number) === 0n) {
    throw new RangeError(
      "division by 0 modulo 2^61 - 1: keep what is divided by from being 0 " +
        "for all values, or take another seed",
    );
  }
  // Each remainder is its factor times the number, modulo p².
  let [last, remainder] = [MODULUS, number];
  let [lastFactor, factor] = [0n, 1n];
  while (remainder !== 1n) {
    const quotient = last / remainder;
    [last, remainder] = [remainder, last - quotient * remainder];
    [lastFactor, factor] = [factor, lastFactor - quotient * factor];
  }
  return reduce(factor);
}
