import { registerDense } from "../dense.ts";
import { registerGather } from "./gather.ts";
import type { KernelHost } from "./host.ts";
import { registerAttention } from "./lion_attention.ts";
import { registerMatmul } from "./matmul.ts";
import { registerOperations } from "./operations.ts";
import { registerIdentity } from "./identity.ts";
import { registerSlices } from "./slice.ts";
import { registerSoftmaxAttention } from "./softmax_attention.ts";
import { registerSums } from "./sum.ts";

let registered = false;

/** Registers all of LION's kernels for the wasm backend, once. */
export function registerWasmKernels(host: KernelHost): void {
  if (registered) return;
  registered = true;
  registerAttention(host);
  registerSoftmaxAttention(host);
  registerMatmul(host);
  registerOperations(host);
  registerDense("wasm");
  registerGather();
  registerSlices();
  registerSums(host);
  registerIdentity();
}
