/** The best weights are kept, and training ends where it no longer gets better. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { Communicator } from "../../lib/base/communicator.ts";
import {
  accuracy,
  loadCheckpoint,
  type SetMetric,
  train,
  type TrainingResult,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { namesIn, onCpu } from "../io/files.ts";
import { inProcessRanks } from "./in_process.ts";
import {
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  weightsOf,
  withFolder,
} from "./tiny.ts";

/** A metric that has these values, one evaluation after another, after one that tries it. */
function scripted(values: readonly number[]): SetMetric {
  let evaluation = -1;
  return {
    collect: (_, labels) => [labels],
    result: () => values[evaluation++]!,
  };
}

const OPTIMIZER = { learningRate: () => 0.05, accumulate: 1 };

/** Trains a new model; returns its weights, too. */
async function run(
  options: Partial<TrainOptions>,
): Promise<TrainingResult & { readonly weights: number[][] }> {
  const model = tinyModel({ depth: 1 });
  try {
    const result = await train(
      model,
      tinyData(),
      tinyOptions({ optimizer: OPTIMIZER, ...options }),
    );
    return { ...result, weights: await weightsOf(model) };
  } finally {
    model.dispose();
  }
}

onEachBackend("the model has the weights of the best evaluation", async () => {
  const cases: [
    TrainOptions["best"],
    TrainOptions["ema"],
    values: number[],
    step: number,
    steps: number,
  ][] = [
    // Best at step 4; the third evaluation in a row that is not better is at 10.
    [{ patience: 3 }, { decay: 0.9 }, [1, 3, 2, 3, NaN, 9], 4, 10],
    [
      { patience: 3, mode: "min" },
      undefined,
      [2, 1, 1, Infinity, -Infinity],
      ...[4, 10] as const,
    ],
    [{}, undefined, [1, 2, 3, 5, 4, 5, 4], 8, 14],
    [{ patience: 1 }, undefined, [NaN, 1], 0, 2],
  ];
  for (const [best, ema, values, step, steps] of cases) {
    const result = await run({
      steps: 14,
      ema,
      best: { metric: "m", ...best },
      evaluate: { data: tinyPass, every: 2, metrics: { m: scripted(values) } },
    });
    assertEquals(
      [result.steps, result.stoppedEarly, result.aborted],
      [steps, steps < 14, false],
    );
    const expected = await run({ ema, steps: step || steps });
    assertEquals(result.weights, expected.weights);
    assertEquals(
      result.best,
      step ? { step, value: values[step / 2 - 1]! } : undefined,
    );
  }
}, ["cpu"]);

/** Options by which the best is not the last, as the first test below asserts. */
function resumable(folder: string): Partial<TrainOptions> {
  return {
    steps: 40,
    ema: undefined,
    checkpoints: { folder: `${folder}/runs`, every: 3, resume: true },
    evaluate: { data: tinyPass, metrics: { accuracy: accuracy() }, every: 2 },
    best: { patience: 6 },
    log: `${folder}/log`,
  };
}

