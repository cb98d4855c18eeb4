/** After an exception all is as before, and training can go on. @module */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tfl from "@tensorflow/tfjs-layers";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { batchesInOrder, datasetOf } from "../../lib/data/mod.ts";
import type { Batch } from "../../lib/data/batches/stream.ts";
import {
  accuracy,
  Adam,
  crossEntropy,
  evaluate,
  type Loss,
  type Metric,
  train,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { BACKENDS, onEachBackend } from "../backends.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  weightsOf,
  withFolder,
} from "./tiny.ts";

class Thrown extends Error {}

/** What an exception must not change. */
function engineState(): Record<string, unknown> {
  const { gradientDepth, kernelDepth, activeTape, scopeStack } =
    tf.engine().state;
  const { numTensors, numDataBuffers } = tf.memory();
  return {
    numTensors,
    numDataBuffers,
    gradientDepth,
    kernelDepth,
    hasTape: activeTape != null,
    scopes: scopeStack.length,
  };
}

/** A loss that computes something, and throws when it is called the nth time. */
function throwingLoss(nth: number, where: "forward" | "backward"): Loss {
  let calls = 0;
  const loss = crossEntropy();
  return Object.assign((predictions: tf.Tensor, labels: tf.Tensor) => {
    const value = loss(predictions, labels);
    if (++calls < nth) return value;
    if (where === "forward") throw new Thrown();
    return tf.customGrad((x, save) => {
      (save as tf.GradSaveFunc)([x as tf.Tensor]);
      const gradFunc = (): tf.Tensor => {
        throw new Thrown();
      };
      return { value: tf.mul(x as tf.Tensor, 1), gradFunc };
    })(value) as tf.Scalar;
  }, { count: loss.count! });
}

const throws = () => {
  throw new Thrown();
};

const CASES: Record<string, (folder: string) => Partial<TrainOptions>> = {
  "a loss": () => ({ loss: throwingLoss(6, "forward") }),
  "the gradient of a loss": () => ({ loss: throwingLoss(6, "backward") }),
  "the count of a loss": () => ({
    loss: Object.assign(throwingLoss(99, "forward"), { count: throws }),
  }),
  "a metric": () => ({
    evaluate: {
      data: tinyPass,
      every: 2,
      metrics: { first: accuracy(), second: throws },
    },
  }),
  "evaluation data": () => ({
    evaluate: {
      async *data() {
        yield await Promise.resolve(tinyBatch(-1));
        throw new Thrown();
      },
    },
  }),
  "a schedule": () => ({
    optimizer: { learningRate: (step) => step < 3 ? 0.01 : throws() },
  }),
  "onBatchBegin": () => ({
    callbacks: { onBatchBegin: (batch) => batch < 3 ? undefined : throws() },
  }),
  "onBatchEnd": () => ({
    callbacks: { onBatchEnd: (batch) => batch < 3 ? undefined : throws() },
  }),
  "onTrainBegin": () => ({ callbacks: { onTrainBegin: throws } }),
  "progress that begins": () => ({
    progress: { begin: throws, update() {}, end() {} },
  }),
  "progress that goes on": () => ({
    progress: { begin() {}, update: throws, end() {} },
  }),
  "progress that ends": () => ({
    progress: { begin() {}, update() {}, end: throws },
  }),
};

for (const [name, options] of Object.entries(CASES)) {
  onEachBackend(
    `an exception of ${name} leaves nothing behind`,
    () =>
      withFolder(async (folder) => {
        const model = tinyModel({ depth: 1 });
        const before = engineState();
        for (let i = 0; i < 2; i++) {
          await assertRejects(
            () =>
              train(model, tinyData(), {
                ...tinyOptions(options(folder)),
                checkpoints: { folder: `${folder}/${i}`, every: 2 },
              }),
            Thrown,
          );
          assertEquals(engineState(), before);
        }
        await trainsOn(model);
        model.dispose();
      }),
    name.includes("loss") ? BACKENDS : ["wasm", "cpu"],
  );
}

