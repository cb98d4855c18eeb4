/** Figures of attention alone: forms, lengths, other libraries, chunks. @module */
import * as tf from "@tensorflow/tfjs-core";
import { explainAttention, fixedDecay } from "@lionjs/lion";
import { type Pass, PASSES } from "../../measure/tensors.ts";
import {
  attentionGroup,
  FORMS,
  LOOP,
  PLAIN_FULL,
  PLAIN_SOFTMAX,
  type Rival,
  SOFTMAX,
} from "../../attention.ts";
import {
  HEAD_DIM,
  type Variant,
  VARIANT_NAMES,
  VARIANTS,
} from "../../attention_problem.ts";
import type { OpenGroup } from "../../group.ts";
import { TORCH } from "../../peers/torch.ts";
import {
  type Asked,
  bothPasses,
  type Figure,
  measuring,
  type Setting,
} from "../figure.ts";

const HEADS = 4;

const SETTINGS = { batch: 1, heads: HEADS, "columns of a head": HEAD_DIM };

/** Opens attention of a variant at a length. */
function open(
  { info, threads, skip, size: length }: Asked<number, string>,
  { only, ...problem }: {
    readonly pass: Pass;
    readonly variant: Variant;
    readonly only: readonly string[];
    readonly rivals?: readonly Rival[];
  },
): Promise<OpenGroup> {
  return attentionGroup({
    ...{ ...problem, length, only, heads: HEADS },
    ...{ backend: info.name, threads, onRefused: skip },
  }).open();
}

/** Memory against time of the forms. */
export const forms: Figure = {
  title: "Memory against time of the forms (figure 1)",
  short: "the forms",
  about: `One sequence in each form of LION-LIT, LION-D and LION-S. In the paper
the recurrent form is the slowest and smallest, and the chunkwise form lies between
the other two in memory and is the fastest for LIT and D. Besides its output the
recurrent form keeps two states, whatever the length. Our full and blockwise forms
are kernels that keep no matrix of length × length, so they lie closer to the others
in memory than the paper's; without a decay, on a GPU, they keep only their output. The paper's
full form is *full in tfjs*: operations that keep the matrix, as its code does. On
cpu, which has no kernels, *full* means these operations.`,
  column: "tokens",
  seconds: { gpu: 20, wasm: 30, software: 20, cpu: 15 },
  measure: measuring({
    sizes: { gpu: [4096], wasm: [2048], software: [1024], cpu: [128] },
    quick: [64],
    passes: VARIANTS,
    place: (at, variant) => ({ panel: VARIANT_NAMES[variant], at }),
    // Without kernels both full forms are the same.
    subjects: ({ power }) => power === "cpu" ? FORMS : [...FORMS, PLAIN_FULL],
    open: (asked, only) =>
      open(asked, { pass: "forward", variant: asked.pass, only }),
    settings: (_, [tokens]) => ({
      ...SETTINGS,
      pass: "forward",
      tokens: tokens!,
    }),
  }),
};

