/**
 * The delta rule as tfjs kernels for WebGPU, chunk by chunk. What chunks do by
 * themselves runs for all of them at once; states pass from chunk to chunk in a
 * launch of their own, for all sequences, directions and columns at once.
 *
 * The gradient computes the states again, and keeps one for each chunk.
 *
 * @module
 */
import {
  DELTA_ATTENTION,
  type DeltaAttributes,
  type DeltaRequest,
} from "../../attention/delta_kernel.ts";
import {
  type FusedKernel,
  registerFusedKernel,
} from "../../tfjs/webgpu/fused_kernel.ts";
import { makeFloats, runProgram } from "../../tfjs/webgpu/program.ts";
import { keyGradientsProgram } from "./delta_key_gradients.ts";
import { outputsProgram } from "./delta_outputs.ts";
import { planFor } from "./delta_plan.ts";
import { newsGradientProgram, productsProgram } from "./delta_products.ts";
import { DeltaRun, type ForwardInput } from "./delta_run.ts";
import { stateGradientsProgram } from "./delta_state_gradients.ts";
import { valueGradientsProgram } from "./delta_value_gradients.ts";

/** Registers the kernels `LionDelta` and `LionDeltaGrad` for webgpu. */
export function registerDeltaAttention(): void {
  registerFusedKernel(DELTA_ATTENTION, {
    forward,
    gradient,
    plan: (request: DeltaRequest, { limits }) => planFor(request, limits),
  });
}

const forward: FusedKernel<ForwardInput, DeltaAttributes> = (call) => {
  const { backend, inputs: { v, beta }, attributes: { scale } } = call;
  const y = makeFloats(backend, v.shape);
  const run = new DeltaRun(call);
  for (const pass of run.passes) {
    run.findStates(pass);
    const tensors = { reads: { v, beta, ...run.found }, writes: { y } };
    runProgram(backend, outputsProgram(tensors, run.layout, pass, scale));
  }
  run.close();
  return [y];
};

const gradient: FusedKernel<ForwardInput | "dy", DeltaAttributes> = (call) => {
  const { backend, inputs, attributes: { scale } } = call;
  const { q, k, v, beta, dy } = inputs;
  const dq = makeFloats(backend, q.shape), dk = makeFloats(backend, k.shape);
  const dv = makeFloats(backend, v.shape);
  const dbeta = makeFloats(backend, beta.shape);
  const run = new DeltaRun(call);
  const { layout, found, decays } = run;
  const { systems, prepared, written, states } = found;
  const dlogs = run.logDecays.map(({ shape }) => makeFloats(backend, shape));
  const [dwritten, dnews] = [run.scratch("written"), run.scratch("written")];
  const dstates = run.scratch("states");
  const products = run.scratch("systems"), borders = run.scratch("prepared");
  for (const pass of run.passes) {
    run.findStates(pass);
    const programs = [
      stateGradientsProgram(
        {
          reads: { dy, systems, prepared },
          writes: { dwritten, dstates },
        },
        layout,
        pass,
        scale,
      ),
      newsGradientProgram(
        { reads: { systems, dwritten }, writes: { dnews } },
        layout,
        pass,
      ),
      productsProgram(
        {
          reads: { v, beta, dy, written, dnews, states, dstates },
          writes: { products, borders },
        },
        layout,
        pass,
        scale,
      ),
      valueGradientsProgram(
        {
          reads: { v, beta, dy, systems, dnews },
          writes: { dv, dbeta },
        },
        layout,
        pass,
        scale,
      ),
      ...Array.from(
        { length: layout.directions },
        (_, direction) =>
          keyGradientsProgram(
            {
              reads: { q, k, beta, products, borders },
              decays: decays[direction],
              writes: { dq, dk, dbeta },
              dlog: dlogs[direction],
            },
            layout,
            pass,
            direction,
          ),
      ),
    ];
    programs.forEach((program) => runProgram(backend, program));
  }
  run.close();
  return [dq, dk, dv, dbeta, ...dlogs];
};
