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
  DELTA_PIECE,
  type DeltaAttributes,
  type DeltaRequest,
} from "../../../attention/planning/delta_kernel.ts";
import {
  type Call,
  registerFusedKernel,
} from "../../../tfjs/webgpu/fused_kernel.ts";
import { makeFloats } from "../../../tfjs/webgpu/program.ts";
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
import { statesProgram } from "./delta_states.ts";
import { valueGradientsProgram } from "./delta_value_gradients.ts";
import { wyProgram } from "./delta_wy.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

type ForwardInput = "q" | "k" | "v" | "beta";
type GradientInput = ForwardInput | "dy";
type DeltaCall<Input extends string> = Call<Input, DeltaAttributes>;

/**
 * Registers the kernels `LionDelta` and `LionDeltaPiece`, and their gradients, for
 * webgpu.
 *
 * @param numbersFor The tuning from which the kernels are generated.
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

/** A kernel call of the delta rule, and the states that enter its chunks. */
class DeltaStates {
  readonly run: ChunkCall;
  /** The state that enters a piece of a sequence, if one does. */
  readonly before: tf.TensorInfo | undefined;
  readonly vNew: tf.TensorInfo;
  readonly states: tf.TensorInfo;
  readonly #inputs: DeltaCall<ForwardInput>["inputs"];

  constructor(
    { backend, inputs, attributes }: DeltaCall<ForwardInput>,
    numbersFor: NumbersFor<WebGpuNumbers>,
  ) {
    const [length, headDim] = inputs.q.shape.slice(2) as [number, number];
    const shape = { length, headDim, valueDim: inputs.v.shape[3]! };
    this.before = (inputs as { readonly before?: tf.TensorInfo }).before;
    this.#inputs = inputs;
    this.run = new ChunkCall(backend, inputs, {
      ...deltaSizes({ ...attributes, length }, numbersFor(shape).delta),
      isPiece: this.before !== undefined,
    });
    this.vNew = this.run.scratch("vNew");
    this.states = this.run.scratch("states");
  }

  /**
   * Computes the states that enter the chunks of a batch, and the writes U of each chunk.
   *
   * @param last Receives the states after the last chunks.
   */
  find(batch: SequenceBatch, last?: tf.TensorInfo): void {
    const { run, vNew, states } = this;
    const { layout, operands, pairs } = run;
    const { k, v, beta } = this.#inputs;
    run.prepare(batch);
    run.run(solveTriangularProgram(pairs, layout, batch));
    run.inEachDirection((direction) =>
      wyProgram(
        {
          reads: { k, v, beta, pairs },
          decays: run.decays[direction],
          writes: { operands, vNew },
        },
        layout,
        batch,
        direction,
      )
    );
    const sweep = {
      reads: { operands },
      writes: { vNew, states },
      ends: { first: this.before, last },
    };
    run.run(statesProgram(sweep, layout, batch));
  }
}

function forward(
  call: DeltaCall<ForwardInput>,
  numbersFor: NumbersFor<WebGpuNumbers>,
  isPiece: boolean,
): tf.TensorInfo[] {
  const { backend, inputs: { q, v, beta }, attributes: { scale } } = call;
  const [batch, heads, , headDim] = q.shape as tf.Tensor4D["shape"];
  const y = makeFloats(backend, v.shape);
  const last = isPiece
    ? makeFloats(backend, [batch, heads, headDim, v.shape[3]!])
    : undefined;
  const found = new DeltaStates(call, numbersFor);
  const { run, vNew, states } = found;
  const { layout, operands, pairs } = run;
  for (const batch of run.batches) {
    found.find(batch, last);
    const reads = { v, beta, pairs, operands, vNew, states };
    const tensors = { reads, writes: { y } };
    run.run(outputsProgram(tensors, layout, batch, { scale }));
  }
  run.close();
  return last ? [y, last] : [y];
}

function gradient(
  call: DeltaCall<GradientInput>,
  numbersFor: NumbersFor<WebGpuNumbers>,
): tf.TensorInfo[] {
  const { backend, inputs, attributes: { scale } } = call;
  const { q, k, v, beta, dy } = inputs;
  // The gradient in the state that leaves a piece.
  const { dforward } = inputs as { readonly dforward?: tf.TensorInfo };
  const dq = makeFloats(backend, q.shape), dk = makeFloats(backend, k.shape);
  const dv = makeFloats(backend, v.shape);
  const dbeta = makeFloats(backend, beta.shape);
  const found = new DeltaStates(call, numbersFor);
  const { run, vNew, states, before } = found;
  const { layout, decays, operands, pairs } = run;
  const dlogs = run.logDecays.map(({ shape }) => makeFloats(backend, shape));
  const dbefore = before && makeFloats(backend, before.shape);
  const [dvNew, drhs] = [run.scratch("vNew"), run.scratch("vNew")];
  const dstates = run.scratch("states");
  const products = run.scratch("pairs");
  const stateProducts = run.scratch("operands");
  for (const batch of run.batches) {
    found.find(batch);
    const sweep = {
      reads: { dy, pairs, operands },
      writes: { dvNew, dstates },
      ends: { first: dforward, last: dbefore },
    };
    run.run(stateGradientsProgram(sweep, layout, batch, scale));
    const rhs = { reads: { pairs, dvNew }, writes: { drhs } };
    run.run(rhsGradientProgram(rhs, layout, batch));
    const multiplied = {
      reads: { v, beta, dy, vNew, drhs, states, dstates },
      writes: { products, stateProducts },
    };
    run.run(productsProgram(multiplied, layout, batch, scale));
    const values = {
      reads: { v, beta, dy, pairs, drhs },
      writes: { dv, dbeta },
    };
    run.run(valueGradientsProgram(values, layout, batch, scale));
    run.inEachDirection((direction) =>
      keyGradientsProgram(
        {
          reads: { q, k, beta, products },
          decays: decays[direction],
          writes: { stateProducts, dq, dk },
        },
        layout,
        batch,
        direction,
      )
    );
    run.inEachDirection((direction) =>
      gateGradientsProgram(
        {
          ...{ stateProducts, dbeta },
          dlog: dlogs[direction],
          decays: decays[direction],
        },
        layout,
        batch,
        direction,
      )
    );
  }
  run.close();
  return [dq, dk, dv, dbeta, ...dlogs, ...(dbefore ? [dbefore] : [])];
}
