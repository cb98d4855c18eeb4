/**
 * The chunkwise form with diagonal decays, one for each channel of the keys:
 * forward and gradient, by the rule "add" of chunked linear attention
 * (`chunk_engine/`).
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { AttentionArguments } from "../chunkwise/attention_call.ts";
import { launch } from "../../../tfjs/webgpu/launch.ts";
import { makeFloats } from "../../../tfjs/webgpu/program.ts";
import {
  carryProgram,
  chunkStatesProgram,
  type PieceStates,
} from "../chunk_engine/added_states.ts";
import { decayGradientsProgram } from "../chunk_engine/decay_gradients.ts";
import { productsProgram } from "../chunk_engine/products.ts";
import { ChunkCall } from "../chunk_engine/chunk_call.ts";
import { keyGradientsProgram } from "../chunk_engine/key_gradients.ts";
import {
  addedValueGradientsProgram,
  outputsProgram,
} from "../chunk_engine/outputs.ts";
import { cotangentsShader } from "../frame/cotangents.ts";
import { packProblem } from "../frame/problem.ts";
import { clearPadding } from "../layer/padding.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

type Inputs = Readonly<
  & Record<"q" | "k" | "v" | "f", tf.TensorInfo>
  & Partial<
    Record<
      "b" | "before" | "after" | "mask" | "dy" | "y" | "rowSums",
      tf.TensorInfo
    >
  >
>;

/** Whether a call has diagonal decays. */
export function isDiagonalCall({ inputs }: AttentionArguments): boolean {
  return inputs["f"]?.shape.length === 4;
}

/** The border states of a whole sequence: none. */
const WHOLE: PieceStates = { enters: {}, leaves: {} };

/** A kernel call with diagonal decays, and the states that enter its chunks, if any do. */
class DiagonalStates {
  readonly inputs: Inputs;
  readonly run: ChunkCall;
  readonly states: tf.TensorInfo | undefined;

  constructor({ backend, inputs, attributes }: AttentionArguments) {
    const { causal, chunkSize, states = false } = attributes;
    this.inputs = inputs as Inputs;
    this.run = new ChunkCall(backend, this.inputs, {
      ...{ rule: "add", chunkSize, isPiece: states },
      directions: causal ? 1 : 2,
    });
    this.states = this.buffer();
  }

  /** A buffer for the states of a batch's chunks, if there are any. */
  buffer(): tf.TensorInfo | undefined {
    const { run } = this;
    return run.layout.stateQuads > 0 ? run.scratch("states") : undefined;
  }

  /** Computes operands, scores and the states that enter the chunks of a batch. */
  find(batch: SequenceBatch, piece: PieceStates): void {
    const { run, states, inputs: { v } } = this;
    const { layout, operands } = run;
    run.prepare(batch);
    if (!states) return;
    run.run(
      chunkStatesProgram({ reads: { operands, v }, states }, layout, batch),
    );
    run.run(carryProgram({ operands, states, piece }, layout, batch, false));
  }

  /** Clears the outputs at padding, if there is a mask, and frees the buffers. */
  close(outputs: readonly tf.TensorInfo[]): void {
    const { run, inputs: { mask } } = this;
    if (mask) { for (const x of outputs) clearPadding(run.backend, x, mask); }
    run.close();
  }
}

/** The forward pass with diagonal decays: y, the row sums and, of a piece, the states that leave it. */
export function diagonalForward(call: AttentionArguments): tf.TensorInfo[] {
  const { backend, attributes } = call;
  const found = new DiagonalStates(call);
  const { run, states, inputs: { q, v, before, after } } = found;
  const { layout, operands, pairs } = run;
  const [batches, heads, length, headDim] = q.shape as tf.Tensor4D["shape"];
  const y = makeFloats(backend, v.shape);
  const rowSums = makeFloats(backend, [batches, heads, length]);
  const names = !layout.isPiece
    ? []
    : attributes.causal
    ? ["forward"]
    : ["forward", "backward"];
  const leaves: PieceStates["leaves"] = Object.fromEntries(names.map((name) => [
    name,
    makeFloats(backend, [batches, heads, headDim, layout.valueDim + 1]),
  ]));
  const piece: PieceStates = layout.isPiece
    ? {
      enters: {
        ...(before ? { before } : {}),
        ...(after && !attributes.causal ? { after } : {}),
      },
      leaves,
    }
    : WHOLE;
  for (const batch of run.batches) {
    found.find(batch, piece);
    const tensors = {
      reads: { v, pairs, operands, ...(states ? { states } : {}) },
      writes: { y, rowSums },
    };
    run.run(outputsProgram(tensors, layout, batch, attributes));
  }
  found.close([y]);
  return [y, rowSums, ...Object.values(leaves)];
}

/** The gradient with diagonal decays, in q, k, v and the log decays of each direction. */
export function diagonalGradient(call: AttentionArguments): tf.TensorInfo[] {
  const { backend, attributes } = call;
  const found = new DiagonalStates(call);
  const { run, states, inputs } = found;
  const { layout, decays, operands, pairs } = run;
  const { q, k, v, dy, y, rowSums } = inputs;
  const [dq, dk, dv] = [q, k, v]
    .map(({ shape }) => makeFloats(backend, shape)) as [
      tf.TensorInfo,
      tf.TensorInfo,
      tf.TensorInfo,
    ];
  const dlogs = run.logDecays.map(({ shape }) => makeFloats(backend, shape));
  // The gradient in the sums of all sequences.
  const g = run.floats([...q.shape.slice(0, 3), 4 * layout.valueQuads]);
  const dstates = found.buffer();
  const products = run.scratch("pairs");
  const stateProducts = run.scratch("operands");
  for (const batch of run.batches) {
    const problem = { ...attributes, ...layout, ...batch };
    launch(
      backend,
      cotangentsShader(problem),
      [dy!, y!, rowSums!, g],
      packProblem(problem),
    );
    found.find(batch, WHOLE);
    if (states && dstates) {
      const sums = { reads: { operands, g }, states: dstates };
      run.run(chunkStatesProgram(sums, layout, batch));
      const carried = { operands, states: dstates, piece: WHOLE };
      run.run(carryProgram(carried, layout, batch, true));
    }
    const multiplied = {
      reads: { v, g, ...(states && dstates ? { states, dstates } : {}) },
      writes: { products, stateProducts },
    };
    run.run(productsProgram(multiplied, layout, batch, 1));
    const values = {
      reads: { pairs, operands, g, ...(dstates ? { dstates } : {}) },
      writes: { dv },
    };
    run.run(addedValueGradientsProgram(values, layout, batch));
    run.inEachDirection((direction) =>
      keyGradientsProgram(
        {
          reads: { q, k, products },
          decays: decays[direction],
          writes: { stateProducts, dq, dk },
        },
        layout,
        batch,
        direction,
      )
    );
    run.inEachDirection((direction) =>
      decayGradientsProgram(
        {
          reads: { stateProducts, decays: decays[direction]! },
          writes: { dlog: dlogs[direction]! },
        },
        layout,
        batch,
        direction,
      )
    );
  }
  found.close([dq, dk, dv]);
  return [dq, dk, dv, ...dlogs];
}
