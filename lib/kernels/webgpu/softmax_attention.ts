/**
 * Softmax attention for WebGPU. The forward pass is one launch; the gradient is
 * three: what each row needs, then dq, then dk and dv, which compute the scores
 * again. No launch binds more than eight buffers, which all devices do.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  SOFTMAX_ATTENTION,
  type SoftmaxAttributes,
} from "../../attention/softmax_attention.ts";
import {
  type FusedKernel,
  registerFusedKernel,
} from "../../tfjs/webgpu/fused_kernel.ts";
import { makeFloats, runProgram, sizeOf } from "../../tfjs/webgpu/program.ts";
import type { AdapterTraits } from "../../tfjs/webgpu/subgroups.ts";
import { type Simd, simdOf } from "./simd_blocks.ts";
import { forwardProgram } from "./softmax_forward.ts";
import {
  keyGradientsProgram,
  queryGradientProgram,
  rowsProgram,
} from "./softmax_gradient.ts";
import { simdForwardProgram } from "./softmax_simd_forward.ts";
import {
  simdKeyGradientsProgram,
  simdQueryGradientProgram,
} from "./softmax_simd_gradient.ts";

type ForwardInput = "q" | "k" | "v" | "mask" | "segments";
type GradientInput = ForwardInput | "y" | "maxima" | "sums" | "dy";

/**
 * Registers the forward and the gradient kernel.
 *
 * @param adapter What is known of the adapter.
 */
export function registerSoftmaxAttention(
  { isSoftware, subgroups }: AdapterTraits,
): void {
  /** What lanes keep, where that is how it is computed. */
  const simdFor = (q: tf.TensorInfo, v: tf.TensorInfo): Simd | undefined =>
    isSoftware ? simdOf([q.shape[3]!, v.shape[3]!], subgroups) : undefined;
  const attend: FusedKernel<ForwardInput, SoftmaxAttributes> = (
    { backend, inputs, attributes },
  ) => {
    const { q, v } = inputs;
    const y = makeFloats(backend, v.shape);
    const maxima = makeFloats(backend, q.shape.slice(0, 3));
    const sums = makeFloats(backend, q.shape.slice(0, 3));
    const writes = { y, maxima, sums };
    const simd = simdFor(q, v);
    runProgram(
      backend,
      simd
        ? simdForwardProgram(inputs, writes, attributes, simd)
        : forwardProgram(inputs, writes, attributes),
    );
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
    const simd = simdFor(q, v);
    const programs = simd
      ? [
        simdQueryGradientProgram(reads, dq, attributes, simd),
        simdKeyGradientsProgram(reads, { dk, dv }, attributes, simd),
      ]
      : [
        queryGradientProgram(reads, dq, attributes),
        keyGradientsProgram(reads, { dk, dv }, attributes),
      ];
    runProgram(backend, rowsProgram(inputs, rows));
    for (const program of programs) runProgram(backend, program);
    backend.disposeData(rows.dataId);
    return [dq, dk, dv];
  };
  registerFusedKernel(SOFTMAX_ATTENTION, {
    forward: attend,
    gradient: differentiate,
  });
}
