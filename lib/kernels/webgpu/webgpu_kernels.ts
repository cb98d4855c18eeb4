/** Registration of all of LION's kernels on WebGPU. @module */
import type { Subgroups } from "@lionjs/tfjs/webgpu";
import type { NumbersFor } from "../numbers.ts";
import type { WebGpuNumbers } from "../tuning.ts";
import { OPERATIONS } from "./built/operations.ts";
import { registerAttention } from "./lion_attention.ts";
import { registerSoftmaxAttention } from "./softmax/softmax_attention.ts";
import { registerTransition } from "./transition/transition.ts";

/**
 * Registers all of LION's kernels for the webgpu backend, instead of those that
 * are.
 */
export function registerWebGpuKernels(
  numbersFor: NumbersFor<WebGpuNumbers>,
  subgroups: Subgroups | undefined,
  isSoftware: boolean,
): void {
  registerAttention(numbersFor);
  registerSoftmaxAttention(numbersFor, subgroups);
  registerTransition(numbersFor);
  for (const { register } of OPERATIONS) register({ isSoftware });
}
