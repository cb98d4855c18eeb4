/** TensorFlow.js's optimizers take their own steps, on every backend. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../mod.ts";
import { onEachBackend } from "../../backends.ts";
import { array, uniform } from "../../random.ts";

const SHAPES = [[3, 7], [1], [2, 3, 5], [0, 4], [9001]];
const RATE = 0.05;

/** The state of a number, and a step of it in float64. */
type Step = (
  x: number,
  gradient: number,
  state: number[],
  step: number,
  rate: number,
) => number;

/** An optimizer of TensorFlow.js, and its formula. */
interface Case {
  make(): tf.Optimizer;
  readonly step: Step;
  /** What the state begins with. @default zeros */
  readonly initial?: readonly number[];
}

function rmsProp(momentum: number, centered: boolean): Step {
  return (x, g, state, _, rate) => {
    state[0] = 0.8 * state[0]! + 0.2 * g * g;
    state[2] = 0.8 * state[2]! + 0.2 * g;
    const variance = state[0] - (centered ? state[2] ** 2 + 1e-3 : -1e-3);
    state[1] = momentum * state[1]! + rate * g / Math.sqrt(variance);
    return x - state[1];
  };
}

function momentum(isNesterov: boolean): Step {
  return (x, g, state, _, rate) => {
    state[0] = 0.7 * state[0]! + g;
    return x - rate * (isNesterov ? g + 0.7 * state[0] : state[0]);
  };
}

const CASES: Readonly<Record<string, Case>> = {
  adam: {
    make: () => tf.train.adam(RATE, 0.8, 0.95, 1e-3),
    step: (x, g, state, t, rate) => {
      state[0] = 0.8 * state[0]! + 0.2 * g;
      state[1] = 0.95 * state[1]! + 0.05 * g * g;
      const root = Math.sqrt(state[1] / (1 - 0.95 ** t));
      return x - rate * state[0] / (1 - 0.8 ** t) / (root + 1e-3);
    },
  },
  adamax: {
    make: () => tf.train.adamax(RATE, 0.8, 0.95, 1e-3, 0.1),
    step: (x, g, state, t, rate) => {
      state[0] = 0.8 * state[0]! + 0.2 * g;
      state[1] = Math.max(0.95 * state[1]!, Math.abs(g));
      const decayed = rate / (1 + 0.1 * (t - 1)) / (1 - 0.8 ** t);
      return x - decayed * state[0] / (state[1] + 1e-3);
    },
  },
  sgd: {
    make: () => tf.train.sgd(RATE),
    step: (x, g, _state, _step, rate) => x - rate * g,
  },
  momentum: {
    make: () => tf.train.momentum(RATE, 0.7),
    step: momentum(false),
  },
  nesterov: {
    make: () => tf.train.momentum(RATE, 0.7, true),
    step: momentum(true),
  },
  rmsprop: {
    make: () => tf.train.rmsprop(RATE, 0.8, 0.5, 1e-3),
    step: rmsProp(0.5, false),
  },
  "centered rmsprop": {
    make: () => tf.train.rmsprop(RATE, 0.8, 0.5, 1e-3, true),
    step: rmsProp(0.5, true),
  },
  adagrad: {
    make: () => tf.train.adagrad(RATE, 0.2),
    initial: [0.2],
    step: (x, g, state, _, rate) => {
      state[0]! += g * g;
      return x - rate * g / Math.sqrt(state[0]! + 1e-7);
    },
  },
  adadelta: {
    make: () => tf.train.adadelta(RATE, 0.9, 1e-3),
    step: (x, g, state, _, rate) => {
      const change = Math.sqrt(state[1]! + 1e-3) /
        Math.sqrt(state[0]! + 1e-3) * g;
      state[0] = 0.9 * state[0]! + 0.1 * g * g;
      state[1] = 0.9 * state[1]! + 0.1 * change * change;
      return x - rate * change;
    },
  },
};

