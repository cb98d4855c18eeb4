/** Whole models: beside softmax and the paper's rivals, and beside PyTorch's. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionGpt, profile } from "@lionjs/lion";
import { usageOf } from "../../measure/tensors.ts";
import { difference, stopwatch } from "../../measure/timing.ts";
import { weightsOf } from "../../encoder.ts";
import { checkNext, next, nextOfWhole, textOf } from "../../generation.ts";
import {
  type Contender,
  groupOf,
  type OpenGroup,
  tensorContender,
} from "../../group.ts";
import { type MixerChoice, openMixers } from "../../mixer_group.ts";
import {
  BASELINE,
  encoderProblem,
  MIXERS,
  visionProblem,
} from "../../mixer_models.ts";
import {
  disagreement,
  Subject,
  type Work,
  WORKS,
} from "../../mixer_subject.ts";
import type { PeerProcess, PeerWork } from "../../peers/peer_process.ts";
import {
  type NamedPeer,
  peerContender,
  prepareFastest,
} from "../../peers/torch.ts";
import { inPlainForms } from "../../plain_forms.ts";
import {
  labelsOf,
  LARGE_MODELS,
  MODELS,
  type SizedModel,
  type SizedVariant,
  SMALL,
  tensorsOf,
  VIT_BASE,
} from "../../sized_models.ts";
import type { Collector } from "../collector.ts";
import {
  type Asked,
  type ByPower,
  type Figure,
  measuring,
  type Setting,
} from "../figure.ts";
import { OURS, THEIRS } from "../names.ts";
import { collectRecomputed, recomputeBounds } from "./training.ts";

/** Opens models of a problem. */
function openProblem(
  { info, threads, quick }: Setting,
  choice: Pick<MixerChoice, "problem" | "work" | "names" | "depth">,
): Promise<OpenGroup> {
  const backend = info.name;
  return openMixers({ ...choice, backend, threads, isShortest: quick });
}

/** Blocks of ViT-tiny, or few where a block takes long. */
const VISION_DEPTH: ByPower<number> = {
  gpu: 12,
  wasm: 12,
  software: 2,
  cpu: 1,
};

const depthOf = ({ quick, power }: Setting) => quick ? 1 : VISION_DEPTH[power];

/** Memory and time of a vision transformer against resolution. */
export const resolutions: Figure = {
  title: "A vision transformer against resolution (figures 3 and 10)",
  short: "a vision transformer",
  about:
    `Inference of one image, with softmax attention, LION-D in its forms, Hydra
and Vim; the paper's full form is *LION-D, full in tfjs*. Memory is what is needed besides the weights and the image. In the paper softmax's memory grows
with the square of the tokens; ours is a kernel that keeps no scores, so only its
time does. In the paper, Hydra and Vim are faster than LION at high resolution, since they had
GPU kernels and LION had none; here all have kernels. The rivals have twice as many
blocks, without perceptrons.`,
  axis: "pixels per side",
  column: "pixels",
  crossings: [
    ["LION-D", "softmax"],
    ["LION-D", "Hydra"],
    ["LION-D", "Vim"],
    ["LION-D, recurrent", "softmax"],
  ],
  seconds: { gpu: 160, wasm: 180, software: 40, cpu: 0 },
  power: 2,
  measure: measuring({
    sizes: {
      gpu: [224, 384, 512, 768, 1024, 1536],
      wasm: [112, 224, 384, 512, 768, 1024],
      software: [64, 112, 224, 384],
      cpu: [32, 64],
    },
    quick: [32, 64],
    passes: ["inference"],
    subjects: () => [
      ...[BASELINE, "LION-D", "LION-D, full", "LION-D, full in tfjs"],
      ...["LION-D, recurrent", "Hydra", "Vim"],
    ],
    open: (asked, names) =>
      openProblem(asked, {
        ...{ problem: visionProblem(asked.size), work: "inference", names },
        depth: depthOf(asked),
      }),
    settings: (setting) => ({
      ...{ model: "ViT-tiny", blocks: depthOf(setting) },
      ...{ batch: 1, "patch size": 16 },
    }),
  }),
};

const MEMORY_LENGTHS: ByPower<readonly number[]> = {
  gpu: [128, 256, 512, 1024, 2048, 4096, 8192],
  wasm: [128, 256, 512, 1024, 2048, 4096],
  software: [64, 128, 256, 512],
  cpu: [64, 128],
};

