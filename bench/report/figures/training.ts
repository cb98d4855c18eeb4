/** Training steps: beside PyTorch's, by hand and by train, and what they cost beyond kernels. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  fixedDecay,
  lionAttention,
  lionEncoder,
  logSigmoid,
  type Mixer,
  profile,
  setForm,
  setGradientCheckpointing,
} from "@lionjs/lion";
import { MemoryWatch } from "../../../lib/backend/memory_watch.ts";
import { array, uniform } from "../../../tests/random.ts";
import { difference, ParityError, timeOf } from "../../measure/timing.ts";
import { CLASSES, encoder, weightsOf } from "../../encoder.ts";
import {
  type Check,
  type Contender,
  groupOf,
  type OpenGroup,
  tensorContender,
  type Within,
} from "../../group.ts";
import { lossesOf, Subject } from "../../mixer_subject.ts";
import type { PeerWork } from "../../peers/peer_process.ts";
import {
  type NamedPeer,
  peerContender,
  prepareFastest,
  TORCH,
} from "../../peers/torch.ts";
import { inPlainForms } from "../../plain_forms.ts";
import {
  labelsOf,
  type SizedModel,
  sizedViT,
  SMALL,
  tensorsOf,
  VIT_TINY,
} from "../../sized_models.ts";
import { SteppedTraining } from "../../stepped_training.ts";
import type { Collector } from "../collector.ts";
import { type Bound, type Figure, measuring, type Setting } from "../figure.ts";
import { OURS, STEP, THEIRS, UNRECORDED } from "../names.ts";

/** A contender that learns, with its model. */
interface Learner extends Contender {
  end(): Promise<void> | void;
}

/** Those that are among some names, in place of all. */
function groupOfLearners(
  names: readonly string[],
  learners: Readonly<Record<string, (name: string) => Learner>>,
  peers: readonly Contender[] = [],
  release?: () => Promise<void>,
): OpenGroup {
  const ours = Object.entries(learners)
    .filter(([name]) => names.includes(name))
    .map(([name, make]) => make(name));
  return groupOf([...ours, ...peers], async () => {
    for (const { end } of ours) await end();
    await release?.();
  });
}

/** Steps by hand. */
function byHand(
  name: string,
  subject: Subject,
  check: Check,
): Learner {
  return {
    ...tensorContender(name, () => subject.run("training"), check),
    end: () => subject.dispose(),
  };
}

/** Steps of a call of `train`, checked by the loss after some. */
function byTrain(
  name: string,
  training: SteppedTraining,
  steps: number,
  check: (loss: number) => string | null,
): Learner {
  return {
    name,
    check: async () => check(await training.lossAfter(steps)),
    run: () => training.step(),
    end: () => training.end(),
  };
}

/** Losses that are compared before anything is timed: each depends on the gradients before it. */
const CHECKED_STEPS = 3;

/** Ways to train a model, and who else does. */
interface Training {
  readonly names: readonly string[];
  readonly ways: Readonly<Record<string, () => Subject>>;
  /** Whose losses are right. */
  readonly reference: { make(): Subject; readonly within?: Within };
  /** PyTorch's name, the processes, and what they may do. */
  readonly torch: {
    readonly name: string;
    readonly peers: readonly NamedPeer[];
    works(): Promise<readonly PeerWork[]>;
  };
}

/** Our ways, and the quickest of PyTorch's, if the losses of the first steps agree. */
async function openTraining(
  { names, ways, reference, torch }: Training,
): Promise<OpenGroup> {
  const { make, within = (work) => work() } = reference;
  const right = make();
  const expected = await within(() =>
    lossesOf(() => right.step(), CHECKED_STEPS)
  );
  right.dispose();
  const check: Check = async (compute) => {
    const step = async () => (await compute())[0]![0]!;
    const losses = await lossesOf(step, CHECKED_STEPS);
    const pairs = [[losses, expected] as const];
    return difference("the losses of the first steps", pairs, 1e-4);
  };
  const peer = names.includes(torch.name)
    ? await prepareFastest(torch.peers, await torch.works())
    : null;
  return groupOfLearners(
    names,
    Object.fromEntries(
      Object.entries(ways).map(([name, make]) => [
        name,
        () => byHand(name, make(), check),
      ]),
    ),
    peer ? [peerContender({ name: torch.name, peer }, check)] : [],
    () => peer?.release() ?? Promise.resolve(),
  );
}

