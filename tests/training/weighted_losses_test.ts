/** Losses of weighted, soft and multiple labels equal float64 loops, with their gradients. @module */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  binaryCrossEntropy,
  crossEntropy,
  type Loss,
  softCrossEntropy,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

const ROWS = 6, CLASSES = 4;

/** A loss in float64: of all logits, flat. */
type Oracle = (logits: readonly number[]) => number;

interface Case {
  readonly loss: Loss;
  readonly labels: readonly number[];
  readonly dtype: "int32" | "float32";
  readonly oracle: Oracle;
  readonly count: number;
}

/** Σ over rows of Σ_c targets[c] · -log softmax(row)_c. */
function targetSum(
  logits: readonly number[],
  targetsOf: (row: number) => readonly number[],
): number {
  let sum = 0;
  for (let row = 0; row < ROWS; row++) {
    const x = logits.slice(row * CLASSES, (row + 1) * CLASSES);
    const largest = Math.max(...x);
    const total = x.reduce((sum, x) => sum + Math.exp(x - largest), 0);
    targetsOf(row).forEach((target, c) => {
      if (target !== 0) sum -= target * (x[c]! - largest - Math.log(total));
    });
  }
  return sum;
}

function ofClasses(weights: readonly number[], labelSmoothing: number): Case {
  const labels = [3, -100, 0, 2, 2, 1];
  const counted = labels.filter((label) => label !== -100);
  const count = counted.reduce((sum, label) => sum + weights[label]!, 0);
  return {
    loss: crossEntropy({ classWeights: weights, labelSmoothing }),
    labels,
    dtype: "int32",
    count,
    oracle: (logits) =>
      targetSum(logits, (row) =>
        weights.map((weight, c) => {
          if (labels[row] === -100) return 0;
          const own = labels[row] === c ? (1 - labelSmoothing) * weight : 0;
          return own + labelSmoothing * weight / CLASSES;
        })) / (count || 1),
  };
}

function ofSoftLabels(): Case {
  const random = uniform(2);
  const labels = Array.from({ length: ROWS }, (_, row) => {
    const parts = Array.from({ length: CLASSES }, () => random());
    const sum = parts.reduce((sum, x) => sum + x);
    return parts.map((x) => row === 1 ? 0 : Math.fround(x / sum));
  });
  return {
    loss: softCrossEntropy(),
    labels: labels.flat(),
    dtype: "float32",
    count: ROWS - 1,
    oracle: (logits) => targetSum(logits, (row) => labels[row]!) / (ROWS - 1),
  };
}

function ofSeveralLabels(
  dtype: "int32" | "float32",
  positive?: readonly number[],
): Case {
  const random = uniform(3);
  const labels = Array.from({ length: ROWS * CLASSES }, () => {
    if (random() < 0.2) return -100;
    const u = Math.fround(random());
    return dtype === "int32" ? Math.round(u) : u;
  });
  const count = labels.filter((label) => label !== -100).length;
  return {
    loss: binaryCrossEntropy(positive && { positiveWeights: positive }),
    labels,
    dtype,
    count,
    oracle: (logits) =>
      logits.reduce((sum, x, i) => {
        const y = labels[i]!;
        if (y === -100) return sum;
        const softplus = (x: number) =>
          Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
        const weight = positive?.[i % CLASSES] ?? 1;
        return sum + weight * y * softplus(-x) + (1 - y) * softplus(x);
      }, 0) / count,
  };
}

const CASES: Record<string, () => Case> = {
  "class weights": () => ofClasses([0.1, 0.02, 0.3, 0], 0),
  "class weights and smoothing": () => ofClasses([1, 4, 0.5, 2], 0.2),
  "class weights of which none counts": () => ofClasses([0, 0, 0, 0], 0),
  "soft labels": ofSoftLabels,
  "several labels": () => ofSeveralLabels("int32"),
  "several soft labels with weights": () =>
    ofSeveralLabels("float32", [1, 3, 0.5, 10]),
};

