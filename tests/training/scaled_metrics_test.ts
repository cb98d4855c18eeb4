/** Metrics of predicted numbers do not depend on the unit of these. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as training from "../../lib/training/mod.ts";
import { array, uniform } from "../random.ts";

type Metric = (
  predicted: readonly number[],
  labels: readonly number[],
) => number;

/** Those that order or correlate numbers, and so are the same for any unit. */
const INVARIANT: Readonly<Record<string, Metric>> = {
  areaUnderCurve: (scores, labels) =>
    training.areaUnderCurve(scores, labels.map((y) => Number(y > 0.5))),
  pearson: training.pearson,
  spearman: training.spearman,
};

Deno.test("metrics are the same for predictions and labels times 2^±600", () => {
  for (const [name, metric] of Object.entries(INVARIANT)) {
    for (let seed = 0; seed < 20; seed++) {
      const random = uniform(seed);
      const draw = () => [...array(3 + seed, random)].map((u) => u - 0.4);
      const predicted = draw(), labels = draw().map(Math.abs);
      const wanted = metric(predicted, labels);
      for (const exponent of [-1000, -600, 600, 1000]) {
        const scaled = predicted.map((x) => x * 2 ** exponent);
        assertEquals(metric(scaled, labels), wanted, `${name}, 2^${exponent}`);
      }
    }
  }
  const { pearson } = training;
  const labels = [1, 2, 3];
  for (const scale of [1, 1e160, 1e300, 1e-160, 1e-200, 1e-300]) {
    const r = pearson([scale, 3 * scale, 2 * scale], labels);
    assertEquals(Math.abs(r - 0.5) < 1e-12, true, `${scale}: ${r}`);
    assertEquals(pearson(labels, [scale, 3 * scale, 2 * scale]), r);
  }
});

Deno.test("metrics of predicted numbers refuse what is no number", () => {
  const { areaUnderCurve, pearson, spearman } = training;
  const hole = [1, 0];
  delete hole[1];
  for (const wrong of ["x", undefined, null, {}, 1n, Symbol("x")]) {
    const list = [1, wrong as number, 2], fine = [0, 1, 1];
    for (const metric of [pearson, spearman]) {
      assertThrows(() => metric(list, fine), TypeError, "predicted should be");
      assertThrows(() => metric(fine, list), TypeError, "labels should be");
    }
    assertThrows(() => areaUnderCurve(list, fine), TypeError, "scores should");
    assertThrows(() => areaUnderCurve(fine, list), RangeError, "0 or 1, got");
  }
  assertThrows(() => areaUnderCurve([1, 2], hole), RangeError, "got undefined");
  assertThrows(() => pearson(hole, [1, 2]), TypeError, "undefined at 1");
});
