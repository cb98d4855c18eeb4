import { assertEquals } from "@std/assert";
import { leastMedian, medianOf } from "../../bench/bounds.ts";

const MEASURED = [["full", 5], ["other, one", 3], ["other, two", 2]] as const;

Deno.test("medianOf() and leastMedian() find a name, and the best of a kind", () => {
  const measurements = MEASURED.map(([name, median]) => ({
    name,
    median,
    p20: 0,
    p80: 9,
    samples: 1,
    ratio: 1,
  }));
  assertEquals(medianOf(measurements, "full"), 5);
  assertEquals(leastMedian(measurements, "other"), 2);
  assertEquals(leastMedian(measurements, "none"), undefined);
});
