/** What a training step, and a new token, ask of WebGPU and of the processor. @module */
import { disposeBackend, VIT_PRESETS } from "@lionjs/lion";
import { startBackend } from "../../group.ts";
import { quantile, timeOf } from "../../../measure/timing.ts";
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
import type { ByPower, FigureMaker } from "../figure.ts";
import type { AskedCalls } from "../../../measure/report_file.ts";
import { ON_PROCESSOR, ON_WALL_CLOCK, STEP, UNRECORDED } from "./names.ts";

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
export const launches: FigureMaker = {
  seconds: { gpu: 60, wasm: 0, software: 20, cpu: 0 },
  unfit: "its steps call no WebGPU",
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
  for (const clock of [ON_PROCESSOR, ON_WALL_CLOCK]) {
    collector.points.push({
      ...{ panel: `${model}, ${clock}`, series, at: BATCH, memoryBytes: null },
      ...{ gpuMilliseconds: null, operations: null, bytes: null },
      time: timeOf(
        steps.map(({ processor, wall }) =>
          clock === ON_PROCESSOR ? processor : wall
        ),
      ),
    });
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
