import type { Subgroups } from "../../tfjs/webgpu/subgroups.ts";
import { registerDense } from "../dense.ts";
import type { NumbersFor } from "../numbers.ts";
import type { WebGpuNumbers } from "../tuning.ts";
import { registerDeltaAttention } from "./delta_attention.ts";
import { registerChunkwise } from "./lion_chunkwise.ts";
import { registerFull } from "./lion_full.ts";
import { registerRecurrent } from "./lion_recurrent.ts";
import { registerOperations } from "./operations.ts";
import { registerSelectiveScan } from "./selective_scan.ts";
import { registerSoftmaxAttention } from "./softmax_attention.ts";

/**
 * Registers all of LION's kernels for the webgpu backend, instead of those that
 * are.
 *
 * @param numbersFor What they are generated from.
 * @param subgroups The adapter's, if known.
 */
export function registerWebGpuKernels(
  numbersFor: NumbersFor<WebGpuNumbers>,
  subgroups: Subgroups | undefined,
): void {
  registerChunkwise(numbersFor);
  registerFull(numbersFor, subgroups);
  registerRecurrent();
  registerOperations();
  registerSelectiveScan();
  registerSoftmaxAttention(numbersFor, subgroups);
  registerDeltaAttention(numbersFor);
  registerDense("webgpu");
}
