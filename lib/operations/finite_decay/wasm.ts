/** Log decays that are finite, in WebAssembly. @module */
import {
  functionKernel,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { FINITE_DECAY, LOWEST_LOG_DECAY } from "./finite_decay.ts";

export function register(host: KernelHost): void {
  const numbers = () => ({ p: LOWEST_LOG_DECAY });
  registerWasmKernel(host, FINITE_DECAY, {
    forward: functionKernel("atLeast", ["x"], numbers),
    gradient: functionKernel("atLeastGradient", ["x", "dy"], numbers),
  });
}
