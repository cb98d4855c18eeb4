/**
 * Trains on WebAssembly, as `training.ts FOLDER [stop|kill]`, and writes what came of
 * it to FOLDER/result.json; each rank checks that the others came to the same.
 * After step 22 the last rank is told to stop, or is killed.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import { train } from "../../../lib/training/mod.ts";
import { weightsOf } from "../../training/tiny.ts";
import { unevenData, unevenModel, unevenOptions } from "../uneven.ts";

const mpi = openMpi();
const [folder, end] = Deno.args;
await useBackend({ prefer: ["wasm"], threads: 1 });
const model = unevenModel();
// Each rank begins elsewhere: the first rank's weights count.
tf.tidy(() => {
  for (const weight of model.weights) {
    weight.write(tf.mul(weight.read(), 1 + mpi.rank));
  }
});
const tensors = tf.memory().numTensors;
const stopping = new AbortController();
const { losses, evaluation, ...rest } = await train(
  model,
  unevenData(),
  unevenOptions({
    communicator: mpi,
    checkpoints: { folder: `${folder}/runs`, resume: true },
    log: `${folder}/log.jsonl`,
    progress: {
      begin: () => console.log(`rank ${mpi.rank} shows its progress`),
      update() {},
      end() {},
    },
    signal: stopping.signal,
    callbacks: {
      onBatchEnd(_, logs) {
        if (mpi.rank !== mpi.size - 1 || logs!["step"] !== 22) return;
        if (end === "stop") stopping.abort();
        if (end === "kill") Deno.kill(Deno.pid, "SIGKILL");
      },
    },
  }),
);
assertEquals(tf.memory().numTensors, tensors);
const weights = (await weightsOf(model)).flat();
const own = Float64Array.from([
  ...losses,
  ...Object.values(evaluation),
  ...weights,
]);
const lowest = await mpi.allreduce(own.slice(), "min");
const highest = await mpi.allreduce(own.slice(), "max");
assertEquals(lowest, own);
assertEquals(highest, own);
if (mpi.rank === 0) {
  const result = { losses, evaluation, weights, ...rest };
  await Deno.writeTextFile(`${folder}/result.json`, JSON.stringify(result));
}
await mpi.close();
