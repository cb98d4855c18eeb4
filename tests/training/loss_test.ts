/** Losses and metrics equal float64 loops. @module */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  accuracy,
  crossEntropy,
  meanSquaredError,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

/** The mean over what counts, and its gradient. */
function reference(
  rows: number[][],
  labels: number[],
  smoothing: number,
): { loss: number; gradient: number[] } {
  const count = labels.filter((label) => label !== -100).length;
  let loss = 0;
  const gradient = rows.flatMap((row, i) => {
    const label = labels[i]!;
    if (label === -100) return row.map(() => 0);
    const largest = Math.max(...row);
    const exponentials = row.map((x) => Math.exp(x - largest));
    const total = exponentials.reduce((sum, x) => sum + x);
    return row.map((x, j) => {
      const wanted = smoothing / row.length +
        (j === label ? 1 - smoothing : 0);
      loss -= wanted * (x - largest - Math.log(total)) / count;
      return (exponentials[j]! / total - wanted) / count;
    });
  });
  return { loss, gradient };
}

for (const labelSmoothing of [0, 0.2]) {
  onEachBackend(
    `crossEntropy() equals float64, with smoothing ${labelSmoothing}`,
    async () => {
      const [sequences, length, classes] = [2, 3, 7] as const;
      const random = uniform(1);
      const values = array(
        sequences * length * classes,
        random,
        (u) => 40 * u - 20,
      );
      const labels = [3, -100, 0, 6, 6, -100];
      const logits = tf.tensor3d(values, [sequences, length, classes]);
      const wanted = tf.tensor2d(labels, [sequences, length], "int32");
      const loss = crossEntropy({ labelSmoothing });
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        tf.mul(loss(x, wanted), 3)
      )(logits);
      const expected = reference(
        Array.from(labels, (_, i) => [
          ...values.subarray(i * classes, (i + 1) * classes),
        ]),
        labels,
        labelSmoothing,
      );
      const [actual] = await value.data();
      assertAlmostEquals(actual!, 3 * expected.loss, 1e-4);
      const gradient = await grad.data();
      expected.gradient.forEach((x, i) =>
        assertAlmostEquals(gradient[i]!, 3 * x, 2e-6)
      );
      const count = loss.count!(wanted);
      assertEquals([...await count.data()], [4]);
      tf.dispose([logits, wanted, value, grad, count]);
    },
  );
}

for (const labelSmoothing of [0, 0.1]) {
  onEachBackend(
    `crossEntropy() of large vocabularies equals float64, with smoothing ${labelSmoothing}`,
    async () => {
      const classes = 5003, labels = [5002, -100, 0, 1024];
      const values = array(4 * classes, uniform(3), (u) => 8 * u - 4);
      // The largest is far from the others, and beyond what exp holds.
      values.fill(-1e3, 2 * classes, 2 * classes + 9);
      values[2 * classes + 9] = 200;
      const logits = tf.tensor2d(values, [4, classes]);
      const wanted = tf.tensor1d(labels, "int32");
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        crossEntropy({ labelSmoothing })(tf.mul(x, 1), wanted)
      )(logits);
      const rows = labels.map((_, i) => [
        ...values.subarray(i * classes, (i + 1) * classes),
      ]);
      const expected = reference(rows, labels, labelSmoothing);
      const [loss] = await value.data();
      assertAlmostEquals(loss! / expected.loss, 1, 2e-6);
      const gradient = await grad.data();
      expected.gradient.forEach((x, i) =>
        assertAlmostEquals(gradient[i]!, x, 2e-7)
      );
      tf.dispose([logits, wanted, value, grad]);
    },
  );
}

