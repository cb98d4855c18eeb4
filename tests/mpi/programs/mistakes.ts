/** Trains with a mistake, and prints what each rank throws. @module */
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../mod.ts";
import { VERSION } from "../../../lib/contract/version.ts";
import { type Communicator, openMpi } from "../../../lib/mpi/mod.ts";
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
let communicator: Communicator = mpi;
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
    if (isLast) communicator = withOther(VERSION, "9.9.9");
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
  await train(tinyModel(), data, tinyOptions({ communicator, ...options }));
} catch (error) {
  const { name, message } = error as Error;
  console.log(`rank ${mpi.rank}: ${name}: ${message}`);
}
await mpi.close();

/** What ranks look like to one that reads another text, as long, in what they say. */
function withOther(text: string, other: string): Communicator {
  return {
    rank: mpi.rank,
    size: mpi.size,
    allreduce: (values, reduction) => mpi.allreduce(values, reduction),
    async broadcast(values, root) {
      await mpi.broadcast(values, root);
      if (!(values instanceof Uint8Array) || root === mpi.rank) return values;
      const changed = new TextDecoder().decode(values)
        .replace(text, other);
      values.set(new TextEncoder().encode(changed));
      return values;
    },
    gather: (values, root) => mpi.gather(values, root),
    exscan: (values) => mpi.exscan(values),
    barrier: () => mpi.barrier(),
    send: (values, to, tag) => mpi.send(values, to, tag),
    receive: (values, from, tag) => mpi.receive(values, from, tag),
  };
}
