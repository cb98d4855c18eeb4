import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import type { Batch } from "../../lib/data/batches/stream.ts";
import {
  accuracy,
  crossEntropy,
  DivergenceError,
  evaluate,
  loadCheckpoint,
  train,
} from "../../lib/training/mod.ts";
import type { ProgressState } from "../../lib/training/reports/progress.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import {
  logOf,
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  weightsOf,
  withFolder,
} from "./tiny.ts";

onCpu(
  "train() ends after the step in which its signal comes",
  () =>
    withFolder(async (folder) => {
      const model = tinyModel();
      const stop = new AbortController();
      const result = await train(
        model,
        tinyData((position) => {
          if (position === 8) stop.abort();
          return tinyBatch(position);
        }),
        tinyOptions({
          signal: stop.signal,
          checkpoints: { folder, every: 100 },
          log: `${folder}/log`,
        }),
      );
      assertEquals(result.steps, 5);
      assertEquals(result.aborted, true);
      assertEquals(result.losses.length, 5);
      assertEquals(result.checkpoint, `${folder}/step-000005`);
      assertEquals((await logOf(`${folder}/log`)).length, 5);

      const none = await train(model, tinyData(), {
        ...tinyOptions(),
        signal: AbortSignal.abort(),
      });
      assertEquals([none.steps, none.aborted], [0, true]);
      model.dispose();
    }),
);

onCpu("train() lets a timer abort it", async () => {
  const model = tinyModel();
  const { aborted, steps } = await train(model, tinyData(), {
    ...tinyOptions({ steps: 1e6 }),
    signal: AbortSignal.timeout(600),
  });
  assertEquals(aborted, true);
  assert(steps > 0);
  model.dispose();
});

/** A stream with a bad batch. */
function poisoned(bad: number) {
  return tinyData((position): Batch => {
    const { inputs: [values, mask], ...rest } = tinyBatch(position);
    if (position !== bad) return { inputs: [values!, mask!], ...rest };
    values!.dispose();
    return { inputs: [tf.fill([4, 5, 2], NaN), mask!], ...rest };
  });
}

onEachBackend(
  "train() stops where a loss is not finite",
  () =>
    withFolder(async (folder) => {
      const model = tinyModel({ depth: 1 });
      const options = tinyOptions({
        checkpoints: { folder, every: 3 },
        log: `${folder}/log`,
        optimizer: { accumulate: 1, learningRate: () => 0.01 },
      });
      const error = await assertRejects(
        () => train(model, poisoned(7), options),
        DivergenceError,
        "step 8 reached loss NaN and gradient norm NaN with learning rate 0.01",
      );
      const checkpoint = `${folder}/step-000006`;
      assertEquals(error.divergence, {
        step: 8,
        loss: NaN,
        gradientNorm: NaN,
        learningRate: 0.01,
        checkpoint,
      });
      assertStringIncludes(error.message, `${checkpoint}, is from before`);
      assertEquals((await logOf(`${folder}/log`)).length, 7);
      await loadCheckpoint(model, checkpoint);
      const weights = (await weightsOf(model)).flat();
      assert(weights.every(Number.isFinite));

      // Without checkpoints, and with gradients alone that are not finite.
      const root = tinyModel({ depth: 1 });
      await assertRejects(
        () =>
          train(root, tinyData(), {
            ...options,
            loss: (predictions) => tf.sum(tf.sqrt(tf.mul(predictions, 0))),
            checkpoints: undefined!,
          }),
        DivergenceError,
        "step 1 reached loss 0 and gradient norm",
      );
      model.dispose();
      root.dispose();
    }),
);

onCpu("train() calls callbacks in the order of model.fit", async () => {
  const calls: string[] = [];
  const callback = (name: string) => (first?: unknown, logs?: unknown) => {
    const keys = Object.keys((logs ?? {}) as object).join(" ");
    calls.push(`${name} ${first ?? ""} ${keys}`.trim());
  };
  const model = tinyModel();
  await train(
    model,
    { ...tinyData(), stepsPerEpoch: 5 },
    tinyOptions({
      steps: 3,
      optimizer: { warmUpSteps: 0 },
      evaluate: { data: tinyPass, metrics: { accuracy: accuracy() } },
      callbacks: {
        onTrainBegin: callback("train begins"),
        onTrainEnd: callback("train ends"),
        onEpochBegin: callback("epoch begins"),
        onEpochEnd: callback("epoch ends"),
        onBatchBegin: callback("batch begins"),
        onBatchEnd: callback("batch ends"),
      },
    }),
  );
  const batch = "batch size step loss learningRate gradientNorm";
  assertEquals(calls, [
    "train begins",
    "epoch begins 0",
    "batch begins 0",
    `batch ends 0 ${batch}`,
    "batch begins 1",
    `batch ends 1 ${batch}`,
    "epoch ends 0 loss val_loss val_accuracy",
    "epoch begins 1",
    "batch begins 0",
    `batch ends 0 ${batch}`,
    "epoch ends 1 loss val_loss val_accuracy",
    "train ends",
  ]);
  model.dispose();
});