const ADAM = { learningRate: 1e-3, epsilon: 1e-8 };

/** By PyTorch's names. */
const TORCH_ADAM = {
  ...{ learning_rate: ADAM.learningRate, adam_epsilon: ADAM.epsilon },
};

/** A batch of sequences. */
interface Shape {
  readonly batch: number;
  readonly length: number;
  readonly width: number;
}

/** Who trains; LION-S in the form that it chooses and in the full one. */
const FORMS = { "LION-S": "auto", "LION-S, full": "full" } as const;

/** A training step of an encoder of two layers beside PyTorch's. */
export const steps: Figure = {
  title: "A training step, compared with PyTorch",
  short: "training steps",
  about:
    `Forward, backward and Adam for an encoder of two blocks: many short sequences,
where kernels are small, and a long one, where they are large. The losses of the
first steps are compared.`,
  column: "tokens",
  torch: "beside",
  seconds: { gpu: 20, wasm: 25, software: 25, cpu: 0 },
  measure: measuring<Shape, string>({
    // Many short sequences, where kernels are small, and a long one, where they are large.
    sizes: [
      { batch: 8, length: 64, width: 32 },
      { batch: 1, length: 1024, width: 128 },
    ],
    quick: [{ batch: 8, length: 64, width: 32 }],
    passes: ["training"],
    place: ({ batch, length, width }) => ({
      panel: `batch of ${batch}, ${length} tokens, ${width} columns`,
      at: length,
    }),
    subjects: ({ info, peers }) => [
      ...Object.keys(FORMS),
      ...info.name === "wasm" && peers.scan ? [TORCH] : [],
    ],
    open: ({ size, peers: { scan } }, names) => {
      const { batch, length, width } = size;
      const sizes = { variant: "s" as const, width, heads: 4, depth: 2 };
      const random = uniform(batch);
      const inputs = {
        ...{ name: "inputs", shape: [batch, length, width] },
        values: array(batch * length * width, random),
      };
      const labels = {
        ...{ name: "labels", shape: [batch] },
        values: array(batch, random, (u) => Math.floor(CLASSES * u)),
      };
      const subjectOf = (form: AttentionForm) => {
        const model = encoder(sizes);
        setForm(model, form);
        const made = () => [tf.tensor(inputs.values, inputs.shape)];
        return new Subject(model, made, [...labels.values], ADAM);
      };
      const ways = Object.entries(FORMS)
        .map(([name, form]) => [name, () => subjectOf(form)] as const);
      return openTraining({
        ...{ names, ways: Object.fromEntries(ways) },
        reference: { make: () => subjectOf("full") },
        torch: {
          name: TORCH,
          peers: scan ? [{ name: TORCH, peer: scan }] : [],
          works: async () => [{
            work: "training",
            options: { ...sizes, classes: CLASSES, ...TORCH_ADAM },
            tensors: [inputs, labels, ...await weightsIn(encoder(sizes))],
          }],
        },
      });
    },
    settings: () => ({ model: "encoder of 2 blocks", heads: 4 }),
  }),
};

/** The weights of a model, which is disposed of. */
async function weightsIn(model: Parameters<typeof weightsOf>[0]) {
  const weights = await weightsOf(model);
  model.dispose();
  return weights;
}

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

const DEPTH = 2;

const bestOf = ({ info, peers }: Setting) =>
  info.name === "wasm" ? peers.each : [];

