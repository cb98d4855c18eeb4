/**
 * The gradient of softmax attention, which computes the scores again. With
 * the weights p_ij and D_i = dy_i · y_i,
 *
 *     dv_j = Σ_i p_ij dy_i          t_ij = p_ij (dy_i · v_j - D_i)
 *     dq_i = s Σ_j t_ij k_j         dk_j = s Σ_i t_ij q_i
 *
 * @module
 */
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import type * as tf from "@tensorflow/tfjs-core";
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import { rowProgram } from "../frame/rows.ts";
import type { Tiling } from "../score_tiles/score_tiles.ts";
import { softmaxProgram } from "./softmax_program.ts";

/**
 * The program of each token's row statistics: maximum, 1 / sum, D = dy · y and the
 * number of its segment, from 1 on; for padding, the first three are 0 and the last negative.
 */
export function softmaxRowsProgram(
  { y, dy, maxima, sums, mask, segments }: Tensors,
  rows: tf.TensorInfo,
): Program {
  const [batch, heads, length, columns] = y!.shape as tf.Tensor4D["shape"];
  const count = batch * heads * length;
  const program = rowProgram(count, columns);
  return {
    ...program,
    name: "softmax_rows",
    constants: { MASKED: mask !== undefined, PACKED: segments !== undefined },
    elements: {
      ...{ maxima: "f32", sums: "f32", mask: "f32", segments: "f32" },
      rows: "vec4f",
    },
    reads: { y, dy, maxima, sums, mask, segments },
    writes: { rows },
    integers: { ...program.integers, length, heads },
    functions: /* wgsl */ `${program.functions}
fn is_token(at: u32) -> bool { return ${mask ? "mask[at] != 0.0" : "true"}; }
fn segment_of(at: u32) -> f32 { return ${segments ? "segments[at]" : "1.0"}; }
`,
    body: ROWS,
  };
}

const ROWS = /* wgsl */ `
  let row = row_of(workgroup, local);
  let packs = packs_of(row);
  var part = 0.0;
  for (var i = local % uniforms.team; i < packs; i += uniforms.team) {
    part += total(y[row * uniforms.packs + i] * dy[row * uniforms.packs + i]);
  }
  let product = team_sum(local, vec2f(part, 0.0)).x;
  if (row < uniforms.rows && local % uniforms.team == 0u) {
    let at = row / uniforms.length / uniforms.heads * uniforms.length + row % uniforms.length;
    let found = vec4f(maxima[row], 1.0 / sums[row], product, segment_of(at));
    rows[row] = select(vec4f(0.0, 0.0, 0.0, -segment_of(at)), found, is_token(at));
  }`;

/** By what the rows' statistics say of tokens; the segments of padding count too. */
const TOKENS = /* wgsl */ `
fn is_token(token: u32, to_entry: u32) -> bool { return rows[token].w > 0.0; }
fn segment_of(token: u32, to_entry: u32) -> f32 { return abs(rows[token].w); }
`;

/** The program of the gradient in queries, dq_i = s Σ_j p_ij (dy_i · v_j - D_i) k_j. */
export function queryGradientProgram(
  reads: Tensors,
  dq: tf.TensorInfo,
  attributes: SoftmaxAttributes,
  tiling: Tiling,
): Program {
  return {
    ...softmaxProgram(reads, attributes, tiling, {
      products: { scores: ["q", "k"], slopes: ["dy", "v"] },
      sums: { keys: "k" },
      writes: ["dq"],
      tokens: TOKENS,
    }),
    name: "softmax_query_gradient",
    elements: { rows: "vec4f" },
    reads,
    writes: { dq },
    body: QUERY_GRADIENT,
  };
}