onEachBackend("crossEntropy() of logits that are not finite", async () => {
  const labels = tf.tensor1d([1], "int32");
  const cases = [
    [[0, 0, -Infinity], Math.log(2)],
    [[0, -Infinity, 0], Infinity],
    [[NaN, 0, 0], NaN],
    [[0, 0, NaN], NaN],
    [[0, 0, Infinity], NaN],
    [[-Infinity, -Infinity, -Infinity], NaN],
  ] as const;
  for (const [row, expected] of cases) {
    const logits = tf.tensor2d([...row], [1, 3]);
    const loss = crossEntropy()(logits, labels);
    const [value] = await loss.data();
    const shown = `${value} of ${row}`;
    if (expected === Math.log(2)) assertAlmostEquals(value!, expected, 1e-6);
    else assertEquals(value, expected, shown);
    tf.dispose([logits, loss]);
  }
  labels.dispose();
}, ["cpu", "wasm"]);

onEachBackend("crossEntropy() of labels that do not count is 0", async () => {
  const logits = tf.tensor2d([[1, 2], [3, 4]]);
  const labels = tf.tensor1d([-100, -100], "int32");
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
    crossEntropy()(x, labels)
  )(logits);
  assertEquals([...await value.data()], [0]);
  assertEquals([...await grad.data()], [0, 0, 0, 0]);
  tf.dispose([logits, labels, value, grad]);
});

onEachBackend("crossEntropy() of one class is 0", async () => {
  const logits = tf.tensor2d([[5], [-3]]);
  const labels = tf.tensor1d([0, -100], "int32");
  for (const classWeights of [undefined, [2]]) {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
      crossEntropy({ labelSmoothing: 0.1, classWeights })(x, labels)
    )(logits);
    for (const x of [...await value.data(), ...await grad.data()]) {
      assertAlmostEquals(x, 0, 1e-7);
    }
    tf.dispose([value, grad]);
  }
  tf.dispose([logits, labels]);
});

onEachBackend("crossEntropy() of a label that is no class is NaN", async () => {
  const logits = tf.ones([2, 3]);
  for (const wrong of [3, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 24 + 1]) {
    const labels = tf.tensor1d([0, wrong], "int32");
    const loss = crossEntropy()(logits, labels);
    assertEquals([...await loss.data()], [NaN]);
    tf.dispose([labels, loss]);
  }
  logits.dispose();
});

onEachBackend("of no number, no class is the right one", async () => {
  const logits = tf.tensor2d([[NaN, NaN], [1, NaN], [2, 1]]);
  const labels = tf.tensor1d([0, 0, 0], "int32");
  const { sum, count } = accuracy()(logits, labels);
  assertEquals([...await sum.data(), ...await count.data()], [1, 3]);
  tf.dispose([logits, labels, sum, count]);
});

onEachBackend("accuracy() counts what counts", async () => {
  const logits = tf.tensor3d([1, 2, 3, 3, 2, 1, 2, 1, 0, 0, 9, 0], [2, 2, 3]);
  const labels = tf.tensor2d([2, 1, 0, -100], [2, 2], "int32");
  const { sum, count } = accuracy()(logits, labels);
  assertEquals([...await sum.data(), ...await count.data()], [2, 3]);
  tf.dispose([logits, labels, sum, count]);
});

onEachBackend("losses name what does not fit", () => {
  tf.tidy(() => {
    const logits = tf.ones([2, 3, 4]);
    assertThrows(
      () => crossEntropy()(logits, tf.ones([2], "int32")),
      TypeError,
      "labels of predictions [2,3,4] should have shape [2,3], got [2]",
    );
    assertThrows(
      () => crossEntropy()(logits, logits),
      TypeError,
      "should have shape [2,3], got [2,3,4]; for class probabilities use softCrossEntropy()",
    );
    assertThrows(
      () => crossEntropy()(logits, tf.ones([2, 3])),
      TypeError,
      "labels should be int32, got float32",
    );
    assertThrows(
      () => meanSquaredError()(logits, tf.ones([2, 3])),
      TypeError,
      "labels should have the shape of the predictions, [2,3,4], got [2,3]",
    );
  });
  assertThrows(
    () => crossEntropy({ labelSmoothing: 1 }),
    RangeError,
    "labelSmoothing should be in [0, 1), got 1",
  );
});
