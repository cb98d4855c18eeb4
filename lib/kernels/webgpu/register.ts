import { registerDense } from "../dense.ts";
import { registerChunkwise } from "./lion_chunkwise.ts";
import { registerFull } from "./lion_full.ts";
import { registerRecurrent } from "./lion_recurrent.ts";
import { registerOperations } from "./operations.ts";
import { registerSelectiveScan } from "./selective_scan.ts";
import { registerSoftmaxAttention } from "./softmax_attention.ts";

let registered = false;

/**
 * Registers all of LION's kernels for the webgpu backend, once.
 *
 * @param isSoftware Whether the adapter computes on the CPU.
 */
export function registerWebGpuKernels(isSoftware: boolean): void {
  if (registered) return;
  registered = true;
  registerChunkwise();
  registerFull(isSoftware);
  registerRecurrent();
  registerOperations();
  registerSelectiveScan();
  registerSoftmaxAttention(isSoftware);
  registerDense("webgpu");
}
