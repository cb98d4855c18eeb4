/** Weights that have parts of common buffers, where a device binds eight storage buffers. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { runKernel } from "../../../../lib/tfjs/kernel/kernel.ts";
import {
  JOIN,
  type Rule,
  RULES,
  SQUARE_SUMS,
  updateInPlace,
} from "../../../../lib/tfjs/optimizers/rules.ts";
import type { StrictWebGPUBackend } from "../../../../lib/tfjs/webgpu/gpu_backend.ts";
import { GpuError } from "../../../../lib/tfjs/webgpu/gpu_error.ts";
import { Adam } from "../../../../lib/training/mod.ts";
import { GUARANTEED_BUFFERS, onEachBackend } from "../../../backends.ts";
import { array, uniform } from "../../../random.ts";
import { withLimits } from "../../../kernels/webgpu/with_limits.ts";

/** Widths of packs, single numbers, more than a workgroup changes, none. */
const SIZES = [4, 1, 0, 7, 64, 300, 2000, 5, 12, 68, 3, 16, 1028];

const NUMBERS = {
  ...{ step: -0.05, decay1: 0.9, rest1: 0.1, decay2: 0.99, rest2: 0.01 },
  ...{ correction: 1.5, epsilon: 1e-3, keep: 0.98 },
};

function backend(): StrictWebGPUBackend {
  return tf.backend() as StrictWebGPUBackend;
}

/** Registers a test on a device that says it binds eight storage buffers. */
function onFew(name: string, run: () => Promise<void>): void {
  onEachBackend(
    name,
    () =>
      backend().launches.mostBuffers === GUARANTEED_BUFFERS
        ? run()
        : withLimits(
          { maxStorageBuffersPerShaderStage: GUARANTEED_BUFFERS },
          run,
        ),
    ["webgpu"],
  );
}

/** Runs a function while no buffer is common. */
async function alone<R>(run: () => Promise<R>): Promise<R> {
  const { places } = backend();
  places.join = () => {};
  try {
    return await run();
  } finally {
    delete (places as { join?: unknown }).join;
  }
}

/** The launches of a function. */
function launchesOf(run: () => void): number {
  const before = backend().launches.count;
  run();
  return backend().launches.count - before;
}

/** Weights of {@linkcode SIZES}, as tensors that own their values. */
function weightsOf(rule: Rule, seed = 1) {
  const random = uniform(seed);
  const draw = (size: number) => tf.tensor1d(array(size, random));
  return SIZES.map((size) => ({
    ...{ value: draw(size), gradient: draw(size) },
    states: RULES[rule].map(() => draw(size)),
  }));
}

type Weights = ReturnType<typeof weightsOf>;

/** All tensors of weights that change. */
function changedOf(weights: Weights): tf.Tensor[] {
  return weights.flatMap(({ value, states }) => [value, ...states]);
}

function read(tensors: readonly tf.Tensor[]) {
  return Promise.all(tensors.map((tensor) => tensor.data()));
}

function isInCommonBuffer({ dataId }: tf.Tensor): boolean {
  return backend().places.partOf(dataId) !== undefined;
}

/** Weights after some updates. */
async function updated(rule: Rule, factor?: number) {
  const weights = weightsOf(rule);
  const scalar = factor === undefined ? undefined : tf.scalar(factor);
  const launches: number[] = [];
  for (let step = 0; step < 3; step++) {
    launches.push(
      launchesOf(() => updateInPlace(rule, weights, NUMBERS, scalar)),
    );
  }
  const values = await read(changedOf(weights));
  tf.dispose([weights.map((weight) => Object.values(weight)), scalar ?? []]);
  return { values, launches };
}

onFew(
  "rules change weights alike, in common buffers or their own",
  async () => {
    for (const rule of ["adam", "average", "centeredRmsProp"] as const) {
      const factor = rule === "adam" ? 0.5 : undefined;
      const { values } = await alone(() => updated(rule, factor));
      assertEquals((await updated(rule, factor)).values, values, rule);
    }
  },
);

