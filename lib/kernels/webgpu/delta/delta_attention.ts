/**
 * The delta rule as tfjs kernels for WebGPU, chunk by chunk. What chunks do by
 * themselves runs for all of them at once; states pass from chunk to chunk in a
 * launch of their own, for all sequences, directions and columns at once.
 *
 * The gradient computes the states again, and keeps one for each chunk.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  DELTA_ATTENTION,
  DELTA_PIECE,
  type DeltaAttributes,
  type DeltaRequest,
} from "../../../attention/planning/delta_kernel.ts";
import {
  type Call,
  registerFusedKernel,
} from "../../../tfjs/webgpu/fused_kernel.ts";
import { makeFloats, runProgram } from "../../../tfjs/webgpu/program.ts";
import type { NumbersFor } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { gateGradientsProgram } from "./delta_backward_decay.ts";
import { keyGradientsProgram } from "./delta_key_gradients.ts";
import { outputsProgram } from "./delta_outputs.ts";
import { planDeltaKernel } from "./delta_plan.ts";
import {
  newsGradientProgram,
  productsProgram,
} from "./delta_backward_scores.ts";
import { DeltaCall, type ForwardInput } from "./delta_call.ts";
import { stateGradientsProgram } from "./delta_state_gradients.ts";
import { valueGradientsProgram } from "./delta_value_gradients.ts";

type GradientInput = ForwardInput | "dy";

/**
 * Registers the kernels `LionDelta` and `LionDeltaPiece`, and their gradients, for
 * webgpu.
 *
 * @param numbersFor What they are generated from.
 */
export function registerDeltaAttention(
  numbersFor: NumbersFor<WebGpuNumbers>,
): void {
  const register = registerFusedKernel<
    ForwardInput,
    GradientInput,
    DeltaAttributes,
    DeltaRequest
  >;
  for (const operation of [DELTA_ATTENTION, DELTA_PIECE]) {
    const isPiece = operation === DELTA_PIECE;
    register(operation, {
      forward: (call) => forward(call, numbersFor, isPiece),
      gradient: (call) => gradient(call, numbersFor),
      plan: (request, { limits }) =>
        planDeltaKernel(request, limits, numbersFor(request).delta),
    });
  }
}

function forward(
  call: Call<ForwardInput, DeltaAttributes>,
  numbersFor: NumbersFor<WebGpuNumbers>,
  isPiece: boolean,
): tf.TensorInfo[] {
  const { backend, inputs: { q, v, beta }, attributes: { scale } } = call;
  const [batch, heads, , headDim] = q.shape as tf.Tensor4D["shape"];
  const y = makeFloats(backend, v.shape);
  const last = isPiece
    ? makeFloats(backend, [batch, heads, headDim, v.shape[3]!])
    : undefined;
  const run = new DeltaCall(call, numbersFor);
  for (const batch of run.batches) {
    run.findStates(batch, last);
    const tensors = { reads: { v, beta, ...run.found }, writes: { y } };
    runProgram(backend, outputsProgram(tensors, run.layout, batch, scale));
  }
  run.close();
  return last ? [y, last] : [y];
}

function gradient(
  call: Call<GradientInput, DeltaAttributes>,
  numbersFor: NumbersFor<WebGpuNumbers>,
): tf.TensorInfo[] {
  const { backend, inputs, attributes: { scale } } = call;
  const { q, k, v, beta, dy } = inputs;
  // Of a piece.
  const { dforward } = inputs as { readonly dforward?: tf.TensorInfo };
  const dq = makeFloats(backend, q.shape), dk = makeFloats(backend, k.shape);
  const dv = makeFloats(backend, v.shape);
  const dbeta = makeFloats(backend, beta.shape);
  const run = new DeltaCall(call, numbersFor);
  const { layout, found, decays } = run;
  const { systems, prepared, written, states } = found;
  const dlogs = run.logDecays.map(({ shape }) => makeFloats(backend, shape));
  const dbefore = run.before && makeFloats(backend, run.before.shape);
  const [dwritten, dnews] = [run.scratch("written"), run.scratch("written")];
  const dstates = run.scratch("states");
  const products = run.scratch("systems"), borders = run.scratch("prepared");
  for (const batch of run.batches) {
    run.findStates(batch);
    runProgram(
      backend,
      stateGradientsProgram(
        {
          reads: { dy, systems, prepared },
          writes: { dwritten, dstates },
          ends: { first: dforward, last: dbefore },
        },
        layout,
        batch,
        scale,
      ),
    );
    runProgram(
      backend,
      newsGradientProgram(
        { reads: { systems, dwritten }, writes: { dnews } },
        layout,
        batch,
      ),
    );
    runProgram(
      backend,
      productsProgram(
        {
          reads: { v, beta, dy, written, dnews, states, dstates },
          writes: { products, borders },
        },
        layout,
        batch,
        scale,
      ),
    );
    runProgram(
      backend,
      valueGradientsProgram(
        { reads: { v, beta, dy, systems, dnews }, writes: { dv, dbeta } },
        layout,
        batch,
        scale,
      ),
    );
    run.inEachDirection((direction) =>
      keyGradientsProgram(
        {
          reads: { q, k, beta, products },
          decays: decays[direction],
          writes: { borders, dq, dk },
        },
        layout,
        batch,
        direction,
      )
    );
    run.inEachDirection((direction) =>
      gateGradientsProgram(
        { borders, dbeta, dlog: dlogs[direction] },
        layout,
        batch,
        direction,
      )
    );
  }
  run.close();
  return [dq, dk, dv, dbeta, ...dlogs, ...(dbefore ? [dbefore] : [])];
}
