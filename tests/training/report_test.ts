/** Reports and errors of classes and numbers equal truths by hand, and slow definitions. @module */
import {
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  absoluteError,
  calibration,
  calibrationError,
  classScores,
  crossEntropy,
  evaluate,
  f1,
  type Metrics,
  overClasses,
  report,
  squaredError,
  topAccuracy,
  train,
} from "../../lib/training/mod.ts";
import { setClassNames } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import { tinyBatch, tinyData, tinyModel, tinyOptions } from "./tiny.ts";

Deno.test("scores of classes equal scikit-learn's classification_report", () => {
  // sklearn.metrics.classification_report(labels, predicted) of these.
  const labels = [0, 1, 2, 2, 2, -100], predicted = [0, 0, 2, 2, 1, 1];
  const rows = classScores(predicted, labels, { classes: ["a", "b", "c"] });
  const [a, b, c, mean, weighted] = rows;
  assertEquals(a, {
    class: "a",
    precision: 0.5,
    recall: 1,
    f1: 2 / 3,
    support: 1,
  });
  assertEquals(b, { class: "b", precision: 0, recall: 0, f1: 0, support: 1 });
  assertEquals(c, {
    class: "c",
    precision: 1,
    recall: 2 / 3,
    f1: 0.8,
    support: 3,
  });
  assertAlmostEquals(mean!.precision, 0.5, 1e-12);
  assertAlmostEquals(mean!.recall, 5 / 9, 1e-12);
  assertAlmostEquals(mean!.f1, (2 / 3 + 0.8) / 3, 1e-12);
  assertAlmostEquals(weighted!.precision, 0.7, 1e-12);
  assertAlmostEquals(weighted!.recall, 0.6, 1e-12);
  assertAlmostEquals(weighted!.f1, (2 / 3 + 3 * 0.8) / 5, 1e-12);
  assertEquals([mean!.support, weighted!.support], [5, 5]);
  assertThrows(
    () => classScores([3], [0], { classes: ["a"] }),
    RangeError,
    "for class 3",
  );
});

Deno.test("bins of calibration hold each prediction once", () =>
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(1))),
    fc.integer({ min: 1, max: 9 }),
    (pairs, bins) => {
      const [shares, right] = [0, 1].map((i) => pairs.map((pair) => pair[i]!));
      const found = calibration(shares!, right!, { bins });
      assertEquals(
        found.reduce((sum, { count }) => sum + count, 0),
        pairs.length,
      );
      for (const { from, count, confidence, accuracy } of found) {
        const own = pairs.filter(([share]) =>
          share >= from && (share < from + 1 / bins || from + 1 / bins >= 1)
        );
        if (count !== own.length) continue; // a rounded border
        if (count === 0) continue;
        const mean = (i: 0 | 1) =>
          own.reduce((sum, pair) => sum + pair[i], 0) / count;
        assertAlmostEquals(confidence, mean(0), 1e-9);
        assertAlmostEquals(accuracy, mean(1), 1e-9);
      }
    },
  )));

onEachBackend(
  "metrics of logits and numbers equal slow definitions",
  async () => {
    const rows = [[1, 5, 3, 2], [9, 1, 2, 3], [1, 2, 3, 4], [NaN, 1, 2, 3]];
    const labels = [2, 1, -100, 3];
    const logits = tf.tensor2d(rows), classes = tf.tensor1d(labels, "int32");
    for (const k of [1, 2, 3, 4]) {
      const wanted = rows.filter((row, i) => {
        const label = labels[i]!;
        return label >= 0 && !row.some(Number.isNaN) &&
          row.filter((logit) => logit > row[label]!).length < k;
      }).length;
      const { sum, count } = topAccuracy(k)(logits, classes);
      assertEquals([...await sum.data(), ...await count.data()], [wanted, 3]);
      tf.dispose([sum, count]);
    }
    const [x, y] = [tf.tensor1d([1, 2, 4]), tf.tensor1d([0, 4, 4])];
    for (
      const [metric, wanted] of [[absoluteError(), 3], [
        squaredError(),
        5,
      ]] as const
    ) {
      const { sum, count } = metric(x, y);
      assertEquals([...await sum.data(), ...await count.data()], [wanted, 3]);
      tf.dispose([sum, count]);
    }
    const metric = calibrationError({ bins: 1 });
    const sure = tf.tensor2d([[0, 99], [0, 99], [99, 0]]);
    const truth = tf.tensor1d([1, 0, -100], "int32");
    const kept = tf.tidy(() => metric.collect(sure, truth) as tf.Tensor[]);
    const values = await Promise.all(kept.map((tensor) => tensor.data()));
    const all = values.map((value) => Float64Array.from(value));
    assertAlmostEquals(metric.result(all), 0.5, 1e-6);
    tf.dispose([logits, classes, x, y, sure, truth, ...kept]);
  },
  ["wasm", "cpu"],
);