onFew(
  "weights in a common buffer take a launch for many gradients",
  async () => {
    const { launches } = await updated("adam", 1);
    // Of eight buffers, all but values, states and the factor are gradients: eight
    // weights of whole packs, and four others.
    assertEquals(launches, [3, 3, 3]);
    assertEquals((await alone(() => updated("adam", 1))).launches, [
      12,
      12,
      12,
    ]);
    const weights = weightsOf("average");
    const shadows = weightsOf("average");
    tf.dispose(shadows.map(({ gradient }) => gradient));
    const follow = () =>
      launchesOf(() => {
        updateInPlace("sgd", weights, NUMBERS);
        const average = shadows.map(({ value }, i) => ({
          ...{ value, gradient: weights[i]!.value, states: [] },
        }));
        updateInPlace("average", average, NUMBERS);
      });
    // Of a common buffer in which nothing is written, one buffer is bound, too.
    assertEquals(follow(), 2 + 1 + 1 + 1);
    tf.dispose(weights.map((weight) => Object.values(weight)));
    tf.dispose(shadows.map(({ value }) => value));
  },
);

onEachBackend(
  "more gradients take fewer launches where they are bound",
  async () => {
    if (backend().launches.mostBuffers < 12) return;
    const limits = { maxStorageBuffersPerShaderStage: 12 };
    const { launches } = await withLimits(limits, () => updated("adam", 1));
    assertEquals(launches, [2, 2, 2]);
  },
  ["webgpu"],
);

onFew("kernels read weights in common buffers as others", async () => {
  const random = uniform(3);
  const values = array(48, random);
  const w = tf.tensor2d(values, [6, 8]), v = tf.tensor2d(values, [8, 6]);
  const odd = tf.tensor1d(values.slice(0, 5));
  const compute = () =>
    tf.tidy(() => [
      ...[tf.matMul(w, v), tf.transpose(w), tf.add(w, 1), tf.sum(odd)],
      ...[tf.concat([odd, odd]), tf.slice(odd, 1, 3), tf.mul(odd, odd)],
      ...[tf.reshape(w, [48]), tf.gather(v, [7, 0]), tf.softmax(v)],
      tf.sum(runKernel(SQUARE_SUMS, { 0: w, 1: odd })["sums"]),
    ]);
  const alone = compute();
  const expected = await read(alone);
  runKernel(JOIN, { 0: w, 1: odd, 2: v });
  assert([w, odd, v].every(isInCommonBuffer));
  const shared = compute();
  assertEquals(await read(shared), expected);
  assertEquals(
    await read([w, odd]),
    [w, odd].map((x) => values.slice(0, x.size)),
  );
  // What is copied on the device is a buffer of the user's.
  const { buffer, tensorRef } = odd.dataToGPU() as Required<tf.GPUData>;
  assert(buffer !== backend().tensorMap.get(v.dataId).resource);
  assertEquals(await tensorRef.data(), await odd.data());
  assert(!isInCommonBuffer(odd) && isInCommonBuffer(v));
  tf.dispose([w, v, odd, tensorRef, ...alone, ...shared]);
});

onFew(
  "one tensor of a common buffer may end, change, be copied or be written",
  async () => {
    const before = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
    const weights = weightsOf("momentum");
    const step = () => updateInPlace("momentum", weights, NUMBERS);
    step();
    step();
    assert(
      isInCommonBuffer(weights[4]!.value) &&
        isInCommonBuffer(weights[4]!.states[0]!),
    );
    const copies = changedOf(weights).map((tensor) => tensor.clone());
    const expected = await read(copies);
    tf.dispose(copies);
    // The first ends; others have what they had.
    const [ended] = weights.splice(0, 1);
    tf.dispose(Object.values(ended!));
    assertEquals(await read(changedOf(weights)), expected.slice(2));
    // One that a launch writes leaves the others as they are.
    const owner = weights[4]!.value;
    backend().places.ownBuffer(owner.dataId);
    assert(!isInCommonBuffer(owner));
    assertEquals(await read(changedOf(weights)), expected.slice(2));
    // Reading goes on while weights change.
    const reading = read(changedOf(weights));
    step();
    assertEquals(await reading, expected.slice(2));
    const later = await read(changedOf(weights));
    assert(later[6]![0] !== expected[8]![0]);
    tf.dispose(weights.map((weight) => Object.values(weight)));
    const { numBytesInGPU } = tf.memory() as typeof before;
    assertEquals(numBytesInGPU, before.numBytesInGPU);
  },
);