/** Softmax attention that keeps its scores, as the papers have it. */
const PLAIN_MODEL = "softmax in tfjs";

/** Memory of an encoder against length. */
export const memory: Figure = {
  title: "Memory against length (figure 9)",
  short: "an encoder",
  about:
    `An encoder of two blocks, for one sequence: inference and a training step with
Adam. In the paper BERT's memory is quadratic, LION's and Hydra's linear. BERT's
attention is *softmax in tfjs* here, which keeps its scores; *softmax* is our
kernel, which does not, and is linear too.`,
  axis: "tokens",
  column: "tokens",
  seconds: { gpu: 25, wasm: 60, software: 20, cpu: 0 },
  async measure({ quick, power }, collector) {
    const names = [BASELINE, PLAIN_MODEL, "LION-LIT", "LION-D", "LION-S"];
    // Shaders of Hydra's gradients take long to compile.
    if (power !== "software") names.push("Hydra");
    for (const work of WORKS) {
      for (const at of quick ? [32, 64] : MEMORY_LENGTHS[power]) {
        const place = { panel: work, at };
        for (const name of collector.affordable(place, names)) {
          try {
            const memoryBytes = await memoryOf(name, work, at);
            collector.add(place, name, { memoryBytes });
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
            collector.skip(place, name, error.message);
          }
        }
      }
    }
    const model = "encoder of 2 blocks, 128 columns, 4 heads";
    return { settings: { model, batch: 1 } };
  },
};

/** Bytes that a model needs beyond its weights and inputs. */
async function memoryOf(
  name: string,
  work: Work,
  length: number,
): Promise<number> {
  const isPlain = name === PLAIN_MODEL;
  const { models, inputs } = encoderProblem(length);
  const subject = new Subject(models[isPlain ? BASELINE : name]!(), inputs);
  try {
    // Of the second run on, when the optimizer has its state.
    const usage = () => {
      tf.dispose(subject.run(work));
      return usageOf(() => subject.run(work));
    };
    const used = isPlain ? await inPlainForms(usage) : await usage();
    return used.peakBytes - used.bytesBefore;
  } finally {
    subject.dispose();
  }
}

/** LION as the paper trains it: in the full form, whose scores are kept. */
const PAPERS_FORM = ["LION-LIT", "LION-D", "LION-S"]
  .map((name) => `${name}, full in tfjs`);

/** Problems of {@linkcode training}, each with a panel for each work. */
const VISION = { problem: visionProblem, at: 224, of: "" };
const ENCODER = { problem: encoderProblem, at: 1024, of: ", encoder" };
const SHORT_ENCODER = { ...ENCODER, at: 256, of: "" };
const SHORTEST_ENCODER = { ...ENCODER, at: 32, of: "" };

/** Whether software computes a small model alone, and that in training. */
const isSmall = ({ power, quick }: Setting) => power === "software" || quick;

/** A training step and inference beside softmax, with the paper's ratios. */
export const training: Figure = {
  title: "A training step and inference, compared with softmax",
  short: "models",
  about:
    `Forward, backward and Adam for one example, and inference. The paper's ratios
are for entire training runs on a GPU with batches, for models of the tiny size
(Hydra: the small one), with LION's full form in operations, like those called
*in tfjs* here; unless stated otherwise, LION takes the chunkwise form. With one image and 197 tokens the dense layers are
most of a step, which brings the ratios of attention closer to 1.`,
  column: "pixels or tokens",
  // Training time in tables 2 and 12, of the tiny size; Hydra's of the small one.
  paper: {
    "LION-LIT": 0.69,
    "LION-D": 1.48,
    "LION-D snakes": 1.73,
    "LION-S": 2.05,
    "LION-S snakes": 3.83,
    Hydra: 2.5,
    Vim: 9.48,
  },
  seconds: { gpu: 90, wasm: 110, software: 40, cpu: 0 },
  measure: measuring<typeof VISION, Work>({
    sizes: {
      ...{ gpu: [VISION, ENCODER], wasm: [VISION, ENCODER] },
      ...{ software: [SHORT_ENCODER], cpu: [] },
    },
    quick: [SHORTEST_ENCODER],
    passes: (setting) => isSmall(setting) ? ["training"] : WORKS.toReversed(),
    place: ({ at, of }, work) => ({ panel: `${work}${of}`, at }),
    subjects: ({ size, pass, quick, power }) => {
      if (quick) return [BASELINE, "LION-S", "LION-S, full in tfjs"];
      if (power === "software") {
        return [BASELINE, ...MIXERS.slice(1, 4), ...PAPERS_FORM];
      }
      const { models } = size.problem(size.at);
      return [...MIXERS, ...pass === "training" ? PAPERS_FORM : []]
        .filter((name) => name.replace(" in tfjs", "") in models);
    },
    open: (asked, names) => {
      const { problem, at } = asked.size;
      const choice = { problem: problem(at), work: asked.pass, names };
      return openProblem(asked, choice);
    },
    settings: (setting, [first, second]) =>
      isSmall(setting) ? { model: "encoder of 2 blocks", tokens: first!.at } : {
        ...{ model: "ViT-tiny", pixels: first!.at, batch: 1 },
        "tokens of the encoder": second!.at,
      },
  }),
};

