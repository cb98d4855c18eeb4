/** What a small training step costs beyond its kernels: JavaScript, the tape, launches. @module */
import * as tf from "@tensorflow/tfjs-core";
import { profile } from "@lionjs/lion";
import { array, uniform } from "../../../tests/random.ts";
import { encoder } from "../../encoder.ts";
import { startBackend } from "../../group.ts";
import { difference } from "../../../measure/timing.ts";
import { inPlainForms } from "../../plain_forms.ts";
import { labelsOf } from "../../sized_models.ts";
import { SteppedTraining } from "../../stepped_training.ts";
import type { FigureMaker } from "../figure.ts";
import { KERNELS, STEP, UNRECORDED } from "./names.ts";

const [BATCH, LENGTH, WIDTH] = [8, 64, 32];

/** Steps before the loss is compared; some of them are replayed. */
const CHECKED_STEPS = 6;

/** A step of an encoder of two blocks with LION-S. */
export const overhead: FigureMaker = {
  seconds: { gpu: 15, wasm: 15, software: 0, cpu: 0 },
  async measure({ info, threads }, collector) {
    await startBackend(info.name, threads);
    await collector.measure(
      { panel: "training", at: LENGTH },
      [STEP, UNRECORDED, KERNELS],
      open,
    );
    return {
      settings: {
        ...{ model: "encoder of 2 blocks", batch: BATCH, tokens: LENGTH },
        ...{ columns: WIDTH, variant: "LION-S", optimizer: "Adam" },
      },
    };
  },
};

function trainingOf(record: boolean): SteppedTraining {
  const model = encoder({ variant: "s", width: WIDTH, heads: 4, depth: 2 });
  const values = array(BATCH * LENGTH * WIDTH, uniform(BATCH));
  return new SteppedTraining(model, {
    ...{ learningRate: 1e-4, epsilon: 1e-8, clipNorm: 1, record },
    inputs: () => [tf.tensor3d(values, [BATCH, LENGTH, WIDTH])],
    labels: labelsOf(BATCH),
  });
}

async function open(names: readonly string[]) {
  const wanted = await inPlainForms(async () => {
    const plain = trainingOf(false);
    const loss = await plain.lossAfter(CHECKED_STEPS);
    await plain.end();
    return loss;
  });
  const contenders = [STEP, UNRECORDED, KERNELS]
    .filter((name) => names.includes(name))
    .map((name) => {
      const training = trainingOf(name === STEP);
      return {
        name,
        check: async () => {
          const loss = await training.lossAfter(CHECKED_STEPS);
          return difference("the loss", [[[loss], [wanted]]], 1e-4);
        },
        // A step that is profiled is not recorded.
        run: name === KERNELS
          ? async () =>
            (await profile(() => training.step(), { runs: 1 })).milliseconds
          : () => training.step(),
        end: () => training.end(),
      };
    });
  return {
    contenders,
    baseline: contenders[0]!.name,
    close: async () => {
      for (const { end } of contenders) await end();
    },
  };
}
