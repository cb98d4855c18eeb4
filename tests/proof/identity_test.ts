/** What `identity` lets pass, and what it refuses. @module */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import {
  counterexample,
  type Draw,
  identity,
  Matrix,
  PRIME,
} from "../../notebooks/proof/mod.ts";

const square = (draw: Draw) => ({ A: draw(3, 3), B: draw(3, 3) });

Deno.test("identity() returns the degree, and the bound of a false one", () => {
  const found = identity(
    "(AB)ᵀ = BᵀAᵀ",
    square,
    ({ A, B }) => A.times(B).transpose(),
    ({ A, B }) => B.transpose().times(A.transpose()),
    { trials: 3 },
  );
  const { name, degree, trials, chance } = found;
  assertEquals([name, degree, trials], ["(AB)ᵀ = BᵀAᵀ", 2, 3]);
  assertEquals(chance, (2 / Number(PRIME)) ** 3);
});

Deno.test("identity() clears denominators before it takes the degree", () => {
  const { degree } = identity(
    "a / b = ab / b²",
    (draw) => ({ a: draw(1, 1), b: draw(1, 1) }),
    ({ a, b }) => a.over(b),
    ({ a, b }) => a.times(b).over(b.times(b)),
  );
  assertEquals(degree, 3); // a b² - b ab
});

Deno.test("identity() of fractions: (AB)⁻¹ = B⁻¹A⁻¹", () => {
  const { chance } = identity(
    "(AB)⁻¹ = B⁻¹A⁻¹",
    square,
    ({ A, B }) => A.times(B).inverse(),
    ({ A, B }) => B.inverse().times(A.inverse()),
  );
  assertLess(chance, 1e-30);
});

Deno.test("a false identity is refused at the entry where it is false", () => {
  const sides = [
    square,
    ({ A }: ReturnType<typeof square>) => A,
    ({ A }: ReturnType<typeof square>) =>
      Matrix.build(3, 3, (i, j) => i === 1 && j === 2 ? 7 : A.at(i, j)),
  ] as const;
  const { trial, row, column, right } = counterexample("A = A", ...sides);
  assertEquals([trial, row, column, right], [0, 1, 2, 7n]);
  assertThrows(
    () => identity("A = A", ...sides),
    Error,
    '"A = A" is false at row 1, column 2',
  );
});

Deno.test("counterexample() does not call a true identity false", () => {
  assertThrows(
    () => counterexample("A = A", square, ({ A }) => A, ({ A }) => A),
    Error,
    '"A = A" is true in 2 trials',
  );
});

Deno.test("identity() refuses 0 / 0, other shapes and unknown options", () => {
  const one = (draw: Draw) => draw(1, 1);
  const zeroByZero = (x: Matrix) => x.minus(x).over(x.minus(x));
  assertThrows(
    () => identity("0 / 0", one, zeroByZero, zeroByZero),
    RangeError,
    "division by 0",
  );
  assertThrows(
    () => identity("shapes", one, (x) => x, (x) => x.beside(x)),
    TypeError,
    "[1, 1], got [1, 2]",
  );
  assertThrows(
    () => identity("options", one, (x) => x, (x) => x, { trials: 0 }),
    RangeError,
    "trials should be an integer from 1 to 10000, got 0",
  );
  assertThrows(
    () => identity("options", one, (x) => x, (x) => x, { seed: 0.5 }),
    RangeError,
    "seed should be an integer, got 0.5",
  );
  const misspelt = { trails: 2 } as { trials?: number };
  assertThrows(
    () => identity("options", one, (x) => x, (x) => x, misspelt),
    TypeError,
    '"trials"',
  );
});
