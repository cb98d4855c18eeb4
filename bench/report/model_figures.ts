/** Figures of whole models: resolutions, memory, training, the next token. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionGpt, type LionGptOptions, profile } from "@lionjs/lion";
import { checkNext, next, nextOfWhole, textOf } from "../generation.ts";
import { type Contender, type OpenGroup, startBackend } from "../group.ts";
import { usageOf } from "../../measure/tensors.ts";
import { stopwatch } from "../../measure/timing.ts";
import { openMixers, SHORT, SHORTEST } from "../mixer_group.ts";
import {
  BASELINE,
  encoderProblem,
  MIXERS,
  type Problem,
  visionProblem,
} from "../mixer_models.ts";
import { Subject, type Work, WORKS } from "../mixer_subject.ts";
import { inPlainForms } from "../plain_forms.ts";
import type { Collector, Place } from "./collector.ts";
import type { ByPower, FigureMaker, Setting } from "./figure.ts";

/** Opens models of a problem. */
function opening(
  { info, threads, quick }: Setting,
  problem: Problem,
  work: Work,
  depth?: number,
): (names: readonly string[]) => Promise<OpenGroup> {
  const { vit, encoder } = quick ? SHORTEST : SHORT;
  return (names) =>
    openMixers({
      ...{ problem, names, work },
      short: problem.title.startsWith("ViT") ? vit : encoder,
      start: (backend = info.name) => startBackend(backend, threads),
      ...(depth !== undefined && { depth }),
    });
}

const RESOLUTIONS: ByPower<readonly number[]> = {
  gpu: [224, 384, 512, 768, 1024, 1536],
  wasm: [112, 224, 384, 512, 768, 1024],
  software: [64, 112, 224, 384],
  cpu: [32, 64],
};

/** Blocks of the models: those of ViT-tiny, or few where a block takes long. */
const VISION_DEPTH: ByPower<number> = {
  gpu: 12,
  wasm: 12,
  software: 2,
  cpu: 1,
};

/** Figures 3 and 10: memory and time of a vision transformer against resolution. */
export const resolutions: FigureMaker = {
  seconds: { gpu: 160, wasm: 180, software: 40, cpu: 0 },
  power: 2,
  async measure(setting, collector) {
    const { quick, power } = setting;
    const depth = quick ? 1 : VISION_DEPTH[power];
    const names = [
      ...[BASELINE, "LION-D", "LION-D, full", "LION-D, full in tfjs"],
      "LION-D, recurrent",
      ...["Hydra", "Vim"],
    ];
    for (const size of quick ? [32, 64] : RESOLUTIONS[power]) {
      await collector.measure(
        { panel: "inference", at: size },
        names,
        opening(setting, visionProblem(size), "inference", depth),
      );
    }
    return {
      settings: {
        model: "ViT-tiny",
        blocks: depth,
        batch: 1,
        "patch size": 16,
      },
    };
  },
};

const MEMORY_LENGTHS: ByPower<readonly number[]> = {
  gpu: [128, 256, 512, 1024, 2048, 4096, 8192],
  wasm: [128, 256, 512, 1024, 2048, 4096],
  software: [64, 128, 256, 512],
  cpu: [64, 128],
};

/** Softmax attention that keeps its scores, as the papers have it. */
export const PLAIN_MODEL = "softmax in tfjs";

/** Figure 9: memory of an encoder against length. */
export const memory: FigureMaker = {
  seconds: { gpu: 25, wasm: 60, software: 20, cpu: 0 },
  async measure(setting, collector) {
    const { quick, power } = setting;
    const names = [BASELINE, PLAIN_MODEL, "LION-LIT", "LION-D", "LION-S"];
    // Shaders of Hydra's gradients take long to compile.
    if (power !== "software") names.push("Hydra");
    for (const work of WORKS) {
      for (const length of quick ? [32, 64] : MEMORY_LENGTHS[power]) {
        const place = { panel: work, at: length };
        for (const name of collector.affordable(place, names)) {
          await measureMemory(collector, place, name, work);
        }
      }
    }
    return {
      settings: {
        model: "encoder of 2 blocks, 128 columns, 4 heads",
        batch: 1,
      },
    };
  },
};

