import type { AdapterTraits } from "../../tfjs/webgpu/subgroups.ts";
import { registerDense } from "../dense.ts";
import { registerDeltaAttention } from "./delta_attention.ts";
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
 * @param adapter What is known of the adapter.
 */
export function registerWebGpuKernels(adapter: AdapterTraits): void {
  if (registered) return;
  registered = true;
  registerChunkwise();
  registerFull(adapter);
  registerRecurrent();
  registerOperations();
  registerSelectiveScan();
  registerSoftmaxAttention(adapter);
  registerDeltaAttention(adapter.isSoftware);
  registerDense("webgpu");
}
