/**
 * A training step of an encoder of two layers: forward, backward and Adam,
 * with the library's choice of form and with the full form, and in PyTorch.
 *
 * @module
 */
import { TORCH } from "./figures.ts";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { type AttentionForm, type BackendName, setForm } from "@lionjs/lion";
import { Adam } from "@lionjs/lion/training";
import { array, uniform } from "../tests/random.ts";
import type { Variant } from "./attention_problem.ts";
import {
  CLASSES,
  encoder,
  type EncoderSizes,
  loss,
  weightsOf,
} from "./encoder.ts";
import {
  type Contender,
  type Group,
  type OpenGroup,
  readTensors,
  startBackend,
  timeTensors,
  usageOf,
} from "./group.ts";
import { difference } from "./measure.ts";
import type { NamedArray } from "./peers/peer_process.ts";
import { peerContender, type TorchPeer } from "./peers/torch.ts";

/** Many short sequences, where kernels are small, and a long one, where they are large. */
const SHAPES = [
  { batch: 8, length: 64, width: 32 },
  { batch: 1, length: 1024, width: 128 },
] as const;

const ADAM = { learningRate: 1e-3, epsilon: 1e-8 };

/** Losses that are compared before anything is timed: each depends on the gradients before it. */
const CHECKED_STEPS = 3;

/** What to train, and beside whom. */
export interface TrainingChoice {
  readonly backend: BackendName;
  readonly variant: Variant;
  readonly threads: number;
  readonly torch: TorchPeer | null;
}

/** A group for each of {@linkcode SHAPES}. */
export function trainingGroups(choice: TrainingChoice): Group[] {
  const { backend, variant } = choice;
  return SHAPES.map((shape) => ({
    section: "training",
    backend,
    parameters: { variant, ...shape, heads: 4 },
    open: () => open(shape, choice),
  }));
}

async function open(
  { batch, length, width }: typeof SHAPES[number],
  { backend, variant, threads, torch }: TrainingChoice,
): Promise<OpenGroup> {
  await startBackend(backend, threads);
  const sizes = { variant, width, heads: 4, depth: 2 };
  const data = dataOf(batch, length, width);
  const untrained = encoder(sizes);
  const weights = await weightsOf(untrained);
  untrained.dispose();
  const ours = (["auto", "full"] as const).map((form) =>
    new Training(sizes, data, form)
  );
  // All of them, so that none still trains when others are timed.
  const [, expected] = await Promise.all(
    ours.map(({ firstLosses }) => firstLosses),
  );
  const check = (losses: readonly number[]) =>
    difference("the losses of the first steps", [[losses, expected!]], 1e-4);
  const contenders = ours.map((training) => training.contender(check));
  if (torch) {
    await torch.prepare({
      work: "training",
      options: {
        ...sizes,
        classes: CLASSES,
        learning_rate: ADAM.learningRate,
        adam_epsilon: ADAM.epsilon,
      },
      tensors: [data.inputs, data.labels, ...weights],
    });
    const losses = await takeSteps(async () => (await torch.outputs())[0]![0]!);
    contenders.push(peerContender(torch, () => check(losses)));
  }
  return {
    contenders,
    baseline: torch ? TORCH : nameOf("full"),
    close: async () => {
      ours.forEach((training) => training.dispose());
      await torch?.release();
    },
  };
}

function nameOf(form: AttentionForm): string {
  return `lionAttention, ${form}`;
}

/** The losses of the steps that are checked; after them training goes on. */
async function takeSteps(step: () => Promise<number>): Promise<number[]> {
  const losses: number[] = [];
  while (losses.length < CHECKED_STEPS) losses.push(await step());
  return losses;
}

interface Data {
  /** `[batch, length, width]` */
  readonly inputs: NamedArray;
  /** `[batch]`, numbers of classes. */
  readonly labels: NamedArray;
}

function dataOf(batch: number, length: number, width: number): Data {
  const random = uniform(batch);
  return {
    inputs: {
      name: "inputs",
      shape: [batch, length, width],
      values: array(batch * length * width, random),
    },
    labels: {
      name: "labels",
      shape: [batch],
      values: array(batch, random, (u) => Math.floor(CLASSES * u)),
    },
  };
}

/** An encoder in training on one batch. */
class Training {
  #form: AttentionForm;
  #model: LayersModel;
  #inputs: tf.Tensor3D;
  #labels: tf.Tensor2D;
  /** The losses of the steps that are checked. */
  readonly firstLosses: Promise<number[]>;
  #adam = new Adam(ADAM);

  constructor(
    sizes: EncoderSizes,
    { inputs, labels }: Data,
    form: AttentionForm,
  ) {
    this.#form = form;
    this.#model = encoder(sizes);
    setForm(this.#model, form);
    this.#inputs = tf.tensor3d(
      inputs.values,
      inputs.shape as [number, number, number],
    );
    this.#labels = tf.tidy(() =>
      tf.oneHot(
        tf.tensor1d(Int32Array.from(labels.values)),
        CLASSES,
      ) as tf.Tensor2D
    );
    this.firstLosses = takeSteps(async () =>
      (await readTensors(() => this.step()))[0]![0]!
    );
  }

  /** One step; the loss before it. */
  step(): tf.Tensor[] {
    const variables = this.#model.trainableWeights.map((weight) =>
      weight.read() as tf.Variable
    );
    const before = this.#adam.minimize(
      () => loss(this.#model, this.#inputs, this.#labels),
      true,
      variables,
    );
    return [before!];
  }

  /** Trains on from the first steps. */
  contender(check: (losses: readonly number[]) => string | null): Contender {
    const run = () => this.step();
    return {
      name: nameOf(this.#form),
      check: async () => check(await this.firstLosses),
      run: () => timeTensors(run),
      usage: () => usageOf(run),
    };
  }

  dispose(): void {
    this.#model.dispose();
    tf.dispose([this.#inputs, this.#labels]);
    this.#adam.dispose();
  }
}