const GPT: ByPower<{ dim: number; depth: number; numHeads: number }> = {
  gpu: { dim: 768, depth: 12, numHeads: 12 },
  wasm: { dim: 256, depth: 4, numHeads: 4 },
  software: { dim: 128, depth: 2, numHeads: 2 },
  cpu: { dim: 64, depth: 1, numHeads: 1 },
};

const gptOf = ({ quick, power }: Setting) => GPT[quick ? "cpu" : power];

const VOCABULARY = 256;

/** Who writes the next token. */
const WRITERS = {
  "attention, recomputed": { isCached: false, variant: "softmax" },
  "attention, KV cache": { isCached: true, variant: "softmax" },
  "LION-S, recurrence": { isCached: true, variant: "s" },
} as const;

/** Time and memory of the next token. */
export const tokens: Figure = {
  title: "The next token (figure 6)",
  short: "the next token of a GPT",
  about:
    `A GPT writes one token after a text. The time of attention that rereads the entire
text grows with its length; a KV cache saves the products and keeps every key and
value, which it reads for each token; the recurrence has a state of fixed size. Our
cache is copied with each new token, so its time grows with the text sooner than
that of a cache written in place. Memory is that of the state and of the new
token, without the weights.`,
  axis: "tokens of text",
  column: "tokens before",
  crossings: [
    ["LION-S, recurrence", "attention, KV cache"],
    ["LION-S, recurrence", "attention, recomputed"],
    ["attention, KV cache", "attention, recomputed"],
  ],
  bounds: [{
    ...{ panel: "next token", at: [4096], most: 1.05 },
    ...{ series: "LION-S, recurrence", beside: { at: 64 } },
  }],
  seconds: { gpu: 30, wasm: 30, software: 20, cpu: 10 },
  measure: measuring({
    sizes: {
      gpu: [64, 256, 1024, 4096],
      wasm: [64, 256, 1024, 4096],
      software: [64, 256, 1024],
      cpu: [32, 128],
    },
    quick: [16, 64],
    passes: ["next token"],
    subjects: () => Object.keys(WRITERS),
    open: openWriters,
    settings: (setting) => {
      const { dim, depth, numHeads } = gptOf(setting);
      return {
        ...{ blocks: depth, columns: dim, heads: numHeads },
        vocabulary: VOCABULARY,
      };
    },
  }),
};

async function openWriters(
  asked: Asked<number, string>,
  names: readonly string[],
): Promise<OpenGroup> {
  const held: { dispose(): void }[] = [];
  const contenders: Contender[] = [];
  for (const name of names) {
    const { isCached, variant } = WRITERS[name as keyof typeof WRITERS];
    const model = lionGpt({
      ...{ ...gptOf(asked), variant, vocabularySize: VOCABULARY, seed: 1 },
      position: variant === "softmax" ? "rotary" : "none",
    });
    const bytes = tf.memory().numBytes;
    const text = await textOf(model, VOCABULARY, asked.size);
    // What is remembered belongs to the token's memory, if it is what is read.
    const stateBytes = isCached ? tf.memory().numBytes - bytes : 0;
    held.push(text.state, model);
    const run = async () =>
      void await (isCached ? next(model, text) : nextOfWhole(model, text));
    contenders.push({
      name,
      check: () => checkNext(model, text),
      run: () => stopwatch(run),
      usage: async () => {
        const { bytesBefore, peakBytes } = await profile(run, { runs: 1 });
        return {
          gpuMilliseconds: null,
          bytesBefore: bytesBefore - stateBytes,
          peakBytes,
        };
      },
    });
  }
  return groupOf(contenders, () => held.forEach((one) => one.dispose()));
}

