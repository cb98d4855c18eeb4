/** Trains with a mistake, and prints what each rank throws. @module */
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import { train, type TrainOptions } from "../../../lib/training/mod.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
} from "../../training/tiny.ts";

const mpi = openMpi();
const isLast = mpi.rank === mpi.size - 1;
await useBackend({ prefer: ["cpu"] });
const [how, folder] = Deno.args;
let data = tinyData();
let options: Partial<TrainOptions> = {};
switch (how) {
  case "options":
    if (isLast) options = { seed: 6 };
    break;
  case "data":
    if (isLast) data = tinyData((position) => tinyBatch(position + 1));
    break;
  case "sharing":
    if (isLast) options = { ranks: "sequence" };
    break;
  case "version":
    // The last rank runs another copy of all this.
    break;
  case "folder":
    options = { checkpoints: { folder: folder! } };
    break;
  case "labels":
    // Those of the last rank's row.
    options = {
      evaluate: {
        async *data() {
          const { labels, ...batch } = await Promise.resolve(tinyBatch(0));
          labels.dispose();
          yield { ...batch, labels: tf.tensor1d([0, 0, 0, 3], "int32") };
        },
        every: 1,
      },
    };
    break;
  case "divergence":
    options = { optimizer: { learningRate: () => 1e38 } };
    break;
}
try {
  await train(
    tinyModel(),
    data,
    tinyOptions({ communicator: mpi, ...options }),
  );
} catch (error) {
  const { name, message } = error as Error;
  console.log(`rank ${mpi.rank}: ${name}: ${message}`);
}
await mpi.close();