onFew("a gradient in a buffer with what it changes is copied", async () => {
  const random = uniform(7);
  const values = SIZES.slice(3, 6).map(() => array(8, random));
  const [a, b, c] = values.map((x) => tf.tensor1d(x));
  const weight = (value: tf.Tensor, gradient: tf.Tensor) => ({
    ...{ value, gradient, states: [] },
  });
  runKernel(JOIN, { 0: a!, 1: b!, 2: c! });
  assert([a!, b!, c!].every(isInCommonBuffer));
  updateInPlace("sgd", [weight(a!, c!), weight(b!, c!)], { step: 2 });
  const plus = (x: Float32Array) => x.map((x, i) => x + 2 * values[2]![i]!);
  const expected = [plus(values[0]!), plus(values[1]!), values[2]!];
  assertEquals(await read([a!, b!, c!]), expected);
  tf.dispose([a!, b!, c!]);
});

onFew(
  "variables of two optimizers, assigned and cloned, take their steps",
  async () => {
    const random = uniform(9);
    const initial = SIZES.filter((size) => size > 0)
      .map((size) => array(size, random));
    /** What some steps make of variables, with all that happens between them. */
    const run = async () => {
      const variables = initial.map((x) =>
        tf.tidy(() => tf.variable(tf.tensor1d(x)))
      );
      const optimizers = [
        new Adam({ learningRate: 0.1, weightDecay: 0.1 }),
        tf.train.rmsprop(0.05, 0.9),
        new Adam({ learningRate: 0.01 }),
      ];
      const clones: tf.Tensor1D[] = [];
      for (let step = 0; step < 9; step++) {
        optimizers[step % 3]!.minimize(() =>
          tf.addN(variables.map((x) => tf.sum(tf.square(x)))) as tf.Scalar
        );
        if (step === 4) clones.push(...variables.map((x) => x.clone()));
        if (step === 5) {
          tf.tidy(() => variables[3]!.assign(tf.mul(variables[3]!, 2)));
          tf.tidy(() => variables[7]!.assign(clones[7]!));
        }
      }
      const found = await read([...variables, ...clones]);
      optimizers.forEach((optimizer) => optimizer.dispose());
      tf.dispose([...variables, ...clones]);
      return found;
    };
    assertEquals(await run(), await alone(run));
  },
);

onFew("what launches repeat reads weights where they are", async () => {
  const values = [1, 2, 3, 4].map((x) => Float32Array.of(x, 2 * x, 10 * x));
  const [a, b, x, y] = values.map((x) => tf.tensor1d(x));
  const { captureLaunches } = backend();
  const run = ([given]: readonly tf.TensorInfo[]) => {
    const { kernelFunc } = tf.getKernel("Multiply", "webgpu")!;
    const inputs = { a: a!, b: given! };
    return [
      kernelFunc({ inputs, backend: backend(), attrs: {} }) as tf.TensorInfo,
    ];
  };
  const valuesOf = async (results: readonly tf.TensorInfo[]) => {
    const read = await backend().read(results[0]!.dataId as { id: number });
    backend().disposeData(results[0]!.dataId);
    return [...read as Float32Array];
  };
  const found = [a!, b!];
  const first = captureLaunches!(found, [x!], run)!;
  assertEquals(await valuesOf(first.results), [3, 12, 300]);
  runKernel(JOIN, { 0: a!, 1: b! });
  assert(!first.launches!.fits(found));
  first.launches!.dispose();
  const second = captureLaunches!(found, [x!], run)!;
  assertEquals(await valuesOf(second.results), [3, 12, 300]);
  assert(second.launches!.fits(found));
  const zero = tf.fill([3], 1);
  const weights = found.map((value) => ({
    ...{ value, gradient: zero, states: [] },
  }));
  updateInPlace("sgd", weights, { step: 1 });
  assert(second.launches!.fits(found));
  assertEquals(await valuesOf(second.launches!.run([y!])), [8, 24, 440]);
  // One of them leaves.
  backend().places.ownBuffer(a!.dataId);
  assert(!second.launches!.fits(found));
  second.launches!.dispose();
  tf.dispose([a!, b!, x!, y!, zero]);
});

