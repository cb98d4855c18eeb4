/**
 * Softmax attention for WebGPU. The forward pass is one launch; the gradient is
 * three: each row's statistics, then dq, then dk and dv; the last two compute the
 * scores again. No launch binds more than eight buffers, the number that all devices allow.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  SOFTMAX_ATTENTION,
  type SoftmaxAttributes,
} from "../../../attention/planning/softmax_kernel.ts";
import {
  type FusedKernel,
  registerFusedKernel,
} from "../../../tfjs/webgpu/fused_kernel.ts";
import { sizeOf } from "../../../tfjs/kernel_call.ts";
import { makeFloats, runProgram } from "../../../tfjs/webgpu/program.ts";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import type { Subgroups } from "../../../tfjs/webgpu/subgroups.ts";
import type { NumbersFor } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { tilingOf } from "../score_tiles/score_tiles.ts";
import {
  forwardProgram,
  keyGradientsProgram,
  queryGradientProgram,
  type Sharing,
  softmaxRowsProgram,
} from "./softmax_programs.ts";

type ForwardInput = "q" | "k" | "v" | "mask" | "segments";
type GradientInput = ForwardInput | "y" | "maxima" | "sums" | "dy";

export function registerSoftmaxAttention(
  numbersFor: NumbersFor<WebGpuNumbers>,
  subgroups: Subgroups | undefined,
): void {
  const sharingOf = (
    backend: StrictWebGPUBackend,
    q: tf.TensorInfo,
    v: tf.TensorInfo,
  ): Sharing => {
    const [length, headDim] = q.shape.slice(2) as [number, number];
    const dims = { headDim, valueDim: v.shape[3]! };
    const { softmax } = numbersFor({ length, ...dims });
    const tiling = tilingOf(dims, softmax, backend.device.limits);
    const holdsRows = subgroups &&
      subgroups.size % tiling.threadsPerRow === 0;
    return {
      tiling,
      comparing: holdsRows && softmax.maxima === "subgroups"
        ? subgroups
        : undefined,
    };
  };
  const attend: FusedKernel<ForwardInput, SoftmaxAttributes> = (
    { backend, inputs, attributes },
  ) => {
    const { q, v } = inputs;
    const y = makeFloats(backend, v.shape);
    const maxima = makeFloats(backend, q.shape.slice(0, 3));
    const sums = makeFloats(backend, q.shape.slice(0, 3));
    const writes = { y, maxima, sums };
    runProgram(
      backend,
      forwardProgram(inputs, writes, attributes, sharingOf(backend, q, v)),
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
    const { tiling } = sharingOf(backend, q, v);
    runProgram(backend, softmaxRowsProgram(inputs, rows));
    runProgram(backend, queryGradientProgram(reads, dq, attributes, tiling));
    runProgram(
      backend,
      keyGradientsProgram(reads, { dk, dv }, attributes, tiling),
    );
    backend.disposeData(rows.dataId);
    return [dq, dk, dv];
  };
  registerFusedKernel(SOFTMAX_ATTENTION, {
    forward: attend,
    gradient: differentiate,
  });
}
