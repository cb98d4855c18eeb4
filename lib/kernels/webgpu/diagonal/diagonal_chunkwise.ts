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
import { type AttentionCall, Run } from "../chunkwise/attention_call.ts";
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
import type { Pass } from "../frame/sequence_batches.ts";
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
export function isDiagonalCall({ inputs }: AttentionCall): boolean {
  return inputs["f"]?.shape.length === 4;
}

/** A run, its vectors and its states. */
interface Opened {
  readonly run: Run<ChannelDecays>;
  readonly decays: ChannelDecays;
  readonly v: Vectors;
  readonly states: States;
}

/** Makes the buffers of both passes; outputs come before, of the inputs as they are. */
function open(
  run: Run<ChannelDecays>,
  names: readonly DiagonalBuffer[],
): Opened {
  const decays = run.decays!;
  run.vectors("q", "key");
  const rows = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const { sequences } = run.passes[0]!;
  for (const name of names) {
    const quads = DIAGONAL_BUFFERS[name](run.sizes, decays.chunks);
    run.scratch(name, 4 * sequences * quads);
  }
  const states: States = { name: "states", rows, columns: v, decays };
  run.scratchStates(states);
  return { run, decays, v, states };
}

function runOf(call: AttentionCall): Run<ChannelDecays> {
  const { causal, chunkSize } = call.attributes;
  const [length, headDim] = call.inputs["q"]!.shape.slice(2) as [
    number,
    number,
  ];
  const chunks = { causal };
  const { largest } = bytesOf({
    length,
    headDim,
    valueDim: call.inputs["v"]!.shape[3]!,
    chunkSize,
    chunks: Math.ceil(length / chunkSize),
  }, chunks);
  return new Run(call, channelDecays(chunks), true, largest);
}

/** Writes decayed rows, scores and the states that reach each chunk. */
function prepare(
  { run, decays }: Opened,
  states: readonly States[],
  pass: Pass,
): void {
  const { chunks } = decays;
  const isPiece = run.borders !== undefined;
  run.launch(
    (launch) => diagonalRowsShader({ ...chunks, isPiece }, launch),
    pass,
  );
  run.launch((launch) => diagonalScoresShader(chunks, launch), pass);
  run.makeStates(states, pass);
}

/** The forward pass. */
export function diagonalForward(call: AttentionCall): tf.TensorInfo[] {
  const run = runOf(call);
  const y = run.output("y", run.input("v")!.shape);
  const rowSums = run.output("rowSums", run.perToken);
  const leaving = run.leaving();
  const opened = open(run, FORWARD_BUFFERS);
  const { decays, v, states } = opened;
  for (const pass of run.passes) {
    prepare(opened, [states], pass);
    run.launch((launch) =>
      diagonalAttendShader({
        role: {
          output: { name: "y", columns: "value" },
          finish: { kind: "attention" },
        },
        values: v,
        states: states.name,
        isPiece: run.borders !== undefined,
        decays,
        shape: shapeOfTiles(run.dims),
      }, launch), pass);
  }
  run.clearPadding([y]);
  run.dispose();
  return [y, rowSums, ...leaving];
}

/** The gradient, in all inputs. */
export function diagonalGradient(call: AttentionCall): tf.TensorInfo[] {
  const run = runOf(call);
  const outputs = ["q", "k", "v", "f", "b"]
    .filter((name) => run.input(name) !== undefined)
    .map((name) => run.output(`d${name}`, run.input(name)!.shape));
  const opened = open(run, GRADIENT_BUFFERS);
  const { decays, v, states } = opened;
  const g = COTANGENTS;
  run.scratchVectors(g.name, 4 * run.quads(g.columns));
  const transposed = decays.transposed();
  const cotangentStates: States = {
    ...states,
    name: "cotangentStates",
    columns: g,
    decays: transposed,
  };
  run.scratchStates(cotangentStates);
  const shape = shapeOfTiles(run.dims);
  for (const pass of run.passes) {
    run.launch(cotangentsShader, pass);
    prepare(opened, [states, cotangentStates], pass);
    run.launch(
      (launch) => diagonalProductsShader(decays.chunks, [g, v], launch),
      pass,
    );
    run.launch((launch) =>
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
      }, launch), pass);
    // The first to write what others add to.
    run.launch(
      (launch) => diagonalOwnTileShader(decays.chunks, launch),
      pass,
    );
    for (
      const [readers, met, way] of [
        [g, states, decays],
        [v, cotangentStates, transposed],
      ] as const
    ) {
      const spec = { decays: way, readers, states: met.name, shape };
      run.launch((launch) => diagonalGradientsShader(spec, launch), pass);
    }
    run.launch((launch) =>
      diagonalDecayGradientsShader({
        chunks: decays.chunks,
        states: [states.name, cotangentStates.name],
      }, launch), pass);
  }
  run.clearPadding(outputs.slice(0, 3));
  run.dispose();
  return outputs;
}
