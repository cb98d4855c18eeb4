/** Metrics of whole sets equal truths by hand, and slow definitions. @module */
import {
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import type { Communicator } from "../../lib/base/communicator.ts";
import {
  accuracyOf,
  areaUnderCurve,
  confusionMatrix,
  crossEntropy,
  evaluate,
  f1,
  matthews,
  type Metrics,
  overClasses,
  overScores,
  overValues,
  pearson,
  type SetMetric,
  spearman,
  train,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import { inProcessRanks } from "./in_process.ts";
import { tinyBatch, tinyData, tinyModel, tinyOptions } from "./tiny.ts";

Deno.test("metrics of whole sets equal truths by hand", () => {
  // Of 10: 3 of 4 ones found, 1 of 6 zeros taken for one.
  const labels = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0];
  const predicted = [1, 1, 1, 0, 1, 0, 0, 0, 0, 0];
  assertEquals(confusionMatrix(predicted, labels), [[5, 1], [1, 3]]);
  assertEquals(accuracyOf(predicted, labels), 0.8);
  assertEquals(f1(predicted, labels), 0.75);
  assertEquals(f1(predicted, labels, { average: "micro" }), 0.8);
  assertAlmostEquals(f1(predicted, labels, { positive: 0 }), 10 / 12, 1e-12);
  assertAlmostEquals(
    f1(predicted, labels, { average: "macro" }),
    (0.75 + 10 / 12) / 2,
    1e-12,
  );
  assertAlmostEquals(
    matthews(predicted, labels),
    (3 * 5 - 1 * 1) / Math.sqrt(4 * 4 * 6 * 6),
    1e-12,
  );
  // scikit-learn's example of the area, and SciPy's of ranks.
  assertEquals(areaUnderCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75);
  assertAlmostEquals(
    spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]),
    0.8207826816681233,
    1e-12,
  );
  assertAlmostEquals(pearson([1, 2, 3, 4], [1, 3, 2, 4]), 0.8, 1e-12);
  // Typed arrays, and what does not count.
  const uncounted = Int32Array.of(...labels, -100);
  assertEquals(f1(Int32Array.of(...predicted, 1), uncounted), 0.75);
  assertEquals(confusionMatrix([0], [0], { classes: 2 }), [[1, 0], [0, 0]]);
});

Deno.test("metrics of sets that say nothing are defined", () => {
  const none: number[] = [];
  for (
    const metric of [
      accuracyOf,
      f1,
      matthews,
      pearson,
      spearman,
      areaUnderCurve,
    ]
  ) {
    assertEquals(metric(none, none), NaN, metric.name);
  }
  assertEquals(confusionMatrix(none, none), [[0]]);
  assertEquals(f1([0, 0], [0, 0]), 0);
  assertEquals(matthews([0, 0], [0, 1]), 0);
  assertEquals(pearson([0.1, 0.1, 0.1], [1, 2, 3]), NaN);
  assertEquals(spearman([2, 2], [1, 3]), NaN);
  assertEquals(spearman([NaN, 2], [1, 3]), NaN);
  assertEquals(areaUnderCurve([1, 2], [1, 1]), NaN);
  assertEquals(areaUnderCurve([1, NaN], [1, 0]), NaN);
});

/** Classes and guesses, or numbers of which many are equal. */
const pairs = (most: number) =>
  fc.array(fc.tuple(fc.nat(most), fc.nat(most)), {
    minLength: 1,
    maxLength: 40,
  });

const columns = (pairs: [number, number][]) =>
  [pairs.map(([x]) => x), pairs.map(([, y]) => y)] as const;

/** Pearson's coefficient of the definition over all pairs of pairs. */
function slowPearson(x: readonly number[], y: readonly number[]): number {
  let xy = 0, xx = 0, yy = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < x.length; j++) {
      xy += (x[i]! - x[j]!) * (y[i]! - y[j]!);
      xx += (x[i]! - x[j]!) ** 2;
      yy += (y[i]! - y[j]!) ** 2;
    }
  }
  return xy / Math.sqrt(xx * yy);
}

