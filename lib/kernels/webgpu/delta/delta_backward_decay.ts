/**
 * The gradients of the delta rule in the log decays (`decay_gradients.ts`), and the
 * keys' part of the gradient in β, in one direction.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  type ChunkLayout,
  chunkProgram,
  decayOf,
  LANE_THREADS,
  placesOf,
  ROW_LANES,
} from "../chunk_engine/chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import {
  channelFunctions,
  ofChannels,
  OPEN,
} from "../chunk_engine/decay_gradients.ts";

/** Tensors of {@linkcode gateGradientsProgram}. */
export interface GateGradientsTensors {
  /** Each row's part of dβ, and its two parts of the log decays' gradient: as a reader, and as a writer. */
  readonly stateProducts: tf.TensorInfo;
  /** The gradient in β, which already has the values' part. */
  readonly dbeta: tf.TensorInfo;
  /** The gradient in the log decays, if there are any; `decays` are the decays themselves. */
  readonly dlog: tf.TensorInfo | undefined;
  readonly decays: tf.TensorInfo | undefined;
}

/** The program of the gradients in β and the log decays in one direction, by the delta rule. */
export function gateGradientsProgram(
  { stateProducts, dbeta, dlog, decays }: GateGradientsTensors,
  layout: ChunkLayout,
  { firstSequence, sequences }: SequenceBatch,
  direction: number,
): Program {
  const program = chunkProgram(layout, firstSequence);
  const { decay } = layout;
  const { width } = program;
  return {
    ...program,
    name: "delta_gate_gradients",
    variants: [decay],
    reads: { stateProducts, ...(decays ? { decays } : {}) },
    writes: { dbeta, ...(dlog ? { dlog } : {}) },
    integers: { ...program.integers, direction },
    threads: LANE_THREADS,
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `
var<workgroup> parts: array<vec3f, ${LANE_THREADS}>;
${placesOf(layout)}
${decayOf(decay, width)}
${decay === "diagonal" ? channelFunctions(width) : ""}

// What the threads of a row have together; nothing of a row without a token.
fn sum_of_row(row: u32) -> vec3f {
  var sum = vec3f();
  for (var i = 0u; i < ${ROW_LANES}u; i++) { sum += parts[row * ${ROW_LANES}u + i]; }
  return sum;
}
`,
    body: /* wgsl */ `${OPEN}
  let row = local / ${ROW_LANES}u;
  let lane = local % ${ROW_LANES}u;
  let is_working = row < uniforms.rows && has_token(chunk, row);
  var part = vec3f();
  for (var quad = lane; is_working && quad < uniforms.headQuads; quad += ${ROW_LANES}u) {
    part += vec3f(
      dot(stateProducts[at_operand(chunk, W, row, quad)], vec4f(1.0)),
      dot(stateProducts[at_operand(chunk, DECAYED_Q, row, quad)], vec4f(1.0)),
      dot(stateProducts[at_operand(chunk, DECAYED_K, row, quad)], vec4f(1.0)),
    );
  }
  parts[local] = part;
  workgroupBarrier();
  if (is_working && lane == 0u) {
    let token = token_of(chunk, row);
    dbeta[token] -= sum_of_row(row).x;
${decay === "scalar" ? OF_TOKEN : ""}
  }
${decay === "diagonal" ? ofChannels(LANE_THREADS) : ""}`,
  };
}

const OF_TOKEN = /* wgsl */ `
    var sum = 0.0;
    for (var i = 0u; i < uniforms.rows; i++) {
      // What nothing passes is 0 but for what was rounded.
      if (i <= row && decay_of(chunk, i, 0u).x == 0.0) { sum = 0.0; }
      let shares = sum_of_row(i);
      sum += select(shares.z, shares.y, i >= row);
    }
    dlog[token] = sum;`;
