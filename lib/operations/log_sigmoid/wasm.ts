/** log σ(x) in WebAssembly. @module */
import {
  functionKernel,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { LOG_SIGMOID } from "./log_sigmoid.ts";

export function register(host: KernelHost): void {
  registerWasmKernel(host, LOG_SIGMOID, {
    forward: functionKernel("logSigmoid", ["x"]),
    gradient: functionKernel("logSigmoidGradient", ["x", "dy"]),
  });
}
