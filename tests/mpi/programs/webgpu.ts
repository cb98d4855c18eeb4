/**
 * Ranks that compute on WebGPU: they share batches as one process computes them,
 * and may not share tokens, which each of them says.
 *
 * @module
 */
import { assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { attentionAcrossRanks, useBackend } from "../../../mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import { train, type TrainOptions } from "../../../lib/training/mod.ts";
import { uniform } from "../../random.ts";
import { tinyData, tinyOptions, weightsOf } from "../../training/tiny.ts";
import { assertRounded, moveWeights } from "../rounding.ts";
import { unevenModel } from "../uneven.ts";

/** Each of them adds to a weight once. */
const STEPS = 10;

const mpi = openMpi();
await useBackend({ prefer: ["webgpu"] });
const communicator = mpi;
const random = uniform(1);

async function trained(options: Partial<TrainOptions>, isMoved = false) {
  const model = unevenModel();
  if (isMoved) await moveWeights(model, random);
  const { losses } = await train(
    model,
    tinyData(),
    tinyOptions({ steps: STEPS, ...options }),
  );
  const weights = (await weightsOf(model)).flat();
  model.dispose();
  return [...losses, ...weights];
}

const values = await trained({});
const moved = [await trained({}, true), await trained({}, true)];
const actual = await trained({ communicator });
assertRounded(actual, { values, moved, terms: STEPS }, "losses and weights");

const why =
  "should compute on wasm or cpu, got webgpu, whose values can only be read asynchronously";
await assertRejects(
  () => trained({ communicator, ranks: "sequence" }),
  RangeError,
  why,
);
const x: tf.Tensor4D = tf.ones([1, 1, 2, 2]);
assertThrows(
  () => attentionAcrossRanks(x, x, x, { communicator }),
  RangeError,
  why,
);
x.dispose();
await mpi.close();
if (mpi.rank === 0) console.log("ranks train on WebGPU");
