/** The steps that train() takes equal a float64 loop. @module */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import type { Batch } from "../../lib/data/batches/stream.ts";
import {
  crossEntropy,
  meanSquaredError,
  train,
} from "../../lib/training/mod.ts";
import {
  groupWeights,
  normOf,
} from "../../lib/tfjs/optimizers/weight_group.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import {
  logOf,
  tinyBatch,
  tinyData,
  tinyModel,
  weightsOf,
  withFolder,
} from "./tiny.ts";

const SIZE = 6, INPUTS = 3, STEPS = 25;
const RATE = 0.05, DECAY = 0.3, CLIP = 4, AVERAGE = 0.8;
const [BETA1, BETA2, EPSILON] = [0.8, 0.95, 1e-6];

/** Rows of numbers and what a linear map should make of them. */
function examplesAt(step: number): { x: Float32Array; y: Float32Array } {
  const random = uniform(100 + step);
  return {
    x: array(SIZE * INPUTS, random),
    y: array(SIZE, random, (u) => 6 * u - 1),
  };
}

/** AdamW on a linear map with a bias that is not decayed; clipping; an average. */
function reference(initial: number[]) {
  const weights = [...initial], average = [...initial];
  const mean = weights.map(() => 0), square = weights.map(() => 0);
  const norms: number[] = [], losses: number[] = [];
  for (let t = 1; t <= STEPS; t++) {
    const { x, y } = examplesAt(t - 1);
    const gradient = weights.map(() => 0);
    let loss = 0;
    for (let i = 0; i < SIZE; i++) {
      const row = [...x.subarray(i * INPUTS, (i + 1) * INPUTS), 1];
      const error = row.reduce((sum, a, j) => sum + a * weights[j]!, -y[i]!);
      loss += error ** 2 / SIZE;
      row.forEach((a, j) => gradient[j]! += 2 * error * a / SIZE);
    }
    const norm = Math.hypot(...gradient);
    losses.push(loss);
    norms.push(norm);
    const rate = RATE / t;
    const averaging = Math.min(AVERAGE, (1 + t) / (10 + t));
    gradient.forEach((g, j) => {
      g *= Math.min(1, CLIP / norm);
      mean[j] = BETA1 * mean[j]! + (1 - BETA1) * g;
      square[j] = BETA2 * square[j]! + (1 - BETA2) * g * g;
      const root = Math.sqrt(square[j]! / (1 - BETA2 ** t)) + EPSILON;
      if (j < INPUTS) weights[j]! *= 1 - rate * DECAY;
      weights[j]! -= rate * mean[j]! / (1 - BETA1 ** t) / root;
      average[j] = averaging * average[j]! + (1 - averaging) * weights[j]!;
    });
  }
  return { weights, average, losses, norms };
}

for (const averages of [false, true]) {
  onEachBackend(
    `train() equals float64${averages ? ", with an average" : ""}`,
    () =>
      withFolder(async (folder) => {
        const dense = tfl.layers.dense({ units: 1, inputShape: [INPUTS] });
        const model = tfl.sequential({ layers: [dense] });
        const initial = (await weightsOf(model)).flat();
        const data = tinyData((position) => {
          const { x, y } = examplesAt(position);
          return {
            inputs: [tf.tensor2d(x, [SIZE, INPUTS])],
            labels: tf.tensor2d(y, [SIZE, 1]),
            size: SIZE,
          };
        });
        const { losses } = await train(model, data, {
          steps: STEPS,
          loss: meanSquaredError(),
          optimizer: {
            learningRate: (step) => RATE / step,
            beta1: BETA1,
            beta2: BETA2,
            epsilon: EPSILON,
            weightDecay: DECAY,
            clipNorm: CLIP,
          },
          ...(averages ? { ema: { decay: AVERAGE } } : {}),
          log: `${folder}/log`,
          progress: false,
        });
        const expected = reference(initial);
        const near = (actual: number[], expected: number[]) =>
          expected.forEach((value, i) =>
            assertAlmostEquals(
              actual[i]!,
              value,
              1e-5 * (1 + Math.abs(value)),
              `${i}`,
            )
          );
        near(
          (await weightsOf(model)).flat(),
          averages ? expected.average : expected.weights,
        );
        near([...losses], expected.losses);
        const log = await logOf(`${folder}/log`);
        assertEquals(log.map(({ loss }) => loss), [...losses]);
        near(log.map(({ gradientNorm }) => gradientNorm), expected.norms);
        // Some were clipped, and some were not.
        assert(expected.norms.some((norm) => norm > CLIP));
        assert(expected.norms.some((norm) => norm < CLIP));
        model.dispose();
      }),
  );
}

/** The rows of a batch from one to another. */
function part({ inputs, labels }: Batch, from: number, to: number): Batch {
  const cut = (x: tf.Tensor) => tf.slice(x, from, to - from);
  const cutout = { inputs: inputs.map(cut), labels: cut(labels) };
  tf.dispose([...inputs, labels]);
  return { ...cutout, size: to - from };
}

