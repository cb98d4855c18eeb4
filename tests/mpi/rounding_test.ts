/** What is rounding passes, and what is more does not. @module */
import { assertEquals, assertThrows } from "@std/assert";
import { uniform } from "../random.ts";
import { assertRounded, rounded } from "./rounding.ts";

Deno.test("numbers move by a rounding, to either side", () => {
  const random = uniform(1);
  const values = Float32Array.from({ length: 99 }, () => 10 * random() - 5);
  const moved = rounded(values, random);
  const steps = values.map((x, i) => Math.sign(moved[i]! - x));
  assertEquals(new Set(steps), new Set([-1, 0, 1]));
  for (const [i, x] of values.entries()) {
    assertEquals(Math.abs(moved[i]! - x) <= 2 ** -22 * Math.abs(x), true);
  }
});

Deno.test("an error is as large as sums in another order make it, or as what has moved", () => {
  const values = [100, 0], terms = 16;
  // 16 · 2^-24 of the largest number, 100, are 9.5e-5.
  const passes = (error: number, moved: number[][]) =>
    assertRounded([100 + error, 0], { values, moved, terms }, "x");
  passes(9e-5, []);
  assertThrows(() => passes(1e-4, []), Error, "x: 100.0001 at 0, not 100");
  // Four times 0.01, wherever in the array.
  passes(0.04, [[100, 0.01], [100, 0]]);
  assertThrows(() => passes(0.041, [[100, 0.01], [100, 0]]), Error, "x: ");
  for (const wrong of [NaN, Infinity]) {
    assertThrows(() => passes(wrong, []), Error, "x: ");
    assertThrows(() => passes(0, [[wrong, 0]]), Error, "x: what has moved");
  }
  assertThrows(
    () => assertRounded([1], { values, moved: [], terms }, "x"),
    Error,
    "x",
  );
});
