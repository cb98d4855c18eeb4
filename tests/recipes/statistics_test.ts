import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  holm,
  interval,
  pairedInterval,
  pairedProbability,
} from "../../tools/recipes/statistics.ts";

Deno.test("interval is the mean and Student's t times its standard error", () => {
  // Deviation √2.5 and t(4) = 2.776.
  const five = interval([1, 2, 3, 4, 5]);
  assertAlmostEquals(five.mean, 3);
  assertAlmostEquals(five.half, 2.776 * Math.sqrt(2.5 / 5), 1e-3);
  // Of two numbers, half their distance times t(1) = tan(0.475 π).
  assertAlmostEquals(
    interval([10, 12]).half,
    Math.tan(0.475 * Math.PI),
    1e-3,
  );
  // t(2) has a closed form too: (2p − 1) √(2 / 4p(1 − p)).
  assertAlmostEquals(
    interval([-1, 0, 1]).half,
    0.95 * Math.sqrt(2 / (4 * 0.975 * 0.025)) / Math.sqrt(3),
    1e-3,
  );
  // t(9) = 2.262.
  const ten = interval([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  assertAlmostEquals(ten.half, 2.262 * Math.sqrt(2.5 / 9 / 10), 1e-3);
});

Deno.test("the quantiles of t fall to the normal distribution's", () => {
  const quantiles = Array.from({ length: 20 }, (_, i) => {
    const values = Array.from({ length: i + 2 }, (_, j) => j);
    const { mean, half } = interval(values);
    const squares = values.map((value) => (value - mean) ** 2);
    const variance = squares.reduce((a, b) => a + b) / (values.length - 1);
    return half / Math.sqrt(variance / values.length);
  });
  quantiles.forEach((quantile, i) => {
    // Cornish-Fisher's expansion, which few degrees of freedom are too few for.
    const z = 1.959964, n = i + 1;
    const expected = z + (z ** 3 + z) / (4 * n) +
      (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * n ** 2) +
      (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * n ** 3);
    if (n >= 3) assertAlmostEquals(quantile, expected, n < 5 ? 0.03 : 4e-3);
    if (i > 0) assert(quantile < quantiles[i - 1]!);
  });
});

Deno.test("more numbers than there are quantiles in a table have an interval", () => {
  // t(20), t(30) and t(40) of tables, times the standard error of 0, 1, 0, ….
  for (const [count, expected] of [[21, 2.086], [31, 2.042], [41, 2.021]]) {
    const values = Array.from({ length: count! }, (_, i) => i % 2);
    const { mean, half } = interval(values);
    const error = Math.sqrt(mean * (1 - mean) / (count! - 1));
    assertAlmostEquals(half / error, expected!, 5e-4);
  }
});

Deno.test("interval of one number has no width, and of none is an error", () => {
  assert(Number.isNaN(interval([7]).half));
  assertThrows(() => interval([]), RangeError, "values should be 1 or more");
});

Deno.test("pairedInterval sees through what seeds have in common", () => {
  const seeds = [10, 20, 30, 40, 50];
  const better = seeds.map((value, i) => value + 1 + 0.01 * (i % 2));
  const { mean, half } = pairedInterval(better, seeds);
  assertAlmostEquals(mean, 1.004, 1e-9);
  assert(half < 0.01);
  assert(interval(better).half > 10);
  assertThrows(() => pairedInterval([1], []), RangeError, "pairs");
});

Deno.test("a difference as large as its interval has a probability of 5 %", () => {
  for (const count of [2, 3, 4, 5, 10, 20, 21]) {
    const values = Array.from({ length: count }, (_, i) => i * i);
    const { mean, half } = interval(values);
    const shifted = values.map((value) => value - mean + half);
    const none = values.map(() => 0);
    assertAlmostEquals(pairedProbability(shifted, none), 0.05, 1e-4);
  }
  // t(1) is Cauchy's distribution: 1 − 2 atan(t) / π; t(2) has t / √(2 + t²).
  assertAlmostEquals(
    pairedProbability([1, 3], [0, 0]),
    1 - 2 * Math.atan(2) / Math.PI,
    1e-3,
  );
  const t = 2 / Math.sqrt(1 / 3);
  assertAlmostEquals(
    pairedProbability([1, 2, 3], [0, 0, 0]),
    1 - t / Math.sqrt(2 + t ** 2),
    1e-3,
  );
  assertEquals(pairedProbability([1], [0]), 1);
  assertEquals(pairedProbability([1, 1], [1, 1]), 1);
  assertEquals(pairedProbability([2, 2], [1, 1]), 0);
});

Deno.test("Holm's correction multiplies the smallest by the most", () => {
  // Of Holm's rule: 4 × 0.005, 3 × 0.01, 2 × 0.03, and no less than the one before.
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  [0.03, 0.06, 0.06, 0.02].forEach((value, i) =>
    assertAlmostEquals(adjusted[i]!, value, 1e-12)
  );
  assertEquals(holm([0.6, 0.9]), [1, 1]);
  assertEquals(holm([]), []);
});