onEachBackend(
  "train() accumulates 4 batches of 8 to one of 32, however many labels count",
  () =>
    withFolder(async (folder) => {
      const wholes = tinyData((position) => tinyBatch(position, 32, 0.4));
      const parts = tinyData((position) => {
        const from = 8 * (position % 4);
        const whole = tinyBatch(Math.floor(position / 4), 32, 0.4);
        return part(whole, from, from + 8);
      });
      const runs = [{ data: wholes, accumulate: 1 }, {
        data: parts,
        accumulate: 4,
      }];
      const results = [];
      for (const { data, accumulate } of runs) {
        // Of 4 columns that are almost the same, a normalisation makes much of rounding.
        const model = tinyModel({ dim: 8, dropout: 0, dropPath: 0 });
        await train(model, data, {
          steps: 6,
          loss: crossEntropy(),
          // Else Adam makes much of gradients that are 0, but for rounding.
          optimizer: {
            learningRate: 0.01,
            epsilon: 1e-3,
            clipNorm: Infinity,
            accumulate,
          },
          log: `${folder}/log`,
          progress: false,
        });
        const weights = (await weightsOf(model)).flat();
        const log = await logOf(`${folder}/log`);
        results.push([
          ...log.flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]),
          ...weights,
        ]);
        model.dispose();
      }
      const [whole, accumulated] = results;
      whole!.forEach((value, i) =>
        assertAlmostEquals(accumulated![i]!, value, 5e-6, `${i}`)
      );
    }),
);

onEachBackend("a step whose labels do not count is no divergence", async () => {
  const model = tinyModel({ depth: 1 });
  const data = tinyData((position) => tinyBatch(position, 4, position % 2));
  const { losses } = await train(model, data, {
    steps: 2,
    loss: crossEntropy(),
    progress: false,
  });
  assert(losses[0]! > 0);
  assertEquals(losses[1], 0);
  model.dispose();
});

/** A sum of two weights, whose gradients are one and the same tensor. */
class SumOfWeights extends tfl.layers.Layer {
  #weights: tfl.LayerVariable[] = [];

  override build(shape: tfl.Shape): void {
    const ones = tfl.initializers.ones();
    this.#weights = ["a", "b"].map((name) =>
      this.addWeight(name, [shape.at(-1)!], "float32", ones)
    );
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = Array.isArray(inputs) ? inputs[0]! : inputs;
    const sum = tf.customGrad((a, b) => ({
      value: tf.add(a as tf.Tensor, b as tf.Tensor),
      gradFunc: (dy) => [dy, dy],
    }));
    return tf.mul(x, sum(...this.#weights.map((weight) => weight.read())));
  }

  static get className(): string {
    return "SumOfWeights";
  }
}

onEachBackend("weights of two groups may have one gradient", async () => {
  const x = tfl.input({ shape: [INPUTS] });
  const y = new SumOfWeights({}).apply(x) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs: x, outputs: y });
  const data = tinyData(() => ({
    ...{ inputs: [tf.ones([2, INPUTS])], labels: tf.zeros([2, INPUTS]) },
    size: 2,
  }));
  await train(model, data, {
    ...{ steps: 2, loss: meanSquaredError(), progress: false },
    optimizer: {
      learningRate: () => 0.1,
      learningRateFactor: (name) => name.endsWith("a") ? 1 : 0.5,
    },
  });
  const [a, b] = await Promise.all(
    model.getWeights().map(async (weight) => (await weight.data())[0]!),
  );
  // Adam's first steps are as long as the rates say.
  assertAlmostEquals(a!, 0.8, 1e-2);
  assertAlmostEquals(b!, 0.9, 1e-2);
  model.dispose();
});

onEachBackend("the norm of millions of values is right", async () => {
  // tfjs-wasm's own sum of so many is a fifth too small.
  const norm = tf.tidy(() => normOf([[tf.fill([2 ** 15, 2 ** 10], 0.3)]]));
  assertAlmostEquals((await norm.data())[0]!, 0.3 * 2 ** 12.5, 1);
  norm.dispose();
}, ["wasm"]);

onEachBackend(
  "a norm is the same to the last bit, joined or apart",
  async () => {
    const random = uniform(7);
    const of = (sizes: number[]) =>
      sizes.map((size) => tf.tensor1d(array(size, random)));
    const lists = [[0], [1], [1024], [5, 0, 1019, 3], [
      70_000,
      127,
      33_001,
      900,
    ]];
    for (const tensors of lists.map(of)) {
      const values = await Promise.all(tensors.map((x) => x.data()));
      const all = values.flatMap((x) => [...x]);
      const rows = Math.floor(all.length / 1024) + 1;
      const norms = tf.tidy(() => {
        const padded = [...all, ...Array(rows * 1024 - all.length).fill(0)];
        const joined = tf.tensor2d(padded, [rows, 1024]);
        const sum = tf.sum(tf.sum(tf.square(joined), 0));
        return [tf.sqrt(tf.addN([sum])), normOf([tensors])];
      });
      const [joined, apart] = await Promise.all(norms.map((x) => x.data()));
      assertEquals(apart, joined);
      tf.dispose([...tensors, ...norms]);
    }
  },
  ["wasm"],
);

onEachBackend("weights are grouped by decay and size", async () => {
  const sizes = [3, 2 ** 22, 5, 2 ** 22 - 5, 1030];
  const weights = sizes.map((size) =>
    tf.tidy(() => tf.variable(tf.reshape(tf.range(0, size), [1, size])))
  );
  const groups = groupWeights(weights, ({ size }) => size !== 1030);
  assertEquals(
    groups.map(({ variables, decays }) => [
      decays,
      ...variables.map(({ size }) => size),
    ]),
    [[true, 3], [true, 2 ** 22], [true, 5, 2 ** 22 - 5], [false, 1030]],
  );
  for (const group of groups) {
    const parts = tf.tidy(() => group.split(group.values()));
    assertEquals(
      parts.map((x) => x.shape),
      group.variables.map((x) => x.shape),
    );
    for (const [i, x] of parts.entries()) {
      assertEquals(await x.data(), await group.variables[i]!.data());
    }
    tf.dispose(parts);
  }
  tf.dispose(weights);
}, ["wasm"]);