/** The learning rate of a step: it is halved after half of them. */
const rateAt = (step: number) => step <= 10 ? RATE : RATE / 2;

function setRate(optimizer: tf.Optimizer, rate: number): void {
  if (optimizer instanceof tf.SGDOptimizer && "setLearningRate" in optimizer) {
    optimizer.setLearningRate(rate);
  } else (optimizer as unknown as { learningRate: number }).learningRate = rate;
}

/** Gradients of a step, which do not depend on the weights. */
function gradientsAt(step: number): Float32Array[] {
  const random = uniform(step);
  return SHAPES.map((shape) =>
    array(tf.util.sizeFromShape(shape), random, (u) => 0.5 + u - step / 40)
  );
}

const initial = () =>
  SHAPES.map((shape) => array(tf.util.sizeFromShape(shape), uniform(99)));

function variables(): tf.Variable[] {
  return initial().map((values, i) =>
    tf.tidy(() => tf.variable(tf.tensor(values, SHAPES[i])))
  );
}

/** Applies the gradients of some steps; the second variable has none in every third. */
function takeSteps(
  optimizer: tf.Optimizer,
  weights: readonly tf.Variable[],
  from: number,
  to: number,
): void {
  for (let step = from; step <= to; step++) {
    setRate(optimizer, rateAt(step));
    const gradients = gradientsAt(step).map((values, i) => ({
      name: weights[i]!.name,
      tensor: i === 1 && step % 3 === 0
        ? null as unknown as tf.Tensor
        : tf.tensor(values, SHAPES[i]),
    }));
    optimizer.applyGradients(gradients);
    tf.dispose(gradients.map(({ tensor }) => tensor));
  }
}

/** Disposes of an optimizer, and of what momentum's own dispose() leaves. */
function dispose(optimizer: tf.Optimizer): void {
  optimizer.dispose();
  (optimizer as unknown as { c?: tf.Tensor }).c?.dispose();
}

async function valuesOf(tensors: readonly tf.Tensor[]): Promise<number[][]> {
  return await Promise.all(tensors.map(async (x) => [...await x.data()]));
}

/** The weights after 20 steps in float64. */
function expectedOf({ step, initial: begins = [0, 0, 0] }: Case): number[][] {
  const weights = initial().map((values) => [...values]);
  const states = weights.map((values) => values.map(() => [...begins]));
  for (let t = 1; t <= 20; t++) {
    gradientsAt(t).forEach((gradients, i) => {
      if (i === 1 && t % 3 === 0) return;
      gradients.forEach((g, j) => {
        const x = weights[i]![j]!;
        weights[i]![j] = step(x, g, states[i]![j]!, t, rateAt(t));
      });
    });
  }
  return weights;
}

function assertNear(actual: number[][], expected: number[][]): void {
  assertEquals(actual.map((x) => x.length), expected.map((x) => x.length));
  expected.forEach((values, i) =>
    values.forEach((x, j) => {
      if (Number.isNaN(x)) return assertEquals(actual[i]![j], NaN);
      assertAlmostEquals(actual[i]![j]!, x, 3e-5 * (1 + Math.abs(x)));
    })
  );
}

/** The names of the kernels that a function runs. */
async function kernelsOf(run: () => void): Promise<string[]> {
  const { kernels } = await tf.profile(() => {
    run();
    return {};
  });
  return kernels.map(({ name }) => name);
}

for (const [name, optimizer] of Object.entries(CASES)) {
  onEachBackend(`${name} takes the steps of its formula`, async (backend) => {
    const weights = variables(), own = optimizer.make();
    takeSteps(own, weights, 1, 1);
    const { numTensors, numBytes } = tf.memory();
    takeSteps(own, weights, 2, 20);
    assertEquals(tf.memory().numTensors, numTensors);
    assertEquals(tf.memory().numBytes, numBytes);
    assertNear(await valuesOf(weights), expectedOf(optimizer));
    const kernels = await kernelsOf(() => takeSteps(own, weights, 21, 21));
    // What Adam's steps depend on is on the device, where nobody reads it at once.
    const isKnown = backend === "wasm" || !name.startsWith("adam");
    assertEquals(
      kernels.includes("LionUpdate"),
      backend !== "cpu" && isKnown,
    );
    dispose(own);
    tf.dispose(weights);
  }, ["cpu", "wasm", "webgpu"]);
}

