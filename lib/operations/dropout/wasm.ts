/** Dropout in WebAssembly. @module */
import {
  functionKernel,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { DROPOUT, type DropoutAttributes } from "./dropout.ts";

export function register(host: KernelHost): void {
  const kernel = (input: string) =>
    functionKernel<DropoutAttributes>(
      "dropout",
      [input, "uniform"],
      ({ keep }) => ({ p: keep }),
    );
  registerWasmKernel(host, DROPOUT, {
    forward: kernel("x"),
    gradient: kernel("dy"),
  });
}
