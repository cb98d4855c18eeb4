/**
 * The chunkwise form with diagonal decays, one for each channel of the keys:
 * forward and gradient, by the rule "add" of chunked linear attention
 * (`chunk_engine/`).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionArguments,
  boundProgram,
} from "../frame/attention_call.ts";
import { runProgram } from "@lionjs/tfjs/webgpu";
import {
  type BorderStates,
  carryProgram,
  chunkStatesProgram,
} from "../chunk_engine/added_states.ts";
import { decayGradientsProgram } from "../chunk_engine/decay_gradients.ts";
import { productsProgram } from "../chunk_engine/products.ts";
import { ChunkCall, type ChunkInputs } from "../chunk_engine/chunk_call.ts";
import { keyGradientsProgram } from "../chunk_engine/key_gradients.ts";
import {
  addedValueGradientsProgram,
  outputsProgram,
} from "../chunk_engine/outputs.ts";
import { cotangentNumbers, cotangentsProgram } from "../frame/cotangents.ts";
import { clearPadding } from "../frame/padding.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Whether a call has diagonal decays. */
export function isDiagonalCall({ inputs }: AttentionArguments): boolean {
  return inputs["f"]?.shape.length === 4;
}

/** The border states of a whole sequence: none. */
const WHOLE: BorderStates = { enters: [], leaves: [] };

/** Opens a call, with a buffer for the states that enter its chunks, if any do. */
function open({ backend, inputs, attributes }: AttentionArguments): ChunkCall {
  const { causal, chunkSize, states = false } = attributes;
  const run = new ChunkCall(backend, inputs as ChunkInputs, {
    ...{ rule: "add", chunkSize, withStates: states },
    directions: causal ? 1 : 2,
  });
  if (run.layout.stateQuads > 0) run.scratch("states");
  return run;
}

/** Computes operands, scores and the states that enter the chunks of a batch. */
function findStates(
  run: ChunkCall,
  batch: SequenceBatch,
  piece: BorderStates,
): void {
  const { layout } = run;
  run.prepare(batch);
  if (layout.stateQuads === 0) return;
  run.run(chunkStatesProgram(layout, batch, false));
  run.run(carryProgram(layout, batch, piece, false));
}

/** Clears the outputs at padding, if there is a mask, and frees the buffers. */
function close(
  { backend, inputs: { mask } }: AttentionArguments,
  run: ChunkCall,
  outputs: readonly tf.TensorInfo[],
): void {
  if (mask) { for (const x of outputs) clearPadding(backend, x, mask); }
  run.close();
}

/**
 * The forward pass with diagonal decays: y, the row sums and, of a part of a sequence,
 * the states that leave it.
 */
export function diagonalForward(call: AttentionArguments): tf.TensorInfo[] {
  const { inputs, attributes } = call;
  const { causal } = attributes;
  const run = open(call);
  const { layout } = run;
  const [batches, heads, length, headDim] = inputs["q"]!
    .shape as tf.Tensor4D["shape"];
  const y = run.output("y", inputs["v"]!.shape);
  const rowSums = run.output("rowSums", [batches, heads, length]);
  const piece: BorderStates = !layout.withStates ? WHOLE : {
    enters: (causal ? ["before"] as const : ["before", "after"] as const)
      .filter((name) => inputs[name]),
    leaves: causal ? ["forward"] : ["forward", "backward"],
  };
  const state = [batches, heads, headDim, layout.valueDim + 1];
  const leaving = piece.leaves.map((name) => run.output(name, state));
  for (const batch of run.batches) {
    findStates(run, batch, piece);
    run.run(outputsProgram(layout, batch, attributes));
  }
  close(call, run, [y]);
  return [y, rowSums, ...leaving];
}

/** The gradient with diagonal decays, in q, k, v and the log decays of each direction. */
export function diagonalGradient(call: AttentionArguments): tf.TensorInfo[] {
  const { backend, inputs, attributes } = call;
  const { q, dy, y, rowSums } = inputs;
  const run = open(call);
  const { layout } = run;
  const hasStates = layout.stateQuads > 0;
  const gradients = ["q", "k", "v"]
    .map((name) => run.output(`d${name}`, inputs[name]!.shape));
  const dlogs = run.decayGradients();
  // The gradient in the sums of all sequences.
  const tokens = tf.util.sizeFromShape(q!.shape.slice(0, 3));
  const g = run.floats("g", [cotangentNumbers(tokens, layout, 0)]);
  const states = hasStates ? run.scratch("dstates", "states") : undefined;
  run.scratch("products", "pairs");
  run.scratch("stateProducts", "operands");
  for (const batch of run.batches) {
    const problem = { ...attributes, ...layout, ...batch, tokens };
    const tensors = { dy: dy!, y: y!, rowSums: rowSums!, g };
    const program = cotangentsProgram([], problem);
    runProgram(backend, boundProgram(program, problem, tensors));
    findStates(run, batch, WHOLE);
    if (hasStates) {
      run.run(chunkStatesProgram(layout, batch, true), { states });
      run.run(carryProgram(layout, batch, WHOLE, true), { states });
    }
    run.run(productsProgram(layout, batch, 1));
    run.run(addedValueGradientsProgram(layout, batch));
    run.inEachDirection(keyGradientsProgram, batch);
    run.inEachDirection(decayGradientsProgram, batch);
  }
  close(call, run, gradients);
  return [...gradients, ...dlogs];
}
