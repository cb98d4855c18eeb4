/**
 * The recurrent form as tfjs kernels for WebGPU: forward and gradient, a launch
 * for each direction.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../tfjs/webgpu/gpu_backend.ts";
import {
  type AttentionKernel,
  gradientKernel,
  type KernelAttributes,
  type KernelPlan,
  type KernelRequest,
  KERNELS,
  type Refusal,
} from "../../attention/kernel.ts";
import {
  type FusedKernel,
  registerFusedKernel,
} from "../../tfjs/webgpu/fused_kernel.ts";
import { clearPadding } from "./padding.ts";
import { largestBuffer } from "./passes.ts";
import { inLaunches, tooFewBuffers, tooWide } from "./planning.ts";
import { makeFloats, runProgram } from "../../tfjs/webgpu/program.ts";
import { type Direction, LARGEST_HEAD_DIM } from "./recurrent.ts";
import { forwardSweep } from "./recurrent_forward.ts";
import {
  gradientSweep,
  groupsOf,
  keptBytes,
  rowsProgram,
} from "./recurrent_gradient.ts";

/** Registers the kernels `LionRecurrent` and `LionRecurrentGrad` for webgpu. */
export function registerRecurrent(): void {
  const planning: Pick<AttentionKernel, "plan"> = {
    plan: (request) =>
      planFor(request, (tf.backend() as StrictWebGPUBackend).device.limits),
  };
  registerFusedKernel(KERNELS.recurrent, forward, planning);
  registerFusedKernel(gradientKernel("recurrent"), gradient);
}

/**
 * Plans a problem for a device.
 *
 * @param request The problem.
 * @param limits Of the device.
 * @returns What would run, or why nothing can.
 */
export function planFor(
  { batch, heads, length, headDim, valueDim, causal, precision }: KernelRequest,
  limits: GPUSupportedLimits,
): KernelPlan | Refusal {
  if (precision === "f16") {
    return {
      refusal: "the webgpu kernel of the recurrent form computes in 32 bits",
    };
  }
  const refusal = tooWide({ headDim }, LARGEST_HEAD_DIM) ??
    tooFewBuffers(limits);
  if (refusal) return refusal;
  const bytes = keptBytes(length, headDim, valueDim);
  if (bytes > largestBuffer(limits)) {
    return {
      refusal:
        `the states that the gradient of a sequence keeps take ${bytes} ` +
        `bytes, more than the adapter's ${largestBuffer(limits)} ` +
        `(maxStorageBufferBindingSize)`,
    };
  }
  return {
    chunkSize: null,
    // The forward sweep's row sums.
    scratchBytes: causal ? 0 : 4 * batch * heads * length,
    carriedBytes: 0,
    how: inLaunches(directionsOf(causal).length),
  };
}

function directionsOf(causal: boolean): Direction[] {
  return causal ? ["forward"] : ["forward", "backward"];
}

type ForwardInput = "q" | "k" | "v";
type OptionalInput = "f" | "b" | "mask";
type Inputs<Input extends string> =
  & Readonly<Record<Input, tf.TensorInfo>>
  & Readonly<Partial<Record<OptionalInput, tf.TensorInfo>>>;

const forward: FusedKernel<ForwardInput, KernelAttributes> = (
  { backend, inputs, attributes },
) => {
  const { q, k, v, f, b, mask } = inputs as Inputs<ForwardInput>;
  const perToken = q.shape.slice(0, 3);
  const y = makeFloats(backend, v.shape);
  const directions = directionsOf(attributes.causal);
  const sums = directions.map(() => makeFloats(backend, perToken));
  directions.forEach((direction, i) =>
    runProgram(
      backend,
      forwardSweep({
        ...{ direction, q, k, v, y, attributes },
        logDecay: direction === "forward" ? f : b,
        sumsBefore: sums[i - 1],
        rowSums: sums[i]!,
        isLast: i === directions.length - 1,
      }),
    )
  );
  if (mask) clearPadding(backend, y, mask);
  const rowSums = sums.pop()!;
  sums.forEach(({ dataId }) => backend.disposeData(dataId));
  return [y, rowSums];
};

type GradientInput = ForwardInput | "y" | "rowSums" | "dy";

const gradient: FusedKernel<GradientInput, KernelAttributes> = (
  { backend, inputs, attributes },
) => {
  const given = inputs as Inputs<GradientInput>;
  const { q, k, v, f, b, dy, mask } = given;
  const [batch, heads, length, headDim] = q.shape as [
    number,
    number,
    number,
    number,
  ];
  const valueDim = v.shape[3]!;
  const [dq, dk, dv] = [q, k, v].map(({ shape }) => makeFloats(backend, shape));
  const [df, db] = [f, b].map((x) => x && makeFloats(backend, x.shape));
  const rows = makeFloats(backend, [batch * heads * length, 4]);
  runProgram(backend, rowsProgram(given, rows, attributes));

  const all = batch * heads;
  const bytes = keptBytes(length, headDim, valueDim);
  const atOnce = Math.min(
    all,
    Math.floor(largestBuffer(backend.device.limits) / bytes),
  );
  const kept = makeFloats(backend, [atOnce * bytes / 4]);
  const { groups } = groupsOf(headDim, valueDim);
  const reads = { q, k, v, dy, rows };
  for (let firstSequence = 0; firstSequence < all; firstSequence += atOnce) {
    const sequences = Math.min(atOnce, all - firstSequence);
    for (const direction of directionsOf(attributes.causal)) {
      const dlog = direction === "forward" ? df : db;
      const writes = {
        ...{ dq: dq!, dk: dk!, dv: dv!, kept },
        ...(dlog ? { dlog } : {}),
      };
      for (let group = 0; group < groups; group++) {
        const sweep = { direction, group, firstSequence, sequences };
        runProgram(backend, gradientSweep(reads, writes, sweep));
      }
    }
  }
  [rows, kept].forEach(({ dataId }) => backend.disposeData(dataId));
  if (mask) [dq, dk, dv].forEach((x) => clearPadding(backend, x!, mask));
  return [dq!, dk!, dv!, ...[df, db].filter((x) => x !== undefined)];
};
