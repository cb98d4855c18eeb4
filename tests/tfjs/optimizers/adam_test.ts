import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { Adam } from "../../../lib/training/mod.ts";
import { onEachBackend } from "../../backends.ts";
import { array, uniform } from "../../random.ts";

const OPTIONS = {
  learningRate: 0.02,
  beta1: 0.8,
  beta2: 0.95,
  epsilon: 1e-6,
  weightDecay: 0.1,
};

/** Steps of AdamW on Σ x⁴ / 4, in float64. */
function descend(values: number[], steps: number): number[] {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = OPTIONS;
  return values.map((x) => {
    let [mean, square] = [0, 0];
    for (let t = 1; t <= steps; t++) {
      const gradient = x ** 3;
      mean = beta1 * mean + (1 - beta1) * gradient;
      square = beta2 * square + (1 - beta2) * gradient ** 2;
      const root = Math.sqrt(square / (1 - beta2 ** t)) + epsilon;
      x -= learningRate * weightDecay * x;
      x -= learningRate * mean / (1 - beta1 ** t) / root;
    }
    return x;
  });
}

onEachBackend("Adam takes the steps of its definition", async () => {
  const shapes = [[3, 7], [1], [4]];
  const random = uniform(6);
  const initial = shapes.map((shape) =>
    array(tf.util.sizeFromShape(shape), random)
  );
  const variables = initial.map((values, i) =>
    tf.tidy(() => tf.variable(tf.tensor(values, shapes[i])))
  );
  const unused = tf.tidy(() => tf.variable(tf.ones([2])));
  const adam = new Adam(OPTIONS);
  const loss = () =>
    tf.addN(
      variables.map((x) => tf.div(tf.sum(tf.square(tf.square(x))), 4)),
    ) as tf.Scalar;
  const step = () => adam.minimize(loss, false, [...variables, unused]);
  step();
  const after = tf.memory().numTensors;
  for (let i = 1; i < 30; i++) step();
  assertEquals(tf.memory().numTensors, after);
  for (const [i, variable] of variables.entries()) {
    const expected = descend([...initial[i]!], 30);
    const actual = await variable.data();
    expected.forEach((x, j) => assertAlmostEquals(actual[j]!, x, 2e-5));
  }
  assertEquals([...await unused.data()], [1, 1]);
  adam.dispose();
  tf.dispose([...variables, unused]);
});

onEachBackend("Adam begins anew with each variable", async () => {
  const adam = new Adam(OPTIONS);
  const values = [0.5, -2, 1.5, 3, -0.25];
  const steps = (variables: tf.Variable[], count: number) => {
    for (let i = 0; i < count; i++) {
      const loss = () =>
        tf.tidy(() =>
          tf.addN(
            variables.map((x) => tf.div(tf.sum(tf.square(tf.square(x))), 4)),
          ) as tf.Scalar
        );
      adam.minimize(loss, false, variables);
    }
  };
  const make = (size: number, name?: string) =>
    tf.tidy(() => tf.variable(tf.tensor1d(values.slice(0, size)), true, name));
  const assertSteps = async (variable: tf.Variable, count: number) => {
    const expected = descend(values.slice(0, variable.size), count);
    const actual = await variable.data();
    expected.forEach((x, j) => assertAlmostEquals(actual[j]!, x, 2e-5));
  };
  // Each has the name of the one before, which is gone.
  for (const size of [3, 3, 5, 2]) {
    const first = make(size, "anew"), second = make(4);
    steps([first], 3);
    // One that comes later takes its first steps, while the other takes later ones.
    steps([first, second], 3);
    await assertSteps(first, 6);
    await assertSteps(second, 3);
    tf.dispose([first, second]);
  }
  adam.dispose();
});

Deno.test("Adam refuses impossible options", () => {
  assertThrows(() => new Adam({ beta1: 1 }), RangeError, "beta1");
  assertThrows(() => new Adam({ beta2: -0.1 }), RangeError, "beta2");
  assertThrows(() => new Adam({ learningRate: NaN }), RangeError, "learning");
  assertThrows(() => new Adam({ weightDecay: -1 }), RangeError, "weightDecay");
});