for (const name of ["adam", "adamax"]) {
  onEachBackend(
    `${name} changes weights in place where numbers stay on the host`,
    async () => {
      // As users have it.
      tf.env().set("WEBGPU_CPU_FORWARD", true);
      const weights = variables(), own = CASES[name]!.make();
      takeSteps(own, weights, 1, 19);
      const kernels = await kernelsOf(() => takeSteps(own, weights, 20, 20));
      assert(kernels.includes("LionUpdate"));
      assertNear(await valuesOf(weights), expectedOf(CASES[name]!));
      dispose(own);
      tf.dispose(weights);
    },
    ["webgpu"],
  );
}

onEachBackend("a step of Adam is one launch, and two of numbers", async () => {
  const weights = variables(), adam = CASES["adam"]!.make();
  takeSteps(adam, weights, 1, 1);
  assertEquals(await kernelsOf(() => takeSteps(adam, weights, 2, 2)), [
    ...["LionUpdate", "Multiply", "Multiply"],
  ]);
  dispose(adam);
  tf.dispose(weights);
}, ["wasm"]);

for (const name of ["adam", "momentum", "centered rmsprop", "adadelta"]) {
  onEachBackend(`what ${name} keeps goes from one to another`, async () => {
    const { make } = CASES[name]!;
    const weights = variables(), first = make();
    takeSteps(first, weights, 1, 8);
    const kept = await first.getWeights();
    const second = make();
    await second.setWeights(kept);
    const before = await valuesOf(kept.slice(1).map(({ tensor }) => tensor));
    const taken = await second.getWeights();
    assertEquals(
      taken.map(({ name }) => name),
      kept.map(({ name }) => name),
    );
    const names = kept.slice(1).map(({ name }) => name.split("/")[0]);
    assert(weights.every(({ name }) => names.includes(name)));
    takeSteps(second, weights, 9, 20);
    assertNear(await valuesOf(weights), expectedOf(CASES[name]!));
    // The first one's are as they were.
    assertEquals(
      await valuesOf(kept.slice(1).map(({ tensor }) => tensor)),
      before,
    );
    assertEquals(second.iterations, 20);
    dispose(first);
    dispose(second);
    tf.dispose([kept[0]!.tensor, taken[0]!.tensor, ...weights]);
  }, ["cpu", "wasm", "webgpu"]);
}

onEachBackend(
  "who shares a weight's values does not see it change",
  async () => {
    const weight = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
    const shared = weight.clone(), reshaped = tf.reshape(weight, [2, 1]);
    const other = tf.variable(shared);
    const sgd = tf.train.sgd(1), adam = tf.train.adam(1);
    const gradient = tf.tensor1d([1, -1]);
    sgd.applyGradients([{ name: weight.name, tensor: gradient }]);
    adam.applyGradients([{ name: other.name, tensor: gradient }]);
    sgd.applyGradients({ [weight.name]: gradient });
    const values = await valuesOf([weight, shared, reshaped, gradient]);
    assertEquals(values, [[-1, 4], [1, 2], [1, 2], [1, -1]]);
    assertNear(await valuesOf([other]), [[0, 3]]);
    dispose(sgd);
    dispose(adam);
    tf.dispose([weight, shared, reshaped, other, gradient]);
  },
);

