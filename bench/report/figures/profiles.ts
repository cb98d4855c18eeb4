/** What is counted of a computation: its kernels, each by itself, and what steps ask of WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  disposeBackend,
  explainAttention,
  type KernelProfile,
  lionAttention,
  type Profile,
  profile,
  selectiveDecay,
  VIT_PRESETS,
} from "@lionjs/lion";
import type { AskedCalls, KernelCost } from "../../measure/report_file.ts";
import { quantile, timeOf } from "../../measure/timing.ts";
import { compute } from "../../measure/tensors.ts";
import { HEAD_DIM, problemOf } from "../../attention_problem.ts";
import { startBackend } from "../../group.ts";
import {
  type BlockSizes,
  firstStep,
  generationSteps,
  type Step,
  steppedGpt,
  steppedViT,
  trainingSteps,
} from "../../training_steps.ts";
import { type Collector, whyNotThere } from "../collector.ts";
import type { ByPower, Figure } from "../figure.ts";
import { ON_PROCESSOR, ON_WALL_CLOCK, STEP, UNRECORDED } from "../names.ts";

/** Images of a batch: what is asked for does not depend on it. */
const BATCH = 2;

/** Steps, after those that repeat nothing yet. */
const STEPS = 60, QUICK_STEPS = 5;

interface Vision {
  readonly title: string;
  readonly sizes: BlockSizes;
  readonly imageSize: number;
}

/** A software adapter takes longer to compute a small model than to be asked for it. */
const MINI: Vision = {
  ...{ title: "ViT-mini", sizes: { dim: 64, depth: 2, numHeads: 4 } },
  imageSize: 64,
};

const MODELS: ByPower<readonly Vision[]> = {
  gpu: [
    { title: "ViT-tiny", sizes: VIT_PRESETS.tiny, imageSize: 224 },
    { title: "ViT-small", sizes: VIT_PRESETS.small, imageSize: 224 },
  ],
  ...{ wasm: [], software: [MINI], cpu: [] },
};

/** Steps of LION-S by `train`, recorded and not; on a GPU also the next token of a text. */
export const launches: Figure = {
  title: "What a training step asks of WebGPU",
  short: "a step",
  about:
    `A step of \`train\` with LION-S as it is and with \`record: false\`: its time on the
processor, in all threads, and by the wall clock, and how often it launches a shader,
submits, writes, and makes bind groups and buffers. On a GPU the time on the processor
is what JavaScript and the driver take; where it is close to the wall clock's, the GPU
waits for them. On a software adapter it is mostly what the adapter computes. The first
step is that of a new device: it compiles all pipelines, unless the driver has kept
them. On a GPU this figure also has the next token of a language model of 12 blocks.`,
  seconds: { gpu: 60, wasm: 0, software: 20, cpu: 0 },
  unfit: "no WebGPU is called there",
  async measure({ info, threads, quick, power }, collector) {
    const asked: AskedCalls[] = [];
    const steps = quick ? QUICK_STEPS : STEPS;
    const tryOne = async (title: string, ask: () => Promise<AskedCalls[]>) => {
      try {
        asked.push(...await ask());
      } catch (error) {
        const place = { panel: title, at: BATCH };
        collector.skip(place, STEP, whyNotThere(error));
      }
    };
    for (const vision of quick ? [MINI] : MODELS[power]) {
      // A new device has no pipelines.
      await disposeBackend();
      await startBackend(info.name, threads);
      await tryOne(vision.title, () => askVision(collector, vision, steps));
    }
    if (power === "gpu" && !quick) {
      const title = "GPT, next token";
      await tryOne(title, async () => {
        const model = steppedGpt(VIT_PRESETS.tiny, "s");
        const tokens = await generationSteps(model, steps);
        model.dispose();
        return [collect(collector, title, STEP, tokens)];
      });
    }
    return { settings: { variant: "LION-S", batch: BATCH, steps }, asked };
  },
};

/** Trains a model on a device that has no pipelines, without recordings and with them. */
async function askVision(
  collector: Collector,
  { title, sizes, imageSize }: Vision,
  steps: number,
): Promise<AskedCalls[]> {
  const model = steppedViT(sizes, "s", imageSize);
  const first = await firstStep(model, BATCH);
  const asked: AskedCalls[] = [];
  for (const series of [STEP, UNRECORDED]) {
    const record = series === STEP;
    const found = await trainingSteps(model, BATCH, steps, record);
    const calls = collect(collector, title, series, found.steps);
    asked.push(record ? { ...calls, first } : calls);
  }
  model.dispose();
  return asked;
}

/** Adds the times of steps to the points; returns the median of each number of calls. */
function collect(
  collector: Collector,
  model: string,
  series: string,
  steps: readonly Step[],
): AskedCalls {
  const clocks = { [ON_PROCESSOR]: "processor", [ON_WALL_CLOCK]: "wall" };
  for (const [clock, which] of Object.entries(clocks)) {
    const times = steps.map((step) => step[which as "processor" | "wall"]);
    const place = { panel: `${model}, ${clock}`, at: BATCH };
    collector.add(place, series, { time: timeOf(times) });
  }
  const usual = (name: keyof Step["calls"]) =>
    Math.round(quantile(steps.map(({ calls }) => calls[name]), 0.5));
  return {
    ...{ model, series },
    launches: usual("launches"),
    submissions: usual("submissions"),
    writes: usual("writes"),
    bindGroups: usual("bindGroups"),
    buffersCreated: usual("buffersCreated"),
  };
}

