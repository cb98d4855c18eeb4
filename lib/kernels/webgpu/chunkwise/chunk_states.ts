/**
 * First step of the chunkwise form: what the tokens of each chunk write.
 *
 *     before: Σ_j exp(f_{j+1} + … + f_t) x_j y_jᵀ    to the chunks after
 *     after:  Σ_j exp(b_s + … + b_{j-1}) x_j y_jᵀ    to the chunks before
 *
 * for the chunk s..t; without a mask, Σ_j x_j y_jᵀ.
 *
 * @module
 */
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import { declareConstants, instance } from "../../../tfjs/webgpu/wgsl.ts";
import { type Launch, problemProgram, tensorsOf } from "../frame/problem.ts";
import { elementsOf, QUADS, quadsOf, reading } from "../frame/vectors.ts";
import {
  arrivals,
  DECAYS,
  LOAD_DECAYS,
  logDecaysOf,
  maskConstants,
  maskKey,
  readingPacked,
} from "./mask.ts";
import { STATES, type States } from "./states.ts";

/** Enough for the state of a head of 64, in one part. */
const THREADS = 136;
/** Rows of a thread's tile, in quads. */
const TILE_QUADS = 2;

/**
 * The program, of which a thread adds up a tile of rows and a quad of columns.
 *
 * @param states The kinds of states, each written by workgroups of its own.
 * @param largestChunk Room for the tokens of a chunk, if there is a mask.
 */
export function chunkStatesProgram(
  states: readonly States[],
  largestChunk: number,
  launch: Launch,
  tensors: Tensors,
): Program {
  const tiles = Math.ceil(quadsOf("key", launch) / TILE_QUADS) *
    quadsOf("sum", launch);
  const vectors = states.flatMap(({ rows, columns }) => [rows, columns]);
  const masks = states.map(({ decays }) => decays);
  const names = states.map(({ name }) => name);
  return {
    ...problemProgram(launch),
    name: "chunk_states",
    variants: states.map(({ name, rows, columns, decays }) =>
      `${name}=${rows.name}·${columns.name}:${maskKey(decays)}`
    ),
    constants: { TOKENS: masks[0] ? largestChunk : 4, TILE_QUADS },
    elements: {
      ...elementsOf(vectors),
      ...Object.fromEntries(names.map((name) => [name, "vec4f"])),
    },
    reads: tensorsOf([
      ...vectors.map(({ name }) => name),
      ...logDecaysOf(masks, false),
    ], tensors),
    writes: tensorsOf(names, tensors),
    threads: THREADS,
    workgroups: [launch.chunks, launch.sequences],
    layers: Math.ceil(tiles / THREADS) * states.length,
    functions: () =>
      [
        ...[QUADS, readingPacked(masks), DECAYS, SCRATCH],
        ...states.map((kind) =>
          instance(operandsOf(kind) + STATES + LOAD_DECAYS + WRITE, kind.name)
        ),
      ].join(""),
    body: /* wgsl */ `
  let tiles = (key_quads() + TILE_QUADS - 1u) / TILE_QUADS * sum_quads();
  let parts = (tiles + THREADS - 1u) / THREADS;
  let tile = layer % parts * THREADS + local;
${
      names.map((name, i) =>
        `  if (layer / parts == ${i}u) { write_states_${name}(group, tile, local); }`
      ).join("\n")
    }`,
  };
}

/** WGSL of what a kind of states has of its own. */
function operandsOf({ name, rows, columns, decays }: States): string {
  return /* wgsl */ `${declareConstants(maskConstants(decays))}${
    arrivals(decays)
  }${reading("x", rows)}${reading("y", columns)}
fn write(at: u32, value: vec4f) { ${name}[at] = value; }
`;
}

const SCRATCH = /* wgsl */ `
// The decay of what a token adds to the states that leave the chunk.
var<workgroup> token_decays: array<vec2f, TOKENS>;
`;

const WRITE = /* wgsl */ `
fn write_states(group: vec3u, tile: u32, thread: u32) {
  let chunk = group.x;
  let sequence = group.y;
  let first = chunk * uniforms.chunkSize;
  let count = min(uniforms.chunkSize, uniforms.length - first);
  let base = (uniforms.firstSequence + sequence) * uniforms.length;
  if (DECAYS) {
    load_decays(base, first, count, thread);
    for (var j = thread; j < count; j += THREADS) {
      token_decays[j] = exp(to_end(j, count));
    }
    workgroupBarrier();
  }
  let row_quads = key_quads();
  let column_quads = sum_quads();
  let row_quad = tile / column_quads * TILE_QUADS;
  let column_quad = tile % column_quads;
  if (row_quad >= row_quads) { return; }

  var sum = array<array<vec4f, 8>, 2>();
  for (var j = 0u; j < count; j++) {
    let token = base + first + j;
    let y = read_y(token, column_quad);
    var weighed = array<vec4f, 2>(y, y);
    if (DECAYS) { weighed = array<vec4f, 2>(token_decays[j].x * y, token_decays[j].y * y); }
    for (var quad = 0u; quad < TILE_QUADS; quad++) { // unroll
      let x = read_x(token, min(row_quad + quad, row_quads - 1u));
      for (var r = 0u; r < 4u; r++) { // unroll
        if (BEFORE) { sum[0][4u * quad + r] += x[r] * weighed[0]; }
        if (AFTER) { sum[1][4u * quad + r] += x[r] * weighed[1]; }
      }
    }
  }
  for (var side = 0u; side < 2u; side++) { // unroll
    if (has(side)) {
      let start = state_at(sequence, chunk, side);
      let at = start + row_quad * 4u * column_quads + column_quad;
      for (var quad = 0u; quad < TILE_QUADS; quad++) { // unroll
        if (row_quad + quad < row_quads) {
          for (var r = 0u; r < 4u; r++) { // unroll
            write(at + (4u * quad + r) * column_quads, sum[side][4u * quad + r]);
          }
        }
      }
      if (DECAYS && tile == 0u) {
        write(start + record_quads() - 1u, vec4f(exp(path(0u, count)[side])));
      }
    }
  }
}
`;
