/** Options of training are checked by name and kind. @module */
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  accuracy,
  Adam,
  crossEntropy,
  evaluate,
  loadCheckpoint,
  meanSquaredError,
  train,
  type TrainOptions,
  warmUpCosine,
} from "../../lib/training/mod.ts";
import type { EvaluateOptions } from "../../lib/training/evaluate.ts";
import type { BatchStream } from "../../lib/data/batches/stream.ts";
import { onCpu } from "../io/files.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  withFolder,
} from "./tiny.ts";

/** Options that the compiler would not let pass. */
// deno-lint-ignore no-explicit-any
type Unchecked = any;

onCpu(
  "train() names an unknown option, and the nearest known one",
  async () => {
    const model = tinyModel({ depth: 1 });
    const cases: [Unchecked, string][] = [
      [{ epoch: 1 }, 'train has no option "epoch"; did you mean "epochs"?'],
      [
        { optimizer: { lr: 1 } },
        'train\'s optimizer has no option "lr"; did you mean "learningRate"?',
      ],
      [{ optimizer: { decay: 1 } }, 'did you mean "decays"?'],
      [
        { ema: { decays: 0.9 } },
        'train\'s ema has no option "decays"; did you mean "decay"?',
      ],
      [{ ema: 0.9 }, "options of train's ema should be an object"],
      [{ evaluate: { data: tinyPass, metric: {} } }, 'did you mean "metrics"?'],
      [
        { checkpoints: { folder: "x", evry: 1 } },
        'train\'s checkpoints has no option "evry"; did you mean "every"?',
      ],
      [
        { checkpoints: "runs" },
        "options of train's checkpoints should be an object",
      ],
      [{ callbacks: { onEpochEnds() {} } }, 'did you mean "onEpochEnd"?'],
      [{ callbacks: { onYield() {} } }, 'has no option "onYield"'],
      [
        { callbacks: { onBatchEnd: 1 } },
        "train's callback onBatchEnd should be a function, got number",
      ],
      [
        { loss: "crossEntropy" },
        "train's loss should be a function, got string",
      ],
      [{ loss: undefined }, "train's loss should be a function, got undefined"],
      [
        { optimizer: { learningRate: "1e-3" } },
        "learningRate should be a function, got string",
      ],
      [{ optimizer: { decays: true } }, "decays should be a function"],
      [{ optimizer: { clipNorm: "1" } }, "clipNorm should be a number"],
      [{ ema: { decay: "0.9" } }, "ema's decay should be a number"],
      [
        { evaluate: { data: tinyPass() } },
        "train's evaluate data should be a function that returns one pass, such as () => batchesInOrder(…), got",
      ],
      [
        { evaluate: { data: tinyPass, metrics: { a: 1 } } },
        "metrics' a should be a function",
      ],
      [
        { checkpoints: { folder: 1 } },
        "checkpoints.folder should be a path, got number",
      ],
      [{ log: 1 }, "log should be a path, got number"],
      [{ progress: "yes" }, "progress should be true, false"],
      [{ progress: {} }, "progress's begin should be a function"],
    ];
    for (const [options, message] of cases) {
      await assertRejects(
        () => train(model, tinyData(), { ...tinyOptions(), ...options }),
        TypeError,
        message,
      );
    }
    for (
      const [options, name] of [
        [{ checkpoints: { folder: "" } }, "checkpoints.folder"],
        [{ log: "" }, "log"],
      ] as const
    ) {
      await assertRejects(
        () => train(model, tinyData(), { ...tinyOptions(), ...options }),
        RangeError,
        `${name} should be a path, got ""`,
      );
    }
    await assertRejects(
      () => loadCheckpoint(model, ""),
      RangeError,
      'path should be a path, got ""',
    );
    await assertRejects(
      () => train(model, tinyPass() as Unchecked as BatchStream, tinyOptions()),
      TypeError,
      "train's data should be a stream such as shuffledBatches",
    );
    await assertRejects(
      () => train(model, { ...tinyData(), stepsPerEpoch: NaN }, tinyOptions()),
      RangeError,
      "data's stepsPerEpoch should be an integer from 1",
    );
    await assertRejects(
      () => train(model, tinyData(), undefined as Unchecked as TrainOptions),
      TypeError,
      "options of train should be an object",
    );
    model.dispose();
  },
);

