/** The kernel of softmax attention that a backend may have. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type Operation, runKernel } from "@lionjs/tfjs/kernel";
import { withSlopes } from "../decays/alibi.ts";
import { spread } from "../../operations/spread/spread.ts";
import {
  runSoftmaxPlain,
  softmaxAlong,
  type SoftmaxAttributes,
  type SoftmaxInputs,
} from "../forms/softmax.ts";

export type { SoftmaxAttributes } from "../forms/softmax.ts";

/**
 * The kernel of softmax attention: inputs `q, k, v, f?, b?, mask?, segments?`, outputs `y`
 * and, for each row of scores, the largest score and the sum of e^(score - largest). The
 * log decays f and, unless causal, b are `[batch, heads, length]`. `segments`,
 * `[batch, length]`, are numbered in order from 1: tokens attend to each other
 * if they have the same number.
 */
export const SOFTMAX_ATTENTION: Operation<"y", "maxima" | "sums"> = {
  kernel: "LionSoftmaxAttention",
  gradientsIn: ["q", "k", "v", "f", "b"],
  outputs: ["y"],
  further: ["maxima", "sums"],
  gradientReads: ["y", "maxima", "sums"],
  plain: (tensors: KernelTensors, attributes: SoftmaxAttributes) => ({
    y: runSoftmaxPlain(inputsOf(tensors), attributes, undefined),
  }),
  along: (
    { mask, segments, ...tensors }: KernelTensors,
    { q, k, v, f, b }: Partial<KernelTensors>,
    attributes: SoftmaxAttributes,
  ) => {
    const zero = (x: tf.Tensor3D | undefined) => x && tf.zerosLike(x);
    const forward = f ?? (b && zero(tensors.f));
    const ways = {
      ...{ ...q && { q }, ...k && { k }, ...v && { v } },
      ...forward && {
        decays: { forward, backward: b ?? zero(tensors.b) ?? null },
      },
    };
    const inputs = inputsOf({ ...tensors, mask, segments });
    return { y: softmaxAlong(inputs, ways, attributes) };
  },
};

/** The tensors of the kernel. */
type KernelTensors =
  & Record<"q" | "k" | "v", tf.Tensor4D>
  & Partial<Record<"f" | "b", tf.Tensor3D>>
  & { readonly [name in "mask" | "segments"]?: tf.Tensor2D | undefined };

function inputsOf(
  { f, b, mask, segments, ...vectors }: KernelTensors,
): SoftmaxInputs {
  const decays = f ? { forward: f, backward: b ?? null } : null;
  return { ...vectors, mask, segments, decays };
}

/**
 * Runs the current backend's kernel of softmax attention. Differentiable in q, k, v and
 * the log decays. Call it inside `tf.tidy`.
 *
 * @param slopes ALiBi's slopes, one per head: constant log decays.
 * @returns `[batch, heads, length, valueDim]`
 */
export function runSoftmaxFused(
  { q, k, v, decays, mask, segments }: SoftmaxInputs,
  attributes: SoftmaxAttributes,
  slopes: readonly number[] | undefined,
): tf.Tensor4D {
  const perToken = q.shape.slice(0, 3);
  const fallen = slopes
    ? withSlopes(slopes, decays, { length: q.shape[2], ...attributes })
    : decays;
  const f = fallen?.forward && spread(fallen.forward, perToken);
  const b = fallen?.backward && spread(fallen.backward, perToken);
  const { y } = runKernel(
    SOFTMAX_ATTENTION,
    { q, k, v, f, b: b ?? undefined, mask, segments },
    attributes,
  );
  return y as tf.Tensor4D;
}
