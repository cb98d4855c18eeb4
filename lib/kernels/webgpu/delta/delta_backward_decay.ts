/**
 * The gradients of the delta rule in the log decays (`decay_gradients.ts`), and the
 * keys' part of the gradient in β, in one direction.
 *
 * @module
 */
import {
  type ChunkLayout,
  type ChunkProgram,
  decayOf,
  decaysIn,
  LANE_THREADS,
  ofDirection,
  placesOf,
  ROW_LANES,
  widthOf,
} from "../chunk_engine/chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import {
  channelFunctions,
  ofChannels,
} from "../chunk_engine/decay_gradients.ts";

/** The program of the gradients in β and the log decays in one direction, by the delta rule. */
export function gateGradientsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  direction: number,
): ChunkProgram {
  const { decay } = layout;
  const width = widthOf(layout);
  return ofDirection(layout, batch, direction, {
    name: "delta_gate_gradients",
    variants: [decay],
    // Each row's part of dβ, and its two parts of the log decays' gradient: as a
    // reader, and as a writer.
    reads: ["stateProducts", ...decaysIn(layout)],
    // The gradient in β already has the values' part.
    writes: ["dbeta", ...(decay === "none" ? [] : ["dlog"])],
    threads: LANE_THREADS,
    functions: /* wgsl */ `
var<workgroup> parts: array<vec3f, ${LANE_THREADS}>;
${placesOf(layout)}
${decayOf(decay, width)}
${decay === "diagonal" ? channelFunctions(width) : ""}

// The sum over the threads of a row; zeros of a row without a token.
fn sum_of_row(row: u32) -> vec3f {
  var sum = vec3f();
  for (var i = 0u; i < ${ROW_LANES}u; i++) { sum += parts[row * ${ROW_LANES}u + i]; }
  return sum;
}
`,
    body: /* wgsl */ `
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
  });
}

const OF_TOKEN = /* wgsl */ `
    var sum = 0.0;
    for (var i = 0u; i < uniforms.rows; i++) {
      // A decay of 0 lets nothing pass: the sum so far would be 0 but for rounding.
      if (i <= row && decay_of(chunk, i, 0u).x == 0.0) { sum = 0.0; }
      let shares = sum_of_row(i);
      sum += select(shares.z, shares.y, i >= row);
    }
    dlog[token] = sum;`;
