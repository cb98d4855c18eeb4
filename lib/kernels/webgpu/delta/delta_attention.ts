/**
 * The delta rule as kernels of TensorFlow.js for WebGPU, in chunks. The work within
 * chunks runs for all of them at once; a launch of its own carries the states from
 * chunk to chunk, for all sequences, directions and columns at once.
 *
 * The gradient computes the states again, and keeps one for each chunk.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  DELTA_ATTENTION,
  DELTA_WITH_STATE,
  type DeltaAttributes,
  type DeltaRequest,
} from "../../../attention/planning/delta_kernel.ts";
import { type Call, registerFusedKernel } from "@lionjs/tfjs/webgpu";
import type { NumbersFor } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { gateGradientsProgram } from "./delta_backward_decay.ts";
import { keyGradientsProgram } from "../chunk_engine/key_gradients.ts";
import { outputsProgram } from "../chunk_engine/outputs.ts";
import { deltaSizes, planDeltaKernel } from "./delta_plan.ts";
import { productsProgram } from "../chunk_engine/products.ts";
import {
  rhsGradientProgram,
  solveTriangularProgram,
} from "./solve_triangular.ts";
import { ChunkCall } from "../chunk_engine/chunk_call.ts";
import { stateGradientsProgram } from "./delta_state_gradients.ts";
import { statesProgram, type SweepEnds } from "./delta_states.ts";
import { valueGradientsProgram } from "./delta_value_gradients.ts";
import { wyProgram } from "./delta_wy.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

type Input = "q" | "k" | "v" | "beta";
type DeltaCall = Call<Input, DeltaAttributes>;

/** Further inputs of `LionDeltaWithState`, each of which may be left out. */
type Others = Readonly<
  Partial<Record<"before" | "dforward", tf.TensorInfo>>
>;

/**
 * Registers the kernels `LionDelta` and `LionDeltaWithState`, and their gradients, for
 * webgpu.
 */
export function registerDeltaAttention(
  numbersFor: NumbersFor<WebGpuNumbers>,
): void {
  const register = registerFusedKernel<
    Input,
    Input,
    DeltaAttributes,
    DeltaRequest
  >;
  for (const operation of [DELTA_ATTENTION, DELTA_WITH_STATE]) {
    const withStates = operation === DELTA_WITH_STATE;
    register(operation, {
      forward: (call) => forward(call, numbersFor, withStates),
      gradient: (call) => gradient(call, numbersFor),
      plan: (request, { limits }) =>
        planDeltaKernel(request, limits, numbersFor(request).delta),
    });
  }
}

/**
 * Opens a call, with buffers for the states that enter each chunk and its writes U,
 * with room for their gradient dR behind them if `hasGradient`.
 */
function open(
  { backend, inputs, attributes }: DeltaCall,
  numbersFor: NumbersFor<WebGpuNumbers>,
  hasGradient: boolean,
): ChunkCall {
  const [length, headDim] = inputs.q.shape.slice(2) as [number, number];
  const shape = { length, headDim, valueDim: inputs.v.shape[3]! };
  const run = new ChunkCall(backend, inputs, {
    ...deltaSizes({ ...attributes, length }, numbersFor(shape).delta),
    withStates: (inputs as Others).before !== undefined,
  });
  run.scratch("vNew", "vNew", hasGradient ? 2 : 1);
  run.scratch("states");
  return run;
}

/** Computes the states that enter the chunks of a batch, and the writes U of each chunk. */
function findStates(
  run: ChunkCall,
  batch: SequenceBatch,
  ends: SweepEnds,
): void {
  const { layout } = run;
  run.prepare(batch);
  run.run(solveTriangularProgram(layout, batch));
  run.inEachDirection(wyProgram, batch);
  run.run(statesProgram(layout, batch, ends), { ...ends });
}

function forward(
  call: DeltaCall,
  numbersFor: NumbersFor<WebGpuNumbers>,
  withStates: boolean,
): tf.TensorInfo[] {
  const { inputs, attributes } = call;
  const { q, v } = inputs;
  const [batch, heads, , headDim] = q.shape as tf.Tensor4D["shape"];
  const run = open(call, numbersFor, false);
  const y = run.output("y", v.shape);
  const last = withStates
    ? run.output("last", [batch, heads, headDim, v.shape[3]!])
    : undefined;
  const ends = { first_state: (inputs as Others).before, last_state: last };
  for (const batch of run.batches) {
    findStates(run, batch, ends);
    run.run(outputsProgram(run.layout, batch, attributes));
  }
  run.close();
  return last ? [y, last] : [y];
}

function gradient(
  call: DeltaCall,
  numbersFor: NumbersFor<WebGpuNumbers>,
): tf.TensorInfo[] {
  const { inputs, attributes: { scale } } = call;
  // The gradient in the state that leaves a part of a sequence enters the gradient's sweep.
  const { before, dforward } = inputs as Others;
  const run = open(call, numbersFor, true);
  const { layout } = run;
  const gradients = (["q", "k", "v", "beta"] as const)
    .map((name) => run.output(`d${name}`, inputs[name].shape));
  const dlogs = run.decayGradients();
  const dbefore = before && run.output("dbefore", before.shape);
  const ends = { first_state: before, last_state: undefined };
  const gradientEnds = { first_state: dforward, last_state: dbefore };
  run.scratch("dvNew", "vNew");
  run.scratch("dstates", "states");
  run.scratch("products", "pairs");
  run.scratch("stateProducts", "operands");
  for (const batch of run.batches) {
    findStates(run, batch, ends);
    run.run(stateGradientsProgram(layout, batch, gradientEnds, scale), {
      ...gradientEnds,
    });
    run.run(rhsGradientProgram(layout, batch));
    run.run(productsProgram(layout, batch, scale));
    run.run(valueGradientsProgram(layout, batch, scale));
    run.inEachDirection(keyGradientsProgram, batch);
    run.inEachDirection(gateGradientsProgram, batch);
  }
  run.close();
  return [...gradients, ...dlogs, ...(dbefore ? [dbefore] : [])];
}
