/** Windows of series, their scaling, and forecasts in the series' own units. @module */
import {
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  batchesInOrder,
  collateWindows,
  scaled,
  scalingOf,
  splitInTime,
  unscaled,
  windowsOf,
} from "../../lib/data/mod.ts";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import {
  forecast,
  lionEncoder,
  seriesScaling,
  setSeriesScaling,
} from "../../mod.ts";
import { onCpu, withFolder } from "../io/files.ts";

const ROWS = Array.from({ length: 20 }, (_, i) => [i, 3 * i + 1, i % 2]);

Deno.test("windows are all rows in turn, and no part of a split sees another's", () => {
  for (
    const [past, ahead, step] of [[1, 1, 1], [4, 3, 1], [5, 2, 3]] as const
  ) {
    const windows = windowsOf(ROWS, { past, ahead, step, targets: [2, 0] });
    assertEquals(windows.size, Math.floor((20 - past - ahead) / step) + 1);
    for (let i = 0; i < windows.size; i++) {
      const { past: before, ahead: after } = windows.get(i);
      assertEquals(before, ROWS.slice(i * step, i * step + past));
      const rows = ROWS.slice(i * step + past, i * step + past + ahead);
      assertEquals(after, rows.map(([a, _, c]) => [c!, a!]));
    }
  }
  const { train, validation, test } = splitInTime(ROWS, {
    validation: 0.25,
    test: 0.1,
  });
  assertEquals([train.length, validation.length, test.length], [13, 5, 2]);
  assertEquals([...train, ...validation, ...test], ROWS);
  assertThrows(
    () => windowsOf(ROWS, { past: 19, ahead: 2 }),
    RangeError,
    "at least past + ahead, 21, got 20",
  );
  assertThrows(
    () => windowsOf([[1], [NaN]], { past: 1, ahead: 1 }),
    TypeError,
    "lists of finite numbers, got NaN in row 1",
  );
  assertThrows(
    () => windowsOf([[1], [1, 2]], { past: 1, ahead: 1 }),
    RangeError,
    "1, got 2 in row 1",
  );
});

Deno.test("scaled rows have a mean of 0 and a deviation of 1, and come back", () => {
  const rows = ROWS.map((row) => [...row, 7]);
  const scaling = scalingOf(rows);
  const small = scaled(rows, scaling);
  for (const column of [0, 1, 2, 3]) {
    const values = small.map((row) => row[column]!);
    const mean = values.reduce((sum, x) => sum + x) / values.length;
    const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    assertAlmostEquals(mean, 0, 1e-12);
    assertAlmostEquals(square, column === 3 ? 0 : 1, 1e-12);
  }
  unscaled(small, scaling).forEach((row, i) =>
    row.forEach((value, j) => assertAlmostEquals(value, rows[i]![j]!, 1e-12))
  );
  assertThrows(() => scaled([[1]], scaling), RangeError, "4 columns, got 1");
});

onCpu(
  "a forecast is the model's answer to the last scaled window, unscaled",
  async () => {
    const scaling = { ...scalingOf(ROWS), targets: [1] };
    const options = {
      ...{ inputDim: 3, dim: 8, depth: 1, numHeads: 2, numClasses: 2 },
      variant: "s",
      ...{ maxLength: 4, seed: 1 },
    } as const;
    for (const mask of [true, false]) {
      const model = lionEncoder({ ...options, mask });
      setSeriesScaling(model, scaling);
      const batches = batchesInOrder(
        windowsOf(scaled(ROWS, scaling), { past: 4, ahead: 2, targets: [1] }),
        { batchSize: 100, collate: collateWindows({ mask }) },
      );
      for await (const { inputs, labels } of batches) {
        assertEquals(labels.shape, [15, 2]);
        const y = model.predict(inputs) as tf.Tensor;
        const rows = await y.array() as number[][];
        const wanted = rows[14]!.map((value) => [
          value * scaling.deviations[1]! + scaling.means[1]!,
        ]);
        const found = await forecast(model, ROWS.slice(0, 18));
        found.flat().forEach((value, i) =>
          assertAlmostEquals(value, wanted[i]![0]!, 1e-4)
        );
        tf.dispose([...inputs, labels, y]);
      }
      await withFolder(async (folder) => {
        await savePretrained(folder, { model });
        const opened = await fromPretrained(folder);
        assertEquals(seriesScaling(opened.model), scaling);
        assertEquals(await forecast(opened, ROWS), await forecast(model, ROWS));
        opened.model.dispose();
      });
      await assertRejects(
        () => forecast(model, [[1, 2]]),
        RangeError,
        "3 columns, got 2",
      );
      model.dispose();
    }
  },
);

onCpu(
  "a model without a mask answers as with one of ones, and names what is missing",
  async () => {
    const sizes = {
      ...{ inputDim: 1, dim: 8, depth: 2, numHeads: 2, numClasses: 2 },
      variant: "s",
      seed: 1,
    } as const;
    for (const output of ["mean", "tokens"] as const) {
      const [masked, plain] = [true, false].map((mask) =>
        lionEncoder({ ...sizes, output, mask })
      );
      const x = tf.randomNormal([2, 5, 1]), ones = tf.ones([2, 5]);
      const [a, b] = [
        masked!.predict([x, ones]),
        plain!.predict(x),
      ] as tf.Tensor[];
      const wanted = await a!.data();
      (await b!.data()).forEach((value, i) =>
        assertAlmostEquals(value, wanted[i]!, 1e-6)
      );
      assertThrows(
        () => masked!.predict(x),
        TypeError,
        "its inputs, [values, mask], got 1; mask is [batch, length]",
      );
      tf.dispose([x, ones, a!, b!]);
      masked!.dispose();
      plain!.dispose();
    }
    assertThrows(
      () =>
        lionEncoder({ ...sizes, mask: false, segments: true, maxSegments: 1 }),
      RangeError,
      "mask should be left out with segments",
    );
  },
);
