/**
 * Trains with mistakes, one after another, as `mistakes.ts HOWS FOLDER
 * [data|sequence]`, and prints what each rank throws; then all of them close.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../mod.ts";
import type { BatchStream } from "../../../lib/data/batches/stream.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import {
  crossEntropy,
  type Loss,
  train,
  type TrainOptions,
} from "../../../lib/training/mod.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
} from "../../training/tiny.ts";

const mpi = openMpi();
const isLast = mpi.rank === mpi.size - 1;
await useBackend({ prefer: ["cpu"] });
const [hows, folder, ranks = "data"] = Deno.args;

/** What of the options, or in place of the data, is a mistake. */
type Mistake = Partial<TrainOptions> & { readonly data?: BatchStream };

/** Some of them are the last rank's alone. */
const MISTAKES: Readonly<Record<string, () => Mistake>> = {
  options: () => isLast ? { seed: 6 } : {},
  data: () =>
    isLast ? { data: tinyData((position) => tinyBatch(position + 1)) } : {},
  sharing: () => isLast ? { ranks: "sequence" } : {},
  // The last rank runs another copy of all this.
  version: () => ({}),
  folder: () => ({ checkpoints: { folder: folder! } }),
  // Those of the last rank's row.
  labels: () => ({
    evaluate: {
      async *data() {
        const { labels, ...batch } = await Promise.resolve(tinyBatch(0));
        labels.dispose();
        yield { ...batch, labels: tf.tensor1d([0, 0, 0, 3], "int32") };
      },
      every: 1,
    },
  }),
  divergence: () => ({ optimizer: { learningRate: () => 1e38 } }),
  rows: () => ({
    data: tinyData((position) =>
      tinyBatch(position, isLast && position >= 14 ? 6 : 4)
    ),
  }),
  length: () => ({
    data: tinyData((position) => {
      const { inputs, ...batch } = tinyBatch(position);
      if (!isLast || position < 14) return { ...batch, inputs };
      const longer = inputs.map((x) => tf.concat([x, x], 1));
      tf.dispose([...inputs]);
      return { ...batch, inputs: longer };
    }),
  }),
  loss: () => ({ loss: isLast ? failsAt(15) : failsAt(Infinity) }),
  end: () => ({
    data: {
      stepsPerEpoch: 10,
      async *from(start) {
        for (let position = start; !isLast || position < 15; position++) {
          yield await Promise.resolve(tinyBatch(position));
        }
      },
    },
  }),
  callback: () => ({
    callbacks: {
      onBatchEnd(_, logs) {
        if (isLast && logs!["step"] === 7) throw new Error("the reason");
      },
    },
  }),
  checkpoint: () => ({
    checkpoints: { folder: `${folder}/runs`, every: 7 },
    callbacks: {
      async onBatchEnd(_, logs) {
        if (mpi.rank !== 0 || logs!["step"] !== 6) return;
        // As where a disk has gone.
        await Deno.remove(`${folder}/runs`, { recursive: true });
        await Deno.writeTextFile(`${folder}/runs`, "");
      },
    },
  }),
  closes: () => ({}),
};

/** A loss that throws in a call, from 1. */
function failsAt(call: number): Loss {
  const loss = crossEntropy();
  let calls = 0;
  const failing = (...args: Parameters<Loss>) => {
    if (++calls === call) throw new Error("the reason");
    return loss(...args);
  };
  return Object.assign(failing, {
    count: loss.count!,
    description: "the same",
  });
}

for (const how of hows!.split(",")) {
  try {
    // In place of training.
    if (how === "closes" && isLast) await mpi.close();
    const { data = tinyData(), ...options } = MISTAKES[how]!();
    await train(
      tinyModel(),
      data,
      tinyOptions({
        ...{ communicator: mpi, ranks: ranks as "data" | "sequence" },
        ...options,
      }),
    );
  } catch (error) {
    const { name, message } = error as Error;
    console.log(`rank ${mpi.rank}: ${name}: ${message}`);
  }
}
await mpi.close();
