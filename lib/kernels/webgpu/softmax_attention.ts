/**
 * Softmax attention for WebGPU. The forward pass is one launch; the gradient is
 * three: what each row needs, then dq, then dk and dv, which compute the scores
 * again. No launch binds more than eight buffers, which all devices do.
 *
 * @module
 */
import {
  SOFTMAX_ATTENTION,
  type SoftmaxAttributes,
} from "../../attention/softmax_attention.ts";
import {
  type FusedKernel,
  registerFusedKernel,
} from "../../tfjs/webgpu/fused_kernel.ts";
import { makeFloats, runProgram, sizeOf } from "../../tfjs/webgpu/program.ts";
import { forwardProgram } from "./softmax_forward.ts";
import {
  keyGradientsProgram,
  queryGradientProgram,
  rowsProgram,
} from "./softmax_gradient.ts";

type ForwardInput = "q" | "k" | "v" | "mask" | "segments";
type GradientInput = ForwardInput | "y" | "maxima" | "sums" | "dy";

/**
 * Registers the forward and the gradient kernel.
 *
 * @param isSoftware Whether the adapter computes on the CPU.
 */
export function registerSoftmaxAttention(isSoftware: boolean): void {
  const attend: FusedKernel<ForwardInput, SoftmaxAttributes> = (
    { backend, inputs, attributes },
  ) => {
    const { q, v } = inputs;
    const y = makeFloats(backend, v.shape);
    const maxima = makeFloats(backend, q.shape.slice(0, 3));
    const sums = makeFloats(backend, q.shape.slice(0, 3));
    const writes = { y, maxima, sums };
    const adapted = { ...attributes, isSoftware };
    runProgram(backend, forwardProgram(inputs, writes, adapted));
    return [y, maxima, sums];
  };
  const differentiate: FusedKernel<GradientInput, SoftmaxAttributes> = (
    { backend, inputs, attributes },
  ) => {
    const { q, k, v, dy, maxima } = inputs;
    const dq = makeFloats(backend, q.shape);
    const dk = makeFloats(backend, k.shape);
    const dv = makeFloats(backend, v.shape);
    const rows = makeFloats(backend, [sizeOf(maxima), 4]);
    const reads = { q, k, v, dy, rows };
    const adapted = { ...attributes, isSoftware };
    runProgram(backend, rowsProgram(inputs, rows));
    runProgram(backend, queryGradientProgram(reads, dq, adapted));
    runProgram(backend, keyGradientsProgram(reads, { dk, dv }, adapted));
    backend.disposeData(rows.dataId);
    return [dq, dk, dv];
  };
  registerFusedKernel(SOFTMAX_ATTENTION, {
    forward: attend,
    gradient: differentiate,
  });
}
