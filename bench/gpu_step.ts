/**
 * Tells what a training step asks of WebGPU, and the processor's time that it takes:
 * `deno task bench:step`. `--help` says what can be chosen.
 *
 * @module
 */
import { useBackend, VIT_PRESETS } from "@lionjs/lion";
import {
  oneOf,
  positiveInteger,
  readCommandLine,
} from "../tools/command_line.ts";
import { DAWN } from "../tests/dawn/package.ts";
import {
  firstStep,
  generationSteps,
  type Step,
  steppedGpt,
  steppedViT,
  trainingSteps,
} from "./training_steps.ts";

const PRESETS = {
  ...VIT_PRESETS,
  mini: { dim: 64, depth: 2, numHeads: 4 },
};

const USAGE = `Usage: deno task bench:step [options]

Counts what a training step of an image model asks of WebGPU, and measures its
processor time in all threads, which for a software adapter includes what the
adapter computes.

  --adapter NAME    own (Deno's) or dawn: npm's package webgpu, which is fetched,
                    with an adapter that poses as a GPU and computes nothing, so
                    that all time is JavaScript's and WebGPU's own (default: own)
  --preset NAME     one of ${Object.keys(PRESETS).join(", ")} (default: tiny)
  --variant NAME    one of lit, d, s (default: s)
  --size PIXELS     side of the images (default 224)
  --batch N         images per step (default 2)
  --steps N         steps to measure (default 20)
  --work NAME       training, or generation: the next token of a text, by a
                    language model of 12 layers (default: training)
  --record yes|no   whether the step is recorded and replayed (default: yes)
  --help            print this`;

const options = await readCommandLine(USAGE, {
  adapter: { type: "string", default: "own" },
  preset: { type: "string", default: "tiny" },
  variant: { type: "string", default: "s" },
  size: { type: "string", default: "224" },
  batch: { type: "string", default: "2" },
  steps: { type: "string", default: "20" },
  work: { type: "string", default: "training" },
  record: { type: "string", default: "yes" },
}, (values) => ({
  work: oneOf("--work", values.work, ["training", "generation"]),
  record: oneOf("--record", values.record, ["yes", "no"]) === "yes",
  adapter: oneOf("--adapter", values.adapter, ["own", "dawn"]),
  preset: oneOf(
    "--preset",
    values.preset,
    Object.keys(PRESETS) as (keyof typeof PRESETS)[],
  ),
  variant: oneOf("--variant", values.variant, ["lit", "d", "s"]),
  size: positiveInteger("--size", values.size),
  batch: positiveInteger("--batch", values.batch),
  steps: positiveInteger("--steps", values.steps),
}));
if (options.adapter === "dawn") await useDawn();
const { adapter } = await useBackend({ prefer: ["webgpu"] });
if (!adapter) {
  console.error("No WebGPU adapter answers");
  Deno.exit(1);
}
tell(await stepsOf(options));
Deno.exit(0);

async function stepsOf(
  { work, preset, variant, size, batch, steps, record }: typeof options,
): Promise<readonly Step[]> {
  const sizes = PRESETS[preset];
  if (work === "generation") {
    const model = steppedGpt({ ...sizes, depth: 12 }, variant);
    return await generationSteps(model, steps);
  }
  const model = steppedViT(sizes, variant, size);
  const { milliseconds, pipelines } = await firstStep(model, batch);
  console.log(
    `the first step: ${milliseconds.toFixed(0)} ms, ${pipelines} pipelines\n`,
  );
  return (await trainingSteps(model, batch, steps, record)).steps;
}

/** Puts Dawn's adapter in the place of the host's. */
async function useDawn(): Promise<void> {
  // Only who measures this needs it, and its types are in the way of Deno's.
  const { create, globals } = await import(DAWN);
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  const gpu = create(["backend=null"]);
  const request = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options: GPURequestAdapterOptions) => {
    const adapter = await request(options);
    adapter.info = {
      ...{ vendor: "nvidia", architecture: "hopper", device: "" },
      ...{ description: "", isFallbackAdapter: false },
      ...{ subgroupMinSize: 32, subgroupMaxSize: 32 },
    };
    return adapter;
  };
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
}

/** Prints the least, the median and the most of what steps took. */
function tell(steps: readonly Step[]): void {
  const tellLine = (...words: readonly string[]) =>
    console.log(
      words.map((word, i) => i ? word.padStart(8) : word.padEnd(20)).join(" "),
    );
  const tellOne = (name: string, values: readonly number[]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const shown = [0, Math.floor(sorted.length / 2), sorted.length - 1]
      .map((i) => String(Math.round(10 * sorted[i]!) / 10));
    tellLine(name, ...shown);
  };
  tellLine("a step", "least", "median", "most");
  tellOne("processor, ms", steps.map(({ processor }) => processor));
  tellOne("wall clock, ms", steps.map(({ wall }) => wall));
  const names = Object.keys(steps[0]!.calls) as (keyof Step["calls"])[];
  for (const name of names) {
    const words = name.replace(/[A-Z]/, (letter) => ` ${letter.toLowerCase()}`);
    tellOne(words, steps.map(({ calls }) => calls[name]));
  }
}