onEachBackend("kernels read what an optimizer has changed", async () => {
  const x = tf.fill([1, 2, 2, 1], -1) as tf.Tensor4D;
  const gradient = tf.ones([1, 1, 1, 1]);
  const sgd = tf.train.sgd(0.5);
  // Some of TensorFlow.js's kernels keep a copy of a filter.
  const kernels: ((filter: tf.Tensor4D) => tf.Tensor)[] = [
    (filter) => tf.conv2d(x, filter, 1, "valid"),
    (filter) => tf.depthwiseConv2d(x, filter, 1, "same"),
    (filter) =>
      tf.fused.depthwiseConv2d({ x, filter, strides: 1, pad: "valid" }),
    (filter) => tf.prelu(x, filter),
    (filter) => tf.matMul(tf.reshape(x, [4, 1]), tf.reshape(filter, [1, 1])),
  ];
  for (const kernel of kernels) {
    const filter = tf.tidy(() => tf.variable(tf.ones([1, 1, 1, 1])));
    for (const expected of [-1, -0.5, 0]) {
      const y = tf.tidy(() => kernel(filter as tf.Tensor4D));
      const found = [...await y.data()].map((x) => x + 0);
      assertEquals(found, Array(4).fill(expected), `${kernel}`);
      y.dispose();
      sgd.applyGradients({ [filter.name]: gradient });
    }
    filter.dispose();
  }
  dispose(sgd);
  tf.dispose([x, gradient]);
});

onEachBackend(
  "what does not fit takes the steps of TensorFlow.js",
  async () => {
    const weight = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
    const scalar = tf.scalar(1), gradient = tf.tensor1d([1, 2]);
    const sgd = tf.train.sgd(1), momentum = tf.train.momentum(1, 0.5);
    // A gradient that is broadcast, and a weight that is named twice.
    sgd.applyGradients({ [weight.name]: scalar });
    assertEquals(await valuesOf([weight]), [[0, 1]]);
    const { name } = weight;
    momentum.applyGradients([{ name, tensor: gradient }]);
    momentum.applyGradients([{ name, tensor: gradient }, {
      name,
      tensor: gradient,
    }]);
    // Sums of 1, 1.5 and 1 of a state of its own.
    assertEquals(await valuesOf([weight]), [[-3.5, -6]]);
    // A weight that is the gradient of one before it.
    const other = tf.tidy(() => tf.variable(tf.tensor1d([1, 1])));
    const kernels = await kernelsOf(() =>
      sgd.applyGradients([{ name: other.name, tensor: weight }, {
        name,
        tensor: gradient,
      }])
    );
    assertEquals(await valuesOf([other, weight]), [[4.5, 7], [-4.5, -8]]);
    assert(!kernels.includes("LionUpdate"));
    other.dispose();
    dispose(sgd);
    dispose(momentum);
    tf.dispose([weight, scalar, gradient]);
  },
  ["cpu", "wasm", "webgpu"],
);

onEachBackend("a gradient that is disposed of changes nothing", async () => {
  const weight = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
  const gradient = tf.tensor1d([1, 1]);
  gradient.dispose();
  const sgd = tf.train.sgd(1);
  const step = () => sgd.applyGradients({ [weight.name]: gradient });
  assertThrows(step, Error);
  assertEquals(await valuesOf([weight]), [[1, 2]]);
  dispose(sgd);
  weight.dispose();
}, ["cpu", "wasm"]);

onEachBackend("an optimizer goes from one backend to another", async () => {
  await useBackend({ prefer: ["cpu"] });
  const weights = variables(), { make } = CASES["adam"]!, adam = make();
  takeSteps(adam, weights, 1, 7);
  await useBackend({ prefer: ["wasm"] });
  takeSteps(adam, weights, 8, 14);
  await useBackend({ prefer: ["cpu"] });
  takeSteps(adam, weights, 15, 20);
  assertNear(await valuesOf(weights), expectedOf(CASES["adam"]!));
  await useBackend({ prefer: ["wasm"] });
  dispose(adam);
  tf.dispose(weights);
}, ["wasm"]);
