import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { LOOP } from "../../bench/attention.ts";
import {
  compareRuns,
  quickestRows,
  slowerGroups,
  tellComparisons,
} from "../../bench/compare.ts";
import type { Figures, GroupFigures, Row } from "../../bench/figures.ts";

/** A contender whose samples lie a tenth around the median. */
function row(name: string, median: number): Row {
  return {
    ...{ name, median, p20: 0.95 * median, p80: 1.05 * median, samples: 9 },
    ...{ ratio: 1, gflops: null, cost: null, usage: null, how: null },
  };
}

function group(length: number, times: Record<string, number>): GroupFigures {
  return {
    ...{ section: "attention", backend: "wasm", baseline: "full" },
    parameters: { length },
    rows: Object.entries(times).map(([name, median]) => row(name, median)),
  };
}

function run(groups: GroupFigures[], cpu = "A CPU"): Figures {
  return {
    ...{ command: "deno task bench", date: "", seconds: 1, backends: [] },
    machine: {
      ...{ cpu, cores: 2, memoryBytes: 1, system: "linux", deno: "2.0.0" },
      ...{ v8Flags: null, tfjs: "4.22.0", torch: null, threads: 2 },
    },
    groups,
  };
}

const BASE = run([
  group(64, { full: 10, chunkwise: 4, [LOOP]: 20 }),
  group(256, { full: 100, chunkwise: 8, [LOOP]: 80 }),
]);

Deno.test("compareRuns() finds what is slower once a slower machine is taken out", () => {
  // All takes twice as long, and one contender twice as long again.
  const now = run([
    group(64, { full: 20, chunkwise: 8, [LOOP]: 40 }),
    group(256, { full: 200, chunkwise: 32, [LOOP]: 160 }),
  ]);
  const { drift, outsiders, rows } = compareRuns(BASE, now);
  assertEquals([drift, outsiders], [2, 2]);
  const [worst, ...others] = rows;
  assertEquals(
    [worst!.group, worst!.name, worst!.verdict],
    ["attention, wasm, length 256", "chunkwise", "slower"],
  );
  assertEquals([worst!.ratio, worst!.ownRatio], [4, 2]);
  assertAlmostEquals(worst!.spreadNow, 0.1, 1e-9);
  assertEquals(others.map(({ verdict }) => verdict), ["same", "same", "same"]);
});

Deno.test("compareRuns() leaves to noise what lies within the spreads, and sees what is faster", () => {
  const now = run([
    group(64, { full: 10.5, chunkwise: 3, [LOOP]: 20 }),
    group(256, { full: 111, chunkwise: 8, [LOOP]: 80 }),
  ]);
  const verdicts = Object.fromEntries(
    compareRuns(BASE, now).rows.map(({ group, name, verdict }) => [
      `${group.split(" ").at(-1)} ${name}`,
      verdict,
    ]),
  );
  assertEquals(verdicts, {
    "64 full": "same",
    "64 chunkwise": "faster",
    // Its fastest fifth takes longer than four fifths took before.
    "256 full": "slower",
    "256 chunkwise": "same",
  });
});

Deno.test("compareRuns() names other machines, and who is in one run only", () => {
  const now = run([group(64, { full: 10, blockwise: 9 })], "Another CPU");
  const found = compareRuns(BASE, now);
  assertEquals(found.differences, ["CPU A CPU before, Another CPU now"]);
  assertEquals(found.onlyNow, ["attention, wasm, length 64, blockwise"]);
  assertEquals(found.onlyBefore.length, 5);
  // Without code that is not ours nobody tells how fast the machine is.
  assertEquals([found.drift, found.outsiders], [1, 0]);
  const told = tellComparisons(found);
  for (const part of ["Another CPU", "nobody tells", "1 compared: 0 slower"]) {
    assert(told.includes(part), told);
  }
});

Deno.test("what is slower once only is not slower", () => {
  const slow = run([group(64, { full: 10, chunkwise: 9, [LOOP]: 20 })]);
  assertEquals(slowerGroups(compareRuns(BASE, slow)), [
    "attention, wasm, length 64",
  ]);
  const again = group(64, { full: 12, chunkwise: 4.1, [LOOP]: 20 });
  const merged = run([quickestRows(slow.groups[0]!, again)]);
  assertEquals(
    merged.groups[0]!.rows.map(({ median }) => median),
    [10, 4.1, 20],
  );
  assertEquals(slowerGroups(compareRuns(BASE, merged)), []);
});