/** Mixers by their names in panels. */
const VARIANTS: Readonly<Record<string, SizedVariant>> = {
  softmax: "softmax",
  "LION-LIT": "lit",
  "LION-D": "d",
  "LION-S": "s",
};

const ADAM = { learningRate: 1e-4, epsilon: 1e-8 };

/** Losses that are compared before anything is timed: the second depends on the gradients. */
const CHECKED_STEPS = 2;

/** Of the largest number: after many layers, and after a step that divides by roots of gradients. */
const TOLERANCE = 1e-3;

/** Small models, a second or less for a run, beside PyTorch's. */
export const models: Figure = {
  title: "Models, compared with PyTorch",
  short: "models",
  about:
    `Inference, and a training step with Adam, of a model with each mixer, compared with
PyTorch's model of the same sizes with the attention that the settings name, in
inference mode or with its fused Adam. PyTorch's threads are in the pool of OpenBLAS, of OpenMP, or of both, whichever is
quickest for the model. Logits and the losses of the first steps of models that are
the same are compared with PyTorch's before anything is timed, and a model of one
block with plain forms.`,
  column: "per batch",
  torch: "pairs",
  seconds: { gpu: 60, wasm: 240, software: 0, cpu: 0 },
  // More than other figures have: a virtual machine may be slow for a second.
  budget: { milliseconds: 1000, fewest: 7, most: 21, turn: 3 },
  measure: (setting, collector) =>
    measureModels(MODELS, SMALL.vit, setting, collector),
};

/** Large models, seconds for a run. */
export const large: Figure = {
  title: "Large models, compared with PyTorch",
  short: "large models",
  about:
    `The same for models whose runs take seconds on two cores: few runs are timed, and
the figure is measured only on request.`,
  column: "per batch",
  torch: "pairs",
  isLong: true,
  bounds: recomputeBounds("ViT-base, training"),
  seconds: { gpu: 300, wasm: 540, software: 0, cpu: 0 },
  budget: { milliseconds: 1000, fewest: 2, most: 5 },
  async measure(setting, collector) {
    if (!setting.quick) {
      await collectRecomputed(collector, { sized: VIT_BASE, steps: 3 });
    }
    return await measureModels(LARGE_MODELS, SMALL.bert, setting, collector);
  },
};

async function measureModels(
  sized: readonly SizedModel[],
  small: SizedModel,
  { info, quick, peers }: Setting,
  collector: Collector,
): ReturnType<Figure["measure"]> {
  const each = info.name === "wasm" ? peers.each : [];
  for (const model of quick ? [small] : sized) {
    for (const [name, variant] of Object.entries(VARIANTS)) {
      const torch = each.length > 0
        ? new TorchModel(each, model, variant)
        : null;
      await measureModel(model, { name, variant }, torch, collector);
      await torch?.release();
    }
  }
  return {
    settings: {
      "PyTorch's attention": "the same: softmax by SDPA, LION in chunks of 64",
      ...{ optimizer: "Adam", precision: "32 bits" },
    },
  };
}

/** Inference before training, which changes weights. */
async function measureModel(
  sized: SizedModel,
  { name, variant }: { name: string; variant: SizedVariant },
  torch: TorchModel | null,
  collector: Collector,
): Promise<void> {
  const model = sized.make({ variant });
  try {
    await torch?.choose(await weightsOf(model));
    for (const work of WORKS) {
      for (const batch of sized.batches) {
        await collector.measure(
          { panel: `${sized.title}, ${work}, ${name}`, at: batch },
          [OURS, ...torch ? [THEIRS] : []],
          (names) =>
            openModel(
              { sized, model, variant, work, batch },
              names.includes(THEIRS) ? torch : null,
            ),
        );
      }
    }
  } finally {
    model.dispose();
  }
}

interface Choice {
  readonly sized: SizedModel;
  /** With all its blocks. */
  readonly model: LayersModel;
  readonly variant: SizedVariant;
  readonly work: Work;
  readonly batch: number;
}

