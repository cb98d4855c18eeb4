/** A training step by hand, by `train` and with TensorFlow.js's own optimizer. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type Contender, type OpenGroup, startBackend } from "../../group.ts";
import { timeTensors, usageOf } from "../../../measure/tensors.ts";
import { difference } from "../../../measure/timing.ts";
import { lossesOf, Subject } from "../../mixer_subject.ts";
import { SteppedTraining } from "../../stepped_training.ts";
import { inPlainForms } from "../../plain_forms.ts";
import {
  labelsOf,
  type SizedModel,
  SMALL,
  tensorsOf,
  VIT_TINY,
} from "../../sized_models.ts";
import type { FigureMaker } from "../figure.ts";
import { BY_HAND, BY_TFJS, BY_TRAIN, BY_TRAIN_CLIPPED } from "./names.ts";

const RATE = 1e-4, EPSILON = 1e-8;

/** Steps after which losses are compared. */
const CHECKED_STEPS = 3;

/** The same step of the same model, in several ways. */
export const optimizers: FigureMaker = {
  seconds: { gpu: 30, wasm: 30, software: 0, cpu: 0 },
  async measure({ info, threads, quick }, collector) {
    await startBackend(info.name, threads);
    const sized = quick ? SMALL.vit : VIT_TINY;
    await collector.measure(
      { panel: `${sized.title}, training`, at: 1 },
      [BY_HAND, BY_TRAIN, BY_TRAIN_CLIPPED, BY_TFJS],
      (names) => open(sized, names),
    );
    return { settings: { batch: 1, variant: "LION-S" } };
  },
};

async function open(
  sized: SizedModel,
  names: readonly string[],
): Promise<OpenGroup> {
  const batch = 1;
  const inputs = sized.inputs(batch);
  const modelOf = () => sized.make({ variant: "s" });
  const byHand = (optimizer: ConstructorParameters<typeof Subject>[3]) => {
    const model = modelOf();
    const tensors = () => tensorsOf(model, inputs);
    return new Subject(model, tensors, labelsOf(batch), optimizer);
  };
  const adam = { learningRate: RATE, epsilon: EPSILON };
  const reference = byHand(adam);
  const before = await reference.loss();
  const expected = await inPlainForms(() => lossAfter(reference));
  reference.dispose();
  const check = (loss: number) =>
    difference("the loss after some steps", [[[loss], [expected]]], 1e-3);
  const ofSubject = (name: string, subject: Subject) => {
    const run = () => subject.run("training");
    return {
      name,
      check: async () => check(await lossAfter(subject)),
      run: () => timeTensors(run),
      usage: () => usageOf(run),
      dispose: () => Promise.resolve(subject.dispose()),
    };
  };
  const ofTrain = (
    name: string,
    clipNorm: number,
    check: (loss: number) => string | null,
  ) => {
    const training = new SteppedTraining(modelOf(), {
      ...{ clipNorm, labels: labelsOf(batch) },
      ...{ learningRate: RATE, epsilon: EPSILON },
      inputs: (model) => tensorsOf(model, inputs),
    });
    return {
      name,
      check: async () => check(await training.lossAfter(CHECKED_STEPS)),
      run: () => training.step(),
      dispose: () => training.end(),
    };
  };
  const makers: Record<
    string,
    () => Contender & { dispose(): Promise<void> }
  > = {
    [BY_HAND]: () => ofSubject(BY_HAND, byHand(adam)),
    [BY_TRAIN]: () => ofTrain(BY_TRAIN, Infinity, check),
    // Its steps are others, and so is its loss after some.
    [BY_TRAIN_CLIPPED]: () =>
      ofTrain(
        BY_TRAIN_CLIPPED,
        1,
        (loss) => loss < before ? null : `its loss is ${loss}, not less`,
      ),
    [BY_TFJS]: () =>
      ofSubject(BY_TFJS, byHand(tf.train.adam(RATE, 0.9, 0.999, EPSILON))),
  };
  const contenders = names.map((name) => makers[name]!());
  return {
    contenders,
    baseline: contenders[0]!.name,
    close: async () => {
      for (const { dispose } of contenders) await dispose();
    },
  };
}

/** The loss after some steps by hand. */
async function lossAfter(subject: Subject): Promise<number> {
  await lossesOf(() => subject.step(), CHECKED_STEPS);
  return await subject.loss();
}
