/**
 * Softmax attention for WebGPU. The forward pass is one launch; the gradient is
 * three: each row's statistics, then dq, then dk and dv; the last two compute the
 * scores again. With a decay, a launch before them adds up log decays, and one after the
 * gradient the gradients in these. No launch binds more than eight buffers, the number that all devices allow.
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
  makeFloats,
  registerFusedKernel,
  runProgram,
  type StrictWebGPUBackend,
  type Subgroups,
} from "@lionjs/tfjs/webgpu";
import { sizeOf } from "@lionjs/tfjs/kernel";
import type { NumbersFor } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { tilingOf } from "../score_tiles/score_tiles.ts";
import {
  decayGradientsProgram,
  decaysProgram,
  forwardProgram,
  keyGradientsProgram,
  queryGradientProgram,
  rowsOfDecays,
  type Sharing,
  softmaxRowsProgram,
} from "./softmax_programs.ts";

type ForwardInput = "q" | "k" | "v" | "f" | "b" | "mask" | "segments";
type GradientInput = ForwardInput | "y" | "maxima" | "sums" | "dy";

/** Makes `rows` of the log decays, whose statistics are still to be written. */
function addUpDecays(
  backend: StrictWebGPUBackend,
  inputs: Parameters<typeof decaysProgram>[0],
): tf.TensorInfo {
  const rows = makeFloats(backend, [rowsOfDecays(inputs["f"]!.shape), 4]);
  runProgram(backend, decaysProgram(inputs, rows));
  return rows;
}

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
    const rows = inputs.f && addUpDecays(backend, inputs);
    runProgram(
      backend,
      forwardProgram(
        { ...inputs, ...rows && { rows } },
        { y, maxima, sums },
        attributes,
        sharingOf(backend, q, v),
      ),
    );
    if (rows) backend.disposeData(rows.dataId);
    return [y, maxima, sums];
  };
  const differentiate: FusedKernel<GradientInput, SoftmaxAttributes> = (
    { backend, inputs, attributes },
  ) => {
    const { q, k, v, dy, maxima, f, b } = inputs;
    const dq = makeFloats(backend, q.shape);
    const dk = makeFloats(backend, k.shape);
    const dv = makeFloats(backend, v.shape);
    const rows = f
      ? addUpDecays(backend, inputs)
      : makeFloats(backend, [sizeOf(maxima), 4]);
    const reads = { q, k, v, dy, rows };
    const { tiling } = sharingOf(backend, q, v);
    const sidesOf = () => f && makeFloats(backend, [sizeOf(f), 2]);
    const querySides = sidesOf(), keySides = sidesOf();
    runProgram(
      backend,
      softmaxRowsProgram(inputs, rows, f !== undefined),
    );
    runProgram(
      backend,
      queryGradientProgram(
        reads,
        { dq, ...querySides && { row_sides: querySides } },
        attributes,
        tiling,
      ),
    );
    runProgram(
      backend,
      keyGradientsProgram(
        reads,
        { dk, dv, ...keySides && { row_sides: keySides } },
        attributes,
        tiling,
      ),
    );
    const gradients = [dq, dk, dv];
    if (f && querySides && keySides) {
      const df = makeFloats(backend, f.shape);
      const db = b && makeFloats(backend, b.shape);
      runProgram(
        backend,
        decayGradientsProgram(
          { query_sides: querySides, key_sides: keySides },
          { df, ...db && { db } },
        ),
      );
      gradients.push(df, ...db ? [db] : []);
    }
    for (const x of [rows, querySides, keySides]) {
      if (x) backend.disposeData(x.dataId);
    }
    return gradients;
  };
  registerFusedKernel(SOFTMAX_ATTENTION, {
    forward: attend,
    gradient: differentiate,
  });
}