onCpu("train() tells its progress", async () => {
  const states: (ProgressState | string)[] = [];
  const model = tinyModel();
  const { losses, evaluation } = await train(
    model,
    tinyData(),
    tinyOptions({
      steps: 10,
      evaluate: { data: tinyPass, metrics: { accuracy: accuracy() } },
      progress: {
        begin: ({ step, steps }) => states.push(`${step} of ${steps}`),
        update: (state) => states.push(state),
        end: () => void states.push("end"),
      },
    }),
  );
  const [begin, ...rest] = states;
  assertEquals([begin, rest.pop()], ["0 of 10", "end"]);
  const last = rest.at(-1) as ProgressState;
  assertEquals([last.step, last.steps, last.secondsLeft], [10, 10, 0]);
  assertEquals(last.loss, losses.at(-1));
  assertEquals(last.evaluation, evaluation);
  assert(last.examplesPerSecond > 0);
  model.dispose();
});

onEachBackend("what is evaluated is what the model ends with", async () => {
  const model = tinyModel({ depth: 1 });
  const metrics = { accuracy: accuracy() };
  const loss = crossEntropy();
  const { evaluation } = await train(
    model,
    tinyData(),
    tinyOptions({ steps: 4, loss, evaluate: { data: tinyPass, metrics } }),
  );
  assertEquals(
    await evaluate(model, tinyPass(), { loss, metrics }),
    evaluation,
  );
  model.dispose();
});

onCpu("evaluate() weighs each label the same", async () => {
  const model = tinyModel({ depth: 1 });
  const sizes = [5, 2, 7];
  async function* batches() {
    for (const [i, size] of sizes.entries()) {
      yield await Promise.resolve(tinyBatch(i, size, 0.5));
    }
  }
  const means = await evaluate(model, batches(), {
    loss: crossEntropy(),
    metrics: { accuracy: accuracy() },
  });
  const sums = { loss: 0, right: 0, count: 0 };
  for (const [i, size] of sizes.entries()) {
    const { inputs, labels } = tinyBatch(i, size, 0.5);
    const logits = model.predict([...inputs]) as tf.Tensor2D;
    const [rows, wanted] = await Promise.all([logits.array(), labels.data()]);
    rows.forEach((row, j) => {
      const label = wanted[j]!;
      if (label === -100) return;
      const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
      sums.loss += Math.log(total) - row[label]!;
      sums.right += Number(row[label] === Math.max(...row));
      sums.count++;
    });
    tf.dispose([...inputs, labels, logits]);
  }
  assertAlmostEquals(means["loss"]!, sums.loss / sums.count, 1e-6);
  assertEquals(means["accuracy"], sums.right / sums.count);
  model.dispose();
});

onCpu("accuracy() is not of labels of another shape", () => {
  tf.tidy(() => {
    const logits = tf.zeros([4, 4]);
    for (const shape of [[4, 1], [4, 4], [1]]) {
      assertThrows(
        () => accuracy()(logits, tf.zeros(shape, "int32")),
        TypeError,
        `labels of predictions [4,4] should have shape [4], got [${shape}]`,
      );
    }
  });
});

onCpu("train() names the option that is impossible", async () => {
  const model = tinyModel({ depth: 1 });
  const cases: [string, Parameters<typeof tinyOptions>[0]][] = [
    ["steps or epochs, got both", { epochs: 1 }],
    ["steps should be an integer from 1", { steps: 0 }],
    ["accumulate should be", { optimizer: { accumulate: 1.5 } }],
    ["clipNorm should be above 0", { optimizer: { clipNorm: 0 } }],
    ["beta1 should be in [0, 1)", { optimizer: { beta1: 1 } }],
    ["warmUpSteps should be in", { optimizer: { warmUpSteps: 20 } }],
    ["ema's decay should be in [0, 1)", { ema: { decay: 1 } }],
    ["evaluate.every should be", { evaluate: { data: tinyPass, every: 0 } }],
    ["checkpoints.keep should be", { checkpoints: { folder: ".", keep: 0 } }],
  ];
  for (const [message, options] of cases) {
    await assertRejects(
      () => train(model, tinyData(), tinyOptions(options)),
      RangeError,
      message,
    );
  }
  await assertRejects(
    () =>
      train(model, {
        stepsPerEpoch: 1,
        async *from() {
          yield await Promise.resolve(tinyBatch(0));
        },
      }, tinyOptions()),
    RangeError,
    "data should be endless, ended after 1 batches",
  );
  const inputs = tfl.input({ shape: [2] });
  const outputs = [1, 2].map((units) =>
    tfl.layers.dense({ units }).apply(inputs) as tfl.SymbolicTensor
  );
  const forked = tfl.model({ inputs, outputs });
  await assertRejects(
    () => train(forked, tinyData(), tinyOptions()),
    TypeError,
    "should have one output, got 2",
  );
  model.dispose();
  forked.dispose();
});
