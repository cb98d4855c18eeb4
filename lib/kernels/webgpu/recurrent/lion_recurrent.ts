/**
 * The recurrent form as a kernel of TensorFlow.js for WebGPU: one launch per direction.
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
import { makeFloats, runProgram } from "../../../tfjs/webgpu/program.ts";
import { type ForwardSweep, forwardSweep } from "./recurrent_forward.ts";
import { directionsOf, planRecurrent } from "./recurrent_plan.ts";

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
  const sums = directions.map(() =>
    makeFloats(backend, [batch, heads, length])
  );
  const state = [batch, heads, headDim, v.shape[3]! + 1];
  const leaving = attributes.states
    ? directions.map(() => makeFloats(backend, state))
    : [];
  directions.forEach((direction, i) => {
    const [logDecay, firstState] = direction === "forward"
      ? [given.f, given.before]
      : [given.b, given.after];
    const sweep: ForwardSweep = {
      ...{ direction, q, k, v, y, logDecay, firstState, attributes },
      lastState: leaving[i],
      sumsBefore: sums[i - 1],
      rowSums: sums[i]!,
      isLast: i === directions.length - 1,
    };
    runProgram(backend, forwardSweep(sweep));
  });
  if (mask) clearPadding(backend, y, mask);
  const rowSums = sums.pop()!;
  sums.forEach(({ dataId }) => backend.disposeData(dataId));
  return [y, rowSums, ...leaving];
};
