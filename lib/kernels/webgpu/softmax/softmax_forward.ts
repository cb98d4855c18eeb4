/**
 * The forward pass of softmax attention: a running maximum and sum for each row, and a
 * running weighted sum of values, scaled down whenever the maximum rises.
 *
 * @module
 */
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import type { Subgroups } from "../../../tfjs/webgpu/subgroups.ts";
import type { Tiling } from "../score_tiles/score_tiles.ts";
import { softmaxProgram } from "./softmax_program.ts";

/** The division of softmax attention's scores among threads. */
export interface Sharing {
  readonly tiling: Tiling;
  /**
   * The adapter's subgroups, if the threads of a row lie in one subgroup and compare
   * their maxima there; undefined if they do so in workgroup memory.
   */
  readonly comparing: Subgroups | undefined;
}

/** The program of the forward pass, which writes `y`, `maxima` and `sums`. */
export function forwardProgram(
  { q, k, v, mask, segments }: Tensors,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  { tiling, comparing }: Sharing,
): Program {
  const program = softmaxProgram({ q: q!, v: v! }, attributes, tiling, {
    products: { scores: ["q", "k"] },
    sums: { values: "v" },
    writes: ["y"],
    tokens: /* wgsl */ `
fn is_token(token: u32, to_entry: u32) -> bool { return ${
      mask ? "mask[token + to_entry] != 0.0" : "true"
    }; }
fn segment_of(token: u32, to_entry: u32) -> f32 { return ${
      segments ? "segments[token + to_entry]" : "0.0"
    }; }
`,
  });
  const functions = program.functions as () => string;
  return {
    ...program,
    name: "softmax_attention",
    constants: {
      ...program.constants,
      SUBGROUPS: comparing !== undefined,
      MASKED: mask !== undefined,
      PACKED: segments !== undefined,
    },
    elements: { mask: "f32", segments: "f32", maxima: "f32", sums: "f32" },
    reads: { q, k, v, mask, segments },
    writes,
    directives: comparing?.directive ?? "",
    functions: () => functions() + (comparing ? IN_SUBGROUPS : IN_MEMORY),
    body: FORWARD,
  };
}

/** The maxima that the lanes of the tile's rows have found, of all of them. */
const IN_SUBGROUPS = /* wgsl */ `
fn highest_of(place: Place, own: array<vec4f, 2>) -> array<vec4f, 2> {
  var highest = own;
  for (var distance = 1u; distance < PER_ROW; distance *= 2u) {
    highest[0] = max(highest[0], subgroupShuffleXor(highest[0], distance));
    highest[1] = max(highest[1], subgroupShuffleXor(highest[1], distance));
  }
  workgroupBarrier();
  return highest;
}
`;

const IN_MEMORY = /* wgsl */ `
var<workgroup> highest: array<vec4f, PER_ROW * ROWS / 4u>;
fn highest_of(place: Place, own: array<vec4f, 2>) -> array<vec4f, 2> {
  var found = array<vec4f, 2>(vec4f(LOWEST), vec4f(LOWEST));
  for (var half = 0u; half < 2u; half++) { // unroll
    highest[place.lane * (ROWS / 4u) + place.tile_row / 4u + half] = own[half];
  }
  workgroupBarrier();
  for (var other = 0u; other < PER_ROW; other++) {
    for (var half = 0u; half < 2u; half++) { // unroll
      found[half] = max(found[half], highest[other * (ROWS / 4u) + place.tile_row / 4u + half]);
    }
  }
  return found;
}
`;

const FORWARD = /* wgsl */ `
  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * ROWS;
  let to_entry = workgroup / uniforms.blocks / uniforms.heads * uniforms.length - base;
  let place = place_of(base, first_row, layer, to_entry, local);
  let rows = rows_of(place);
  var numbers = array<f32, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    numbers[r] = segment_of(rows[r], to_entry);
  }
  var sum = array<array<vec4f, TILE>, SUM_QUADS>();
  var totals = array<f32, TILE>();
  // Of four rows each.
  var maximum = array<vec4f, 2>(vec4f(LOWEST), vec4f(LOWEST));
  let last = last_segment(base, first_row, to_entry);
  let end = end_of(first_row + ROWS - 1u);
  for (var first = first_block(base, first_row, to_entry); first < end; first += COLUMNS) {
    if (PACKED && segment_of(base + first, to_entry) > last) { break; }
    let positions = first + 4u * place.lane + vec4u(0u, 1u, 2u, 3u);
    let tokens = tokens_at(place, first + 4u * place.lane);
    let present = vec4<bool>(is_token(tokens.x, to_entry), is_token(tokens.y, to_entry), is_token(tokens.z, to_entry), is_token(tokens.w, to_entry));
    let segment = vec4f(segment_of(tokens.x, to_entry), segment_of(tokens.y, to_entry), segment_of(tokens.z, to_entry), segment_of(tokens.w, to_entry));
    var score = products_scores(place, rows, first, local);
    var kept = array<vec4<bool>, TILE>();
    var own = array<vec4f, 2>();
    for (var r = 0u; r < TILE; r++) { // unroll
      kept[r] = (positions < vec4u(end_of(place.row + r))) & present & (segment == vec4f(numbers[r]));
      score[r] = select(vec4f(LOWEST), uniforms.scale * score[r], kept[r]);
      let pair = max(score[r].xy, score[r].zw);
      own[r / 4u][r % 4u] = max(pair.x, pair.y);
    }
    // No thread still reads the previous block's tiles after this.
    let highest_now = highest_of(place, own);
    for (var half = 0u; half < 2u; half++) { // unroll
      let risen = max(maximum[half], highest_now[half]);
      let left = exp(maximum[half] - risen);
      maximum[half] = risen;
      for (var r = 0u; r < 4u; r++) { // unroll
        totals[4u * half + r] *= left[r];
        for (var i = 0u; i < SUM_QUADS; i++) { // unroll
          sum[i][4u * half + r] *= left[r];
        }
      }
    }
    for (var r = 0u; r < TILE; r++) { // unroll
      score[r] = select(vec4f(), exp(score[r] - maximum[r / 4u][r % 4u]), kept[r]);
    }
    share(place, score);
    add_columns_values(place, first, end, &sum, &totals);
  }
  for (var r = 0u; r < TILE; r++) { // unroll
    if (place.row + r <= place.last) {
      for (var i = 0u; i < SUM_QUADS; i++) { // unroll
        write_y(rows[r], place.quad + i * PER_ROW, select(vec4f(), sum[i][r] / totals[r], is_token(rows[r], to_entry)));
      }
      if (place.lane == 0u && layer == 0u) {
        maxima[rows[r]] = maximum[r / 4u][r % 4u];
        sums[rows[r]] = totals[r];
      }
    }
  }`;
