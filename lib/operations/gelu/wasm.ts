/** GELU in WebAssembly. @module */
import { sizeOf } from "@lionjs/tfjs/kernel";
import {
  GELU_JOB,
  type Kernel,
  type KernelHost,
  OPERATIONS_AN_ELEMENT,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { GELU } from "./gelu.ts";

export function register(host: KernelHost): void {
  registerWasmKernel(host, GELU, { forward: gelu, gradient: gelu });
}

/** GELU, or its gradient if there is a `dy`. */
const gelu: Kernel = ({ inputs, make, run }) => {
  const y = make(inputs["x"]!.shape), size = sizeOf(y);
  run(GELU_JOB, { size }, { ...inputs, y }, OPERATIONS_AN_ELEMENT * size);
  return [y];
};
