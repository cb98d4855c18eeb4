/** The package of gaps as it is: what it answers, and whether its card tells the truth. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import config from "../../../models/gaps/config.json" with { type: "json" };
import manifest from "../../../models/gaps/deno.json" with { type: "json" };
import gaps, { fill, outliers } from "../../../models/gaps/mod.ts";
import { sha256Of } from "../../../lib/base/files.ts";
import { fromPretrained } from "../../../lib/hub/mod.ts";
import { useBackend } from "../../../mod.ts";
import root from "../../../deno.json" with { type: "json" };
import {
  allCards,
  type Card,
  readmeOf,
  withPackages,
} from "../../../tools/models/card.ts";

const FOLDER = new URL("../../../models/gaps/", import.meta.url);

const DOCUMENT = new URL("../../../docs/pretrained.md", import.meta.url);

/** A text without what aligns columns. */
const cellsOf = (text: string) => text.replaceAll(/[-: ]+/g, " ");

/** Tides on a slow drift. */
const tideAt = (hour: number) =>
  3 + Math.sin(2 * Math.PI * hour / 12.4) +
  0.4 * Math.sin(2 * Math.PI * hour / 6.2) + hour / 100;

const tides = (length: number, from: number, to: number) =>
  Array.from(
    { length },
    (_, hour) => hour >= from && hour < to ? null : tideAt(hour),
  );

const card: Card = JSON.parse(
  await Deno.readTextFile(new URL("card.json", FOLDER)),
);

Deno.test("gaps are filled near to what was there, and known values are unchanged", async () => {
  await useBackend({ prefer: ["wasm"] });
  const series = [
    tides(120, 50, 80),
    tides(120, 112, 120),
    tides(64, 0, 10),
    tides(120, 0, 0),
    tides(256, 30, 50).map((value, t) => t % 9 === 0 ? null : value),
    Array(16).fill(4).map((value, t) => t === 5 ? null : value),
  ];
  const filled = await fill(series);
  series.forEach((row, i) =>
    row.forEach((value, t) => {
      if (value !== null) assertEquals(filled[i]![t], value);
      else {
        const truth = i === 5 ? 4 : tideAt(t);
        assertAlmostEquals(filled[i]![t]!, truth, 0.5, `series ${i} at ${t}`);
      }
    })
  );
  // Beside others, a series gets the same answer; so does the given one, again.
  const [alone] = await fill(series.slice(0, 1));
  alone!.forEach((value, t) => assertAlmostEquals(value, filled[0]![t]!, 1e-4));
  assertEquals(await fill([]), []);
});

Deno.test("the shipped weights give fixed answers", async () => {
  await useBackend({ prefer: ["wasm"] });
  const cases: readonly [(number | null)[], readonly number[]][] = [
    [tides(120, 50, 54), [3.7858, 4.4808, 4.6598, 4.3773]],
    [tides(96, 92, 96), [4.0294, 3.8452, 3.646, 3.2538]],
    [
      tides(16, 10, 16),
      [2.2762, 2.4042, 2.5088, 2.5795, 2.6144, 2.6268],
    ],
    [[1, 2, 1, 2, 1, 2, 1, 2, null, 2, 1, 2, 1, 2, 1, 2], [1.0085]],
    [Array.from({ length: 40 }, (_, t) => t === 20 ? null : t * t), [398.8423]],
  ];
  const filled = await fill(cases.map(([series]) => series));
  cases.forEach(([series, expected], i) => {
    const found = filled[i]!.filter((_, t) => series[t] === null);
    assertEquals(found.length, expected.length);
    found.forEach((value, j) => assertAlmostEquals(value, expected[j]!, 1e-3));
  });
});

Deno.test("bands hold the answer, are wide where little is known, and touch what is known", async () => {
  await useBackend({ prefer: ["wasm"] });
  const series = [tides(120, 50, 80), tides(120, 60, 62)];
  const filled = await fill(series);
  const bands = await fill(series, { bands: true });
  const width = ({ low, high }: typeof bands[number], t: number) =>
    high[t]! - low[t]!;
  bands.forEach((band, i) => {
    assertEquals(band.values, filled[i]);
    band.values.forEach((value, t) => {
      assert(band.low[t]! <= value && value <= band.high[t]!);
      assertEquals(width(band, t) > 0, series[i]![t] === null);
    });
  });
  assert(width(bands[0]!, 65) > width(bands[1]!, 61));
});

Deno.test("long series are filled by windows around their gaps", async () => {
  await useBackend({ prefer: ["wasm"] });
  const long = tides(700, 300, 320).map((value, t) =>
    t === 3 || t === 500 || t > 690 ? null : value
  );
  const [filled] = await fill([long]);
  long.forEach((value, t) => {
    if (value !== null) assertEquals(filled![t], value);
    else assertAlmostEquals(filled![t]!, tideAt(t), 0.5, `at ${t}`);
  });
});

