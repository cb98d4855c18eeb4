/** A line through measurements. @module */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { lineThrough } from "../../bench/line.ts";

const points = (of: (at: number) => number, places: readonly number[]) =>
  places.map((at) => ({ at, value: of(at) }));

Deno.test("lineThrough() finds a latency and a time for each byte", () => {
  const sizes = [4, 4096, 2 ** 20];
  const found = lineThrough(points((n) => 0.02 + 1e-6 * n, sizes));
  assertAlmostEquals(found.constant, 0.02, 1e-12);
  assertAlmostEquals(found.slope, 1e-6, 1e-15);
});

Deno.test("lineThrough() weighs a small value as much as a large one", () => {
  // By absolute errors, 100 more in the last would take the constant far away.
  const values = [1.1, 2, 1100];
  const line = lineThrough(
    [0, 1, 1000].map((at, i) => ({ at, value: values[i]! })),
  );
  assertAlmostEquals(line.constant, 1, 0.1);
  assertAlmostEquals(line.slope, 1, 0.11);
});

Deno.test("lineThrough() has no number below 0", () => {
  assertEquals(lineThrough(points((n) => n - 1, [2, 3, 4])).constant, 0);
  assertEquals(lineThrough(points((n) => 9 - n, [2, 3, 4])).slope, 0);
});

Deno.test("lineThrough() needs two places", () => {
  assertThrows(
    () => lineThrough(points((n) => n, [3, 3])),
    RangeError,
    "points should be at two places or more, got 2 points",
  );
});
