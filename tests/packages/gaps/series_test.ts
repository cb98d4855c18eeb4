/** What the model of gaps reads and is trained on: guesses, periods, windows, and drawn series. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  COLUMNS,
  columnsOf,
  GUESSES,
  guessesOf,
  LEVELS,
  line,
  LONGEST,
  observed,
  OUTPUTS,
  periodsOf,
  scaled,
  seasonOf,
  smoother,
  windowsOf,
  withoutTrend,
} from "../../../models/gaps/series/mod.ts";
import { normal, seeded } from "../../../lib/data/batches/mod.ts";
import { useBackend } from "../../../mod.ts";
import { BASELINES } from "../../../tools/models/gaps/baselines.ts";
import {
  batchOf,
  drawn,
  LOSS,
  seriesBatches,
} from "../../../tools/models/gaps/model.ts";
import { drawSeen, drawSeries } from "../../../tools/models/gaps/series.ts";
import {
  byMedianFilter,
  drawWindows,
  errorOf,
  f1Of,
  WINDOW,
} from "../../../tools/models/gaps/testing.ts";
import { ended, givenBefore } from "../../../tools/models/gaps/twins.ts";

/** A wave of a period, with a gap. */
const wave = (length: number, period: number, from = 0, to = 0) =>
  Array.from(
    { length },
    (_, t) =>
      t >= from && t < to ? null : 5 + 2 * Math.sin(2 * Math.PI * t / period),
  );

Deno.test("a gap's values change nothing of what is read of a series", async () => {
  await useBackend({ prefer: ["wasm"] });
  const random = seeded("gap's values");
  const values = drawSeries(90, random), seen = drawSeen(90, random);
  assert(seen.includes(0) && seen.includes(1));
  const others = values.map((value, t) => seen[t] ? value : 1e6 * random());
  const [first, second] = [values, others].map((values) =>
    columnsOf(scaled({ values, seen })).columns
  );
  assertEquals(first, second);
  const [a, b] = [values, others].map((values) =>
    batchOf([{ values, seen }]).inputs[0]!
  );
  assertEquals(await a!.data(), await b!.data());
  tf.dispose([a!, b!]);
});

Deno.test("what is seen has mean 0 and mean absolute deviation 1, whatever its level and scale", () => {
  const series = [3, null, 5, 9, null, 1e3].map((value) => value);
  const { values, seen, level, scale } = scaled(observed(series));
  const kept = values.filter((_, t) => seen[t]);
  const mean = (numbers: Float64Array) =>
    numbers.reduce((a, b) => a + b) / numbers.length;
  assertAlmostEquals(mean(kept), 0, 1e-12);
  assertAlmostEquals(mean(kept.map(Math.abs)), 1, 1e-12);
  assertAlmostEquals(level + scale * values[3]!, 9, 1e-9);
  // Columns do not depend on level and scale.
  const shifted = wave(64, 8, 20, 30).map((value) =>
    value === null ? null : 1000 - 0.01 * value
  );
  const columns = columnsOf(scaled(observed(shifted))).columns;
  columnsOf(
    scaled(observed(
      wave(64, 8, 20, 30).map((value) => value === null ? null : -value),
    )),
  ).columns.forEach((number, i) =>
    assertAlmostEquals(columns[i]!, number, 1e-4)
  );
  // Equal values have no scale of their own.
  assertEquals(scaled(observed([7, 7, null, 7])).scale, 1);
});

Deno.test("periods are found beside gaps and trends, and tell what stands at their phase", () => {
  for (const period of [5, 12, 24, 47]) {
    const series = observed(
      wave(192, period, 70, 110).map((value, t) =>
        value === null ? null : value + t / 10
      ),
    );
    const straight = withoutTrend(series);
    const [found] = periodsOf(straight, 3);
    assertAlmostEquals(found!.length, period, 1);
    assert(found!.correlation > 0.8);
    const season = seasonOf(straight, found!.length);
    const rest = line(series.seen)(
      series.values.map((value, t) => value - season[t]!),
    );
    const truth = wave(192, period);
    for (let t = 70; t < 110; t++) {
      assertAlmostEquals(rest[t]! + season[t]!, truth[t]! + t / 10, 0.8);
    }
  }
  assertEquals(periodsOf(observed(Array(40).fill(0)), 3), []);
  // One and two periods away on both sides, the further ones half as much.
  const series = observed([1, 2, 4, 8, 16, 32, 64]);
  const { values, seen } = series;
  assertAlmostEquals(
    seasonOf({ values, seen }, 2)[2]!,
    (1 + 16 + 64 / 2) / 2.5,
    1e-12,
  );
});

