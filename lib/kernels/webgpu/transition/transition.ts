/**
 * Transitions of rank one as kernels of TensorFlow.js for WebGPU, in chunks. The work within
 * chunks runs for all of them at once; a launch of its own carries the states from
 * chunk to chunk, for all sequences, directions and columns at once.
 *
 * The gradient computes the states again, and keeps one for each chunk.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { readsOf } from "../../../attention/forms/transition_inputs.ts";
import {
  TRANSITION,
  TRANSITION_WITH_STATE,
  type TransitionAttributes,
  type TransitionRequest,
} from "../../../attention/planning/transition_kernel.ts";
import { type Call, registerFusedKernel } from "@lionjs/tfjs/webgpu";
import type { NumbersFor } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { type Inputs, TransitionCall } from "./transition_call.ts";
import { planTransition } from "./transition_plan.ts";

type Arguments = Call<string, TransitionAttributes>;

/**
 * Registers the kernels `LionTransition` and `LionTransitionWithState`, and their
 * gradients, for webgpu.
 */
export function registerTransition(
  numbersFor: NumbersFor<WebGpuNumbers>,
): void {
  const register = registerFusedKernel<
    string,
    string,
    TransitionAttributes,
    TransitionRequest
  >;
  for (const operation of [TRANSITION, TRANSITION_WITH_STATE]) {
    register(operation, {
      forward: (call) => forward(call, operation === TRANSITION_WITH_STATE),
      gradient: (call) =>
        gradient(
          call,
          operation.gradientsIn,
          operation === TRANSITION_WITH_STATE,
        ),
      plan: (request, { limits }) =>
        planTransition(request, limits, numbersFor(request)),
    });
  }
}

/** Opens a call; with a state, also the first tokens of a sequence are a piece of it. */
function open(
  { backend, inputs, attributes }: Arguments,
  isPiece: boolean,
  hasGradient: boolean,
): TransitionCall {
  const { f } = inputs;
  return new TransitionCall(backend, inputs as Inputs, {
    reads: readsOf(inputs as unknown as Parameters<typeof readsOf>[0]),
    decay: !f ? "none" : f.shape[3]! > 1 ? "channel" : "token",
    directions: attributes.causal ? 1 : 2,
    chunkSize: attributes.chunkSize,
    ...{ isPiece, hasRowSums: false, hasGradient },
  });
}

function forward(call: Arguments, withState: boolean): tf.TensorInfo[] {
  const { inputs: { q, v, before }, attributes } = call;
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const valueDim = v!.shape[3]!;
  const run = open(call, withState, false);
  const y = run.output("y", [batch, heads, length, valueDim]);
  const last = withState
    ? run.output("last", [batch, heads, headDim, valueDim])
    : undefined;
  for (const part of run.batches) {
    run.findOutputs(part, { before, forward: last }, attributes);
  }
  run.close();
  return last ? [y, last] : [y];
}

function gradient(
  call: Arguments,
  names: readonly string[],
  withState: boolean,
): tf.TensorInfo[] {
  const { inputs: { before, dforward }, attributes: { scale } } = call;
  const run = open(call, withState, true);
  const gradients = run.gradients(names);
  const dbefore = before && gradients.at(-1);
  for (const part of run.batches) {
    // The gradient in the state that leaves enters the sweep that goes back.
    const ends = { before: dforward, forward: dbefore };
    run.findGradients(part, { before }, ends, scale);
  }
  run.close();
  return gradients;
}
