/**
 * Ranks that compute on WebGPU: they share batches as one process computes them,
 * and may not share tokens, which each of them says.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { lionAttention, useBackend } from "../../../mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import { train, type TrainOptions } from "../../../lib/training/mod.ts";
import {
  tinyData,
  tinyModel,
  tinyOptions,
  weightsOf,
} from "../../training/tiny.ts";

/** Of float32 sums in another order, after ten steps. */
const TOLERANCE = 1e-5;

const mpi = openMpi();
await useBackend({ prefer: ["webgpu"] });
const communicator = mpi;

async function trained(options: Partial<TrainOptions>) {
  const model = tinyModel();
  const { losses } = await train(
    model,
    tinyData(),
    tinyOptions({ steps: 10, ...options }),
  );
  const weights = (await weightsOf(model)).flat();
  model.dispose();
  return [...losses, ...weights];
}

const expected = await trained({});
const actual = await trained({ communicator });
assertEquals(actual.length, expected.length);
for (const [i, value] of actual.entries()) {
  const error = Math.abs(value - expected[i]!);
  assert(error <= TOLERANCE, `${value} at ${i}, not ${expected[i]}`);
}

const why =
  "should compute on wasm or cpu, got webgpu, whose values can be read asynchronously alone";
await assertRejects(
  () => trained({ communicator, ranks: "sequence" }),
  RangeError,
  why,
);
const x: tf.Tensor4D = tf.ones([1, 1, 2, 2]);
assertThrows(() => lionAttention(x, x, x, { communicator }), RangeError, why);
x.dispose();
await mpi.close();
if (mpi.rank === 0) console.log("ranks train on WebGPU");
