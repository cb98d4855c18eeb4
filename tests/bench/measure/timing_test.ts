import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import {
  type Candidate,
  difference,
  measureAlternating,
  ParityError,
  quantile,
} from "../../../bench/measure/timing.ts";

/** A candidate that takes what it is told, and notes that it ran. */
function fake(
  name: string,
  times: readonly number[],
  log: string[],
  wrong: string | null = null,
): Candidate {
  let runs = 0;
  return {
    name,
    check: () => {
      log.push(`check ${name}`);
      return Promise.resolve(wrong);
    },
    run: () => {
      log.push(name);
      return Promise.resolve(times[runs++ % times.length]!);
    },
  };
}

Deno.test("measureAlternating() checks all, then runs all in turns", async () => {
  const log: string[] = [];
  const candidates = [fake("a", [1], log), fake("b", [1], log)];
  const budget = { fewest: 2, milliseconds: 2, turn: 1, warmUp: 0 };
  await measureAlternating(candidates, "a", budget);
  assertEquals(log, ["check a", "check b", "a", "b", "a", "b"]);
});

Deno.test("measureAlternating() counts what comes after the warm-up of a turn", async () => {
  const candidates = [fake("a", [9, 8, 10, 12, 9, 8, 11, 13], [])];
  const budget = { most: 4, turn: 2, warmUp: 10 };
  const [a] = await measureAlternating(candidates, "a", budget);
  assertEquals([a!.samples, a!.median], [4, 11.5]);
});

Deno.test("measureAlternating() takes long runs as they are, one a turn", async () => {
  const log: string[] = [];
  const candidates = [fake("long", [400], log), fake("short", [1], log)];
  const budget = { fewest: 2, turn: 3, warmUp: 1 };
  const [long] = await measureAlternating(candidates, "long", {
    ...budget,
    milliseconds: 500,
    most: 3,
  });
  assertEquals([long!.samples, long!.median], [2, 400]);
  assertEquals(log.slice(2, 7), ["long", "short", "short", "short", "short"]);
});

Deno.test("measureAlternating() gives medians, spread and the ratio to the baseline", async () => {
  const candidates = [
    fake("a", [20, 15, 25], []),
    fake("b", [5, 5, 6], []),
  ];
  const [a, b] = await measureAlternating(candidates, "a", {
    most: 3,
    warmUp: 0,
  });
  assertEquals(a, {
    name: "a",
    median: 20,
    p20: 17,
    p80: 23,
    samples: 3,
    ratio: 1,
  });
  assertEquals([b!.median, b!.ratio], [5, 0.25]);
});

Deno.test("measureAlternating() lets who has spent its budget leave the rounds", async () => {
  const log: string[] = [];
  const budget = {
    milliseconds: 100,
    fewest: 1,
    most: 3,
    turn: 1,
    warmUp: 0,
  };
  await measureAlternating(
    [fake("slow", [100], log), fake("fast", [1], log)],
    "slow",
    budget,
  );
  assertEquals(log.slice(2), ["slow", "fast", "fast", "fast"]);
});

Deno.test("measureAlternating() gives times that are not steady more budgets", async () => {
  const budget = { fewest: 1, most: 5, turn: 5, warmUp: 0 };
  const steady = fake("steady", [10, 11], []);
  // Of the first five, too many differ; of all, few do.
  const first = [10, 30, 10, 30, 30], then = Array(20).fill(10);
  const [one, late, never] = await measureAlternating(
    [
      steady,
      fake("late", [...first, ...then], []),
      fake("never", [10, 30], []),
    ],
    "steady",
    budget,
  );
  assertEquals([one!.samples, late!.samples, never!.samples], [5, 15, 20]);
  assertAlmostEquals(late!.p80, 14);
});

Deno.test("measureAlternating() takes no time when a result is wrong", async () => {
  const log: string[] = [];
  await assertRejects(
    () =>
      measureAlternating(
        [fake("a", [1], log), fake("b", [1], log, "y differs")],
        "a",
      ),
    ParityError,
    "b: y differs",
  );
  assertEquals(log, ["check a", "check b"]);
});

Deno.test("measureAlternating() wants the baseline among the candidates", async () => {
  await assertRejects(
    () => measureAlternating([fake("a", [1], [])], "full"),
    RangeError,
    "full",
  );
});

Deno.test("quantile() interpolates", () => {
  assertEquals(quantile([3, 1, 2, 4], 0.5), 2.5);
  assertEquals(quantile([7], 0.8), 7);
});

Deno.test("difference() judges against the largest value, and finds NaN and a wrong size", () => {
  assertEquals(difference("y", [[[1, 100.001], [1, 100]]], 2e-5), null);
  assert(
    difference("y", [[[1, 100.1], [1, 100]]], 2e-5)!.startsWith("y differs"),
  );
  assert(difference("y", [[[NaN], [1]]], 2e-5) !== null);
  assertEquals(difference("y", [[[1], [1, 2]]], 1), "y has 1 values, not 2");
});