Deno.test("values that stand out are found", async () => {
  await useBackend({ prefer: ["wasm"] });
  const series = tides(120, 90, 100).map((value, t) =>
    t === 40 ? value! + 6 : t === 71 ? value! - 5 : value
  );
  assertEquals(await outliers([series, tides(64, 0, 0)]), [[40, 71], []]);
  // In a long series too, beside gaps as long as may be, and where little is known.
  const long = tides(700, 300, 492).map((value, t) => t === 200 ? 30 : value);
  assertEquals(await outliers([long]), [[200]]);
  const sparse = Array.from({ length: 40 }, (_, t) => t % 10 ? null : 1);
  assertEquals(await outliers([sparse]), [[]]);
});

Deno.test("what cannot be filled is refused, with what to do", async () => {
  const row = tides(40, 3, 5);
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [null, TypeError, "series should be an array of series, got null"],
    [row, TypeError, "a single series is [series]"],
    [["text"], TypeError, "series[0] should be an array of numbers and null"],
    [[[...row, "1"]], TypeError, "series[0][40] should be a number or null"],
    // deno-lint-ignore no-sparse-arrays
    [[[, ...row]], TypeError, "should be a number or null, got undefined"],
    [
      [row, [...row, NaN]],
      RangeError,
      "series[1][40] should be finite, got NaN",
    ],
    [[[Infinity, ...row]], RangeError, "what is not known is null"],
    [[row.slice(0, 15)], RangeError, "16 places or more, got 15"],
    [[Array(40).fill(null)], RangeError, "4 numbers or more, got 0"],
    [
      [row, tides(600, 101, 400)],
      RangeError,
      "series[1] should have no gap of more than 192 places, since it is longer than 256; got one at place 101",
    ],
    [
      [Array.from({ length: 600 }, (_, t) => t % 150 === 0 ? t : null)],
      RangeError,
      "4 numbers or more among the 256 places around the gap at place 1",
    ],
  ];
  for (const [series, type, message] of wrong) {
    for (const call of [fill, outliers]) {
      const failed = await assertRejects(
        () => call(series as number[][]) as Promise<unknown>,
        type,
        message,
      );
      assert(failed.message.startsWith(`${call.name}'s series`));
    }
  }
  await assertRejects(
    () => fill([row], { band: true } as Record<string, unknown>),
    TypeError,
    'fill has no option "band"',
  );
});

Deno.test("fromPretrained() loads the package, whose answers leave no tensor", async () => {
  await useBackend({ prefer: ["wasm"] });
  const row = tides(40, 3, 5);
  await fill([row]);
  const before = tf.memory().numTensors;
  const filled = await fill([row, tides(600, 200, 240)]);
  await outliers([row]);
  assertEquals(tf.memory().numTensors, before);
  const { model, config, weights } = await fromPretrained(gaps);
  assertEquals([weights.initial, weights.unused], [[], []]);
  assertEquals(model.countParams(), card.model.parameters);
  assertEquals((config as { task?: string }).task, gaps.task);
  // A model of one's own answers in its place.
  assertEquals((await fill([row], { model }))[0], filled[0]);
  model.dispose();
});

Deno.test("the card is of these files, and the README of the card", async () => {
  const weights = await Deno.readFile(new URL("model.safetensors", FOLDER));
  assertEquals(card.weights.sha256, sha256Of(weights));
  assertEquals(card.weights.bytes, weights.length);
  assert(weights.length <= 5e5);
  assertEquals(card.model.options, config.options);
  assertEquals(manifest.version, root.version);
  const readme = await Deno.readTextFile(new URL("README.md", FOLDER));
  assertEquals(readme, readmeOf(card));
  const document = await Deno.readTextFile(DOCUMENT);
  assertEquals(
    cellsOf(document),
    cellsOf(withPackages(document, await allCards())),
  );
  // What was reached is what the tables say.
  const own = card.tables[0]!.rows.find(({ name }) =>
    name === "this model, int8"
  )!;
  const mean = Object.values(own.figures!).at(-1)!;
  assertAlmostEquals(card.bars[0]!.reached, 1 - mean.value, 1e-12);
  const shares = Object.values(card.tables[2]!.rows[0]!.shares);
  const sum = (key: "solved" | "of") =>
    shares.reduce((sum, share) => sum + share[key], 0);
  assertAlmostEquals(
    card.bars.find(({ what }) => what === "truth within the band")!.reached,
    sum("solved") / sum("of"),
    1e-12,
  );
});