onFew(
  "a result of captured launches in a common buffer leaves the others",
  async () => {
    const [a, b] = [1, 2].map((x) => tf.fill([4], x));
    runKernel(JOIN, { 0: a!, 1: b! });
    const { captureLaunches } = backend();
    backend().incRef(a!.dataId);
    const { results, launches } = captureLaunches!([], [], () => [a!])!;
    assertEquals(launches, undefined);
    const found = await backend().read(results[0]!.dataId as { id: number });
    assertEquals([...found as Float32Array], [1, 1, 1, 1]);
    backend().disposeData(results[0]!.dataId);
    assertEquals(
      await read([a!, b!]),
      [1, 2].map((x) => new Float32Array(4).fill(x)),
    );
    tf.dispose([a!, b!]);
  },
);

onFew("numbers of steps that were not submitted stay theirs", async () => {
  const value = tf.zeros([4]), one = tf.ones([4]);
  const weights = [{ value, gradient: one, states: [] }];
  const steps = Array.from({ length: 200 }, (_, i) => (i % 90) / 128);
  const batch = tf.env().getNumber("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE");
  tf.env().set("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE", 1000);
  try {
    for (const step of steps) updateInPlace("sgd", weights, { step });
  } finally {
    tf.env().set("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE", batch);
  }
  const sum = steps.reduce((sum, step) => sum + step);
  assertEquals([...await value.data()], Array(4).fill(sum));
  tf.dispose([value, one]);
});

onFew(
  "numbers stay theirs where a submission comes between launches",
  async () => {
    const flag = "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE";
    const batch = tf.env().getNumber(flag);
    const draw = () =>
      Array.from({ length: 24 }, (_, i) => {
        const [value, gradient] = [tf.zeros([8 * i + 5]), tf.ones([8 * i + 5])];
        return { value, gradient, states: [] };
      });
    const found = await alone(async () => {
      const weights = [draw(), draw()];
      tf.env().set(flag, 4);
      try {
        // Each begins at another place between two submissions.
        for (let step = 1; step <= 8; step++) {
          updateInPlace("sgd", weights[0]!, { step });
          updateInPlace("sgd", weights[1]!.slice(step), { step: 100 * step });
        }
      } finally {
        tf.env().set(flag, batch);
      }
      const all = weights.flat();
      const values = await read(all.map(({ value }) => value));
      tf.dispose(all.map((weight) => Object.values(weight)));
      return values.map(([first]) => first!);
    });
    const sums = Array.from({ length: 24 }, (_, i) => {
      const steps = Math.min(i, 8);
      return 100 * steps * (steps + 1) / 2;
    });
    assertEquals(found, [...Array<number>(24).fill(36), ...sums]);
  },
);

onFew(
  "without memory for a common buffer, no weight reads as something else",
  async () => {
    // Of a size that no free buffer has.
    const [a, b, c, d] = [1, 2, 3, 4].map((x) => tf.fill([77_777], x));
    await read([a!, b!, c!, d!]);
    const { device } = backend();
    const create = device.createBuffer;
    // The device tells only later that there is no such buffer.
    device.createBuffer = (descriptor) =>
      create.call(device, { ...descriptor, size: 2 ** 50 });
    runKernel(JOIN, { 0: a!, 1: b! });
    device.createBuffer = create;
    assert(isInCommonBuffer(b!));
    await assertRejects(() => b!.data(), GpuError);
    assertEquals((await c!.data())[77_776], 3);
    tf.dispose([a!, b!]);
    runKernel(JOIN, { 0: c!, 1: d! });
    assertEquals((await d!.data())[0], 4);
    tf.dispose([c!, d!]);
  },
);