Deno.test("lines join what is seen, and go on level at the ends", () => {
  const { values, seen } = observed([null, 2, null, null, 8, null]);
  assertEquals([...line(seen)(values)], [2, 2, 4, 6, 8, 8]);
});

Deno.test("smoothers give the mean of the Gaussian process that they stand for", () => {
  const random = seeded("smoother");
  for (const [memory, noise] of [[3, 0.5], [20, 0.1]] as const) {
    const given = Array.from(
      { length: 12 },
      (_, t) => [2, 3, 7, 11].includes(t) ? null : normal(random),
    );
    const { values, seen } = observed(given);
    const filled = smoother(memory, noise)(seen)(values);
    const places = [...given.keys()].filter((t) => seen[t]);
    const level = places.reduce((sum, t) => sum + values[t]!, 0) /
      places.length;
    const kernel = (a: number, b: number) =>
      Math.exp(-Math.abs(a - b) / memory);
    const weights = solved(
      places.map((a) =>
        places.map((b) => kernel(a, b) + (a === b ? noise : 0))
      ),
      places.map((t) => values[t]! - level),
    );
    for (const [t, value] of given.entries()) {
      const expected = places.reduce(
        (sum, place, i) => sum + kernel(t, place) * weights[i]!,
        level,
      );
      assertAlmostEquals(filled[t]!, value ?? expected, 1e-9);
    }
  }
});

/** Solves a system of linear equations by elimination. */
function solved(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  rows.forEach((pivot, i) => {
    rows.forEach((row, j) => {
      if (i === j) return;
      const factor = row[i]! / pivot[i]!;
      row.forEach((_, k) => row[k]! -= factor * pivot[k]!);
    });
  });
  return rows.map((row, i) => row.at(-1)! / row[i]!);
}

Deno.test("guesses are tried elsewhere: periodic series are told from walks and from noise", () => {
  const errorsOf = (series: (number | null)[]) => {
    const { filled, errors } = guessesOf(scaled(observed(series)));
    assertEquals([filled.length, errors.length], [
      GUESSES.length,
      GUESSES.length,
    ]);
    for (const numbers of filled) {
      assert(numbers.every(Number.isFinite));
      // What is seen is as it was.
      const { values, seen } = scaled(observed(series));
      numbers.forEach((number, t) =>
        assert(!seen[t] || Math.abs(number - values[t]!) < 1e-9)
      );
    }
    return Object.fromEntries(GUESSES.map((name, i) => [name, errors[i]!]));
  };
  const gapped = (at: (t: number) => number) =>
    Array.from({ length: 192 }, (_, t) => t >= 80 && t < 100 ? null : at(t));
  const periodic = errorsOf(wave(192, 24, 80, 100));
  assert(periodic["season and line"]! < 0.05);
  assert(periodic["best"]! <= periodic["season and line"]!);
  assert(periodic["line"]! > 0.5);
  const random = seeded("walk");
  let height = 0;
  const walk = errorsOf(gapped(() => height += normal(random)));
  assert(walk["line"]! < walk["mean"]!);
  const noise = errorsOf(gapped(() => normal(random)));
  assert(noise["mean"]! < noise["line"]!);
  // With few places, or equal ones, there is an answer too.
  errorsOf([1, 2, 3, 4, ...Array(12).fill(null)]);
  errorsOf([...Array(12).fill(5), ...Array(4).fill(null)]);
});

