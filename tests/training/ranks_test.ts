/** Ranks that share batches, in one process; tests/mpi has them under MPI. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { Communicator } from "../../lib/base/communicator.ts";
import {
  drop,
  type Rows,
  withDropoutSeed,
} from "../../lib/layers/randomness.ts";
import type { BatchStream } from "../../lib/data/batches/stream.ts";
import {
  accuracy,
  crossEntropy,
  evaluate,
  meanSquaredError,
  train,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { inProcessRanks } from "./in_process.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  weightsOf,
  withFolder,
} from "./tiny.ts";

/** Sums of 32-bit numbers in another order. */
const ROUNDING = 1e-5;

function assertClose(actual: readonly number[], expected: readonly number[]) {
  assertEquals(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    assertLess(Math.abs(value - expected[i]!), ROUNDING);
  }
}

onEachBackend("rows lose what they lose in the whole batch", async () => {
  const x = tf.tidy(() => tf.reshape(tf.range(1, 31), [5, 2, 3]));
  const dropped = (x: tf.Tensor, rows?: Rows) =>
    withDropoutSeed("a", () => {
      drop(x, { training: true, rate: 0.3 }).dispose();
      return drop(x, { training: true, rate: 0.5 });
    }, rows);
  const whole = dropped(x);
  const part = tf.slice(x, 1, 3);
  const rows = dropped(part, { first: 1, count: 3, total: 5 });
  const expected = tf.slice(whole, 1, 3);
  const [values, wanted] = [await rows.data(), await expected.data()];
  assertEquals([...values], [...wanted]);
  assert(values.includes(0) && values.some((value) => value > 0));
  tf.dispose([x, whole, part, rows, expected]);
});

onEachBackend("three ranks train as one process does", async () => {
  // Four examples, or two: then a rank has none.
  const data = tinyData((position) =>
    tinyBatch(position, 4 - position % 3, 0.3)
  );
  const trained = async (communicator?: Communicator) => {
    const model = tinyModel({ depth: 1 });
    const { losses, evaluation } = await train(
      model,
      data,
      tinyOptions({
        steps: 8,
        evaluate: { data: tinyPass, metrics: { accuracy: accuracy() } },
        ...communicator && { communicator },
      }),
    );
    const weights = (await weightsOf(model)).flat();
    model.dispose();
    return [...losses, ...Object.values(evaluation), ...weights];
  };
  const expected = await trained();
  const all = await Promise.all(inProcessRanks(3).map(trained));
  for (const ofRank of all) {
    assertEquals(ofRank, all[0]);
    assertClose(ofRank, expected);
  }
});

onEachBackend(
  "a loss that counts examples is their mean on ranks too",
  async () => {
    const model = tinyModel({ depth: 1 });
    async function* batches() {
      const { inputs, labels } = await Promise.resolve(tinyBatch(0, 5));
      labels.dispose();
      yield { inputs, labels: tf.ones([5, 3]), size: 5 };
    }
    const loss = meanSquaredError();
    const { loss: expected } = await evaluate(model, batches(), { loss });
    const means = await Promise.all(
      inProcessRanks(2).map((communicator) =>
        evaluate(model, batches(), { loss, communicator })
      ),
    );
    for (const { loss } of means) assertClose([loss!], [expected!]);
    model.dispose();
  },
  ["cpu"],
);

onEachBackend("what ranks cannot share is refused", async () => {
  const model = tinyModel({ depth: 1 });
  await assertRejects(
    () =>
      train(
        model,
        tinyData(),
        tinyOptions({ communicator: {} as unknown as Communicator }),
      ),
    TypeError,
    "train's communicator's allreduce should be a function, got undefined",
  );
  const [communicator] = inProcessRanks(1);
  const data = tinyData((position) => {
    const { inputs, ...batch } = tinyBatch(position);
    const [x, ...rest] = inputs;
    const one = tf.slice(x!, 0, 1);
    x!.dispose();
    return { ...batch, inputs: [one, ...rest] };
  });
  await assertRejects(
    () => train(model, data, tinyOptions({ communicator: communicator! })),
    RangeError,
    "as many rows as its labels, 4, got [1,5,2]",
  );
  model.dispose();
}, ["cpu"]);

/** What the last of three ranks does otherwise; they take three steps. */
const MISTAKES: Readonly<
  Record<string, () => Partial<TrainOptions> & { readonly data?: BatchStream }>
> = {
  loss: () => ({ loss: failsAt(2) }),
  "data throws": () => ({
    data: tinyData((position) => {
      if (position === 2) throw new Error("the reason");
      return tinyBatch(position);
    }),
  }),
  "data end": () => ({
    data: {
      stepsPerEpoch: 10,
      async *from(start) {
        for (let position = start; position < 2; position++) {
          yield await Promise.resolve(tinyBatch(position));
        }
      },
    },
  }),
  "no data": () => ({
    data: {
      stepsPerEpoch: 10,
      async *from() {
        await Promise.reject(new Error("the reason"));
        yield tinyBatch(0);
      },
    },
  }),
  "an unknown option": () => ({ sed: 5 } as Partial<TrainOptions>),
  "an impossible option": () => ({ ranks: { sequence: 2 } }),
  "evaluation throws": () => ({
    evaluate: {
      every: 2,
      async *data() {
        yield* tinyPass();
        throw new Error("the reason");
      },
    },
  }),
  "evaluation does not begin": () => ({
    evaluate: {
      every: 2,
      data() {
        throw new Error("the reason");
      },
    },
  }),
  "a metric throws": () => ({
    evaluate: {
      every: 2,
      data: tinyPass,
      metrics: {
        wrong() {
          throw new Error("the reason");
        },
      },
    },
  }),
  ...Object.fromEntries(
    [
      "onTrainBegin",
      "onEpochBegin",
      "onBatchBegin",
      "onBatchEnd",
      "onEpochEnd",
      "onTrainEnd",
    ].map((name) => [name, () => ({
      callbacks: {
        [name]() {
          throw new Error("the reason");
        },
      },
    })]),
  ),
};

