/**
 * Counts what a training step of an image model asks of WebGPU, and measures the
 * CPU time that it takes: launches, submissions, bind groups, layouts, writes and
 * buffers. `--help` says what can be chosen.
 *
 * With `--adapter dawn`, npm's package `webgpu` computes nothing on an adapter that
 * poses as a GPU, so that all time is JavaScript's and WebGPU's own.
 *
 * @module
 */
import process from "node:process";
import { lionViT, useBackend, VIT_PRESETS } from "@lionjs/lion";
import { datasetOf, shuffledBatches } from "@lionjs/lion/data";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import { positiveInteger, readCommandLine } from "../tools/command_line.ts";

const USAGE = `Usage: deno run -A bench/gpu_step.ts [options]

  --adapter NAME    own, which Deno has, or dawn, which computes nothing (default: own)
  --preset NAME     of VIT_PRESETS, or mini (default: tiny)
  --size PIXELS     default 224
  --batch N         default 2
  --steps N         steps, of which the first two are not counted (default 20)
  --kernels         also tell the launches of each kernel
  --help            print this`;

/** What a step asks of WebGPU. */
type Counts = Record<keyof typeof CALLS | "bytesWritten", number>;

/** The calls that are counted, by what they are here. */
const CALLS = {
  launches: ["GPUComputePassEncoder", "dispatchWorkgroups"],
  submissions: ["GPUQueue", "submit"],
  passes: ["GPUCommandEncoder", "beginComputePass"],
  copies: ["GPUCommandEncoder", "copyBufferToBuffer"],
  bindGroups: ["GPUDevice", "createBindGroup"],
  layouts: ["GPUComputePipeline", "getBindGroupLayout"],
  writes: ["GPUQueue", "writeBuffer"],
  buffersCreated: ["GPUDevice", "createBuffer"],
  buffersDestroyed: ["GPUBuffer", "destroy"],
  pipelines: ["GPUDevice", "createComputePipeline"],
} as const;

/** The steps before buffers and pipelines are all there. */
const UNCOUNTED = 2;

/** Counts calls from now on; each call of the result tells what came since the last. */
function countCalls(): () => Counts {
  const counts = Object.fromEntries(
    [...Object.keys(CALLS), "bytesWritten"].map((name) => [name, 0]),
  ) as Counts;
  for (const [name, [type, method]] of Object.entries(CALLS)) {
    const { prototype } = (globalThis as unknown as Record<
      string,
      { prototype: Record<string, (...args: unknown[]) => unknown> }
    >)[type]!;
    const call = prototype[method]!;
    prototype[method] = function (...args: unknown[]) {
      counts[name as keyof Counts]++;
      if (name === "writes") counts.bytesWritten += bytesOf(args);
      return call.apply(this, args);
    };
  }
  return () => {
    const taken = { ...counts };
    for (const name in counts) counts[name as keyof Counts] = 0;
    return taken;
  };
}

/** The bytes that the arguments of `writeBuffer` say. */
function bytesOf([, , data, , size]: unknown[]): number {
  const { byteLength, BYTES_PER_ELEMENT = 1 } = data as Float32Array;
  return size === undefined ? byteLength : Number(size) * BYTES_PER_ELEMENT;
}

/** What the adapter of Dawn that computes nothing is to say of itself. */
const POSE = {
  ...{ vendor: "nvidia", architecture: "hopper", device: "", description: "" },
  ...{ isFallbackAdapter: false, subgroupMinSize: 32, subgroupMaxSize: 32 },
};

/** Puts npm's `webgpu` in the place of Deno's own WebGPU. */
async function useDawn(): Promise<void> {
  // Not among the imports: only who measures this has it.
  const { create, globals } = await import(["npm:webgpu", "0.6.2"].join("@"));
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  const gpu = create(["backend=null"]);
  const request = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options: GPURequestAdapterOptions) => {
    const adapter = await request(options);
    adapter.info = { ...POSE };
    return adapter;
  };
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
}

/** Milliseconds of the processor that this process has used. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const options = await readCommandLine(USAGE, {
  adapter: { type: "string", default: "own" },
  preset: { type: "string", default: "tiny" },
  size: { type: "string", default: "224" },
  batch: { type: "string", default: "2" },
  steps: { type: "string", default: "20" },
  kernels: { type: "boolean", default: false },
}, ({ adapter, preset, size, batch, steps, kernels }) => ({
  ...{ adapter, preset, kernels },
  size: positiveInteger("--size", size),
  batch: positiveInteger("--batch", batch),
  steps: positiveInteger("--steps", steps),
}));
if (options.adapter === "dawn") await useDawn();
const taken = countCalls();
const { adapter } = await useBackend({ prefer: ["webgpu"] });
console.log(JSON.stringify(adapter));
const sizes = options.preset === "mini"
  ? { dim: 64, depth: 2, numHeads: 4 }
  : VIT_PRESETS[options.preset as keyof typeof VIT_PRESETS];
const model = lionViT({
  ...sizes,
  variant: "s",
  imageSize: options.size,
  patchSize: 16,
  numClasses: 1000,
  seed: 1,
});
const launchesOf: Record<string, number> = {};
if (options.kernels) {
  const { bindGroups } = tf.backend() as unknown as {
    bindGroups: { groupOf: (...call: [object, object[], string]) => object };
  };
  const { groupOf } = bindGroups;
  bindGroups.groupOf = (...call) => {
    launchesOf[call[2]] = (launchesOf[call[2]] ?? 0) + 1;
    return groupOf.apply(bindGroups, call);
  };
}
const pixels = Float32Array.from(
  { length: options.batch * options.size ** 2 * 3 },
  (_, i) => (i * 7919 % 256) / 256,
);
let began = processorTime(), at = performance.now();
const steps: (Counts & { wall: number; cpu: number })[] = [];
const batches = shuffledBatches(
  datasetOf(Array.from({ length: 64 }, (_, i) => i)),
  {
    batchSize: options.batch,
    seed: 1,
    collate: (items) => {
      const [now, processor] = [performance.now(), processorTime()];
      steps.push({ wall: now - at, cpu: processor - began, ...taken() });
      [at, began] = [performance.now(), processorTime()];
      return {
        inputs: [
          tf.tensor(pixels, [items.length, options.size, options.size, 3]),
        ],
        labels: tf.tensor1d([...items], "int32"),
        size: items.length,
      };
    },
  },
);
const { losses } = await train(model, batches, {
  steps: options.steps + UNCOUNTED,
  loss: crossEntropy(),
  optimizer: { learningRate: 1e-4 },
  progress: false,
});
// The first interval is the start, and the last two batches were made ahead.
const counted = steps.slice(1 + UNCOUNTED, -1);
const least = (name: keyof typeof counted[0]) =>
  Math.min(...counted.map((step) => step[name]));
for (const name of Object.keys(counted[0]!) as (keyof typeof counted[0])[]) {
  console.log(name.padEnd(18), +least(name).toFixed(1), +Math.max(...counted.map((step) => step[name])).toFixed(1));
}
console.log("losses", losses.slice(0, 3).join(" "), "…", losses.at(-1));
if (options.kernels) {
  const rows = Object.entries(launchesOf).sort(([, a], [, b]) => b - a);
  for (const [name, n] of rows) console.log((n / steps.length).toFixed(1), name);
}
Deno.exit(0);