/** Sequences that are computed at once. */
interface Size {
  readonly batch: number;
  readonly heads: number;
  /** The last one is that whose kernels are listed. */
  readonly lengths: readonly number[];
}

const SIZES: ByPower<Size> = {
  // As many as a large card needs to be busy.
  gpu: { batch: 8, heads: 16, lengths: [4096, 16_384] },
  wasm: { batch: 1, heads: 4, lengths: [4096] },
  software: { batch: 1, heads: 4, lengths: [1024] },
  cpu: { batch: 1, heads: 4, lengths: [256] },
};

/** Heads of the problem that is repeated. */
const HEADS = 4;

/** The kernels of LION-S in the chunkwise form, with gradients. */
export const kernels: Figure = {
  title: "The kernels of LION-S, forward and with gradients",
  short: "the kernels of LION-S",
  about:
    `What \`profile\` finds, longest first; on WebGPU each launch separately. The
JavaScript between kernels is not included. A kernel's share of the roof compares the
least that it must do and move with what the machine's best product or its bandwidth,
whichever is lower, would allow; a kernel's launches count together. The column
*GB/s* is the rate of a kernel that moves each of its numbers once.`,
  seconds: { gpu: 10, wasm: 5, software: 10, cpu: 5 },
  async measure({ info, threads, quick, power }, collector) {
    const { batch, heads, lengths } = SIZES[power];
    await startBackend(info.name, threads);
    const runs = quick ? 1 : 5;
    const found: (Measured & { readonly length: number })[] = [];
    for (const [i, usual] of lengths.entries()) {
      const length = quick ? 64 << i : usual;
      try {
        found.push({ length, ...await kernelsOf(batch, heads, length, runs) });
      } catch (error) {
        // A small card has no room for what a large one is measured by.
        const place = { panel: "gradients", at: length };
        collector.skip(place, "chunkwise", whyNotThere(error));
      }
    }
    const last = found.at(-1);
    return {
      settings: {
        ...{ variant: "LION-S", form: "chunkwise" },
        ...(last && { tokens: last.length }),
        ...(batch > 1 && { batch }),
        ...{ heads, "columns of a head": HEAD_DIM },
        ...(last && { clock: last.clock }),
      },
      kernels: last?.kernels ?? [],
      costs: found.flatMap(({ length, costs }) =>
        costs.map((cost) =>
          found.length > 1
            ? { ...cost, kernel: `${cost.kernel}, ${length} tokens` }
            : cost
        )
      ),
    };
  },
};

interface Measured {
  readonly kernels: readonly KernelProfile[];
  readonly clock: Profile["clock"];
  readonly costs: readonly KernelCost[];
}

async function kernelsOf(
  batch: number,
  heads: number,
  length: number,
  runs: number,
): Promise<Measured> {
  const { q, k, v, dy, logDecay } = problemOf("s", HEADS, length);
  const repeated = (values: Float32Array, ...columns: number[]): tf.Tensor =>
    tf.tidy(() => {
      const one = tf.tensor(values, [1, HEADS, length, ...columns]);
      const times = [batch, heads / HEADS, 1, ...columns.map(() => 1)];
      return times.every((count) => count === 1) ? one : tf.tile(one, times);
    });
  const tensors: tf.Tensor[] = [];
  try {
    for (const values of [q, k, v, dy]) {
      tensors.push(repeated(values, HEAD_DIM));
    }
    const [queries, keys, values, outputGradient] = tensors as tf.Tensor4D[];
    const decays = repeated(logDecay!);
    tensors.push(decays);
    const inputs = [queries!, keys!, values!] as const;
    const optionsOf = (decays: tf.Tensor) => ({
      form: "chunkwise" as const,
      decay: selectiveDecay(decays as tf.Tensor3D),
    });
    const { kernels, clock } = await profile(
      () =>
        compute(
          (...[q, k, v, decays]) =>
            lionAttention(
              ...[q, k, v] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D],
              optionsOf(decays!),
            ),
          [...inputs, decays],
          outputGradient!,
          "gradients",
        ),
      { launches: tf.getBackend() === "webgpu", runs },
    );
    const plan = explainAttention(...inputs, optionsOf(decays));
    const costs = clock === "none" ? [] : costsOf(kernels, plan);
    return { kernels, clock, costs };
  } finally {
    tf.dispose(tensors);
  }
}

/** Of attention's two kernels; the second does twice as much as the first, as is usual. */
function costsOf(
  kernels: readonly KernelProfile[],
  { operations, bytes }: { operations: number; bytes: number },
): KernelCost[] {
  return [["LionChunkwise", 1], ["LionChunkwiseGrad", 2]].flatMap(
    ([name, times]) => {
      const own = kernels.filter(({ kernel }) =>
        kernel.split(": ")[0] === name
      );
      if (own.length === 0) return [];
      return [{
        kernel: name as string,
        milliseconds: own.reduce((sum, one) => sum + one.milliseconds, 0),
        operations: (times as number) * operations,
        bytes: (times as number) * bytes,
      }];
    },
  );
}