/** A training step of an encoder whose mixer is a reader's own, beside the same in PyTorch. */
export const mixer: Figure = {
  title: "A custom mixer, compared with PyTorch",
  short: "a custom mixer",
  about:
    `A training step of an encoder whose mixer is the one in the documentation of
\`Mixer\`, a moving average of each channel in a few lines. PyTorch's is the scan in
chunks or a matrix of weights for each channel, whichever is quicker.`,
  column: "tokens",
  torch: "pairs",
  bounds: [{
    ...{ panel: "training", at: [256], most: 1.5 },
    ...{ series: OURS, beside: THEIRS },
  }],
  seconds: { gpu: 10, wasm: 20, software: 0, cpu: 0 },
  measure: measuring<Shape, string>({
    sizes: [{ batch: 4, length: 256, width: 128 }],
    quick: [{ batch: 2, length: 32, width: 16 }],
    passes: ["training"],
    place: ({ length }, work) => ({ panel: work, at: length }),
    subjects: (asked) => [OURS, ...bestOf(asked).length > 0 ? [THEIRS] : []],
    open: (asked, names) => {
      const { batch, length, width } = asked.size;
      const modelOf = () =>
        lionEncoder({
          ...{ mixer: average, inputDim: width, dim: width, depth: DEPTH },
          ...{ numClasses: CLASSES, seed: 1 },
        });
      const values = array(batch * length * width, uniform(length));
      const inputs = () => [
        tf.tensor3d(values, [batch, length, width]),
        tf.ones([batch, length]),
      ];
      const subjectOf = () =>
        new Subject(modelOf(), inputs, labelsOf(batch), ADAM);
      const shapes = { width, heads: 1, depth: DEPTH, classes: CLASSES };
      return openTraining({
        ...{ names, ways: { [OURS]: subjectOf } },
        reference: { make: subjectOf, within: inPlainForms },
        torch: {
          ...{ name: THEIRS, peers: bestOf(asked) },
          works: async () => {
            const tensors = [
              { name: "inputs 0", shape: [batch, length, width], values },
              {
                ...{ name: "inputs 1", shape: [batch, length] },
                values: new Float32Array(batch * length).fill(1),
              },
              {
                ...{ name: "labels", shape: [batch] },
                values: Float32Array.from(labelsOf(batch)),
              },
              ...await weightsIn(modelOf()),
            ];
            // By a scan in chunks, or by a matrix for each channel.
            return ["average by scan", "average by matrix"].map((variant) => ({
              work: "model" as const,
              options: {
                ...{ kind: "encoder", work: "training", ...TORCH_ADAM },
                sizes: { ...shapes, variant, input_width: width },
              },
              tensors,
            }));
          },
        },
      });
    },
    settings: (_, [size]) => ({
      ...{ model: `encoder of ${DEPTH} blocks`, batch: size!.batch },
      ...{ columns: size!.width, mixer: "a moving average of each channel" },
    }),
  }),
};

/** Who takes a step. */
const BY_HAND = "by hand, Adam",
  BY_TRAIN = "by train",
  BY_TRAIN_CLIPPED = "by train, clipped",
  BY_TFJS = "by hand, tf.train.adam";

/** The same step of the same model, in several ways. */
export const optimizers: Figure = {
  title: "A training step by hand, by train, and with tf.train.adam",
  short: "optimizers",
  about:
    `The same step of ViT-tiny with LION-S: by hand with this library's Adam or with
TensorFlow.js's, and by \`train\`, without clipping and with the clipping that it
does by default. A step of \`train\` lasts until it asks for the next batch.`,
  column: "per batch",
  bounds: Object.entries({ [BY_TRAIN]: 1.03, [BY_TFJS]: 1.5 })
    .map(([series, most]): Bound => ({
      ...{ panel: "ViT-tiny, training", at: [1] },
      ...{ series, beside: BY_HAND, most },
    })),
  seconds: { gpu: 30, wasm: 30, software: 0, cpu: 0 },
  measure: measuring({
    sizes: [VIT_TINY],
    quick: [SMALL.vit],
    passes: ["training"],
    place: ({ title }, work) => ({ panel: `${title}, ${work}`, at: 1 }),
    subjects: () => [BY_HAND, BY_TRAIN, BY_TRAIN_CLIPPED, BY_TFJS],
    open: async ({ size: sized }, names) => {
      const labels = labelsOf(1), inputs = sized.inputs(1);
      const modelOf = () => sized.make({ variant: "s" });
      const adam = { ...ADAM, learningRate: 1e-4 };
      const subjectOf = (
        optimizer: ConstructorParameters<typeof Subject>[3],
      ) => {
        const model = modelOf();
        return new Subject(
          model,
          () => tensorsOf(model, inputs),
          labels,
          optimizer,
        );
      };
      const lossAfter = async (subject: Subject) => {
        await lossesOf(() => subject.step(), CHECKED_STEPS);
        return await subject.loss();
      };
      const reference = subjectOf(adam);
      const before = await reference.loss();
      const expected = await inPlainForms(() => lossAfter(reference));
      reference.dispose();
      const check = (loss: number) =>
        difference("the loss after some steps", [[[loss], [expected]]], 1e-3);
      const hand = (optimizer: () => Parameters<typeof subjectOf>[0]) =>
      (
        name: string,
      ) => {
        const subject = subjectOf(optimizer());
        return byHand(
          name,
          subject,
          async () => check(await lossAfter(subject)),
        );
      };
      const train =
        (clipNorm: number, checkLoss: typeof check) => (name: string) => {
          const training = new SteppedTraining(modelOf(), {
            ...{ ...adam, clipNorm, labels },
            inputs: (model) => tensorsOf(model, inputs),
          });
          return byTrain(name, training, CHECKED_STEPS, checkLoss);
        };
      return groupOfLearners(names, {
        [BY_HAND]: hand(() => adam),
        [BY_TRAIN]: train(Infinity, check),
        // Its steps are others, and so is its loss after some.
        [BY_TRAIN_CLIPPED]: train(
          1,
          (loss) => loss < before ? null : `its loss is ${loss}, not less`,
        ),
        [BY_TFJS]: hand(() =>
          tf.train.adam(adam.learningRate, 0.9, 0.999, adam.epsilon)
        ),
      });
    },
    settings: () => ({ batch: 1, variant: "LION-S" }),
  }),
};

