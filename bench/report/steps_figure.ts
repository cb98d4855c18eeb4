/**
 * A training step of an encoder of two layers: forward, backward and Adam,
 * with the library's choice of form and with the full form, and in PyTorch.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { type AttentionForm, setForm } from "@lionjs/lion";
import { array, uniform } from "../../tests/random.ts";
import { CLASSES, encoder, weightsOf } from "../encoder.ts";
import { type Contender, type OpenGroup, startBackend } from "../group.ts";
import { timeTensors, usageOf } from "../../measure/tensors.ts";
import { difference } from "../../measure/timing.ts";
import { lossesOf, Subject } from "../mixer_subject.ts";
import type { NamedArray } from "../peers/peer_process.ts";
import { peerContender, TORCH, type TorchPeer } from "../peers/torch.ts";
import type { FigureMaker } from "./figure.ts";

/** Many short sequences, where kernels are small, and a long one, where they are large. */
const SHAPES = [
  { batch: 8, length: 64, width: 32 },
  { batch: 1, length: 1024, width: 128 },
] as const;

const ADAM = { learningRate: 1e-3, epsilon: 1e-8 };

/** Losses that are compared before anything is timed: each depends on the gradients before it. */
const CHECKED_STEPS = 3;

/** Who trains; LION-S in the form that it chooses and in the full one. */
const OURS = { "LION-S": "auto", "LION-S, full": "full" } as const;

/** A training step of an encoder of two layers beside PyTorch's. */
export const steps: FigureMaker = {
  seconds: { gpu: 20, wasm: 25, software: 25, cpu: 0 },
  async measure({ info, threads, quick, peers }, collector) {
    await startBackend(info.name, threads);
    const torch = info.name === "wasm" ? peers.scan : null;
    for (const shape of quick ? SHAPES.slice(0, 1) : SHAPES) {
      const { batch, length, width } = shape;
      await collector.measure(
        {
          panel: `batch of ${batch}, ${length} tokens, ${width} columns`,
          at: length,
        },
        [...Object.keys(OURS), ...torch ? [TORCH] : []],
        (names) => open(shape, names, names.includes(TORCH) ? torch : null),
      );
    }
    return { settings: { model: "encoder of 2 blocks", heads: 4 } };
  },
};

async function open(
  { batch, length, width }: typeof SHAPES[number],
  names: readonly string[],
  torch: TorchPeer | null,
): Promise<OpenGroup> {
  const sizes = { variant: "s" as const, width, heads: 4, depth: 2 };
  const data = dataOf(batch, length, width);
  const untrained = encoder(sizes);
  const weights = await weightsOf(untrained);
  untrained.dispose();
  const subjectOf = (form: AttentionForm) => {
    const model = encoder(sizes);
    setForm(model, form);
    const inputs = () => [
      tf.tensor3d(data.inputs.values, [batch, length, width]),
    ];
    return new Subject(model, inputs, [...data.labels.values], ADAM);
  };
  const reference = subjectOf("full");
  const expected = await lossesOf(() => reference.step(), CHECKED_STEPS);
  reference.dispose();
  const ours = Object.entries(OURS)
    .filter(([name]) => names.includes(name))
    .map(([name, form]) => ({ name, subject: subjectOf(form) }));
  const check = (losses: readonly number[]) =>
    difference("the losses of the first steps", [[losses, expected]], 1e-4);
  const contenders = ours.map(({ name, subject }): Contender => {
    const run = () => subject.run("training");
    return {
      name,
      check: async () =>
        check(await lossesOf(() => subject.step(), CHECKED_STEPS)),
      run: () => timeTensors(run),
      usage: () => usageOf(run),
    };
  });
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
    const losses = await lossesOf(
      async () => (await torch.outputs())[0]![0]!,
      CHECKED_STEPS,
    );
    contenders.push(peerContender(torch, () => check(losses)));
  }
  return {
    contenders,
    baseline: contenders[0]!.name,
    close: async () => {
      ours.forEach(({ subject }) => subject.dispose());
      await torch?.release();
    },
  };
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
