/** Figures of attention alone: forms, lengths and chunks. @module */
import * as tf from "@tensorflow/tfjs-core";
import { explainAttention, fixedDecay } from "@lionjs/lion";
import {
  attentionGroup,
  FORMS,
  LOOP,
  PLAIN_FULL,
  PLAIN_SOFTMAX,
  SOFTMAX,
} from "../attention.ts";
import { HEAD_DIM, type Variant, VARIANTS } from "../attention_problem.ts";
import { type Pass, PASSES } from "../../measure/tensors.ts";
import type { OpenGroup } from "../group.ts";
import type { Collector, Place } from "./collector.ts";
import type { ByPower, FigureMaker, Setting } from "./figure.ts";
import { VARIANT_NAMES } from "./texts.ts";

const HEADS = 4;

const SETTINGS = { batch: 1, heads: HEADS, "columns of a head": HEAD_DIM };

/** Opens some contenders of a problem. */
function opening(
  { info, threads }: Setting,
  collector: Collector,
  place: Place,
  problem: { pass: Pass; variant: Variant; length: number },
): (names: readonly string[]) => Promise<OpenGroup> {
  return (names) =>
    attentionGroup({
      ...problem,
      backend: info.name,
      heads: HEADS,
      threads,
      torch: null,
      only: names,
      onRefused: (name, why) => collector.skip(place, name, why),
    }).open();
}

const FORMS_LENGTH: ByPower<number> = {
  gpu: 4096,
  wasm: 2048,
  software: 1024,
  cpu: 128,
};

/** Figure 1: memory against time of the forms. */
export const forms: FigureMaker = {
  seconds: { gpu: 20, wasm: 30, software: 20, cpu: 15 },
  async measure(setting, collector) {
    const length = setting.quick ? 64 : FORMS_LENGTH[setting.power];
    for (const variant of VARIANTS) {
      const place = { panel: VARIANT_NAMES[variant], at: length };
      const problem = { pass: "forward", variant, length } as const;
      await collector.measure(
        place,
        // Without kernels they are the same.
        setting.power === "cpu" ? FORMS : [...FORMS, PLAIN_FULL],
        opening(setting, collector, place, problem),
      );
    }
    return { settings: { ...SETTINGS, pass: "forward", tokens: length } };
  },
};

const LENGTHS: ByPower<readonly number[]> = {
  gpu: [64, 256, 1024, 4096, 16_384, 65_536, 262_144],
  wasm: [64, 256, 1024, 4096, 16_384, 65_536],
  software: [64, 256, 1024, 4096, 16_384],
  cpu: [64, 256, 1024],
};

/** Time and memory against length, beside softmax and a plain loop. */
export const lengths: FigureMaker = {
  seconds: { gpu: 90, wasm: 60, software: 55, cpu: 20 },
  async measure(setting, collector) {
    const { power, quick } = setting;
    const names = [
      ...FORMS,
      ...(power === "cpu"
        ? [PLAIN_SOFTMAX]
        : [PLAIN_FULL, SOFTMAX, PLAIN_SOFTMAX]),
      LOOP,
    ];
    for (const length of quick ? [64, 128, 256] : LENGTHS[power]) {
      for (const pass of PASSES) {
        const place = { panel: pass, at: length };
        const problem = { pass, variant: "s", length } as const;
        await collector.measure(
          place,
          names,
          opening(setting, collector, place, problem),
        );
      }
    }
    return { settings: { ...SETTINGS, variant: "LION-S" } };
  },
};

const CHUNKS = {
  sizes: [8, 16, 32, 64, 128, 256, 512],
  length: { gpu: 8192, wasm: 4096, software: 1024, cpu: 512 },
};

/** Figure 4: time and memory against the size of a chunk. */
export const chunks: FigureMaker = {
  seconds: { gpu: 25, wasm: 25, software: 20, cpu: 15 },
  async measure(setting, collector) {
    const { quick, power } = setting;
    const length = quick ? 128 : CHUNKS.length[power];
    const sizes = quick ? [16, 32, 64] : CHUNKS.sizes;
    const planned = plannedChunks(length, sizes);
    const names = sizes.map((size) => `chunkwise, ${size}`);
    for (const pass of PASSES) {
      const taken = names.filter((name, i) => {
        if (planned[i] === sizes[i]) return true;
        const why = `the kernel takes chunks of ${planned[i]} here`;
        collector.skip({ panel: pass, at: sizes[i]! }, name, why);
        return false;
      });
      // All sizes take turns, and each is a place of its own afterwards.
      const place = { panel: pass, at: length };
      const problem = { pass, variant: "d", length } as const;
      await collector.measure(
        place,
        taken,
        opening(setting, collector, place, problem),
      );
    }
    collector.points.splice(
      0,
      Infinity,
      ...collector.points.map((point) => ({
        ...point,
        series: "chunkwise",
        at: Number(point.series.split(", ")[1]),
      })),
    );
    return { settings: { ...SETTINGS, variant: "LION-D", tokens: length } };
  },
};

/** The chunk that runs where one is asked for. */
function plannedChunks(
  length: number,
  sizes: readonly number[],
): (number | null)[] {
  const x = tf.zeros<tf.Rank.R4>([1, HEADS, length, HEAD_DIM]);
  const logDecay = tf.zeros<tf.Rank.R1>([HEADS]);
  const found = sizes.map((chunkSize) =>
    explainAttention(x, x, x, {
      form: "chunkwise",
      decay: fixedDecay(logDecay),
      chunkSize,
    }).chunkSize
  );
  tf.dispose([x, logDecay]);
  return found;
}