onCpu(
  "evaluate(), losses, schedules and Adam name unknown options",
  async () => {
    const model = tinyModel({ depth: 1 });
    const loss = crossEntropy();
    const cases: [Unchecked, string][] = [
      [
        { loss, metric: {} },
        'evaluate has no option "metric"; did you mean "metrics"?',
      ],
      [{ metrics: {} }, "evaluate's loss should be a function, got undefined"],
      [
        { loss, metrics: { a: 1 } },
        "metrics' a should be a function, or { collect, result } of a whole set, got number",
      ],
    ];
    for (const [options, message] of cases) {
      await assertRejects(
        () => evaluate(model, tinyPass(), options as EvaluateOptions),
        TypeError,
        message,
      );
    }
    await assertRejects(
      () =>
        evaluate(model, tinyPass(), { loss, metrics: { loss: accuracy() } }),
      RangeError,
      "metrics should not be named loss",
    );
    model.dispose();
    const makers: [() => unknown, string][] = [
      [
        () => crossEntropy({ smoothing: 0.1 } as Unchecked),
        'did you mean "labelSmoothing"?',
      ],
      [
        () => crossEntropy(0.1 as Unchecked),
        "options of crossEntropy should be an object",
      ],
      [() => new Adam({ lr: 1 } as Unchecked), 'did you mean "learningRate"?'],
      [
        () =>
          warmUpCosine({ learningRate: 1, steps: 2, warmup: 1 } as Unchecked),
        'did you mean "warmUpSteps"?',
      ],
    ];
    for (const [make, message] of makers) {
      assertThrows(make, TypeError, message);
    }
    for (const learningRate of [NaN, -1, Infinity]) {
      assertThrows(
        () => warmUpCosine({ learningRate, steps: 2 }),
        RangeError,
        `learningRate should be 0 or more, got ${learningRate}`,
      );
    }
  },
);

/** Batches of which one has a wrong label. */
function mislabelled(bad: number, label: number): BatchStream {
  return tinyData((position) => {
    const { labels, ...batch } = tinyBatch(position);
    if (position !== bad) return { labels, ...batch };
    labels.dispose();
    return { ...batch, labels: tf.tensor1d([0, 1, label, 2], "int32") };
  });
}

onCpu(
  "wrong labels are named by train(), not the learning rate",
  () =>
    withFolder(async (folder) => {
      for (const label of [3, -1, 2 ** 30]) {
        for (const accumulate of [1, 2]) {
          const model = tinyModel({ depth: 1 });
          const before = tf.memory().numTensors;
          const runs = `${folder}/${label} ${accumulate}`;
          await assertRejects(
            () =>
              train(
                model,
                mislabelled(6 * accumulate - 1, label),
                tinyOptions({
                  optimizer: { accumulate },
                  checkpoints: { folder: runs, every: 4 },
                }),
              ),
            RangeError,
            `labels of step 6 should be classes of the model, integers from 0 to 2, or -100 where they do not count, got ${label} at [2]; the step was not taken, the weights are those of step 5`,
          );
          assertEquals(tf.memory().numTensors, before);
          model.dispose();
        }
      }
    }),
);

onCpu("wrong labels are named by evaluate()", async () => {
  const model = tinyModel({ depth: 1 });
  async function* batches() {
    const stream = mislabelled(2, 7).from(0)[Symbol.asyncIterator]();
    for (let i = 0; i < 4; i++) yield (await stream.next()).value;
  }
  const before = tf.memory().numTensors;
  await assertRejects(
    () => evaluate(model, batches(), { loss: crossEntropy() }),
    RangeError,
    "labels of evaluation batch 2, from 0, should be classes of the model, integers from 0 to 2, or -100 where they do not count, got 7 at [2]",
  );
  assertEquals(tf.memory().numTensors, before);
  await assertRejects(
    () =>
      train(
        model,
        tinyData(),
        tinyOptions({ steps: 4, evaluate: { data: batches } }),
      ),
    RangeError,
    "labels of evaluation batch 2, from 0, should be",
  );
  assertEquals(tf.memory().numTensors, before);
  model.dispose();
});

onCpu("an own loss that returns no mean is named", async () => {
  const model = tinyModel({ depth: 1 });
  const losses: [Unchecked, string][] = [
    [(predictions: tf.Tensor) => tf.mean(predictions, 1), "tensor of shape"],
    [
      (predictions: tf.Tensor) => Promise.resolve(tf.mean(predictions)),
      "Promise",
    ],
    [() => undefined, "got undefined"],
  ];
  const before = tf.memory().numTensors;
  for (const [loss, got] of losses) {
    for (
      const run of [
        () => train(model, tinyData(), tinyOptions({ loss })),
        () => evaluate(model, tinyPass(), { loss }),
      ]
    ) {
      const error = await assertRejects(
        run,
        TypeError,
        "loss should return a scalar",
      );
      assertStringIncludes(error.message, got);
      if (got !== "Promise") assertEquals(tf.memory().numTensors, before);
    }
  }
  model.dispose();
});

onCpu(
  "labels that are no numbers are named by meanSquaredError()",
  async () => {
    const data = (value: number) =>
      tinyData((position) => {
        const { labels, ...batch } = tinyBatch(position);
        labels.dispose();
        const values = new Float32Array(12);
        if (position === 3) values[7] = value;
        return { ...batch, labels: tf.tensor2d(values, [4, 3]) };
      });
    for (const value of [NaN, Infinity]) {
      const model = tinyModel({ depth: 1 });
      await assertRejects(
        () =>
          train(
            model,
            data(value),
            tinyOptions({
              loss: meanSquaredError(),
              optimizer: { accumulate: 1 },
            }),
          ),
        RangeError,
        `labels of step 4 should be finite, got ${value} at [2,1]; the step was not taken, the weights are those of step 3`,
      );
      model.dispose();
    }
  },
);