/** The cross-entropy, which throws when it is called for so many times. */
function failsAt(call: number): TrainOptions["loss"] {
  const loss = crossEntropy();
  let calls = 0;
  const failing: TrainOptions["loss"] = (predictions, labels) => {
    if (++calls === call) throw new Error("the reason");
    return loss(predictions, labels);
  };
  return Object.assign(failing, {
    count: loss.count,
    description: loss.description,
  });
}

for (const [name, mistake] of Object.entries(MISTAKES)) {
  onEachBackend(`where a rank fails, all of them do: ${name}`, async () => {
    const ranks = inProcessRanks(3);
    const models = ranks.map(() => tinyModel({ depth: 1 }));
    const results = await Promise.allSettled(
      ranks.map((communicator, rank) => {
        const { data = tinyData(), ...options } = rank === 2 ? mistake() : {};
        const evaluate = { data: tinyPass, every: 2 };
        return train(
          models[rank]!,
          data,
          tinyOptions({
            ...{ steps: 3, evaluate, loss: failsAt(Infinity), communicator },
            optimizer: { accumulate: 1, warmUpSteps: 1 },
            ...options,
          }),
        );
      }),
    );
    const messages = results.map((result) => {
      assert(result.status === "rejected", name);
      return (result.reason as Error).message;
    });
    for (const message of messages.slice(0, 2)) {
      assertEquals(message, `rank 2 failed: ${messages[2]}`);
    }
    // They still exchange.
    const means = await Promise.all(
      ranks.map((communicator, rank) =>
        evaluate(models[rank]!, tinyPass(), {
          loss: crossEntropy(),
          communicator,
        })
      ),
    );
    assertEquals(means[1], means[0]);
    models.forEach((model) => model.dispose());
  }, ["cpu"]);
}

onEachBackend(
  "where the first rank cannot write, or another fails, all of them do",
  async () => {
    await withFolder(async (folder) => {
      const runs = `${folder}/runs`;
      const run = (mistake: (rank: number) => Partial<TrainOptions>) =>
        Promise.allSettled(
          inProcessRanks(3).map(async (communicator, rank) => {
            const model = tinyModel({ depth: 1 });
            try {
              await train(
                model,
                tinyData(),
                tinyOptions({
                  ...{ steps: 2, communicator },
                  optimizer: { warmUpSteps: 1 },
                  checkpoints: { folder: runs, every: 1, resume: true },
                  ...mistake(rank),
                }),
              );
              return "";
            } catch (error) {
              return (error as Error).message;
            } finally {
              model.dispose();
            }
          }),
        ).then((all) => all.map((one) => (one as { value: string }).value));
      // As where a disk has gone.
      const onBatchEnd = async () => {
        await Deno.remove(runs, { recursive: true });
        await Deno.writeTextFile(runs, "");
      };
      const [reason, ...others] = await run((rank) =>
        rank === 0 ? { callbacks: { onBatchEnd } } : {}
      );
      assertStringIncludes(reason!, runs);
      assertEquals(others, Array(2).fill(`rank 0 failed: ${reason}`));
      await Deno.remove(runs);
      // The folder is not in use after another rank has failed.
      const unknown = { sed: 5 } as Partial<TrainOptions>;
      const failed = await run((rank) => rank === 2 ? unknown : {});
      assertStringIncludes(
        failed[0]!,
        'rank 2 failed: train has no option "sed"',
      );
      assertEquals(await run(() => ({})), ["", "", ""]);
    });
  },
  ["cpu"],
);

onEachBackend("batches of all ranks are compared in each step", async () => {
  const rejections = async (
    run: (communicator: Communicator, isLast: boolean) => Promise<unknown>,
  ) => {
    const results = await Promise.allSettled(
      inProcessRanks(3).map((communicator) =>
        run(communicator, communicator.rank === 2)
      ),
    );
    return results.map((result) => {
      assert(result.status === "rejected");
      assert(result.reason instanceof RangeError);
      return result.reason.message;
    });
  };
  const models = Array.from({ length: 3 }, () => tinyModel({ depth: 1 }));
  const trainings = await rejections((communicator, isLast) => {
    const data = tinyData((position) =>
      tinyBatch(position, isLast && position >= 5 ? 6 : 4)
    );
    const model = models[communicator.rank]!;
    return train(model, data, tinyOptions({ steps: 4, communicator }));
  });
  const four =
    "inputs float32 [4,5,2], float32 [4,5], labels int32 [4], size 4";
  const expected =
    `all ranks should train the same, got another on rank 2:\n- data of step 3 is ${four}; ${
      four.replaceAll("4", "6")
    }, on rank 0 ${four}; ${four}`;
  assertEquals(trainings, [expected, expected, expected]);
  const evaluations = await rejections((communicator, isLast) => {
    async function* batches() {
      yield* tinyPass();
      if (isLast) yield tinyBatch(3);
    }
    const loss = crossEntropy();
    return evaluate(models[0]!, batches(), { loss, communicator });
  });
  for (const message of evaluations) {
    assertStringIncludes(
      message,
      `on rank 2:\n- evaluation batch 2, from 0, is ${four}, on rank 0 absent`,
    );
  }
  models.forEach((model) => model.dispose());
}, ["cpu"]);
