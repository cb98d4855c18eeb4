/**
 * The chunkwise form of attention with diagonal decays, one for each channel of the keys:
 * transitions that read nothing, of values with a column of ones, whose sum may divide Y.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import { runProgram } from "@lionjs/tfjs/webgpu";
import {
  type AttentionArguments,
  boundProgram,
} from "../frame/attention_call.ts";
import { cotangentNumbers, cotangentsProgram } from "../frame/cotangents.ts";
import { clearPadding } from "../../../operations/padding/webgpu.ts";
import { type Device, refusalOf } from "../frame/planning.ts";
import { layoutOf } from "./layout.ts";
import { MOST_ROWS } from "./outputs.ts";
import type { Ends } from "./states.ts";
import { TransitionCall } from "./transition_call.ts";
import { planOf } from "./transition_plan.ts";

/** The sizes that all problems with diagonal decays have in common. */
const DIAGONAL = {
  reads: "none",
  decay: "channel",
  steps: 1,
  hasRowSums: true,
} as const;

/** Whether a call has diagonal decays. */
export function isDiagonalCall({ inputs }: AttentionArguments): boolean {
  return inputs["f"]?.shape.length === 4;
}

/** Opens a call. */
function open(
  { backend, inputs, attributes }: AttentionArguments,
  hasGradient: boolean,
): TransitionCall {
  const { q, k, v, f, b, before, after } = inputs;
  const { causal, chunkSize, states = false } = attributes;
  const given = { q: q!, k: k!, v: v!, f, g: b, before, after };
  return new TransitionCall(backend, given, {
    ...{ ...DIAGONAL, chunkSize, isPiece: states, hasGradient },
    directions: causal ? 1 : 2,
  });
}

/** Clears the outputs at padding, if there is a mask, and frees the buffers. */
function close(
  { backend, inputs: { mask } }: AttentionArguments,
  run: TransitionCall,
  outputs: readonly tf.TensorInfo[],
): void {
  if (mask) { for (const x of outputs) clearPadding(backend, x, mask); }
  run.close();
}

/**
 * The forward pass with diagonal decays: y, the row sums and, of a part of a sequence,
 * the states that leave it.
 */
export function diagonalForward(call: AttentionArguments): tf.TensorInfo[] {
  const { inputs, attributes } = call;
  const { causal, states = false } = attributes;
  const run = open(call, false);
  const [batch, heads, length, headDim] = inputs["q"]!
    .shape as tf.Tensor4D["shape"];
  const y = run.output("y", inputs["v"]!.shape);
  const rowSums = run.output("rowSums", [batch, heads, length]);
  const shape = [batch, heads, headDim, run.layout.valueDim + 1];
  const forward = states ? run.output("forward", shape) : undefined;
  const backward = states && !causal
    ? run.output("backward", shape)
    : undefined;
  const { before, after } = states ? inputs : {} as Ends;
  const ends = { before, after: causal ? undefined : after, forward, backward };
  for (const part of run.batches) run.findOutputs(part, ends, attributes);
  close(call, run, [y]);
  return [y, rowSums, forward, backward].filter((x) => x !== undefined);
}

/** The gradient with diagonal decays, in q, k, v and the log decays of each direction. */
export function diagonalGradient(call: AttentionArguments): tf.TensorInfo[] {
  const { backend, inputs, attributes } = call;
  const { q, dy, y, rowSums } = inputs;
  const run = open(call, true);
  const { layout } = run;
  const gradients = run.gradients(["q", "k", "v", "f", "g"]);
  // The gradient in the sums of all sequences, in the place of that in y.
  const tokens = tf.util.sizeFromShape(q!.shape.slice(0, 3));
  const sums = run.floats("dy", cotangentNumbers(tokens, layout, 0));
  for (const part of run.batches) {
    const problem = { ...attributes, ...layout, ...part, tokens };
    const tensors = { dy: dy!, y: y!, rowSums: rowSums!, g: sums };
    const program = cotangentsProgram([], problem);
    runProgram(backend, boundProgram(program, problem, tensors));
    run.findGradients(part, {}, {}, 1);
  }
  close(call, run, gradients.slice(0, 3));
  return gradients;
}

/**
 * Plans a problem with diagonal decays for a device.
 *
 * @param bestChunk Tokens of a chunk, unless the request gives a size.
 */
export function planDiagonal(
  request: KernelRequest,
  device: Device,
  bestChunk: number,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, valueDim, causal } = request;
  const { precision, chunkSize = bestChunk, states = false } = request;
  if (precision === "f16") {
    return {
      refusal:
        "the webgpu kernel of decays of each channel computes in 32 bits",
    };
  }
  const layout = layoutOf({
    ...{ ...DIAGONAL, length, headDim, valueDim, isPiece: states },
    chunkSize: Math.min(chunkSize, MOST_ROWS, length),
    directions: causal ? 1 : 2,
  });
  return refusalOf(request, device) ??
    planOf(layout, batch * heads, device.limits);
}
