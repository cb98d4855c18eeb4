/** The gradient of softmax along rows as a kernel of the wasm backend. @module */
import { SOFTMAX_GRADIENT } from "../../gradients.ts";
import { sizeOf } from "../../kernel_call.ts";
import type { KernelHost } from "../host.ts";
import { JOBS } from "../jobs.ts";
import {
  type Kernel,
  OPERATIONS_A_COPY,
  registerWasmKernel,
} from "../kernel.ts";

export function registerSoftmaxGradient(host: KernelHost): void {
  registerWasmKernel(host, SOFTMAX_GRADIENT, {
    forward: softmaxGradient,
  });
}

const softmaxGradient: Kernel = ({ inputs, make, run }) => {
  const y = inputs["y"]!, dx = make(y.shape), size = sizeOf(dx);
  const columns = Math.max(1, y.shape.at(-1)!), rows = size / columns;
  const tensors = { y, dy: inputs["dy"], dx };
  const operations = OPERATIONS_A_COPY * size;
  run(JOBS.softmaxRows, { rows, columns }, tensors, operations);
  return [dx];
};