/** Trains a model a few steps more, without an exception. */
async function trainsOn(model: LayersModel): Promise<void> {
  const { losses } = await train(
    model,
    tinyData(),
    tinyOptions({ steps: 2, optimizer: { warmUpSteps: 0 } }),
  );
  assertEquals(losses.length, 2);
  assert((await weightsOf(model)).flat().every(Number.isFinite));
}

onEachBackend(
  "an exception of a data source leaves nothing behind",
  async () => {
    const model = tinyModel({ depth: 1 });
    const before = engineState();
    await assertRejects(
      () =>
        train(
          model,
          tinyData((position) => position < 3 ? tinyBatch(position) : throws()),
          tinyOptions(),
        ),
      Thrown,
    );
    assertEquals(engineState(), before);
    await trainsOn(model);
    model.dispose();
  },
  ["wasm", "cpu"],
);

onEachBackend("an exception in a model leaves nothing behind", async () => {
  const model = tinyModel({ depth: 1 });
  const last = model.layers.at(-1)!;
  const call = last.call.bind(last);
  const before = engineState();
  last.call = (inputs, options) => {
    call(inputs, options);
    throw new Thrown();
  };
  await assertRejects(() => train(model, tinyData(), tinyOptions()), Thrown);
  await assertRejects(
    () => evaluate(model, tinyPass(), { loss: crossEntropy() }),
    Thrown,
  );
  assertEquals(engineState(), before);
  last.call = call;
  await trainsOn(model);
  model.dispose();
}, ["wasm", "cpu"]);

onEachBackend("an exception in evaluate() leaves nothing behind", async () => {
  const model = tinyModel({ depth: 1 });
  const before = engineState();
  let calls = 0;
  const second: Metric = (predictions, labels) => {
    if (++calls === 2) throw new Thrown();
    return accuracy()(predictions, labels);
  };
  const metrics = { first: accuracy(), second };
  await assertRejects(
    () => evaluate(model, tinyPass(), { loss: crossEntropy(), metrics }),
    Thrown,
  );
  assertEquals(engineState(), before);
  model.dispose();
}, ["wasm", "cpu"]);

onEachBackend("an exception in Adam.minimize() leaves nothing behind", () => {
  const x = tf.tidy(() => tf.variable(tf.scalar(2)));
  const adam = new Adam();
  const before = engineState();
  for (let i = 0; i < 3; i++) {
    assertThrows(() =>
      adam.minimize(() => {
        tf.exp(tf.square(x));
        throw new Thrown();
      }), Thrown);
    assertEquals(engineState(), before);
  }
  adam.minimize(() => tf.square(x));
  adam.dispose();
  x.dispose();
}, ["wasm", "cpu"]);

onEachBackend(
  "an exception in tf.grad() or model.fit() leaves nothing behind",
  async () => {
    const x = tf.tensor1d([1, 2]);
    const model = tfl.sequential({
      layers: [tfl.layers.dense({ units: 1, inputShape: [2] })],
    });
    const xs = tf.ones([4, 2]), ys = tf.ones([4, 1]);
    let throwing = false;
    model.compile({
      optimizer: new Adam(),
      loss: (y, predictions) => {
        const loss = tf.losses.meanSquaredError(y, predictions);
        if (throwing) throw new Thrown();
        return loss as tf.Tensor;
      },
    });
    await model.fit(xs, ys, { epochs: 1, verbose: 0 });
    throwing = true;
    const before = engineState();
    // What is kept by the function itself is its own.
    const kept: tf.Tensor[] = [];
    const grad = tf.grad((x) => {
      kept.push(tf.keep(tf.exp(x)));
      // The inner gradient is taken within the outer one's tape.
      tf.grad((y) => tf.square(tf.sin(y)))(tf.square(x));
      throw new Thrown();
    });
    for (let i = 0; i < 3; i++) {
      assertThrows(() => tf.tidy(() => grad(x)), Thrown);
      assertEquals([...await kept[i]!.data()].length, 2);
    }
    tf.dispose(kept);
    assertEquals(engineState(), before);
    for (let i = 0; i < 3; i++) {
      // fit() leaves the order of its batches, which a scope frees; what is kept
      // it would not.
      tf.engine().startScope();
      await assertRejects(
        () => model.fit(xs, ys, { epochs: 1, verbose: 0 }),
        Thrown,
      );
      tf.engine().endScope();
      assertEquals(engineState(), before);
    }
    tf.dispose([x, xs, ys]);
    model.dispose();
    model.optimizer.dispose();
  },
  ["wasm", "cpu"],
);

