/** The forms of attention as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { type ConcreteForm, FORMS } from "../../attention/forms/form.ts";
import {
  ATTENTION,
  type AttentionSizes,
  type KernelAttributes,
  type KernelRequest,
  refuseDiagonal,
  SHARED_CHUNKWISE,
} from "../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import {
  type Call,
  type KernelHost,
  type Numbers,
  registerWasmKernel,
  type Tensors,
} from "@lionjs/tfjs/wasm";
import { type ChunkLimits, gradientChunk } from "../gradient_chunk.ts";
import type { NumbersFor } from "../numbers.ts";
import type { WasmNumbers } from "../tuning.ts";
import { clearPadding } from "../../operations/padding/wasm.ts";
import { LION_JOBS } from "./jobs.ts";

/** The jobs of the module that compute a form. */
interface Schedule {
  /** The job of the forward pass. */
  readonly job: AttentionJob;
  /**
   * Tokens of a chunk or tile, given how many the caller wants; `null` for a form
   * without chunks.
   */
  chunkSize(
    length: number,
    wanted: number | undefined,
    numbers: WasmNumbers,
  ): number | null;
  /** Splits of a sequence, parts that are a task each. */
  splits(sequences: number, chunks: number, threads: number): number;
  /** Multiplications and additions of a token, roughly. */
  operations(sizes: AttentionSizes, chunkSize: number): number;
  /** Bytes of a task's scratch that grow with the length of its split. */
  carried(request: KernelRequest, chunkSize: number, splits: number): number;
}

/** Larger chunks only cost scratch: four matrices of [chunk, chunk] a thread. */
const LARGEST_CHUNK = 512;
/** Larger tiles leave the cache. */
const LARGEST_TILE = 128;

/** Cost of summing up a split's states first, as a part of the cost of its output. */
const CHUNKWISE_SUMMARY = 0.4;
/** The smallest and largest chunk of the gradient. */
const GRADIENT_CHUNKS: ChunkLimits = { smallest: 32, largest: LARGEST_CHUNK };

const tiles: Omit<Schedule, "chunkSize"> = {
  job: "fullForward",
  splits: (...counts) => splitsOf(...counts, 0),
  operations: ({ length, headDim, valueDim }) =>
    2 * (headDim + valueDim) * length,
  // The bytes of keys with the decays on either side.
  carried: ({ length, headDim, decays, causal }) =>
    decays ? 4 * length * headDim * (causal ? 1 : 2) : 0,
};

const SCHEDULES: Readonly<Record<ConcreteForm, Schedule>> = {
  full: {
    ...tiles,
    chunkSize: (length, _, { full }) => Math.min(full.tileSize, length),
  },
  blockwise: {
    ...tiles,
    chunkSize: (length, wanted, { full }) =>
      Math.min(wanted ?? full.tileSize, LARGEST_TILE, length),
  },
  recurrent: {
    job: "recurrentForward",
    chunkSize: () => null,
    splits: () => 1,
    operations: ({ headDim, valueDim }) => 10 * headDim * valueDim,
    carried: () => 0,
  },
  chunkwise: {
    job: "chunkwiseForward",
    chunkSize: (length, wanted, { chunkwise }) =>
      Math.min(wanted ?? chunkwise.chunkSize, LARGEST_CHUNK, length),
    splits: (...counts) => splitsOf(...counts, CHUNKWISE_SUMMARY),
    operations: ({ headDim, valueDim }, chunkSize) =>
      2 * (headDim + valueDim) * chunkSize + 8 * headDim * valueDim,
    // The bytes of the states after each chunk.
    carried: (
      { length, headDim, valueDim, causal, decays },
      chunkSize,
      splits,
    ) =>
      decays && !causal
        ? 4 * headDim * (valueDim + 1) *
          Math.ceil(length / chunkSize / splits)
        : 0,
  },
};

/** Registers the forward and the gradient kernel of each form. */
export function registerAttention(
  host: KernelHost,
  numbersFor: NumbersFor<WasmNumbers>,
): void {
  for (const form of FORMS) {
    registerWasmKernel<KernelAttributes, KernelRequest>(host, ATTENTION[form], {
      forward: (call) => forward(form, call),
      gradient: (call) => gradient(form, call),
      plan: (request) => plan(host, form, request, numbersFor(request)),
    });
  }
  registerWasmKernel<KernelAttributes, never>(host, SHARED_CHUNKWISE, {
    forward: (call) => forward("chunkwise", call),
    gradient: (call) => gradient("chunkwise", call),
  });
}

function forward(
  form: ConcreteForm,
  call: Call<KernelAttributes>,
): tf.TensorInfo[] {
  const { inputs, attributes, make, wasm } = call;
  const { q, v, mask } = inputs;
  const { states, causal } = attributes;
  const [batch, heads, length] = v!.shape as tf.Tensor4D["shape"];
  const headDim = q!.shape[3]!;
  const state = [batch, heads, headDim, v!.shape[3]! + 1];
  const outputs = {
    y: make(v!.shape),
    rowSums: make([batch, heads, length]),
    ...(states ? { forward: make(state) } : {}),
    ...(states && !causal ? { backward: make(state) } : {}),
  };
  run(form, SCHEDULES[form].job, call, { ...inputs, ...outputs });
  if (mask) clearPadding(wasm, outputs.y, mask);
  return Object.values(outputs);
}