/** The sum of the times of a step's kernels. */
const KERNELS = "its kernels";

const SMALL_STEP: Shape = { batch: 8, length: 64, width: 32 };

/** Steps before the loss is compared; some of them are replayed. */
const REPLAYED_STEPS = 6;

/** What a small training step costs beyond its kernels: JavaScript, the tape, launches. */
export const overhead: Figure = {
  title: "What a small step costs beyond its kernels",
  short: "a small training step",
  about:
    `A step of \`train\` with many short sequences, as it is and with \`record: false\`,
and the sum of the times of the kernels that it runs: the rest is JavaScript, launches
and, where nothing is recorded, the layers' code and the tape of gradients.`,
  column: "tokens",
  bounds: Object.entries({ [KERNELS]: 1.25, [UNRECORDED]: 0.8 })
    .map(([beside, most]): Bound => ({
      ...{ panel: "training", at: [64], series: STEP, beside, most },
    })),
  seconds: { gpu: 15, wasm: 15, software: 0, cpu: 0 },
  measure: measuring({
    ...{ sizes: [SMALL_STEP], quick: [SMALL_STEP], passes: ["training"] },
    place: ({ length }, work) => ({ panel: work, at: length }),
    subjects: () => [STEP, UNRECORDED, KERNELS],
    open: async ({ size: { batch, length, width } }, names) => {
      const values = array(batch * length * width, uniform(batch));
      const trainingOf = (record: boolean) =>
        new SteppedTraining(
          encoder({ variant: "s", width, heads: 4, depth: 2 }),
          {
            ...{ learningRate: 1e-4, epsilon: 1e-8, clipNorm: 1, record },
            inputs: () => [tf.tensor3d(values, [batch, length, width])],
            labels: labelsOf(batch),
          },
        );
      const wanted = await inPlainForms(async () => {
        const plain = trainingOf(false);
        const loss = await plain.lossAfter(REPLAYED_STEPS);
        await plain.end();
        return loss;
      });
      const check = (loss: number) =>
        difference("the loss", [[[loss], [wanted]]], 1e-4);
      const stepOf = (record: boolean) => (name: string) =>
        byTrain(name, trainingOf(record), REPLAYED_STEPS, check);
      return groupOfLearners(names, {
        [STEP]: stepOf(true),
        [UNRECORDED]: stepOf(false),
        [KERNELS]: (name) => {
          const step = stepOf(false)(name);
          // A step that is profiled is not recorded.
          const run = async () =>
            (await profile(() => step.run(), { runs: 1 })).milliseconds;
          return { ...step, run };
        },
      });
    },
    settings: (_, [size]) => ({
      ...{ model: "encoder of 2 blocks", batch: size!.batch },
      ...{ tokens: size!.length, columns: size!.width },
      ...{ variant: "LION-S", optimizer: "Adam" },
    }),
  }),
};

/** Steps that keep what gradients need, and that compute it again. */
const KEPT = "kept", RECOMPUTED = "recomputed";

/** Steps of each way, the first of which counts for memory alone; a small model takes more. */
const STEPS = 4, STEPS_OF_TINY = 10;

