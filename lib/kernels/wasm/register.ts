import { registerDense } from "../dense.ts";
import { registerGather } from "../../tfjs/wasm/gather.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { registerAttention } from "./lion_attention.ts";
import { registerMatmul } from "../../tfjs/wasm/matmul.ts";
import { registerOperations } from "./operations.ts";
import { registerIdentity } from "../../tfjs/wasm/identity.ts";
import { registerSlices } from "../../tfjs/wasm/slice.ts";
import { registerSoftmaxAttention } from "./softmax_attention.ts";
import { registerSums } from "../../tfjs/wasm/sum.ts";

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
