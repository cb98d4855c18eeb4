/** A training step by hand, by `train` and with TensorFlow.js's own optimizer. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { crossEntropy, train } from "@lionjs/lion/training";
import {
  type Contender,
  type OpenGroup,
  readTensors,
  startBackend,
  timeTensors,
  usageOf,
  whenDone,
} from "../../group.ts";
import { difference, stopwatch } from "../../measure.ts";
import { lossesOf, Subject } from "../../mixer_subject.ts";
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

interface SteppedOptions {
  readonly clipNorm: number;
  readonly inputs: (model: LayersModel) => tf.Tensor[];
  readonly labels: readonly number[];
}

/** A call of `train`, which takes a step when it is asked for one. */
class SteppedTraining {
  readonly #model: LayersModel;
  readonly #options: SteppedOptions;
  readonly #loss = crossEntropy();
  readonly #controller = new AbortController();
  readonly #training: Promise<unknown>;
  /** Resolved when `train` waits for a batch, and when it gets one. */
  #waits = Promise.withResolvers<void>();
  #given = Promise.withResolvers<tf.Tensor[]>();

  constructor(model: LayersModel, options: SteppedOptions) {
    this.#model = model;
    this.#options = options;
    this.#training = train(model, this.#batches(), {
      ...{ steps: 1e9, loss: this.#loss, progress: false },
      optimizer: {
        ...{ learningRate: () => RATE, epsilon: EPSILON },
        clipNorm: options.clipNorm,
      },
      signal: this.#controller.signal,
    });
  }

  #batches(): Parameters<typeof train>[1] {
    const next = () => this.#next();
    const { labels } = this.#options;
    return {
      stepsPerEpoch: 1e9,
      async *from() {
        for (;;) {
          const inputs = await next();
          const numbers = tf.tensor1d([...labels], "int32");
          yield { inputs, labels: numbers, size: labels.length };
        }
      },
    };
  }

  /** Says that the step before is done, and waits until the next one is asked for. */
  #next(): Promise<tf.Tensor[]> {
    this.#waits.resolve();
    return this.#given.promise;
  }

  /** Takes a step; the milliseconds until `train` asks for the next batch. */
  async step(): Promise<number> {
    await this.#orFailure(this.#waits.promise);
    const inputs = this.#options.inputs(this.#model);
    this.#waits = Promise.withResolvers();
    const { resolve } = this.#given;
    this.#given = Promise.withResolvers();
    return await stopwatch(async () => {
      resolve(inputs);
      await this.#orFailure(this.#waits.promise);
      await whenDone(this.#model.trainableWeights.at(-1)!.read());
    });
  }

  /** The loss with the weights after some steps. */
  async lossAfter(steps: number): Promise<number> {
    for (let i = 0; i < steps; i++) await this.step();
    const [loss] = await readTensors(() => [tf.tidy(() => {
      const inputs = this.#options.inputs(this.#model);
      const logits = this.#model.apply(inputs, { training: true });
      const labels = tf.tensor1d([...this.#options.labels], "int32");
      return this.#loss(logits as tf.Tensor, labels);
    })]);
    return loss![0]!;
  }

  /** Ends the training, and frees the model. */
  async end(): Promise<void> {
    this.#controller.abort();
    await this.#training;
    this.#model.dispose();
  }

  /** Waits for something unless training fails before. */
  async #orFailure(work: Promise<void>): Promise<void> {
    await Promise.race([work, this.#training]);
  }
}