/** Small, but of blocks enough that there is something to save. */
const QUICK = sizedViT("ViT", { dim: 32, depth: 4, numHeads: 2 }, 64, [16]);

/** What recomputing saves and costs, in a training of a model with LION-S. */
export function recomputeBounds(panel: string): Bound[] {
  return ([["memory", 0.45], ["time", 1.35]] as const)
    .map(([measure, most]) => ({
      ...{ panel, at: [8], measure, most },
      ...{ series: RECOMPUTED, beside: KEPT },
    }));
}

/** Training whose blocks are computed again for their gradients, beside the usual. */
export const recompute: Figure = {
  title: "Training with recomputed blocks",
  short: "training with recomputed blocks",
  about: `Steps of \`train\` that keep what gradients need, and steps with
\`gradientCheckpointing\`, which computes each block again for its gradients. Memory
is the peak of everything: model, gradients, optimizer and step. The losses of a small
model are the same to the last bit.`,
  column: "per batch",
  bounds: recomputeBounds("ViT-tiny, training"),
  seconds: { gpu: 30, wasm: 30, software: 0, cpu: 0 },
  async measure({ quick }, collector) {
    await collectRecomputed(
      collector,
      quick
        ? { sized: QUICK, batch: 16 }
        : { sized: VIT_TINY, steps: STEPS_OF_TINY },
    );
    return { settings: { variant: "LION-S", "taken by": "train" } };
  },
};

/** A training whose steps take turns: those that keep, and those that compute again. */
interface Recomputing {
  readonly sized: SizedModel;
  /** Examples of a step. @default 8 */
  readonly batch?: number;
  /** Steps of each way, the first of which counts for memory alone. @default 4 */
  readonly steps?: number;
}

/**
 * Collects the time and the peak of both ways: model, gradients and optimizer
 * count, since they are in memory at the worst moment.
 *
 * @throws {ParityError} If the losses of a small model differ.
 */
export async function collectRecomputed(
  collector: Collector,
  { sized, batch = 8, steps = STEPS }: Recomputing,
): Promise<void> {
  const place = { panel: `${sized.title}, training`, at: batch };
  const names = collector.affordable(place, [KEPT, RECOMPUTED]);
  if (names.length === 0) return;
  await assertSame();
  const watch = new MemoryWatch();
  const { bytesBefore } = watch.begin();
  const model = sized.make({ variant: "s" });
  const inputs = sized.inputs(batch);
  const training = new SteppedTraining(model, {
    ...{ learningRate: 1e-4, labels: labelsOf(batch) },
    inputs: (model) => tensorsOf(model, inputs),
  });
  const ways = [KEPT, RECOMPUTED].map((series) => ({
    ...{ series, memoryBytes: 0, times: [] as number[] },
  }));
  try {
    for (let step = 0; step < steps; step++) {
      for (const way of ways) {
        setGradientCheckpointing(model, way.series === RECOMPUTED);
        const span = watch.begin();
        const milliseconds = await training.step();
        watch.end(span);
        if (step > 0) way.times.push(milliseconds);
        const bytes = span.peakBytes - bytesBefore;
        way.memoryBytes = Math.max(way.memoryBytes, bytes);
      }
    }
  } finally {
    watch.stop();
    await training.end();
  }
  for (const { series, memoryBytes, times } of ways) {
    collector.add(place, series, { time: timeOf(times), memoryBytes });
  }
}

/** Throws unless both ways train a small model alike, to the last bit. */
async function assertSame(): Promise<void> {
  const batch = 2;
  const lossesWith = async (recompute: boolean) => {
    const model = SMALL.vit.make({ variant: "s" });
    setGradientCheckpointing(model, recompute);
    const inputs = () => tensorsOf(model, SMALL.vit.inputs(batch));
    const subject = new Subject(model, inputs, labelsOf(batch));
    try {
      return await lossesOf(() => subject.step(), CHECKED_STEPS);
    } finally {
      subject.dispose();
    }
  };
  const kept = await lossesWith(false), recomputed = await lossesWith(true);
  if (kept.every((loss, i) => loss === recomputed[i])) return;
  throw new ParityError(
    `${RECOMPUTED}: losses are ${recomputed.join(", ")}, not ${
      kept.join(", ")
    }`,
  );
}
