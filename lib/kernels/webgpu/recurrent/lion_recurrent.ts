/**
 * The recurrent form as a kernel of TensorFlow.js for WebGPU: one launch per direction, and
 * one that divides in a piece of a sequence with decays in two.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { KernelAttributes } from "../../../attention/planning/kernel.ts";
import type { FusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import type { NumbersFor } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { registerForm } from "../chunkwise/register_form.ts";
import { clearPadding } from "../layer/padding.ts";
import { runElementwise } from "../../../tfjs/webgpu/elementwise.ts";
import { makeFloats, runProgram } from "../../../tfjs/webgpu/program.ts";
import {
  divideProgram,
  type ForwardSweep,
  forwardSweep,
} from "./recurrent_forward.ts";
import {
  completesInPlace,
  directionsOf,
  planRecurrent,
} from "./recurrent_plan.ts";

/**
 * Registers the kernels `LionRecurrent` and `LionRecurrentGrad` for webgpu.
 *
 * @param numbersFor The tuning from which the gradient's kernels are generated.
 */
export function registerRecurrent(
  numbersFor: NumbersFor<WebGpuNumbers>,
): void {
  registerForm({
    form: "recurrent",
    forward,
    plan: (request, { limits }) => planRecurrent(request, limits),
  }, numbersFor);
}

type ForwardInput = "q" | "k" | "v";
type OptionalInput = "f" | "b" | "mask" | "before" | "after";
type Inputs<Input extends string> =
  & Readonly<Record<Input, tf.TensorInfo>>
  & Readonly<Partial<Record<OptionalInput, tf.TensorInfo>>>;

/** The forward pass of the recurrent form; for a piece of a sequence, states enter and leave. */
export const forward: FusedKernel<ForwardInput, KernelAttributes> = (
  { backend, inputs, attributes },
) => {
  const given = inputs as Inputs<ForwardInput>;
  const { q, k, v, mask } = given;
  const [batch, heads, length, headDim] = q.shape as tf.Tensor4D["shape"];
  const y = makeFloats(backend, v.shape);
  const directions = directionsOf(attributes.causal);
  const { normalize, epsilon } = attributes;
  const decays = given.f !== undefined;
  const isInPlace = completesInPlace({ ...attributes, decays });
  const makeSums = () => makeFloats(backend, [batch, heads, length]);
  const rowSums = makeSums();
  const sumsBefore = directions.length === 1
    ? undefined
    : isInPlace
    ? rowSums
    : makeSums();
  const state = [batch, heads, headDim, v.shape[3]! + 1];
  const leaving = attributes.states
    ? directions.map(() => makeFloats(backend, state))
    : [];
  const isLast = (i: number) => i === directions.length - 1;
  directions.forEach((direction, i) => {
    const [logDecay, firstState] = direction === "forward"
      ? [given.f, given.before]
      : [given.b, given.after];
    const sweep: ForwardSweep = {
      ...{ direction, q, k, v, y, logDecay, firstState, attributes },
      lastState: leaving[i],
      ...isLast(i)
        ? { sumsBefore, rowSums, divides: !isInPlace }
        : { sumsBefore: undefined, rowSums: sumsBefore!, divides: false },
    };
    runProgram(backend, forwardSweep(sweep));
  });
  if (isInPlace) {
    if (normalize) runElementwise(backend, divideProgram(y, rowSums, epsilon));
  } else if (sumsBefore) backend.disposeData(sumsBefore.dataId);
  if (mask) clearPadding(backend, y, mask);
  return [y, rowSums, ...leaving];
};
