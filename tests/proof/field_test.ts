/** Numbers modulo p², the degrees of fractions, and random unknowns. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  differenceOf,
  ofDerivative,
  ofInverse,
  ofQuotient,
  ofSum,
  ofSumOfMany,
  UNKNOWN,
} from "../../notebooks/proof/degree.ts";
import { reciprocal, reduce, residue } from "../../notebooks/proof/field.ts";
import { drawer, Matrix, PRIME } from "../../notebooks/proof/mod.ts";

/** A power modulo p. */
function power(base: bigint, exponent: bigint): bigint {
  if (exponent === 0n) return 1n;
  const half = power(base, exponent / 2n);
  return half * half * (exponent % 2n === 1n ? base : 1n) % PRIME;
}

Deno.test("PRIME is 2^61 - 1, and passes Fermat's test", () => {
  assertEquals(PRIME, 2305843009213693951n);
  for (const base of [2n, 3n, 5n, 7n, 11n]) {
    assertEquals(power(base, PRIME - 1n), 1n);
  }
});

Deno.test("reciprocal() is the inverse modulo p², also of multiples of p plus a unit", () => {
  const modulus = PRIME * PRIME;
  for (
    const x of [1n, 2n, PRIME - 1n, PRIME + 1n, modulus - 1n, 3n * PRIME + 7n]
  ) {
    assertEquals(reduce(x * reciprocal(x)), 1n);
  }
  for (const x of [0n, PRIME, 5n * PRIME]) {
    assertThrows(() => reciprocal(x), RangeError, "division by 0");
  }
});

Deno.test("reduce() takes integers of either sign, residue() what equality sees", () => {
  assertEquals(reduce(-1n), PRIME * PRIME - 1n);
  assertEquals(residue(reduce(-1n)), PRIME - 1n);
  assertEquals(residue(PRIME), 0n);
});

Deno.test("degrees follow the rules for fractions", () => {
  const fraction = ofQuotient(UNKNOWN, UNKNOWN); // x / y
  assertEquals(fraction, { numerator: 1, denominator: 1 });
  // x / y + z = (x + y z) / y
  assertEquals(ofSum(fraction, UNKNOWN), { numerator: 2, denominator: 1 });
  // x / y + z / w + u / v
  assertEquals(ofSumOfMany(fraction, 3), { numerator: 3, denominator: 3 });
  assertEquals(ofInverse(UNKNOWN, 3), { numerator: 2, denominator: 3 });
  // (x / y)' = (x' y - x y') / y²
  assertEquals(ofDerivative(fraction), { numerator: 2, denominator: 2 });
  // x / y = z / w is x w = y z
  assertEquals(differenceOf(fraction, fraction), 2);
});

Deno.test("a degree is no less than the true one: differences of that order do not vanish", () => {
  // (x³ + x) y as a function of x alone has degree 3, of 4 in all.
  const draw = drawer(3);
  const [x, y] = [draw(1, 1), draw(1, 1)];
  const f = (x: Matrix) => x.times(x).times(x).plus(x).times(y);
  assertEquals(f(x).degree, { numerator: 4, denominator: 0 });
  const difference = (order: number, x: Matrix): Matrix =>
    order === 0
      ? f(x)
      : difference(order - 1, x.plus(1)).minus(difference(order - 1, x));
  assert(difference(3, x).equals(y.times(6)));
  assert(difference(4, x).equals(Matrix.zeros(1, 1)));
});

Deno.test("drawer() is uniform: bits are set half of the time", () => {
  const { values } = drawer(5)(40, 50);
  assertEquals(new Set(values).size, 2000);
  for (let bit = 0n; bit < 61n; bit++) {
    const set = values.filter((value) => value >> bit & 1n).length;
    assert(Math.abs(set - 1000) < 150, `bit ${bit}: ${set} of 2000`);
  }
});
