/** A training step of an encoder whose mixer is a reader's own, beside the same in PyTorch. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  fixedDecay,
  lionAttention,
  lionEncoder,
  logSigmoid,
  type Mixer,
} from "@lionjs/lion";
import { array, uniform } from "../../../tests/random.ts";
import { weightsOf } from "../../encoder.ts";
import { type OpenGroup, startBackend } from "../../group.ts";
import { timeTensors, usageOf } from "../../../measure/tensors.ts";
import { difference } from "../../../measure/timing.ts";
import { lossesOf, Subject } from "../../mixer_subject.ts";
import type { NamedArray, PeerWork } from "../../peers/peer_process.ts";
import {
  type NamedPeer,
  peerContender,
  prepareFastest,
} from "../../peers/torch.ts";
import { inPlainForms } from "../../plain_forms.ts";
import { CLASSES, labelsOf } from "../../sized_models.ts";
import type { FigureMaker } from "../figure.ts";
import { OURS, THEIRS } from "./names.ts";

/** The one in the documentation of `Mixer`: a moving average of each channel, at a pace that it learns. */
const average: Mixer = {
  parameters: (shape) => [
    { name: "pace", shape: [shape.at(-1)!], initial: "zeros" },
  ],
  apply(x, parameters, { causal, mask, segments }) {
    const v: tf.Tensor4D = tf.expandDims(tf.transpose(x, [0, 2, 1]), 3);
    const ones = tf.onesLike(v);
    const decay = fixedDecay(logSigmoid(parameters("pace") as tf.Tensor1D));
    const y = lionAttention(ones, ones, v, { decay, causal, mask, segments });
    return tf.transpose(tf.squeeze<tf.Tensor3D>(y, [3]), [0, 2, 1]);
  },
  operations: (shape) => 10 * tf.util.sizeFromShape(shape as number[]),
};

interface Sizes {
  readonly batch: number;
  readonly length: number;
  readonly dim: number;
}

const SIZES: Sizes = { batch: 4, length: 256, dim: 128 };
const QUICK: Sizes = { batch: 2, length: 32, dim: 16 };

const DEPTH = 2;

const ADAM = { learningRate: 1e-3, epsilon: 1e-8 };

/** Losses that are compared before anything is timed. */
const CHECKED_STEPS = 3;

/** Forward, backward and Adam. */
export const mixer: FigureMaker = {
  seconds: { gpu: 10, wasm: 20, software: 0, cpu: 0 },
  async measure({ info, threads, quick, peers }, collector) {
    await startBackend(info.name, threads);
    const torch = info.name === "wasm" ? peers.each : [];
    const sizes = quick ? QUICK : SIZES;
    await collector.measure(
      { panel: "training", at: sizes.length },
      [OURS, ...torch.length > 0 ? [THEIRS] : []],
      (names) => open(sizes, names.includes(THEIRS) ? torch : []),
    );
    const { batch, dim } = sizes;
    return {
      settings: {
        ...{ model: `encoder of ${DEPTH} blocks`, batch, columns: dim },
        mixer: "a moving average of each channel",
      },
    };
  },
};

async function open(
  { batch, length, dim }: Sizes,
  torch: readonly NamedPeer[],
): Promise<OpenGroup> {
  const modelOf = () =>
    lionEncoder({
      ...{ mixer: average, inputDim: dim, dim, depth: DEPTH },
      ...{ numClasses: CLASSES, seed: 1 },
    });
  const values = array(batch * length * dim, uniform(length));
  const inputs = () => [
    tf.tensor3d(values, [batch, length, dim]),
    tf.ones([batch, length]),
  ];
  const subjectOf = () => new Subject(modelOf(), inputs, labelsOf(batch), ADAM);
  const model = modelOf();
  const weights = await weightsOf(model);
  model.dispose();
  const reference = subjectOf();
  const expected = await inPlainForms(() =>
    lossesOf(() => reference.step(), CHECKED_STEPS)
  );
  reference.dispose();
  const check = (losses: readonly number[]) =>
    difference("the losses of the first steps", [[losses, expected]], 1e-4);
  const subject = subjectOf();
  const run = () => subject.run("training");
  const peer = await prepareFastest(
    torch,
    [{ scan: true }, { scan: false }].map(({ scan }) =>
      workOf({ batch, length, dim }, values, weights, scan)
    ),
  );
  return {
    contenders: [
      {
        name: OURS,
        check: async () =>
          check(await lossesOf(() => subject.step(), CHECKED_STEPS)),
        run: () => timeTensors(run),
        usage: () => usageOf(run),
      },
      ...peer
        ? [{
          ...peerContender(peer, () => null, undefined, THEIRS),
          check: async () =>
            check(
              await lossesOf(
                async () => (await peer.outputs())[0]![0]!,
                CHECKED_STEPS,
              ),
            ),
        }]
        : [],
    ],
    baseline: OURS,
    close: async () => {
      subject.dispose();
      await peer?.release();
    },
  };
}

/** The same in PyTorch, with the average by a scan in chunks or by a matrix for each channel. */
function workOf(
  { batch, length, dim }: Sizes,
  values: Float32Array,
  weights: readonly NamedArray[],
  scan: boolean,
): PeerWork {
  return {
    work: "model",
    options: {
      ...{ kind: "encoder", work: "training" },
      sizes: {
        ...{ variant: scan ? "average by scan" : "average by matrix" },
        ...{ width: dim, heads: 1, depth: DEPTH, classes: CLASSES },
        input_width: dim,
      },
      ...{ learning_rate: ADAM.learningRate, adam_epsilon: ADAM.epsilon },
    },
    tensors: [
      { name: "inputs 0", shape: [batch, length, dim], values },
      {
        ...{ name: "inputs 1", shape: [batch, length] },
        values: new Float32Array(batch * length).fill(1),
      },
      {
        ...{ name: "labels", shape: [batch] },
        values: Float32Array.from(labelsOf(batch)),
      },
      ...weights,
    ],
  };
}