onCpu(
  "a run that is resumed ends with the same best weights, at the same step",
  () =>
    withFolder(async (folder) => {
      const [whole, parted, evaluated] = ["whole", "parted", "evaluated"].map(
        (name) => `${folder}/${name}`,
      );
      for (const path of [whole, parted, evaluated]) await Deno.mkdir(path!);
      const expected = await run(resumable(whole!));
      assert(expected.stoppedEarly && expected.steps < 40, `${expected.steps}`);
      assertEquals(expected.steps, expected.best!.step + 12);
      const last = `step-${`${expected.steps}`.padStart(6, "0")}`;

      const same = async (path: string, result: typeof expected) => {
        assertEquals(result.weights, expected.weights);
        assertEquals(
          [result.best, result.steps, result.stoppedEarly],
          [expected.best, expected.steps, true],
        );
        for (const file of [`runs/${last}/state.safetensors`, "log"]) {
          assertEquals(
            await Deno.readFile(`${path}/${file}`),
            await Deno.readFile(`${whole}/${file}`),
          );
        }
      };
      // Aborted after some steps, by those of which an evaluation would follow, too.
      const stops = [1, 2, 5, expected.best!.step, expected.best!.step + 5];
      for (const until of stops) {
        const stop = new AbortController();
        const onBatchEnd: NonNullable<TrainOptions["callbacks"]>["onBatchEnd"] =
          (
            _,
            logs,
          ) => {
            if (logs!["step"] === until) stop.abort();
          };
        await run({
          ...resumable(parted!),
          signal: stop.signal,
          callbacks: { onBatchEnd },
        });
      }
      await same(parted!, await run(resumable(parted!)));
      // There is nothing left to do.
      const again = await run(resumable(parted!));
      assertEquals(again.losses.length, 0);
      await same(parted!, again);

      // Aborted while an evaluation waits for its data.
      for (let i = 0; i < 3; i++) {
        const stop = new AbortController();
        const { aborted } = await run({
          ...resumable(evaluated!),
          signal: stop.signal,
          evaluate: {
            ...resumable(evaluated!).evaluate!,
            async *data() {
              yield* tinyPass();
              stop.abort();
              await new Promise(() => {});
            },
          },
        });
        assertEquals(aborted, true);
      }
      await same(evaluated!, await run(resumable(evaluated!)));

      const model = tinyModel({ depth: 1 });
      await loadCheckpoint(model, expected.checkpoint!, { best: true });
      assertEquals(await weightsOf(model), expected.weights);
      await loadCheckpoint(model, expected.checkpoint!);
      const { weights } = await run({
        ...{ steps: expected.steps, ema: undefined },
      });
      assertEquals(await weightsOf(model), weights);
      model.dispose();

      const other = { ...resumable(parted!), best: { patience: 7 } };
      await assertRejects(
        () => run(other),
        RangeError,
        'best.patience was "6", is "7"',
      );
      await assertRejects(
        () => run({ ...resumable(parted!), best: undefined }),
        RangeError,
        "best.metric was",
      );
    }),
);

onCpu(
  "ranks keep the same weights, also where they are resumed",
  () =>
    withFolder(async (folder) => {
      const all = (
        path: string,
        more: (rank: number) => Partial<TrainOptions> = () => ({}),
      ) =>
        Promise.all(
          inProcessRanks(2).map((communicator: Communicator) => {
            const { log: _, ...options } = resumable(`${folder}/${path}`);
            const { rank } = communicator;
            return run({ ...options, communicator, ...more(rank) });
          }),
        );
      const [expected, other] = await all("whole");
      assert(expected!.stoppedEarly);
      assertEquals(other, expected);
      await all("parted", (rank) => {
        const stop = new AbortController();
        const onBatchEnd = () => {
          if (rank === 1) stop.abort();
        };
        return { signal: stop.signal, callbacks: { onBatchEnd } };
      });
      const parts = await all("parted");
      for (const { best, steps, weights } of parts) {
        assertEquals([best, steps], [expected!.best, expected!.steps]);
        assertEquals(weights, expected!.weights);
      }
    }),
);

onCpu(
  "best weights leave nothing behind, and are checked",
  () =>
    withFolder(async (folder) => {
      const before = tf.memory().numTensors;
      const cases: [Partial<TrainOptions>, string][] = [
        [
          { best: {} },
          'best.metric should be one that train\'s evaluate computes, which needs that option, got "loss"',
        ],
        [{ best: { metric: "f1" } }, 'computes, loss or accuracy, got "f1"'],
        [
          { best: { mode: "largest" as "max" } },
          'best.mode should be "min" or "max", got "largest"',
        ],
        [
          { best: { patience: 0 } },
          "best.patience should be an integer from 1",
        ],
        [{ best: { wait: 1 } as object }, 'train\'s best has no option "wait"'],
        [{ best: { metric: "accuracy" } }, ""],
      ];
      for (const [i, [options, message]] of cases.entries()) {
        const { evaluate } = resumable(folder);
        const trained = run({
          steps: 4,
          ...(i > 0 && { evaluate }),
          ...options,
        });
        if (message === "") await trained;
        else {
          const kind = message.includes("no option") ? TypeError : RangeError;
          await assertRejects(() => trained, kind, message);
        }
        assertEquals(tf.memory().numTensors, before);
      }
      await run({ steps: 1, checkpoints: { folder } });
      assertEquals(await namesIn(folder), ["step-000001"]);
      const model = tinyModel({ depth: 1 });
      await assertRejects(
        () => loadCheckpoint(model, `${folder}/step-000001`, { best: true }),
        RangeError,
        "should have best weights, got none: its run did not have train's option best",
      );
      await assertRejects(
        () => loadCheckpoint(model, folder, { bests: true } as object),
        TypeError,
        'did you mean "best"?',
      );
      model.dispose();
    }),
);