const slowRanks = (x: readonly number[]) =>
  x.map((a) =>
    x.reduce((sum, b) => sum + Number(b < a) + Number(b === a) / 2, 0)
  );

Deno.test("correlations and areas equal slow definitions", () => {
  fc.assert(fc.property(pairs(6), (drawn) => {
    const [x, y] = columns(drawn);
    assertAlmostEquals(pearson(x, y), slowPearson(x, y), 1e-12);
    assertAlmostEquals(
      spearman(x, y),
      slowPearson(slowRanks(x), slowRanks(y)),
      1e-12,
    );
    const labels = y.map((value) => value % 2);
    let above = 0, all = 0;
    for (const [i, one] of labels.entries()) {
      for (const [j, zero] of labels.entries()) {
        if (one !== 1 || zero !== 0) continue;
        all++;
        above += Number(x[i]! > x[j]!) + Number(x[i]! === x[j]!) / 2;
      }
    }
    assertAlmostEquals(areaUnderCurve(x, labels), above / all, 1e-12);
  }));
});

Deno.test("scores of classes equal slow definitions", () => {
  fc.assert(fc.property(pairs(3), (drawn) => {
    const [guesses, truths] = columns(drawn);
    const count = (is: (guess: number, truth: number) => boolean) =>
      drawn.filter(([guess, truth]) => is(guess, truth)).length;
    const counts = confusionMatrix(guesses, truths, { classes: 4 });
    const scores: number[] = [];
    for (let c = 0; c < 4; c++) {
      const both = count((guess, truth) => guess === c && truth === c);
      const [precision, recall] = [
        both / count((guess) => guess === c),
        both / count((_, truth) => truth === c),
      ];
      for (let d = 0; d < 4; d++) {
        assertEquals(
          counts[c]![d],
          count((guess, truth) => guess === d && truth === c),
        );
      }
      const score = both === 0
        ? 0
        : 2 * precision * recall / (precision + recall);
      assertAlmostEquals(f1(guesses, truths, { positive: c }), score, 1e-12);
      if (guesses.includes(c) || truths.includes(c)) scores.push(score);
    }
    assertAlmostEquals(
      f1(guesses, truths, { average: "macro" }),
      scores.reduce((sum, score) => sum + score) / scores.length,
      1e-12,
    );
    const right = count((guess, truth) => guess === truth) / drawn.length;
    assertAlmostEquals(accuracyOf(guesses, truths), right, 1e-12);
    assertAlmostEquals(f1(guesses, truths, { average: "micro" }), right, 1e-12);
    // Matthews's coefficient is the correlation of the classes as vectors.
    let xy = 0, xx = 0, yy = 0;
    for (let c = 0; c < 4; c++) {
      for (const [g, t] of drawn) {
        for (const [h, u] of drawn) {
          const [x, y] = [
            Number(g === c) - Number(h === c),
            Number(t === c) - Number(u === c),
          ];
          xy += x * y;
          xx += x * x;
          yy += y * y;
        }
      }
    }
    const expected = xx * yy === 0 ? 0 : xy / Math.sqrt(xx * yy);
    assertAlmostEquals(matthews(guesses, truths), expected, 1e-12);
  }));
});

Deno.test("metrics of whole sets name what does not fit", () => {
  const cases: [() => unknown, string, ErrorConstructor][] = [
    [
      () => f1([1], [1, 0]),
      "predicted should be as long as labels, 2, got 1",
      TypeError,
    ],
    [
      () => accuracyOf([0.5], [1]),
      "predicted should be classes, integers of 0 or more, got 0.5",
      RangeError,
    ],
    [
      () => matthews([1], [-1]),
      "labels should be classes, integers of 0 or more, got -1",
      RangeError,
    ],
    [
      () => f1([2], [1]),
      "labels of the binary f1 should be 0 or 1, got 2",
      RangeError,
    ],
    [
      () => f1([1], [1], { average: "mean" as "macro" }),
      'average should be "binary", "macro" or "micro"',
      RangeError,
    ],
    [
      () => f1([1], [1], { averaged: 1 } as object),
      'did you mean "average"?',
      TypeError,
    ],
    [
      () => confusionMatrix([3], [0], { classes: 3 }),
      "should be below classes, 3, got 3",
      RangeError,
    ],
    [
      () => confusionMatrix([20_000], [0]), // 400 million cells
      "classes should be at most 8192, got 20001",
      RangeError,
    ],
    [
      () => accuracyOf(["1"] as unknown as number[], [1]),
      'integers of 0 or more, got "1"',
      RangeError,
    ],
    [
      () => areaUnderCurve([1], [2]),
      "labels of areaUnderCurve should be 0 or 1, got 2",
      RangeError,
    ],
    [
      () => areaUnderCurve([1], [1, 0]),
      "scores should be as long as labels, 2, got 1",
      TypeError,
    ],
    [
      () => pearson("12" as unknown as number[], [1, 2]),
      'predicted should be an array of numbers, got "12"',
      TypeError,
    ],
  ];
  for (const [run, message, kind] of cases) assertThrows(run, kind, message);
});

