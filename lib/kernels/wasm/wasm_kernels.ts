/** Registration of all of LION's kernels on WebAssembly. @module */
import type { NumbersFor } from "../numbers.ts";
import type { WasmNumbers } from "../tuning.ts";
import type { KernelHost } from "@lionjs/tfjs/wasm";
import { OPERATIONS } from "./built/operations.ts";
import { registerAttention } from "./lion_attention.ts";
import { registerSoftmaxAttention } from "./softmax_attention.ts";
import { registerTransitionAttention } from "./transition_attention.ts";

/**
 * Registers all of LION's kernels for the wasm backend, instead of those that
 * are.
 */
export function registerWasmKernels(
  host: KernelHost,
  numbersFor: NumbersFor<WasmNumbers>,
): void {
  registerAttention(host, numbersFor);
  registerTransitionAttention(host, numbersFor);
  registerSoftmaxAttention(host);
  for (const { register } of OPERATIONS) register(host);
}
