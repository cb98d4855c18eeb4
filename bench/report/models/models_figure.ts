/** Whole models beside PyTorch's with softmax attention, in inference and training. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { weightsOf } from "../../encoder.ts";
import { type OpenGroup, startBackend } from "../../group.ts";
import { readTensors, timeTensors, usageOf } from "../../../measure/tensors.ts";
import { difference } from "../../../measure/timing.ts";
import {
  disagreement,
  Subject,
  type Work,
  WORKS,
} from "../../mixer_subject.ts";
import type { PeerProcess, PeerWork } from "../../peers/peer_process.ts";
import { type NamedPeer, peerContender } from "../../peers/torch.ts";
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
import type { FigureMaker, Setting } from "../figure.ts";
import { OURS, THEIRS } from "./names.ts";
import { collectRecomputed } from "./recompute_figure.ts";

/** Mixers by their names in panels; softmax first, whose model PyTorch has as well. */
const MIXERS: Readonly<Record<string, SizedVariant>> = {
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

/** Small models, a second or less for a run. */
export const models: FigureMaker = {
  seconds: { gpu: 60, wasm: 240, software: 0, cpu: 0 },
  // More than other figures have: a virtual machine may be slow for a second.
  budget: { milliseconds: 1000, fewest: 7, most: 21, turn: 3 },
  measure: (setting, collector) =>
    measureModels(MODELS, SMALL.vit, setting, collector),
};

/** Large models, seconds for a run. */
export const large: FigureMaker = {
  seconds: { gpu: 300, wasm: 540, software: 0, cpu: 0 },
  budget: { milliseconds: 1000, fewest: 2, most: 5 },
  async measure(setting, collector) {
    const { info, threads, quick } = setting;
    await startBackend(info.name, threads);
    if (!quick) {
      await collectRecomputed(collector, { sized: VIT_BASE, steps: 3 });
    }
    return await measureModels(LARGE_MODELS, SMALL.bert, setting, collector);
  },
};

async function measureModels(
  sized: readonly SizedModel[],
  small: SizedModel,
  { info, threads, quick, peers }: Setting,
  collector: Collector,
): ReturnType<FigureMaker["measure"]> {
  await startBackend(info.name, threads);
  const each = info.name === "wasm" ? peers.each : [];
  for (const model of quick ? [small] : sized) {
    const torch = each.length > 0 ? new TorchModel(each, model) : null;
    for (const [name, variant] of Object.entries(MIXERS)) {
      await measureModel(model, { name, variant }, torch, collector);
    }
    await torch?.release();
  }
  return {
    settings: {
      "PyTorch's attention": "softmax (SDPA)",
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
    if (variant === "softmax") await torch?.choose(await weightsOf(model));
    for (const work of WORKS) {
      for (const batch of sized.batches) {
        await collector.measure(
          { panel: `${sized.title}, ${work}, ${name}`, at: batch },
          [OURS, ...torch ? [THEIRS] : []],
          (names) =>
            open(
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

async function open(
  { sized, model, variant, work, batch }: Choice,
  torch: TorchModel | null,
): Promise<OpenGroup> {
  const isPeers = variant === "softmax";
  const weights = torch && isPeers ? await weightsOf(model) : [];
  await torch?.prepare(work, batch, weights);
  const subjectOf = (model: LayersModel) =>
    new Subject(
      model,
      () => tensorsOf(model, sized.inputs(batch)),
      labelsOf(batch),
      ADAM,
    );
  const subject = subjectOf(model);
  const run = () => subject.run(work);
  const first = () =>
    firstAnswers(work, async () => (await readTensors(run))[0]!);
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
  return {
    contenders: [
      {
        name: OURS,
        check: async () => {
          own = await first();
          const isFinite = own.every((values) => values.every(Number.isFinite));
          if (!isFinite) return "it has an output that is not finite";
          const expected = await inPlainForms(answer);
          return disagreement(await answer(), expected, TOLERANCE);
        },
        run: () => timeTensors(run),
        usage: () => usageOf(run),
      },
      ...torch
        ? [{
          ...peerContender(torch.peerOf(work), () => null, undefined, THEIRS),
          check: async () => {
            const what = `${work} with batches of ${batch}`;
            if (!isPeers || torch.wrong) return torch.whyNot(what);
            const theirs = await firstAnswers(
              work,
              async () => (await torch.peerOf(work).outputs())[0]!,
            );
            torch.compared.add(what);
            torch.wrong = difference(
              what,
              theirs.map((values, i) => [values, own[i]!]),
              TOLERANCE,
            );
            return torch.wrong;
          },
        }]
        : [],
    ],
    baseline: OURS,
    close: () => {
      subject.release();
      return Promise.resolve();
    },
  };
}

/** Logits, or the losses of the first steps. */
async function firstAnswers(
  work: Work,
  next: () => Promise<Float32Array>,
): Promise<Float32Array[]> {
  const answers = [await next()];
  while (work === "training" && answers.length < CHECKED_STEPS) {
    answers.push(await next());
  }
  return answers;
}

/** PyTorch's model with softmax attention, in the processes that are the quickest at it. */
class TorchModel {
  /**
   * Why it cannot be compared: it has not run, or an answer was not that of our model
   * with softmax attention; `null` if nothing was wrong.
   */
  wrong: string | null = null;
  /** What was compared. */
  readonly compared = new Set<string>();
  readonly #each: readonly NamedPeer[];
  readonly #sized: SizedModel;
  readonly #quickest = new Map<Work, PeerProcess>();

  constructor(each: readonly NamedPeer[], sized: SizedModel) {
    this.#each = each;
    this.#sized = sized;
  }

  /** Chooses who does each work, by the smallest batch. */
  choose(weights: PeerWork["tensors"]): Promise<void> {
    return this.#orWrong(() => this.#choose(weights));
  }

  async #choose(weights: PeerWork["tensors"]): Promise<void> {
    const [batch] = this.#sized.batches;
    for (const work of WORKS) {
      let least = Infinity;
      for (const { peer } of this.#each) {
        const tried = workOf(this.#sized, work, batch!, weights);
        const milliseconds = await peer.prepareAndTry(tried);
        if (milliseconds >= least) continue;
        least = milliseconds;
        this.#quickest.set(work, peer);
      }
    }
    const chosen = [...this.#quickest.values()];
    for (const { peer } of this.#each) {
      if (!chosen.includes(peer)) await peer.release();
    }
  }

  /** Why a time of something would mean nothing; `null` if it would not. */
  whyNot(what: string): string | null {
    return this.wrong ??
      (this.compared.has(what) ? null : `${what} was not compared with ours`);
  }

  /** Who does a work. */
  peerOf(work: Work): PeerProcess {
    return this.#quickest.get(work) ?? this.#each[0]!.peer;
  }

  /** Prepares the work, with the weights from before if there are none. */
  async prepare(
    work: Work,
    batch: number,
    weights: PeerWork["tensors"],
  ): Promise<void> {
    if (this.wrong) return;
    const prepared = workOf(this.#sized, work, batch, weights);
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
}

function workOf(
  { torch, inputs }: SizedModel,
  work: Work,
  batch: number,
  weights: PeerWork["tensors"],
): PeerWork {
  const labels = {
    ...{ name: "labels", shape: [batch] },
    values: Float32Array.from(labelsOf(batch)),
  };
  return {
    work: "model",
    options: {
      ...{ ...torch, work },
      learning_rate: ADAM.learningRate,
      adam_epsilon: ADAM.epsilon,
    },
    tensors: [...inputs(batch), labels, ...weights],
  };
}
