/** Transitions of rank one as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  TRANSITION,
  TRANSITION_WITH_STATE,
  type TransitionAttributes,
  type TransitionRequest,
} from "../../attention/planning/transition_kernel.ts";
import { tokensPerChunk } from "../../attention/forms/transition_inputs.ts";
import type { KernelPlan } from "@lionjs/tfjs/kernel";
import {
  type KernelHost,
  type Numbers,
  registerJob,
  type Tensors,
} from "@lionjs/tfjs/wasm";
import type { NumbersFor } from "../numbers.ts";
import type { WasmNumbers } from "../tuning.ts";
import { LION_JOBS } from "./jobs.ts";

/** Larger chunks only cost scratch. */
const LARGEST_CHUNK = 256;
/** Where tokens have several steps, larger chunks, of so many, cost accuracy as well. */
const MOST_STEPS = 48;
/** Fewer columns of values are not worth a task of their own. */
const LEAST_COLUMNS = 8;

export function registerTransitionAttention(
  host: KernelHost,
  numbersFor: NumbersFor<WasmNumbers>,
): void {
  for (const operation of [TRANSITION, TRANSITION_WITH_STATE]) {
    registerJob<
      typeof LION_JOBS.transition,
      TransitionAttributes,
      TransitionRequest
    >(host, operation, {
      job: LION_JOBS.transition,
      outputs: (
        { inputs: { q, v }, make },
      ): Record<string, tf.TensorInfo> => {
        const [batch, heads, length, headDim] = q!
          .shape as tf.Tensor4D["shape"];
        const valueDim = v!.shape[3]!;
        const y = make([batch, heads, length, valueDim]);
        return operation === TRANSITION
          ? { y }
          : { y, forward: make([batch, heads, headDim, valueDim]) };
      },
      numbers: ({ host: { threads }, inputs, attributes }) => {
        const request = requestOf(inputs, attributes);
        const isGradient = inputs["dy"] !== undefined;
        return {
          ...sizesOf(request),
          parts: isGradient ? 1 : partsOf(request, threads),
          whole: Number(isGradient && sharesOutSequences(request, threads)),
          scale: attributes.scale,
        };
      },
      operations: ({ inputs, attributes }) =>
        operationsOf(requestOf(inputs, attributes)),
      plan: (request) => {
        const { chunkSize: size } = numbersFor(request).delta;
        const { chunkSize = tokensPerChunk(size, request.steps) } = request;
        return plan(host, { ...request, chunkSize });
      },
    });
  }
}

/** A request whose chunks have a size. */
interface PlannedRequest extends Omit<TransitionRequest, "reads"> {
  readonly chunkSize: number;
}

function requestOf(
  { q, v, f }: Tensors,
  attributes: TransitionAttributes,
): PlannedRequest {
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const sizes = { batch, heads, length, headDim, valueDim: v!.shape[3]! };
  // Decays of each head and of each channel are the same for heads of one channel.
  const diagonal = f !== undefined && f.shape[3]! > 1;
  return { ...sizes, ...attributes, diagonal };
}

/** The sizes in a job's record. */
function sizesOf(
  request: PlannedRequest,
): Omit<Numbers<typeof LION_JOBS.transition>, "parts" | "whole" | "scale"> {
  const { batch, heads, length, headDim, valueDim, steps } = request;
  const most = steps === 1 ? LARGEST_CHUNK : tokensPerChunk(MOST_STEPS, steps);
  return {
    sequences: batch * heads,
    length,
    headDim,
    valueDim,
    chunkSize: Math.min(request.chunkSize, most, length),
    steps,
    causal: Number(request.causal),
    diagonal: Number(request.diagonal),
  };
}

/** Multiplications and additions of the forward pass, roughly. */
function operationsOf(request: PlannedRequest): number {
  const { sequences, length, steps } = sizesOf(request);
  const { scores, columns } = operationsOfStep(request);
  return sweepsOf(request) * sequences * length * steps * (scores + columns);
}

/** Sweeps of a sequence. */
function sweepsOf({ causal }: PlannedRequest): number {
  return causal ? 1 : 2;
}

/**
 * Multiplications and additions of a step, of the delta rule: for the scores of its
 * chunk, and for all columns of values.
 */
function operationsOfStep(
  request: PlannedRequest,
): { scores: number; columns: number } {
  const { headDim, valueDim, chunkSize, steps } = sizesOf(request);
  const ofChunk = chunkSize * steps;
  return {
    scores: 4 * headDim * ofChunk,
    columns: 3 * valueDim * ofChunk + 6 * headDim * valueDim,
  };
}

/**
 * Tasks that share out the columns of each sweep, where threads would idle. All
 * score the keys, so that more tasks are more work.
 */
function partsOf(request: PlannedRequest, threads: number): number {
  const { sequences, valueDim } = sizesOf(request);
  const sweeps = sequences * sweepsOf(request);
  if (sweeps >= threads) return 1;
  const { scores, columns } = operationsOfStep(request);
  let best = { parts: 1, cost: Infinity };
  // The columns of v, rounded up to whole vectors of four.
  const all = 4 * Math.ceil(valueDim / 4);
  for (let width = all; width >= LEAST_COLUMNS; width -= 4) {
    const parts = Math.ceil(valueDim / width);
    const rounds = Math.ceil(sweeps * parts / threads);
    const cost = rounds * (scores + columns * width / all);
    if (cost < best.cost) best = { parts, cost };
  }
  return best.parts;
}

/**
 * Whether the gradient's tasks are sequences: sweeps that meet in the middle
 * make half of their states twice, but are twice as many tasks.
 */
function sharesOutSequences(request: PlannedRequest, threads: number): boolean {
  const { sequences } = sizesOf(request);
  const sweeps = sweepsOf(request);
  return sweeps * Math.ceil(sequences / threads) <=
    Math.ceil(sequences * sweeps / threads);
}

function plan(host: KernelHost, request: PlannedRequest): KernelPlan {
  const { threads } = host;
  const sizes = sizesOf(request);
  return {
    chunkSize: sizes.chunkSize,
    scratchBytes: host.scratchBytes(LION_JOBS.transition, {
      ...sizes,
      ...{ parts: partsOf(request, threads), whole: 0, scale: 1 },
    }, { operations: operationsOf(request) }),
    carriedBytes: 0,
    how: `wasm, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  };
}