Deno.test("windows fill each gap of a long series once, and see what is around it", () => {
  const random = seeded("windows");
  for (const share of [0.02, 0.3, 0.6]) {
    const series = Array.from(
      { length: 1500 },
      (_, t) => random() < share || (t > 400 && t < 560) ? null : t,
    );
    const windows = windowsOf(series);
    const places = windows.flatMap(({ places }) => places);
    assertEquals(
      places,
      [...series.keys()].filter((t) => series[t] === null),
    );
    for (const { start, values, places } of windows) {
      assertEquals(values.length, LONGEST);
      assert(places.length > 0);
      assertEquals(values, series.slice(start, start + LONGEST));
      assert(places.every((t) => t >= start && t < start + LONGEST));
    }
  }
  // A short series is its own window; one without gaps needs none.
  assertEquals(windowsOf([1, null, 2, 3, 4]), [
    { start: 0, values: [1, null, 2, 3, 4], places: [1] },
  ]);
  assertEquals(windowsOf([1, 2]), []);
  // What is longer than a window can hold is filled part by part.
  const wide = Array.from(
    { length: 900 },
    (_, t) => t > 100 && t < 500 ? null : t,
  );
  const parts = windowsOf(wide);
  assertEquals(
    parts.flatMap(({ places }) => places),
    Array.from({ length: 399 }, (_, i) => 101 + i),
  );
  for (const { start, places } of parts) {
    assert(places[0]! >= start && places.at(-1)! < start + LONGEST);
  }
});

Deno.test("series are drawn anew for each step, equal for a seed, with gaps of all kinds", async () => {
  await useBackend({ prefer: ["wasm"] });
  const batchesOf = async (seed: number, start: number) => {
    for await (
      const { inputs, labels } of seriesBatches({ batchSize: 2, seed })
        .from(start)
    ) {
      const numbers = [await inputs[0]!.data(), await labels.data()];
      tf.dispose([...inputs, labels]);
      return numbers;
    }
  };
  const first = await batchesOf(1, 3);
  assertEquals(await batchesOf(1, 3), first);
  assert(`${await batchesOf(1, 4)}` !== `${first}`);
  assert(`${await batchesOf(2, 3)}` !== `${first}`);
  const random = seeded("kinds");
  const kinds = { end: 0, one: 0, points: 0 };
  for (let i = 0; i < 400; i++) {
    const length = 16 + i % 241;
    const { values, seen } = drawn(length, random);
    assert(values.every(Number.isFinite));
    const gaps = `,${seen}`.match(/(,0)+/g)!;
    if (gaps.length > 1) kinds.points++;
    else if (seen.at(-1) === 0) kinds.end++;
    else kinds.one++;
    assert(seen.filter(Boolean).length >= length / 2);
  }
  assert(kinds.points > 40 && kinds.end > 20 && kinds.one > 200);
});

Deno.test("the loss is the pinball loss of nine quantiles in gaps, row by row", async () => {
  await useBackend({ prefer: ["wasm"] });
  const random = seeded("loss");
  const examples = [20, 20].map((length) => drawn(length, random));
  const { inputs, labels } = batchOf(examples);
  assertEquals(inputs[0]!.shape, [2, 20, COLUMNS]);
  const outputs = tf.tensor3d(
    Float32Array.from({ length: 2 * 20 * OUTPUTS }, () => normal(random)),
    [2, 20, OUTPUTS],
  );
  const numbers = await outputs.array() as number[][][];
  let expected = 0;
  examples.forEach((example, row) => {
    const series = scaled(example);
    const { filled } = guessesOf(series);
    let sum = 0, count = 0;
    example.seen.forEach((isSeen, t) => {
      if (isSeen) return;
      const powers = numbers[row]![t]!.slice(0, GUESSES.length).map(Math.exp);
      const total = powers.reduce((a, b) => a + b);
      const middle = filled.reduce(
        (sum, guess, i) => sum + guess[t]! * powers[i]! / total,
        0,
      );
      const truth = (example.values[t]! - series.level) / series.scale;
      LEVELS.forEach((level, i) => {
        const error = Math.max(-6, Math.min(6, truth)) - middle -
          numbers[row]![t]![GUESSES.length + i]!;
        sum += Math.max(level * error, (level - 1) * error) / LEVELS.length;
      });
      count++;
    });
    expected += sum / count / 2;
  });
  const before = tf.memory().numTensors;
  const loss = LOSS(outputs, labels);
  assertEquals(tf.memory().numTensors, before + 1);
  assertAlmostEquals((await loss.data())[0]!, expected, 1e-5);
  tf.dispose([...inputs, labels, outputs, loss]);
});

