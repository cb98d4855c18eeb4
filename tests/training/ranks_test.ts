/** Ranks that share batches, in one process; tests/mpi has them under MPI. @module */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { Communicator } from "../../lib/contract/communicator.ts";
import {
  drop,
  type Rows,
  withDropoutSeed,
} from "../../lib/layers/randomness.ts";
import {
  accuracy,
  evaluate,
  meanSquaredError,
  train,
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
