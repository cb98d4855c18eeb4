/**
 * What mixers cost in the same model, as ratios to softmax attention:
 * `deno task fast run -A bench/mixers.ts`, on a machine that is idle. One image
 * or one sequence, inference and a training step with Adam.
 *
 * All logits, and the losses of training steps, are checked with the same model in
 * plain JavaScript before the first time is taken, which takes minutes for a
 * vision transformer. Contenders take turns.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  type AttentionOptions,
  type BackendName,
  lionEncoder,
  lionViT,
  VIM_PRESETS,
  VIT_PRESETS,
} from "@lionjs/lion";
import { Adam, crossEntropy } from "@lionjs/lion/training";
import { array, uniform } from "../tests/random.ts";
import { positiveInteger, readCommandLine } from "../tools/command_line.ts";
import { medianOf, tellTimes } from "./bounds.ts";
import {
  type Contender,
  readTensors,
  startBackend,
  timeChecked,
  timeTensors,
} from "./group.ts";
import { difference } from "./measure.ts";

const USAGE = `Usage: deno task fast run -A bench/mixers.ts [options]

  --backend NAME    wasm or webgpu (default: wasm)
  --model NAME      vit or encoder (default: both)
  --sizes PIXELS    of images, with commas between (default: 224); inference
                    alone where there are several
  --length TOKENS   of the encoder (default: 1024)
  --threads N       of wasm (default: one for each core)
  --help            print this`;

const BASELINE = "softmax";
const CLASSES = 10;

/** Losses that are compared: the second depends on all gradients of the first step. */
const CHECKED_STEPS = 2;

/** Of logits and losses. */
const TOLERANCE = 1e-3;

const WORKS = ["inference", "training step"] as const;
type Work = typeof WORKS[number];

type Mixing = Pick<AttentionOptions, "variant" | "order">;

/** Attention, in blocks of the same sizes. */
const ATTENTION: Readonly<Record<string, Mixing>> = {
  [BASELINE]: { variant: "softmax" },
  "LION-LIT": { variant: "lit" },
  "LION-D": { variant: "d" },
  "LION-S": { variant: "s" },
};

/** The same along snakes through rows and columns. */
const SNAKES: Readonly<Record<string, Mixing>> = {
  "LION-D, snakes": { variant: "d", order: "snake" },
  "LION-S, snakes": { variant: "s", order: "snake" },
};

/** Models by what mixes their tokens, and an input. */
interface Problem {
  readonly title: string;
  readonly models: Readonly<Record<string, () => LayersModel>>;
  readonly inputs: tf.Tensor[];
}

/** ViT-tiny, and rivals of the same width without perceptrons, twice as deep. */
function visionProblem(imageSize: number): Problem {
  const pixels = array(imageSize * imageSize * 3, uniform(1));
  const common = { imageSize, numClasses: CLASSES, seed: 1 };
  const attention = Object.entries({ ...ATTENTION, ...SNAKES })
    .map(([name, mixing]) => {
      const options = { ...common, ...VIT_PRESETS.tiny, ...mixing };
      return [name, () => lionViT(options)];
    });
  const { variant: vim, ...sizes } = VIM_PRESETS.tiny;
  return {
    title: `ViT-tiny, ${imageSize} pixels`,
    models: {
      ...Object.fromEntries(attention),
      Hydra: () => lionViT({ ...common, ...sizes, variant: "hydra" }),
      Vim: () => lionViT({ ...common, ...sizes, variant: vim }),
    },
    inputs: [tf.tensor4d(pixels, [1, imageSize, imageSize, 3])],
  };
}

/** Two blocks; the rivals' mixers stand where attention does. */
function encoderProblem(length: number): Problem {
  const dim = 128;
  const values = array(length * dim, uniform(1));
  const common = { inputDim: dim, dim, depth: 2, numClasses: CLASSES, seed: 1 };
  const attention = Object.entries(ATTENTION).map(([name, mixing]) => {
    const options = { ...common, numHeads: 4, ...mixing };
    return [name, () => lionEncoder(options)];
  });
  return {
    title: `two-layer encoder, ${length} tokens`,
    models: {
      ...Object.fromEntries(attention),
      Hydra: () => lionEncoder({ ...common, variant: "hydra" }),
      Vim: () => lionEncoder({ ...common, variant: "vim" }),
    },
    inputs: [tf.tensor3d(values, [1, length, dim]), tf.ones([1, length])],
  };
}