Deno.test("baselines are what they are called", () => {
  const fill = (
    name: string,
    given: (number | null)[],
  ) => [...BASELINES[name]!(given)];
  const straight = Array.from({ length: 40 }, (_, t) => 2 * t);
  const gapped = straight.map((value, t) => t > 9 && t < 20 ? null : value);
  for (const name of ["line", "monotone cubic", "cubic spline"]) {
    fill(name, gapped).forEach((value, t) =>
      assertAlmostEquals(value, straight[t]!, 1e-9)
    );
  }
  // Natural spline through (0, 0), (2, 1), (4, 0): 11/16 in between.
  const bump = fill("cubic spline", [0, null, 1, null, 0]);
  assertAlmostEquals(bump[1]!, 11 / 16, 1e-12);
  assertAlmostEquals(bump[3]!, 11 / 16, 1e-12);
  // A Gaussian process goes on with a wave, and falls back to the mean in noise.
  const process = "Gaussian process, the likeliest of 36 kernels";
  fill(process, wave(96, 12, 40, 60)).forEach((value, t) =>
    assertAlmostEquals(value, wave(96, 12)[t]!, 0.05)
  );
  const random = seeded("noise");
  const noise = Array.from(
    { length: 96 },
    (_, t) => t >= 40 && t < 60 ? null : 10 + normal(random),
  );
  assertAlmostEquals(fill(process, noise)[50]!, 10, 0.7);
  // A monotone cubic stays between its neighbours.
  const step = fill("monotone cubic", [0, 0, null, null, 9, 9, null, 9]);
  assert(step[2]! > 0 && step[2]! < step[3]! && step[3]! < 9);
  assertEquals(step[6], 9);
  const periodic = wave(96, 12, 40, 60);
  fill("means of the found period, and line", periodic).forEach((value, t) =>
    assertAlmostEquals(value, wave(96, 12)[t]!, 0.1)
  );
});

Deno.test("errors are measured in gaps alone, in deviations of what is seen", () => {
  const series = [{ name: "one", values: drawSeries(400, seeded("one")) }];
  const windows = drawWindows(series, 2);
  assertEquals(windows.map(({ gap }) => gap), [5, 5, 10, 10, 20, 20, 40, 40]);
  assertEquals(drawWindows(series, 2), windows);
  // A series with too many holes cannot be tested on.
  const holes = series[0]!.values.map((value, t) =>
    t % 100 === 0 ? NaN : value
  );
  assertThrows(
    () => drawWindows([{ name: "holes", values: holes }], 1),
    RangeError,
    "holes should have 192 known values in a row",
  );
  for (const window of windows) {
    const { given, truth, first, gap } = window;
    assertEquals(given.length, WINDOW);
    assertEquals(
      [...given.keys()].filter((t) => given[t] === null),
      Array.from({ length: gap }, (_, i) => first + i),
    );
    assertEquals(errorOf(window, truth), 0);
    const { scale } = scaled(observed(given));
    const wrong = truth.map((value, t) => given[t] === null ? value + 1 : 0);
    assertAlmostEquals(errorOf(window, wrong), 1 / scale, 1e-9);
    // A causal twin sees nothing after the gap, in training either.
    assertEquals(givenBefore(window).length, first + gap);
    const { seen } = ended(observed(given));
    assertEquals(seen.indexOf(0), WINDOW - gap);
    assertEquals(seen.lastIndexOf(0), WINDOW - 1);
  }
  const values = wave(60, 20).map((value) => value!);
  values[30] = 50;
  const found = byMedianFilter(values);
  assert(found.includes(30));
  assertEquals(
    f1Of([{ values, spikes: [30, 40] }], [[30, 31, 32]]),
    2 / (2 + 2 + 1),
  );
});