function gradient(
  form: ConcreteForm,
  call: Call<KernelAttributes>,
): tf.TensorInfo[] {
  const { inputs, wasm } = call;
  const outputs = call.gradients();
  const chunkSize = form === "chunkwise"
    ? call.attributes.chunkSize
    : gradientChunk(inputs["q"]!.shape[2]!, GRADIENT_CHUNKS);
  const attributes = { ...call.attributes, chunkSize };
  run("chunkwise", "chunkwiseBackward", { ...call, attributes }, {
    ...inputs,
    ...outputs,
  });
  const { mask } = inputs;
  const { dq, dk, dv } = outputs;
  if (mask) [dq, dk, dv].forEach((x) => clearPadding(wasm, x!, mask));
  return Object.values(outputs);
}

function run(
  form: ConcreteForm,
  job: AttentionJob,
  { host, attributes, run }: Call<KernelAttributes>,
  tensors: Tensors,
): void {
  const { q, v, f } = tensors;
  const { causal, normalize, chunkSize, scale, epsilon } = attributes;
  const [batch, keyHeads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const [, heads, , valueDim] = v!.shape as tf.Tensor4D["shape"];
  const sizes = { batch, heads, keyHeads, length, headDim, valueDim };
  run(
    LION_JOBS[job],
    {
      ...sizesOf(form, sizes, chunkSize, host.threads),
      ...flagsOf({ causal, normalize, diagonal: f?.shape.length === 4 }),
      ...{ scale, epsilon },
    },
    tensors,
    batch * heads * length * SCHEDULES[form].operations(sizes, chunkSize),
  );
}

/** The jobs that have the record of an attention. */
type AttentionJob =
  | "chunkwiseForward"
  | "chunkwiseBackward"
  | "fullForward"
  | "recurrentForward";

type Flag = "causal" | "normalize" | "diagonal";

/** The flags in a job's record. */
const flagsOf = (
  { causal, normalize, diagonal = false }: Partial<Record<Flag, boolean>>,
): Record<Flag, number> => ({
  causal: Number(causal),
  normalize: Number(normalize),
  diagonal: Number(diagonal),
});

/** The sizes in a job's record. */
function sizesOf(
  form: ConcreteForm,
  { batch, heads, length, headDim, valueDim, ...of }: AttentionSizes,
  chunkSize: number | null,
  threads: number,
): Omit<Numbers<typeof LION_JOBS[AttentionJob]>, Flag | "scale" | "epsilon"> {
  const sequences = batch * heads;
  // Other kernels get keys that are repeated.
  const keyHeads = form === "chunkwise" ? of.keyHeads ?? heads : heads;
  // The recurrent form has no chunks, but the record has to say how many tokens.
  const tokens = form === "recurrent" || chunkSize === null
    ? Math.ceil(Math.sqrt(length))
    : chunkSize;
  const chunks = Math.ceil(length / tokens);
  const splits = SCHEDULES[form]
    .splits(batch * keyHeads, chunks, threads);
  return {
    ...{ sequences, groupSize: heads / keyHeads, length, headDim, valueDim },
    ...{ chunkSize: tokens, splits },
  };
}

/**
 * The number of splits of a sequence with which all threads end earliest; several splits
 * have an extra cost.
 */
function splitsOf(
  sequences: number,
  chunks: number,
  threads: number,
  extra: number,
): number {
  let best = { splits: 1, cost: Infinity };
  for (let splits = 1; splits <= Math.min(chunks, threads); splits++) {
    const rounds = Math.ceil(sequences * splits / threads);
    const each = (splits > 1 ? 1 + extra : 1) / splits;
    const cost = rounds * each;
    if (cost < best.cost) best = { splits, cost };
  }
  return best.splits;
}

function plan(
  host: KernelHost,
  form: ConcreteForm,
  request: KernelRequest,
  numbers: WasmNumbers,
): KernelPlan | Refusal {
  if (request.precision === "f16") {
    return { refusal: "WebAssembly computes in 32 bits" };
  }
  if (request.states && form !== "chunkwise") {
    return { refusal: `the ${form} form takes no states` };
  }
  if (request.diagonal && form !== "chunkwise") {
    return refuseDiagonal("wasm", form);
  }
  const { batch, heads, length, causal, decays } = request;
  const { threads } = host;
  const schedule = SCHEDULES[form];
  const chunkSize = schedule.chunkSize(length, request.chunkSize, numbers);
  const sizes = sizesOf(form, request, chunkSize, threads);
  const operations = batch * heads * length *
    schedule.operations(request, sizes.chunkSize);
  const scratchBytes = host.scratchBytes(LION_JOBS[schedule.job], {
    ...sizes,
    ...flagsOf(request),
    ...{ scale: 1, epsilon: 0 },
    // The plan depends only on which addresses are 0.
    ...{ f: Number(decays), b: Number(decays && !causal) },
  }, { operations });
  return {
    chunkSize,
    scratchBytes,
    carriedBytes: schedule.carried(request, sizes.chunkSize, sizes.splits) *
      Math.min(threads, sizes.sequences / sizes.groupSize * sizes.splits),
    how: `wasm, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  };
}