/** Time and memory against length, beside softmax and a plain loop. */
export const lengths: Figure = {
  title: "Time and memory against length, and the roofline",
  short: "LION-S and softmax",
  about:
    `LION-S; the full form and softmax attention both as our kernels and in TensorFlow.js
operations, as the papers compute them; and a loop over Float32Array as written by
hand. The time of the chunkwise and recurrent forms grows with
the length, that of the full and blockwise forms and of softmax with its square. The
list below says why points are missing. The flat part of the roofline is the rate of
the backend's largest matrix product, its slope the bandwidth of a copy, both
measured in this run; operations and bytes are the least that a form must do and
move, times three with gradients. A
kernel that multiplies better than that product lies above the roof, as ours do
on WebGPU in software. On WebGPU with timestamps a point is the time of its
kernels alone.`,
  axis: "tokens",
  column: "tokens",
  crossings: [
    ["chunkwise", "softmax"],
    ["chunkwise", "softmax in tfjs"],
    ["chunkwise", "full"],
    ["chunkwise", "full in tfjs"],
    ["recurrent", "full"],
    ["recurrent", "full in tfjs"],
  ],
  bounds: [
    ...bothPasses(4, 2, {
      ...{ series: "recurrent", beside: "chunkwise", at: [1024, 4096] },
    }),
    {
      ...{ series: "blockwise", beside: "full", at: [256, 1024, 4096] },
      ...{ panel: "forward", most: 1.3 },
    },
    ...bothPasses(1, 1, {
      ...{ series: "softmax", beside: "softmax in tfjs", at: [1024] },
      backend: "webgpu",
    }),
  ],
  seconds: { gpu: 90, wasm: 60, software: 55, cpu: 20 },
  measure: measuring({
    sizes: {
      gpu: [64, 256, 1024, 4096, 16_384, 65_536, 262_144],
      wasm: [64, 256, 1024, 4096, 16_384, 65_536],
      software: [64, 256, 1024, 4096, 16_384],
      cpu: [64, 256, 1024],
    },
    quick: [64, 128, 256],
    passes: PASSES,
    subjects: ({ power }) => [
      ...FORMS,
      ...(power === "cpu"
        ? [PLAIN_SOFTMAX]
        : [PLAIN_FULL, SOFTMAX, PLAIN_SOFTMAX]),
      LOOP,
    ],
    open: (asked, only) =>
      open(asked, { pass: asked.pass, variant: "s", only }),
    settings: () => ({ ...SETTINGS, variant: "LION-S" }),
  }),
};

/** Ours and loops; softmax, which is another function, is for comparison. */
const OURS = ["chunkwise", "full", SOFTMAX, PLAIN_SOFTMAX, LOOP];

/** Our chunkwise form and softmax beside PyTorch's, ONNX Runtime's and jax-js's. */
export const peers: Figure = {
  title: "Compared with other libraries",
  short: "attention in other libraries",
  about:
    `LION-S in our chunkwise form and as others compute it, taking turns in this run:
PyTorch on the CPU, by a scan in chunks (*PyTorch*) and by the authors' full form
with a mask for each direction; two causal sweeps of ONNX Runtime's operator
LinearAttention; jax-js, by the same scan in chunks; and the loop over Float32Array.
Softmax attention, a different function, is timed in our kernel, in TensorFlow.js and
in PyTorch (SDPA).
PyTorch uses the thread pool of either OpenBLAS or OpenMP, since the two disturb
each other. Each result was checked before it was timed. PyTorch and ONNX
Runtime are compared with WebAssembly, which computes on the same cores. Only the
time of other libraries is measured, not their memory.`,
  axis: "tokens",
  column: "tokens",
  torch: "beside",
  crossings: [
    ["chunkwise", "PyTorch"],
    ["chunkwise", "PyTorch full, OpenMP"],
    ["chunkwise", "ONNX Runtime, LinearAttention"],
    ["chunkwise", "jax-js, wasm"],
    ["chunkwise", "jax-js, webgpu"],
  ],
  bounds: [
    ...bothPasses(0.6, 0.65, {
      ...{ series: "chunkwise", beside: "PyTorch", at: [1024, 4096] },
    }),
    ...bothPasses(0.3, 0.3, {
      ...{ series: "full", beside: "PyTorch full", at: [256, 1024] },
    }),
    ...bothPasses(1, 1, {
      ...{ series: "softmax", beside: "PyTorch SDPA", at: [1024, 4096] },
    }),
  ],
  seconds: { gpu: 60, wasm: 75, software: 30, cpu: 0 },
  unfit: "no other library is plain JavaScript on one thread",
  measure: measuring({
    sizes: {
      gpu: [256, 1024, 4096, 16_384],
      wasm: [256, 1024, 4096],
      software: [256, 1024],
      cpu: [],
    },
    quick: [64, 128],
    passes: PASSES,
    subjects: (asked) => {
      const rivals = rivalsOf(asked).map(({ name }) => name);
      // Of its gradients' shaders each takes seconds to compile in software.
      const isSlow = asked.power === "software" && asked.pass === "gradients";
      if (!isSlow) return [...OURS, ...rivals];
      const why = "its shaders take a minute to compile in software";
      rivals.forEach((name) => asked.skip(name, why));
      return OURS;
    },
    open: (asked, names) =>
      open(asked, {
        ...{ pass: asked.pass, variant: "s" },
        only: names.filter((name) => OURS.includes(name)),
        rivals: rivalsOf(asked).filter(({ name }) => names.includes(name)),
      }),
    settings: ({ threads }) => ({
      ...SETTINGS,
      ...{ variant: "LION-S", "threads of each": threads },
    }),
  }),
};