/** A model with an example. */
class Subject {
  readonly #model: LayersModel;
  readonly #inputs: tf.Tensor[];
  readonly #labels = tf.tensor1d([3], "int32");
  readonly #loss = crossEntropy();
  readonly #adam = new Adam({ learningRate: 1e-4 });

  constructor(model: LayersModel, inputs: tf.Tensor[]) {
    this.#model = model;
    this.#inputs = inputs;
  }

  classify(): tf.Tensor[] {
    return [this.#model.predict(this.#inputs) as tf.Tensor];
  }

  /** A step of training; the loss before it. */
  step(): tf.Tensor[] {
    const lossOf = () => {
      const options = { training: true };
      const logits = this.#model.apply(this.#inputs, options) as tf.Tensor;
      return this.#loss(logits, this.#labels);
    };
    const weights = this.#model.trainableWeights.map((weight) =>
      weight.read() as tf.Variable
    );
    return [this.#adam.minimize(lossOf, true, weights)!];
  }

  /** Logits, or the losses of the first steps. */
  async find(work: Work): Promise<number[]> {
    const found: number[] = [];
    if (work === "inference") {
      found.push(...(await readTensors(() => this.classify()))[0]!);
    }
    while (work === "training step" && found.length < CHECKED_STEPS) {
      found.push((await readTensors(() => this.step()))[0]![0]!);
    }
    return found;
  }

  dispose(): void {
    this.#labels.dispose();
    this.#adam.dispose();
    this.#model.dispose();
  }
}

/** Prints what each model takes, and its ratio to softmax attention. */
async function compare(
  { title, models, inputs }: Problem,
  work: Work,
  start: (backend?: BackendName) => Promise<unknown>,
): Promise<void> {
  const truths = new Map<string, number[]>();
  await start("cpu");
  for (const [name, make] of Object.entries(models)) {
    const subject = new Subject(make(), inputs);
    truths.set(name, await subject.find(work));
    subject.dispose();
  }
  await start();
  const subjects = Object.entries(models).map(([name, make]) => ({
    name,
    subject: new Subject(make(), inputs),
  }));
  const contenders = subjects.map(({ name, subject }): Contender => ({
    name,
    check: async () =>
      difference(
        work,
        [[await subject.find(work), truths.get(name)!]],
        TOLERANCE,
      ),
    run: () =>
      timeTensors(() =>
        work === "inference" ? subject.classify() : subject.step()
      ),
  }));
  const measurements = await timeChecked({
    contenders,
    baseline: BASELINE,
    close: () => {
      subjects.forEach(({ subject }) => subject.dispose());
      return Promise.resolve();
    },
  });
  tellTimes(`${title}, ${work}`, measurements);
  const baseline = medianOf(measurements, BASELINE);
  for (const { name, median } of measurements) {
    console.log(
      `  ${name} beside ${BASELINE}: ${(median / baseline).toFixed(2)}`,
    );
  }
}

const { backend, model, sizes, length, threads } = await readCommandLine(
  USAGE,
  {
    backend: { type: "string", default: "wasm" },
    model: { type: "string", default: "encoder,vit" },
    sizes: { type: "string", default: "224" },
    length: { type: "string", default: "1024" },
    threads: { type: "string", default: String(navigator.hardwareConcurrency) },
  },
  ({ backend, model, sizes, length, threads }) => ({
    backend: backend as BackendName,
    model: model.split(","),
    sizes: sizes.split(",").map((size) => positiveInteger("--sizes", size)),
    length: positiveInteger("--length", length),
    threads: positiveInteger("--threads", threads),
  }),
);
const start = (name: BackendName = backend) => startBackend(name, threads);
await start();
const works = sizes.length === 1 ? WORKS : WORKS.slice(0, 1);
const problems = [
  ...(model.includes("encoder") ? [encoderProblem(length)] : []),
  ...(model.includes("vit") ? sizes.map(visionProblem) : []),
];
for (const problem of problems) {
  for (const work of works) await compare(problem, work, start);
  tf.dispose(problem.inputs);
}
Deno.exit(0);