async function openModel(
  { sized, model, variant, work, batch }: Choice,
  torch: TorchModel | null,
): Promise<OpenGroup> {
  await torch?.prepare(work, batch, await weightsOf(model));
  const subjectOf = (model: LayersModel) =>
    new Subject(
      model,
      () => tensorsOf(model, sized.inputs(batch)),
      labelsOf(batch),
      ADAM,
    );
  const subject = subjectOf(model);
  // With one block, as the rest of its time would be spent on plain forms.
  const answer = async () => {
    const one = subjectOf(sized.make({ variant, depth: 1 }));
    try {
      return await one.answer(work);
    } finally {
      one.dispose();
    }
  };
  let own: Float32Array[] = [];
  const ours = tensorContender(
    OURS,
    () => subject.run(work),
    async (compute) => {
      own = await firstAnswers(work, compute);
      const isFinite = own.every((values) => values.every(Number.isFinite));
      if (!isFinite) return "it has an output that is not finite";
      const expected = await inPlainForms(answer);
      return disagreement(await answer(), expected, TOLERANCE);
    },
  );
  const theirs = (torch: TorchModel) =>
    peerContender(
      { name: THEIRS, peer: torch.peerOf(work) },
      async (compute) => {
        const what = `${work} with batches of ${batch}`;
        if (torch.wrong) return torch.wrong;
        const answers = await firstAnswers(work, compute);
        const pairs = answers.map((values, i) => [values, own[i]!] as const);
        torch.wrong = difference(what, pairs, TOLERANCE);
        return torch.wrong;
      },
    );
  const contenders = [ours, ...torch ? [theirs(torch)] : []];
  return groupOf(contenders, () => subject.release());
}

/** Logits, or the losses of the first steps. */
async function firstAnswers(
  work: Work,
  compute: () => Promise<Float32Array[]>,
): Promise<Float32Array[]> {
  const answers = await compute();
  while (work === "training" && answers.length < CHECKED_STEPS) {
    answers.push(...await compute());
  }
  return answers;
}

/** A model of PyTorch's, in the processes that are the quickest at it. */
class TorchModel {
  /**
   * Why it cannot be compared: it has not run, or an answer was not that of our model;
   * `null` if nothing was wrong.
   */
  wrong: string | null = null;
  readonly #each: readonly NamedPeer[];
  readonly #sized: SizedModel;
  readonly #variant: SizedVariant;
  readonly #quickest = new Map<Work, PeerProcess>();

  constructor(
    each: readonly NamedPeer[],
    sized: SizedModel,
    variant: SizedVariant,
  ) {
    this.#each = each;
    this.#sized = sized;
    this.#variant = variant;
  }

  /** Chooses who does each work, by the smallest batch. */
  choose(weights: PeerWork["tensors"]): Promise<void> {
    return this.#orWrong(async () => {
      for (const work of WORKS) {
        const tried = this.#workOf(work, this.#sized.batches[0]!, weights);
        const quickest = await prepareFastest(this.#each, [tried]);
        if (quickest) this.#quickest.set(work, quickest);
      }
    });
  }

  /** Who does a work. */
  peerOf(work: Work): PeerProcess {
    return this.#quickest.get(work) ?? this.#each[0]!.peer;
  }

  /** Prepares the work. */
  async prepare(
    work: Work,
    batch: number,
    weights: PeerWork["tensors"],
  ): Promise<void> {
    if (this.wrong) return;
    const prepared = this.#workOf(work, batch, weights);
    await this.#orWrong(() => this.peerOf(work).prepare(prepared));
  }

  /** Notes it where PyTorch cannot do something, such as for want of memory. */
  async #orWrong(does: () => Promise<void>): Promise<void> {
    try {
      await does();
    } catch (error) {
      this.wrong = (error as Error).message;
    }
  }

  /** Frees the weights. */
  async release(): Promise<void> {
    for (const { peer } of this.#each) await peer.release();
  }

  #workOf(
    work: Work,
    batch: number,
    weights: PeerWork["tensors"],
  ): PeerWork {
    const { torch: { kind, sizes }, inputs } = this.#sized;
    const labels = {
      ...{ name: "labels", shape: [batch] },
      values: Float32Array.from(labelsOf(batch)),
    };
    return {
      work: "model",
      options: {
        ...{ kind, work, sizes: { ...sizes, variant: this.#variant } },
        learning_rate: ADAM.learningRate,
        adam_epsilon: ADAM.epsilon,
      },
      tensors: [...inputs(batch), labels, ...weights],
    };
  }
}