/** An evaluation of batches of several sizes, one of a single row. */
async function* several() {
  for (const [i, size] of [4, 1, 3, 2].entries()) {
    yield await Promise.resolve(tinyBatch(-i, size, 0.2));
  }
}

const order: SetMetric = {
  collect: (predictions, labels) => [labels, tf.max(predictions, -1)],
  result: ([labels, most]) =>
    [...labels!.keys()].reduce(
      (sum, i) => sum + (i + 1) * labels![i]! * most![i]!,
      0,
    ),
};

const METRICS: Metrics = {
  macro: overClasses((predicted, labels) =>
    f1(predicted, labels, { average: "macro" })
  ),
  accuracy: overClasses(accuracyOf),
  order,
};

onEachBackend(
  "evaluate() has metrics of whole sets, alone and on ranks",
  async () => {
    const model = tinyModel({ depth: 1 });
    const run = (communicator?: Communicator) =>
      evaluate(model, several(), {
        ...{ loss: crossEntropy(), metrics: METRICS, communicator },
      });
    const alone = await run();
    assertEquals(Object.keys(alone), ["loss", "macro", "accuracy", "order"]);
    const truths: number[] = [], guesses: number[] = [];
    for await (const { inputs, labels } of several()) {
      const predicted = tf.tidy(() =>
        tf.argMax(model.predict([...inputs]) as tf.Tensor, -1)
      );
      truths.push(...await labels.data());
      guesses.push(...await predicted.data());
      tf.dispose([...inputs, labels, predicted]);
    }
    assertEquals(alone["macro"], f1(guesses, truths, { average: "macro" }));
    assertEquals(alone["accuracy"], accuracyOf(guesses, truths));
    for (const means of await Promise.all(inProcessRanks(3).map(run))) {
      assertEquals(Object.keys(means), Object.keys(alone));
      for (const [name, value] of Object.entries(means)) {
        assertAlmostEquals(value, alone[name]!, 1e-4, name);
      }
    }
    model.dispose();
  },
);

onEachBackend(
  "metrics of whole sets take logits of one, two and several labels",
  async () => {
    const kept = async (
      metric: SetMetric,
      logits: tf.Tensor,
      labels: tf.Tensor,
    ) => {
      const tensors = tf.tidy(() => [...metric.collect(logits, labels)]);
      const values = await Promise.all(tensors.map((tensor) => tensor.data()));
      tf.dispose(tensors);
      return metric.result(values.map((value) => Float64Array.from(value)));
    };
    const one = tf.tensor2d([[2], [-1], [0.5]]),
      two = tf.tensor2d([[0, 2], [0, -1], [1, 1.5]]);
    const labels = tf.tensor1d([1, 0, -100], "int32");
    const reals = tf.tensor1d([3, 1, 2]);
    const each = tf.tensor2d([[1, 0], [1, 0], [0, 1]], [3, 2], "int32");
    const seen: number[][] = [];
    const classes = overClasses((predicted, labels) => {
      seen.push([...predicted], [...labels]);
      return 0;
    });
    await kept(classes, one, labels);
    await kept(classes, two, labels);
    await kept(classes, two, each);
    assertEquals(seen, [
      ...[[1, 0], [1, 0]],
      ...[[1, 0], [1, 0]],
      ...[[0, 1, 0, 0, 1, 1], [1, 0, 1, 0, 0, 1]],
    ]);
    assertEquals(await kept(overScores(areaUnderCurve), one, labels), 1);
    assertEquals(await kept(overScores(areaUnderCurve), two, labels), 1);
    assertEquals(
      await kept(overScores(areaUnderCurve), two, each),
      areaUnderCurve([0, 2, 0, -1, 1, 1.5], [1, 0, 1, 0, 0, 1]),
    );
    assertAlmostEquals(
      await kept(overValues(pearson), one, reals),
      pearson([2, -1, 0.5], [3, 1, 2]),
      1e-6,
    );
    tf.dispose([one, two, labels, reals, each]);
  },
);