onEachBackend("an exception in collate() leaves nothing behind", async () => {
  const batches = batchesInOrder(datasetOf([1, 2, 3]), {
    batchSize: 2,
    collate: (examples): Batch => {
      const inputs = [tf.tensor1d([...examples])];
      if (examples.includes(3)) throw new Thrown();
      return { inputs, labels: tf.zeros([2]), size: 2 };
    },
  });
  const before = engineState();
  await assertRejects(async () => {
    for await (const { inputs, labels } of batches) {
      tf.dispose([...inputs, labels]);
    }
  }, Thrown);
  assertEquals(engineState(), before);
}, ["cpu"]);

/** Runs with a WebAssembly whose allocations fail from the nth on. */
async function withAllocations<T>(
  nth: number,
  run: () => Promise<T>,
): Promise<T> {
  const { wasm } = tf.backend() as BackendWasm;
  const module = wasm as unknown as { _malloc(bytes: number): number };
  const allocate = module._malloc;
  let left = nth;
  module._malloc = (bytes) => {
    if (left-- <= 0) {
      throw new RangeError(`WebAssembly has no ${bytes} bytes left`);
    }
    return allocate(bytes);
  };
  try {
    return await run();
  } finally {
    module._malloc = allocate;
  }
}

/** A batch, or an exception and none of its tensors. */
function whole(position: number, size: number): Batch {
  return tf.tidy(() => tinyBatch(position, size) as Batch & tf.TensorContainer);
}

onEachBackend(
  "after a buffer that no GPU has, smaller batches train",
  async () => {
    const model = tinyModel({ depth: 1 });
    await trainsOn(model);
    const before = engineState();
    const loss: Loss = (predictions, labels) =>
      tf.tidy(() => {
        // 16 GiB, as of a batch that is far too large.
        const large = tf.fill([2 ** 16, 2 ** 16], 0);
        const sum = tf.sum(tf.mul(large, tf.mean(predictions)));
        return tf.add(crossEntropy()(predictions, labels), sum);
      });
    for (let i = 0; i < 2; i++) {
      await assertRejects(
        () => train(model, tinyData(), tinyOptions({ loss })),
        RangeError,
        "more than this adapter's",
      );
      assertEquals(engineState(), before);
      await assertRejects(
        () => evaluate(model, tinyPass(), { loss }),
        RangeError,
      );
      assertEquals(engineState(), before);
    }
    await trainsOn(model);
    model.dispose();
  },
  ["webgpu"],
);

onEachBackend(
  "after memory ran out, wherever it did, smaller batches train",
  async () => {
    const model = tinyModel({ depth: 1 });
    await trainsOn(model);
    const { numTensors, gradientDepth, hasTape, scopes } = engineState();
    let failures = 0;
    for (let nth = 0, failed = true; failed; nth += 1 + nth % 7) {
      failed = await withAllocations(
        nth,
        () =>
          train(
            model,
            tinyData((position) => whole(position, 8)),
            tinyOptions({
              steps: 2,
              optimizer: { warmUpSteps: 0 },
              evaluate: {
                async *data() {
                  yield await Promise.resolve(whole(-1, 4));
                },
                metrics: { accuracy: accuracy() },
              },
            }),
          ),
      ).then(() => false, (error) => {
        assert(error instanceof RangeError, `${error}`);
        failures++;
        return true;
      });
      const after = engineState();
      assertEquals(
        [
          after["numTensors"],
          after["gradientDepth"],
          after["hasTape"],
          after["scopes"],
        ],
        [numTensors, gradientDepth, hasTape, scopes],
        `at allocation ${nth}`,
      );
    }
    assert(failures > 100, `${failures}`);
    await trainsOn(model);
    model.dispose();
  },
  {
    only: ["wasm"],
    dataLeftBy:
      "tfjs-wasm's Pack and Concat, which keep references to what they joined when they fail",
  },
);
