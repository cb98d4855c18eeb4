/** What a small training step costs beyond its kernels: JavaScript, the tape, launches. @module */
import * as tf from "@tensorflow/tfjs-core";
import { profile } from "@lionjs/lion";
import { array, uniform } from "../../../tests/random.ts";
import { CLASSES, encoder } from "../../encoder.ts";
import { startBackend, timeTensors } from "../../group.ts";
import { difference } from "../../measure.ts";
import { lossesOf, Subject } from "../../mixer_subject.ts";
import { inPlainForms } from "../../plain_forms.ts";
import type { FigureMaker } from "../figure.ts";
import { KERNELS, STEP } from "./names.ts";

const [BATCH, LENGTH, WIDTH] = [8, 64, 32];

/** Losses that are compared before anything is timed. */
const CHECKED_STEPS = 2;

/** A step of an encoder of two blocks with LION-S. */
export const overhead: FigureMaker = {
  seconds: { gpu: 10, wasm: 10, software: 0, cpu: 0 },
  async measure({ info, threads }, collector) {
    await startBackend(info.name, threads);
    await collector.measure(
      { panel: "training", at: LENGTH },
      [STEP, KERNELS],
      (names) => Promise.resolve(open(names)),
    );
    return {
      settings: {
        ...{ model: "encoder of 2 blocks", batch: BATCH, tokens: LENGTH },
        ...{ columns: WIDTH, variant: "LION-S", optimizer: "Adam" },
      },
    };
  },
};

function subjectOf(): Subject {
  const model = encoder({ variant: "s", width: WIDTH, heads: 4, depth: 2 });
  const values = array(BATCH * LENGTH * WIDTH, uniform(BATCH));
  return new Subject(
    model,
    () => [tf.tensor3d(values, [BATCH, LENGTH, WIDTH])],
    Array.from({ length: BATCH }, (_, i) => i % CLASSES),
  );
}

function open(names: readonly string[]) {
  const subject = subjectOf();
  const run = () => subject.run("training");
  const contenders = [
    {
      name: STEP,
      check: async () => {
        const [own, plain] = [subjectOf(), subjectOf()];
        const losses = [
          await lossesOf(() => own.step(), CHECKED_STEPS),
          await inPlainForms(() => lossesOf(() => plain.step(), CHECKED_STEPS)),
        ] as const;
        [own, plain].forEach((one) => one.dispose());
        return difference("the losses of the first steps", [losses], 1e-4);
      },
      run: () => timeTensors(run),
    },
    {
      name: KERNELS,
      check: () => Promise.resolve(null),
      run: async () => (await profile(run, { runs: 1 })).milliseconds,
    },
  ].filter(({ name }) => names.includes(name));
  return {
    contenders,
    baseline: contenders[0]!.name,
    close: () => Promise.resolve(subject.dispose()),
  };
}
