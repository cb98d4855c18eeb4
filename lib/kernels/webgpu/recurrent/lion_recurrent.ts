/**
 * The recurrent form as tfjs kernels for WebGPU: forward and gradient, a launch
 * for each direction.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  ATTENTION,
  type KernelAttributes,
  type KernelRequest,
} from "../../../attention/planning/kernel.ts";
import {
  type FusedKernel,
  registerFusedKernel,
} from "../../../tfjs/webgpu/fused_kernel.ts";
import { clearPadding } from "../layer/padding.ts";
import { largestBuffer } from "../frame/sequence_batches.ts";
import { makeFloats, runProgram } from "../../../tfjs/webgpu/program.ts";
import { type ForwardSweep, forwardSweep } from "./recurrent_forward.ts";
import {
  gradientSweep,
  groupsOf,
  keptBytes,
  rowsProgram,
} from "./recurrent_gradient.ts";
import { directionsOf, planFor } from "./recurrent_plan.ts";

/** Registers the kernels `LionRecurrent` and `LionRecurrentGrad` for webgpu. */
export function registerRecurrent(): void {
  registerFusedKernel(ATTENTION.recurrent, {
    forward,
    gradient,
    plan: (request: KernelRequest, { limits }) => planFor(request, limits),
  });
}

type ForwardInput = "q" | "k" | "v";
type OptionalInput = "f" | "b" | "mask" | "before" | "after";
type Inputs<Input extends string> =
  & Readonly<Record<Input, tf.TensorInfo>>
  & Readonly<Partial<Record<OptionalInput, tf.TensorInfo>>>;

/** The forward pass; of a piece of a sequence, with states in and out. */
export const forward: FusedKernel<ForwardInput, KernelAttributes> = (
  { backend, inputs, attributes },
) => {
  const given = inputs as Inputs<ForwardInput>;
  const { q, k, v, mask } = given;
  const [batch, heads, length, headDim] = q.shape as [
    number,
    number,
    number,
    number,
  ];
  const y = makeFloats(backend, v.shape);
  const directions = directionsOf(attributes.causal);
  const sums = directions.map(() =>
    makeFloats(backend, [batch, heads, length])
  );
  const state = [batch, heads, headDim, v.shape[3]! + 1];
  const leaving = attributes.states
    ? directions.map(() => makeFloats(backend, state))
    : [];
  directions.forEach((direction, i) => {
    const [logDecay, firstState] = direction === "forward"
      ? [given.f, given.before]
      : [given.b, given.after];
    const sweep: ForwardSweep = {
      ...{ direction, q, k, v, y, logDecay, firstState, attributes },
      lastState: leaving[i],
      sumsBefore: sums[i - 1],
      rowSums: sums[i]!,
      isLast: i === directions.length - 1,
    };
    runProgram(backend, forwardSweep(sweep));
  });
  if (mask) clearPadding(backend, y, mask);
  const rowSums = sums.pop()!;
  sums.forEach(({ dataId }) => backend.disposeData(dataId));
  return [y, rowSums, ...leaving];
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
