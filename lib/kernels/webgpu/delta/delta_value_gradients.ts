/**
 * The gradient of the delta rule in v, and the values' part of the gradient in β:
 *
 *     dV = β ∘ dR        dβ_i = dR_i · v_i
 *
 * summed over both directions, less what a token reads of its own value in the second.
 *
 * @module
 */
import {
  BETA,
  type ChunkLayout,
  type ChunkProgram,
  LANE_THREADS,
  ofChunks,
  placesOf,
  RHS_PLACE,
  ROW_LANES,
  rowsOf,
  widthOf,
} from "../chunk_engine/chunk_layout.ts";
import { OWN_SCORE } from "../chunk_engine/outputs.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { writing } from "../score_tiles/score_tiles.ts";

/** The program of dv and the values' part of dβ, over all directions. */
export function valueGradientsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  scale: number,
): ChunkProgram {
  const width = widthOf(layout);
  return ofChunks(layout, batch, {
    name: "delta_value_gradients",
    reads: ["v", "beta", "dy", "pairs", "vNew"],
    writes: ["dv", "dbeta"],
    floats: { scale },
    threads: LANE_THREADS,
    functions: /* wgsl */ `
var<workgroup> parts: array<f32, ${LANE_THREADS}>;
${placesOf(layout)}${RHS_PLACE}
${rowsOf("v", "valueDim", width)}
${rowsOf("dy", "valueDim", width)}
${BETA}
${OWN_SCORE}
${writing("dv", "valueDim", width)}
`,
    body: /* wgsl */ `
  let place = local / ${ROW_LANES}u;
  let lane = local % ${ROW_LANES}u;
  let is_working = place < tokens.count;
  var part = 0.0;
  for (var quad = lane; is_working && quad < uniforms.valueQuads; quad += ${ROW_LANES}u) {
    let value = row_of_v(tokens, place, quad);
    var sum = vec4f();
    for (var direction = 0u; direction < uniforms.directions; direction++) {
      let chunk = chunk_of(first_sweep + direction, number);
      let row = row_at(chunk, place);
      let rhs = vNew[at_rhs(chunk, row, quad)];
      let weight = beta_of(chunk, row);
      sum += weight * rhs;
      part += dot(rhs, value);
      if (chunk.back) {
        let slope = uniforms.scale * own_score(chunk, row) * row_of_dy(tokens, place, quad);
        sum -= weight * slope;
        part -= dot(slope, value);
      }
    }
    write_dv(tokens.start + place, quad, sum);
  }
  parts[local] = part;
  workgroupBarrier();
  if (is_working && lane == 0u) {
    var sum = 0.0;
    for (var i = 0u; i < ${ROW_LANES}u; i++) { sum += parts[local + i]; }
    dbeta[tokens.start + place] = sum;
  }`,
  });
}