onCpu("a report of a model counts as its predictions do", async () => {
  const model = tinyModel();
  setClassNames(model, ["a", "b", "c"]);
  async function* batches() {
    for (const i of [0, 1, 2]) yield tinyBatch(i, 4, 0.2);
  }
  const { rows, confusion, accuracy, classes } = await report(model, batches());
  assertEquals(classes, ["a", "b", "c"]);
  assertEquals(rows.length, 5);
  const supports = confusion.map((row) => row.reduce((sum, x) => sum + x, 0));
  assertEquals(rows.slice(0, 3).map(({ support }) => support), supports);
  const right = confusion.reduce((sum, row, i) => sum + row[i]!, 0);
  const total = supports.reduce((sum, x) => sum + x, 0);
  assertAlmostEquals(accuracy, right / total, 1e-12);
  model.dispose();
});

/** Trains with metrics, and counts the steps. */
async function steps(metrics: Metrics, data = () => passOf([0, 0, 0, 0])) {
  const model = tinyModel();
  let taken = 0;
  try {
    await train(model, tinyData(), {
      ...tinyOptions(),
      evaluate: { data, metrics, every: 1 },
      callbacks: { onBatchBegin: () => void taken++ },
    });
    return { taken };
  } catch (error) {
    return { taken, message: (error as Error).message };
  } finally {
    model.dispose();
  }
}

async function* passOf(labels: number[]) {
  const batch = tinyBatch(0, labels.length);
  batch.labels.dispose();
  yield await Promise.resolve({
    ...batch,
    labels: tf.tensor1d(labels, "int32"),
  });
}

onCpu(
  "a metric that cannot be computed ends training before its first step",
  async () => {
    // Though the batch has a single class, the model has three.
    const { taken, message } = await steps({ f1: overClasses(f1) });
    assertEquals(taken, 0);
    assertEquals(
      message?.startsWith(
        "metrics' f1: labels of the binary f1 should be 0 or 1, got 2; pass average",
      ),
      true,
      message,
    );
    const own = await steps({
      mine: {
        collect: (x) => [x],
        result: () => {
          throw new RangeError("never");
        },
      },
    });
    assertEquals(own, { taken: 0, message: "metrics' mine: never" });
    const fine = await steps({ f1: overClasses(f1, { average: "macro" }) });
    assertEquals(fine.message, undefined);
  },
);

onCpu("options after the two arrays are the function's", async () => {
  const model = tinyModel();
  const metrics = {
    macro: overClasses(f1, { average: "macro" }),
    same: overClasses((x, y) => f1(x, y, { average: "macro" })),
    second: overClasses(f1, { positive: 2 }),
  };
  const all = await evaluate(model, passOf([0, 1, 2, 2, 1]), {
    loss: crossEntropy(),
    metrics,
  });
  assertEquals(all["macro"], all["same"]);
  await assertRejects(
    () =>
      evaluate(model, passOf([0, 1]), {
        loss: crossEntropy(),
        metrics: { f1: overClasses(f1, { average: "mean" as "macro" }) },
      }),
    RangeError,
    "metrics' f1: average should be",
  );
  assertThrows(
    () => overClasses(f1, 7 as unknown as object),
    TypeError,
    "overClasses's options should be an object",
  );
  model.dispose();
});