onCpu(
  "metrics of whole sets are checked, and refused where they cannot be right",
  async () => {
    const model = tinyModel({ depth: 1 });
    const loss = crossEntropy();
    const wrong: [SetMetric, string][] = [
      [
        overScores(areaUnderCurve),
        "should have one or two columns, or labels of their shape, got [4,3] with labels [4]",
      ],
      [
        overValues(pearson),
        "a metric should get as many labels as predictions, [4,3], got [4]",
      ],
      [
        { collect: () => 1 as unknown as tf.Tensor[], result: () => 0 },
        "metrics' m should collect tensors in an array, got number",
      ],
      [
        { collect: () => [] } as unknown as SetMetric,
        "metrics' m should be a function, or { collect, result } of a whole set, got object",
      ],
    ];
    const before = tf.memory().numTensors;
    for (const [m, message] of wrong) {
      await assertRejects(
        () => evaluate(model, several(), { loss, metrics: { m } }),
        TypeError,
        message,
      );
      assertEquals(tf.memory().numTensors, before);
    }
    const failed = await Promise.allSettled(
      inProcessRanks(2).map((communicator) => {
        const tokens = { ...communicator, exchange: () => Promise.reject() };
        return evaluate(model, several(), {
          ...{
            loss,
            metrics: METRICS,
            communicator: tokens,
            ranks: "sequence" as const,
          },
        });
      }),
    );
    for (const result of failed) {
      assertEquals(
        (result as PromiseRejectedResult).reason.message,
        'metrics\' macro is of a whole set, which ranks that share sequences cannot compute; let ranks share "data", or leave it out',
      );
    }
    model.dispose();
  },
);

onCpu(
  "where a metric of a whole set throws on a rank, all of them do",
  async () => {
    const model = tinyModel({ depth: 1 });
    const loss = crossEntropy();
    const results = async (metricsOf: (rank: number) => Metrics) => {
      const all = await Promise.allSettled(
        inProcessRanks(3).map((communicator) =>
          evaluate(model, several(), {
            ...{ loss, communicator, metrics: metricsOf(communicator.rank) },
          })
        ),
      );
      return all.map((one) => (one as PromiseRejectedResult).reason.message);
    };
    const thrown = await results((rank) => ({
      m: overClasses(() => {
        if (rank === 2) throw new Error("the reason");
        return 0;
      }),
      order,
    }));
    assertEquals(thrown, [
      ...Array(2).fill("rank 2 failed: the reason"),
      "the reason",
    ]);
    const differing = await results((rank) => ({ [`m${rank}`]: order }));
    for (const message of differing) {
      assertEquals(
        message,
        "all ranks should train the same, got another on rank 2:\n- metrics of evaluation is m2, on rank 0 m0",
      );
    }
    model.dispose();
  },
);

onCpu("train() evaluates by metrics of whole sets", async () => {
  const model = tinyModel({ depth: 1 });
  const { evaluation } = await train(
    model,
    tinyData(),
    tinyOptions({
      steps: 4,
      evaluate: { data: several, metrics: METRICS, every: 2 },
    }),
  );
  const again = await evaluate(model, several(), {
    loss: tinyOptions().loss,
    metrics: METRICS,
  });
  assertEquals(evaluation, again);
  model.dispose();
});
