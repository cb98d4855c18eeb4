/**
 * The recurrent form on WebGPU: one launch per direction, and one that divides in a part
 * of a sequence with decays in two directions.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  type KernelAttributes,
  type KernelRequest,
  refuseDiagonal,
} from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import {
  type FusedKernel,
  makeFloats,
  runElementwise,
  runProgram,
  widthOf,
} from "@lionjs/tfjs/webgpu";
import { clearPadding } from "../../../operations/padding/webgpu.ts";
import { inLaunches, tooFewBuffers, tooWide } from "../frame/planning.ts";
import {
  type Direction,
  type ForwardSweep,
  forwardSweep,
  LARGEST_HEAD_DIM,
} from "./recurrent_forward.ts";

/** Plans a problem for a device. */
export function planRecurrent(
  request: KernelRequest,
  limits: GPUSupportedLimits,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, causal, precision } = request;
  if (request.diagonal) return refuseDiagonal("webgpu", "recurrent");
  if (precision === "f16") {
    return {
      refusal: "the webgpu kernel of the recurrent form computes in 32 bits",
    };
  }
  const refusal = tooWide({ headDim }, LARGEST_HEAD_DIM) ??
    tooFewBuffers(limits);
  if (refusal) return refusal;
  const isInPlace = completesInPlace(request);
  return {
    chunkSize: null,
    // The row sums of the forward sweep, which the backward sweep completes.
    scratchBytes: causal || isInPlace ? 0 : 4 * batch * heads * length,
    carriedBytes: 0,
    how: inLaunches(
      directionsOf(causal).length + (isInPlace && request.normalize ? 1 : 0),
    ),
  };
}

/**
 * Whether the last sweep completes the row sums in place and leaves the division to a
 * launch of its own: with decays and states, another buffer would be its ninth.
 */
function completesInPlace(
  { states, decays, causal }: Pick<
    KernelRequest,
    "states" | "decays" | "causal"
  >,
): boolean {
  return states === true && decays && !causal;
}

/** The directions of a pass's sweeps, in the order in which they run. */
function directionsOf(causal: boolean): Direction[] {
  return causal ? ["forward"] : ["forward", "backward"];
}

/** The forward pass of the recurrent form; for a part of a sequence, states enter and leave. */
export const recurrentForward: FusedKernel<string, KernelAttributes> = (
  { backend, inputs, attributes },
) => {
  const { q, k, v, f, b, before, after, mask } = inputs as
    & Readonly<Record<"q" | "k" | "v", tf.TensorInfo>>
    & Readonly<Partial<Record<string, tf.TensorInfo>>>;
  const [batch, heads, length, headDim] = q.shape as tf.Tensor4D["shape"];
  const { causal, normalize, epsilon, states } = attributes;
  const y = makeFloats(backend, v.shape);
  const makeSums = () => makeFloats(backend, [batch, heads, length]);
  const rowSums = makeSums();
  const isInPlace = completesInPlace({ ...attributes, decays: !!f });
  const sumsBefore = causal ? undefined : isInPlace ? rowSums : makeSums();
  const leaving = directionsOf(causal).map((direction, i) => {
    const [logDecay, firstState] = direction === "forward"
      ? [f, before]
      : [b, after];
    const state = [batch, heads, headDim, v.shape[3]! + 1];
    const sweep: ForwardSweep = {
      ...{ direction, q, k, v, y, logDecay, firstState, attributes },
      lastState: states ? makeFloats(backend, state) : undefined,
      ...causal || i === 1
        ? { sumsBefore, rowSums, divides: !isInPlace }
        : { sumsBefore: undefined, rowSums: sumsBefore!, divides: false },
    };
    runProgram(backend, forwardSweep(sweep));
    return sweep.lastState;
  }).filter((state) => state !== undefined);
  if (isInPlace && normalize) {
    const columns = v.shape[3]!;
    const width = widthOf(columns);
    runElementwise(backend, {
      name: "recurrent_divide",
      width,
      elements: { rowSums: "f32" },
      reads: { rowSums },
      writes: { y },
      integers: { packsOfToken: columns / width },
      floats: { epsilon },
      body:
        "  y[at] /= rowSums[at / uniforms.packsOfToken] + uniforms.epsilon;",
    });
  }
  if (sumsBefore && !isInPlace) backend.disposeData(sumsBefore.dataId);
  if (mask) clearPadding(backend, y, mask);
  return [y, rowSums, ...leaving];
};
