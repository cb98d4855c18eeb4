/**
 * The chunkwise form with decays per channel: forward and gradient.
 *
 * The prepared matrices are written out first, decayed queries and keys and
 * then scores, because no token has a single factor that shaders could apply as
 * they read. States, outputs and gradients are computed from them.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { shapeOfTiles } from "../chunkwise/attend_shape.ts";
import {
  type AttentionArguments,
  KernelCall,
} from "../chunkwise/attention_call.ts";
import { COTANGENTS, cotangentsShader } from "../frame/cotangents.ts";
import { diagonalAttendShader } from "./diagonal_attend.ts";
import { diagonalDecayGradientsShader } from "./diagonal_decay_gradients.ts";
import { diagonalGradientsShader } from "./diagonal_gradients.ts";
import {
  DIAGONAL_BUFFERS,
  type DiagonalBuffer,
} from "../chunkwise/diagonal_layout.ts";
import { diagonalOwnTileShader } from "./diagonal_intra_tile.ts";
import { bytesOf, FORWARD_BUFFERS } from "./diagonal_plan.ts";
import { channelDecays } from "./diagonal_operands.ts";
import type { ChannelDecays } from "../chunkwise/chunk_operands.ts";
import { diagonalRowsShader } from "./diagonal_rows.ts";
import {
  diagonalProductsShader,
  diagonalScoresShader,
} from "./diagonal_scores.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import type { States } from "../chunkwise/states.ts";
import type { Vectors } from "../frame/vectors.ts";

const GRADIENT_BUFFERS: readonly DiagonalBuffer[] = [
  ...FORWARD_BUFFERS,
  "products",
  "slopes",
  "queryTotals",
  "keyTotals",
];

/** Whether a call has decays per channel. */
export function isDiagonalCall({ inputs }: AttentionArguments): boolean {
  return inputs["f"]?.shape.length === 4;
}

/** A run, its vectors and its states. */
interface Opened {
  readonly call: KernelCall<ChannelDecays>;
  readonly decays: ChannelDecays;
  readonly v: Vectors;
  readonly states: States;
}

/** Makes the buffers of both passes; outputs come before, of the inputs as they are. */
function open(
  call: KernelCall<ChannelDecays>,
  names: readonly DiagonalBuffer[],
): Opened {
  const decays = call.decays!;
  call.vectors("q", "key");
  const rows = call.vectors("k", "key");
  const v = call.vectors("v", "value");
  const { sequences } = call.batches[0]!;
  for (const name of names) {
    const quads = DIAGONAL_BUFFERS[name](call.sizes, decays.chunks);
    call.scratch(name, 4 * sequences * quads);
  }
  const states: States = { name: "states", rows, columns: v, decays };
  call.scratchStates(states);
  return { call, decays, v, states };
}

function callOf(given: AttentionArguments): KernelCall<ChannelDecays> {
  const { causal, chunkSize } = given.attributes;
  const [length, headDim] = given.inputs["q"]!.shape.slice(2) as [
    number,
    number,
  ];
  const chunks = { causal };
  const { largest } = bytesOf({
    length,
    headDim,
    valueDim: given.inputs["v"]!.shape[3]!,
    chunkSize,
    chunks: Math.ceil(length / chunkSize),
  }, chunks);
  return new KernelCall(given, channelDecays(chunks), true, largest);
}

/** Writes decayed rows, scores and the states that reach each chunk. */
function prepare(
  { call, decays }: Opened,
  states: readonly States[],
  batch: SequenceBatch,
): void {
  const { chunks } = decays;
  const isPiece = call.borders !== undefined;
  call.launch(
    (launch) => diagonalRowsShader({ ...chunks, isPiece }, launch),
    batch,
  );
  call.launch((launch) => diagonalScoresShader(chunks, launch), batch);
  call.makeStates(states, batch);
}

/** The forward pass. */
export function diagonalForward(given: AttentionArguments): tf.TensorInfo[] {
  const call = callOf(given);
  const y = call.output("y", call.input("v")!.shape);
  const rowSums = call.output("rowSums", call.perToken);
  const leaving = call.leaving();
  const opened = open(call, FORWARD_BUFFERS);
  const { decays, v, states } = opened;
  for (const batch of call.batches) {
    prepare(opened, [states], batch);
    call.launch((launch) =>
      diagonalAttendShader({
        role: {
          output: { name: "y", columns: "value" },
          finish: { kind: "attention" },
        },
        values: v,
        states: states.name,
        isPiece: call.borders !== undefined,
        decays,
        shape: shapeOfTiles(call.dims),
      }, launch), batch);
  }
  call.clearPadding([y]);
  call.dispose();
  return [y, rowSums, ...leaving];
}

/** The gradient, in all inputs. */
export function diagonalGradient(given: AttentionArguments): tf.TensorInfo[] {
  const call = callOf(given);
  const outputs = ["q", "k", "v", "f", "b"]
    .filter((name) => call.input(name) !== undefined)
    .map((name) => call.output(`d${name}`, call.input(name)!.shape));
  const opened = open(call, GRADIENT_BUFFERS);
  const { decays, v, states } = opened;
  const g = COTANGENTS;
  call.scratchVectors(g.name, 4 * call.quads(g.columns));
  const transposed = decays.transposed();
  const cotangentStates: States = {
    ...states,
    name: "cotangentStates",
    columns: g,
    decays: transposed,
  };
  call.scratchStates(cotangentStates);
  const shape = shapeOfTiles(call.dims);
  for (const batch of call.batches) {
    call.launch(cotangentsShader, batch);
    prepare(opened, [states, cotangentStates], batch);
    call.launch(
      (launch) => diagonalProductsShader(decays.chunks, [g, v], launch),
      batch,
    );
    call.launch((launch) =>
      diagonalAttendShader({
        role: {
          output: { name: "dv", columns: "value" },
          finish: { kind: "none" },
        },
        values: g,
        states: cotangentStates.name,
        isPiece: false,
        decays: transposed,
        shape,
      }, launch), batch);
    // The first to write what others add to.
    call.launch(
      (launch) => diagonalOwnTileShader(decays.chunks, launch),
      batch,
    );
    for (
      const [readers, met, way] of [
        [g, states, decays],
        [v, cotangentStates, transposed],
      ] as const
    ) {
      const spec = { decays: way, readers, states: met.name, shape };
      call.launch((launch) => diagonalGradientsShader(spec, launch), batch);
    }
    call.launch((launch) =>
      diagonalDecayGradientsShader({
        chunks: decays.chunks,
        states: [states.name, cotangentStates.name],
      }, launch), batch);
  }
  call.clearPadding(outputs.slice(0, 3));
  call.dispose();
  return outputs;
}
