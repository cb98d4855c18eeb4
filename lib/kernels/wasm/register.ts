import { registerDense } from "../dense.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { registerDeltaAttention } from "./delta_attention.ts";
import { registerAttention } from "./lion_attention.ts";
import { registerOperations } from "./operations.ts";
import { registerSelectiveScan } from "./selective_scan.ts";
import { registerShortConvolution } from "./short_convolution.ts";
import { registerSoftmaxAttention } from "./softmax_attention.ts";
import { registerTwoEnds } from "./two_ends.ts";

let registered = false;

/** Registers all of LION's kernels for the wasm backend, once. */
export function registerWasmKernels(host: KernelHost): void {
  if (registered) return;
  registered = true;
  registerAttention(host);
  registerDeltaAttention(host);
  registerSoftmaxAttention(host);
  registerSelectiveScan(host);
  registerShortConvolution(host);
  registerTwoEnds(host);
  registerOperations(host);
  registerDense("wasm");
}