for (const [name, make] of Object.entries(CASES)) {
  onEachBackend(`a loss of ${name} equals float64`, async () => {
    const { loss, labels, dtype, oracle, count } = make();
    const random = uniform(1);
    // Some logits are 0, as those of a new head are.
    const logits = array(
      ROWS * CLASSES,
      random,
      (u) => u < 0.2 ? 0 : 20 * u - 10,
    );
    const shape = loss.ofClasses ? [2, 3] : [2, 3, CLASSES];
    const x = tf.tensor3d(logits, [2, 3, CLASSES]);
    const y = tf.tensor([...labels], shape, dtype);
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
      tf.mul(loss(x, y), 3)
    )(x);
    const numbers = [...logits];
    assertAlmostEquals((await value.data())[0]!, 3 * oracle(numbers), 1e-4);
    const gradient = await grad.data();
    const step = 1e-5;
    for (const i of numbers.keys()) {
      const [up, down] = [step, -step].map((by) =>
        oracle(numbers.with(i, numbers[i]! + by))
      );
      const expected = 3 * (up! - down!) / (2 * step);
      assertAlmostEquals(gradient[i]!, expected, 2e-6, `gradient ${i}`);
    }
    const counts = loss.count!(y);
    assertAlmostEquals((await counts.data())[0]!, count, 1e-6);
    tf.dispose([x, y, value, grad, counts]);
  });
}

onEachBackend("weights of one make no difference", async () => {
  const x = tf.randomNormal([5, 3], 0, 1, "float32", 1);
  const y = tf.tensor1d([0, 2, -100, 1, 1], "int32");
  const [plain, weighted] = [undefined, [1, 1, 1]].map((classWeights) =>
    crossEntropy({ classWeights, labelSmoothing: 0.1 })(x, y)
  );
  const [a, b] = [(await plain!.data())[0]!, (await weighted!.data())[0]!];
  assertAlmostEquals(a, b, 1e-6);
  tf.dispose([x, y, plain!, weighted!]);
}, ["cpu"]);

onEachBackend(
  "wrong labels of these losses make them NaN, and are named",
  async () => {
    const cases: [Loss, tf.Tensor, string][] = [
      [
        crossEntropy({ classWeights: [1, 2] }),
        tf.tensor1d([0, 2], "int32"),
        "got 2 at [1]",
      ],
      [
        binaryCrossEntropy(),
        tf.tensor2d([[0, 1], [2, 0]]),
        "should be 0, 1 or between, or -100 where they do not count, got 2 at [1,0]",
      ],
      [
        softCrossEntropy(),
        tf.tensor2d([[0.5, 0.5], [NaN, 0]]),
        "should be probabilities, from 0 to 1, got NaN at [1,0]",
      ],
    ];
    const x = tf.ones([2, 2]);
    for (const [loss, labels, message] of cases) {
      const value = loss(x, labels);
      assertEquals([...await value.data()], [NaN]);
      const wrong = await loss.wrongLabels!(labels, [null, 2]);
      assertEquals(wrong!.endsWith(message), true, wrong);
      tf.dispose([value, labels]);
    }
    x.dispose();
  },
);

onEachBackend("these losses name what does not fit", () => {
  tf.tidy(() => {
    const logits = tf.ones([2, 3]);
    const classes = tf.tensor1d([0, 1], "int32");
    assertThrows(
      () => softCrossEntropy()(logits, classes),
      TypeError,
      "labels should have the shape of the predictions, [2,3], got [2]",
    );
    assertThrows(
      () => binaryCrossEntropy()(logits, classes),
      TypeError,
      "labels should have the shape of the predictions, [2,3], got [2]",
    );
    assertThrows(
      () => crossEntropy({ classWeights: [1, 2] })(logits, classes),
      RangeError,
      "classWeights should have one weight for each of the 3 columns of the predictions, got 2",
    );
    assertThrows(
      () => binaryCrossEntropy({ positiveWeights: [1] })(logits, logits),
      RangeError,
      "positiveWeights should have one weight for each of the 3 columns",
    );
  });
  for (const wrong of [[1, -1], [NaN, 1], []]) {
    assertThrows(
      () => crossEntropy({ classWeights: wrong }),
      RangeError,
      "classWeights should be numbers of 0 or more",
    );
  }
  assertThrows(
    () => crossEntropy({ classWeights: 2 as unknown as number[] }),
    TypeError,
    "classWeights should be an array of numbers, got 2",
  );
}, ["cpu"]);