async function measureMemory(
  collector: Collector,
  place: Place,
  name: string,
  work: Work,
): Promise<void> {
  const { models, inputs } = encoderProblem(place.at);
  const model = models[name === PLAIN_MODEL ? BASELINE : name]!;
  const subject = new Subject(model(), inputs);
  try {
    // Of the second run on, when the optimizer has its state.
    const usage = () => {
      tf.dispose(subject.run(work));
      return usageOf(() => subject.run(work));
    };
    const { peakBytes, bytesBefore } = name === PLAIN_MODEL
      ? await inPlainForms(usage)
      : await usage();
    collector.points.push({
      ...place,
      series: name,
      time: null,
      gpuMilliseconds: null,
      memoryBytes: peakBytes - bytesBefore,
      operations: null,
      bytes: null,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    collector.skip(place, name, error.message);
  } finally {
    subject.dispose();
  }
}

/** LION as the paper trains it: in the full form, whose scores are kept. */
const PAPERS_FORM = ["LION-LIT", "LION-D", "LION-S"]
  .map((name) => `${name}, full in tfjs`);

/** A training step and inference beside softmax, with the paper's ratios. */
export const training: FigureMaker = {
  seconds: { gpu: 90, wasm: 110, software: 40, cpu: 0 },
  async measure(setting, collector) {
    const { quick, power } = setting;
    if (power === "software" || quick) {
      const length = quick ? 32 : 256;
      await collector.measure(
        { panel: "training", at: length },
        quick
          ? [BASELINE, "LION-S", "LION-S, full in tfjs"]
          : [BASELINE, ...MIXERS.slice(1, 4), ...PAPERS_FORM],
        opening(setting, encoderProblem(length), "training"),
      );
      return { settings: { model: "encoder of 2 blocks", tokens: length } };
    }
    const size = 224, length = 1024;
    const measure = (work: Work, panel: string, at: number, problem: Problem) =>
      collector.measure(
        { panel, at },
        [...MIXERS, ...work === "training" ? PAPERS_FORM : []]
          .filter((name) => name.replace(" in tfjs", "") in problem.models),
        opening(setting, problem, work),
      );
    for (const work of WORKS.toReversed()) {
      await measure(work, work, size, visionProblem(size));
    }
    for (const work of WORKS.toReversed()) {
      const panel = `${work}, encoder`;
      await measure(work, panel, length, encoderProblem(length));
    }
    return {
      settings: {
        ...{ model: "ViT-tiny", pixels: size, batch: 1 },
        "tokens of the encoder": length,
      },
    };
  },
};

const TEXT_LENGTHS: ByPower<readonly number[]> = {
  gpu: [64, 256, 1024, 4096],
  wasm: [64, 256, 1024, 4096],
  software: [64, 256, 1024],
  cpu: [32, 128],
};

const GPT: ByPower<{ dim: number; depth: number; numHeads: number }> = {
  gpu: { dim: 768, depth: 12, numHeads: 12 },
  wasm: { dim: 256, depth: 4, numHeads: 4 },
  software: { dim: 128, depth: 2, numHeads: 2 },
  cpu: { dim: 64, depth: 1, numHeads: 1 },
};

const VOCABULARY = 256;

/** Who writes the next token. */
export const WRITERS = {
  "attention, recomputed": { isCached: false, variant: "softmax" },
  "attention, KV cache": { isCached: true, variant: "softmax" },
  "LION-S, recurrence": { isCached: true, variant: "s" },
} as const;

/** Figure 6: time and memory of the next token. */
export const tokens: FigureMaker = {
  seconds: { gpu: 30, wasm: 30, software: 20, cpu: 10 },
  async measure(setting, collector) {
    const { quick, power } = setting;
    const sizes = GPT[quick ? "cpu" : power];
    for (const length of quick ? [16, 64] : TEXT_LENGTHS[power]) {
      await collector.measure(
        { panel: "next token", at: length },
        Object.keys(WRITERS),
        (names) => openWriters(names as Writer[], sizes, length),
      );
    }
    const { dim, depth, numHeads } = sizes;
    return {
      settings: {
        ...{ blocks: depth, columns: dim, heads: numHeads },
        vocabulary: VOCABULARY,
      },
    };
  },
};

type Writer = keyof typeof WRITERS;

async function openWriters(
  names: readonly Writer[],
  sizes: Pick<LionGptOptions, "dim" | "depth" | "numHeads">,
  length: number,
): Promise<OpenGroup> {
  const models: LayersModel[] = [];
  const states: { dispose(): void }[] = [];
  const contenders: Contender[] = [];
  for (const name of names) {
    const { isCached, variant } = WRITERS[name];
    const model = lionGpt({
      ...{ ...sizes, variant, vocabularySize: VOCABULARY, seed: 1 },
      position: variant === "softmax" ? "rotary" : "none",
    });
    models.push(model);
    const bytes = tf.memory().numBytes;
    const text = await textOf(model, VOCABULARY, length);
    // What is remembered belongs to the token's memory, if it is what is read.
    const stateBytes = isCached ? tf.memory().numBytes - bytes : 0;
    states.push(text.state);
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
  return {
    contenders,
    baseline: names[0]!,
    close: () => {
      [...states, ...models].forEach((one) => one.dispose());
      return Promise.resolve();
    },
  };
}