const QUERY_GRADIENT = /* wgsl */ `
  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * ROWS;
  let place = place_of(base, first_row, layer, 0u, local);
  let tokens_of_rows = rows_of(place);
  var own = array<vec4f, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    own[r] = rows[tokens_of_rows[r]];
  }
  var sum = array<array<vec4f, TILE>, SUM_QUADS>();
  var totals = array<f32, TILE>();
  let last = last_segment(base, first_row, 0u);
  let end = end_of(first_row + ROWS - 1u);
  for (var first = first_block(base, first_row, 0u); first < end; first += COLUMNS) {
    if (segment_of(base + first, 0u) > last) { break; }
    let positions = first + 4u * place.lane + vec4u(0u, 1u, 2u, 3u);
    let tokens = tokens_at(place, first + 4u * place.lane);
    let numbers = vec4f(rows[tokens.x].w, rows[tokens.y].w, rows[tokens.z].w, rows[tokens.w].w);
    let score = products_scores(place, tokens_of_rows, first, local);
    var slope = products_slopes(place, tokens_of_rows, first, local);
    for (var r = 0u; r < TILE; r++) { // unroll
      let weight = exp(uniforms.scale * score[r] - own[r].x) * own[r].y;
      slope[r] = select(vec4f(), weight * (slope[r] - own[r].z),
        (numbers == vec4f(own[r].w)) & (positions < vec4u(end_of(place.row + r))));
    }
    share(place, slope);
    add_columns_keys(place, first, end, &sum, &totals);
    workgroupBarrier();
  }
  for (var r = 0u; r < TILE; r++) { // unroll
    if (place.row + r <= place.last) {
      for (var i = 0u; i < SUM_QUADS; i++) { // unroll
        write_dq(tokens_of_rows[r], place.quad + i * PER_ROW, select(vec4f(), uniforms.scale * sum[i][r], own[r].w > 0.0));
      }
    }
  }`;

/**
 * The program of the gradients in values and keys, dv_j = Σ_i p_ij dy_i and
 * dk_j = s Σ_i p_ij (dy_i · v_j - D_i) q_i; the rows of its tiles are keys.
 */
export function keyGradientsProgram(
  reads: Tensors,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  tiling: Tiling,
): Program {
  return {
    ...softmaxProgram(reads, attributes, tiling, {
      products: { scores: ["k", "q"], slopes: ["v", "dy"] },
      sums: { keys: "q", values: "dy" },
      writes: ["dk", "dv"],
      tokens: TOKENS,
    }),
    name: "softmax_key_gradients",
    elements: { rows: "vec4f" },
    reads,
    writes,
    body: KEY_GRADIENTS,
  };
}

const KEY_GRADIENTS = /* wgsl */ `
  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * ROWS;
  let place = place_of(base, first_row, layer, 0u, local);
  let tokens_of_rows = rows_of(place);
  var number = array<f32, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    number[r] = rows[tokens_of_rows[r]].w;
  }
  var key = array<array<vec4f, TILE>, SUM_QUADS>();
  var value = array<array<vec4f, TILE>, SUM_QUADS>();
  var totals = array<f32, TILE>();
  let last = last_segment(base, first_row, 0u);
  let end = uniforms.length;
  let start = select(first_block(base, first_row, 0u), first_row / COLUMNS * COLUMNS, uniforms.causal != 0u);
  for (var first = start; first < end; first += COLUMNS) {
    if (segment_of(base + first, 0u) > last) { break; }
    let positions = first + 4u * place.lane + vec4u(0u, 1u, 2u, 3u);
    let tokens = tokens_at(place, first + 4u * place.lane);
    let others = transpose(mat4x4f(rows[tokens.x], rows[tokens.y], rows[tokens.z], rows[tokens.w]));
    var score = products_scores(place, tokens_of_rows, first, local);
    var slope = products_slopes(place, tokens_of_rows, first, local);
    for (var r = 0u; r < TILE; r++) { // unroll
      let first_query = select(0u, place.row + r, uniforms.causal != 0u);
      let kept = (positions < vec4u(end)) & (others[3] == vec4f(number[r])) & (vec4u(first_query) <= positions);
      score[r] = select(vec4f(), exp(uniforms.scale * score[r] - others[0]) * others[1], kept);
      slope[r] = select(vec4f(), score[r] * (slope[r] - others[2]), kept);
    }
    share(place, score);
    add_columns_values(place, first, end, &value, &totals);
    workgroupBarrier();
    share(place, slope);
    add_columns_keys(place, first, end, &key, &totals);
    workgroupBarrier();
  }
  for (var r = 0u; r < TILE; r++) { // unroll
    if (place.row + r <= place.last) {
      let token = tokens_of_rows[r];
      for (var i = 0u; i < SUM_QUADS; i++) { // unroll
        let quad = place.quad + i * PER_ROW;
        write_dk(token, quad, select(vec4f(), uniforms.scale * key[i][r], is_token(token, 0u)));
        write_dv(token, quad, select(vec4f(), value[i][r], is_token(token, 0u)));
      }
    }
  }`;
