/** The fused step of the Adam optimizer. @module */
import type { AdamAttributes } from "../../../optimizers/adam.ts";
import { runElementwise } from "../../../tfjs/webgpu/elementwise.ts";
import type { FusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import { makeFloats } from "../../../tfjs/webgpu/program.ts";

/** The kernel of an Adam step: the new value, mean and mean square. */
export const adam: FusedKernel<
  "value" | "gradient" | "mean" | "square",
  AdamAttributes
> = ({ backend, inputs, attributes }) => {
  const { value, gradient, mean, square } = inputs;
  const { stepSize, beta1, beta2, rootCorrection, epsilon, keep } = attributes;
  const make = () => makeFloats(backend, value.shape);
  const [newValue, newMean, newSquare] = [make(), make(), make()];
  runElementwise(backend, {
    name: "adam",
    reads: { value, gradient, mean, square },
    writes: { newValue, newMean, newSquare },
    floats: {
      stepSize,
      beta1,
      beta2,
      // Subtracted here: in 32 bits, 1 - 0.999 would have four digits left.
      rest1: 1 - beta1,
      rest2: 1 - beta2,
      rootCorrection,
      epsilon,
      keep,
    },
    body: /* wgsl */ `  let slope = gradient[at];
  let average = uniforms.beta1 * mean[at] + uniforms.rest1 * slope;
  let energy = uniforms.beta2 * square[at] + uniforms.rest2 * slope * slope;
  let root = uniforms.rootCorrection * sqrt(energy) + uniforms.epsilon;
  newValue[at] = uniforms.keep * value[at] - uniforms.stepSize * (average / root);
  newMean[at] = average;
  newSquare[at] = energy;`,
  });
  return [newValue, newMean, newSquare];
};