/** Those that compute on the same part of the machine as a backend: PyTorch and ONNX Runtime are on the CPU. */
function rivalsOf({ info, peers }: Setting): Rival[] {
  const { scan, pools: [first, second], onnx, libraries } = peers;
  const onCpu: Rival[] = [
    ...(scan ? [{ name: TORCH, peer: scan, form: "chunkwise" as const }] : []),
    ...(first?.named("PyTorch full") ?? [])
      .map((peer) => ({ ...peer, form: "full" as const })),
    ...(second?.named("PyTorch SDPA") ?? [])
      .map((peer) => ({ ...peer, form: "softmax" as const })),
    ...onnx.map((peer) => ({
      ...{ ...peer, form: "recurrent" as const, hasGradients: false },
    })),
  ];
  return [
    ...(info.name === "wasm" ? onCpu : []),
    ...libraries.filter(({ beside }) => beside === info.name),
  ];
}

const CHUNKS = [8, 16, 32, 64, 128, 256, 512], QUICK_CHUNKS = [16, 32, 64];

/** The series of a size of chunks, while sizes take turns at one place. */
const CHUNKWISE = "chunkwise";
const nameOf = (size: number) => `${CHUNKWISE}, ${size}`;

/** Takes turns of sizes; {@linkcode chunks} makes each a place of its own. */
const measureChunks = measuring({
  sizes: { gpu: [8192], wasm: [4096], software: [1024], cpu: [512] },
  quick: [128],
  passes: PASSES,
  subjects: ({ size: length, quick, skip }) => {
    const sizes = quick ? QUICK_CHUNKS : CHUNKS;
    const planned = plannedChunks(length, sizes);
    return sizes.filter((size, i) => {
      if (planned[i] === size) return true;
      const why = `the kernel takes chunks of ${planned[i]} here`;
      skip(nameOf(size), why, size);
      return false;
    }).map(nameOf);
  },
  open: (asked, only) => open(asked, { pass: asked.pass, variant: "d", only }),
  settings: (_, [tokens]) => ({
    ...{ ...SETTINGS, variant: "LION-D", tokens: tokens! },
  }),
});

/** Time and memory against the size of a chunk. */
export const chunks: Figure = {
  title: "Chunk size against time and memory (figure 4)",
  short: "LION-D in chunks",
  about:
    `LION-D in chunks. The paper shows the entire model at 1,248 pixels; here it is
only its attention. Small chunks keep many states, large ones multiply large blocks of
scores. Without \`chunkSize\` the kernel chooses for itself.`,
  axis: "tokens per chunk",
  column: "per chunk",
  seconds: { gpu: 25, wasm: 25, software: 20, cpu: 15 },
  async measure(setting, collector) {
    const made = await measureChunks(setting, collector);
    const points = collector.points.splice(0).map(({ series, ...point }) => ({
      ...{ ...point, series: CHUNKWISE, at: Number(series.split(", ")[1]) },
    }));
    collector.points.push(...points);
    return made;
  },
};

/** The chunk that runs where one is asked for. */
function plannedChunks(
  length: number,
  sizes: readonly number[],
): (number | null)[] {
  const x = tf.zeros<tf.Rank.R4>([1, HEADS, length, HEAD_DIM]);
  const logDecay = tf.zeros<tf.Rank.R1>([HEADS]);
  const options = { form: "chunkwise", decay: fixedDecay(logDecay) } as const;
  const found = sizes.map((chunkSize) =>
    explainAttention(x, x, x, { ...options, chunkSize }).chunkSize
  );
  tf.dispose([x, logDecay]);
  return found;
}
