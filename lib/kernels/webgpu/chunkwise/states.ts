/**
 * The first two steps of the chunkwise form: what the tokens of each chunk write,
 *
 *     before: Σ_j exp(f_{j+1} + … + f_t) x_j y_jᵀ    to the chunks after
 *     after:  Σ_j exp(b_s + … + b_{j-1}) x_j y_jᵀ    to the chunks before
 *
 * for the chunk s..t (without a mask, Σ_j x_j y_jᵀ), and then the scan of these states
 * over the chunks.
 *
 * @module
 */
import { declareConstants, instance } from "@lionjs/tfjs/webgpu";
import { borderStates } from "../frame/border_states.ts";
import {
  type Launch,
  type ProblemProgram,
  stepOf,
} from "../frame/attention_call.ts";
import {
  type Dims,
  elementsOf,
  reading,
  VECS,
  vecsOf,
  type Vectors,
} from "../frame/vectors.ts";
import {
  arrivals,
  decayInputs,
  DECAYS,
  directionsOf,
  LOAD_DECAYS,
  logDecays,
  type Mask,
  maskConstants,
  maskKey,
} from "./mask.ts";

/**
 * States of one kind: `Σ_j w_j x_j y_jᵀ`, of the vectors x and y of a chunk's
 * tokens, where x has the columns of a key, and y those of a sum.
 *
 * The buffer is `[sequences, chunks, directions, record]`; a record has four
 * rows for each four columns of x, a row has the columns of y in fours, and a last vector
 * of four numbers holds the decay over the chunk.
 */
export interface States {
  /** The name of the buffer. */
  readonly name: string;
  /** The vectors x. */
  readonly rows: Vectors;
  /** The vectors y. */
  readonly columns: Vectors;
  /** The mask by which the states decay, or `null` if nothing decays. */
  readonly decays: Mask | null;
}

/** Below this many chunks in all, a launch costs more than its work. */
const FEW_CHUNKS = 128;

/**
 * Whether the states of chunks stay as the chunks wrote them, without a scan: each reader
 * then adds up those of the other chunks, which saves a launch. Of more than two chunks,
 * states are read more often than if they were scanned.
 *
 * @param chunks Chunks of a sequence.
 * @param sequences All sequences.
 * @param most The most chunks of a sequence.
 */
export function statesStayUnscanned(
  chunks: number,
  sequences: number,
  most: number,
): boolean {
  return chunks <= 2 || chunks <= most && chunks * sequences <= FEW_CHUNKS;
}

/** The vec4s of a record: a state, and the decay over its chunk. */
export function recordVecs(dims: Dims): number {
  return 4 * vecsOf("key", dims) * vecsOf("sum", dims) + 1;
}

/** Bytes of a chunk's states, in all directions. */
export function stateBytes(
  dims: Dims,
  decays: Mask | null,
): number {
  return 16 * directionsOf(decays) * recordVecs(dims);
}

/** WGSL function that reads four numbers of the states in a buffer. */
export function readingStates(name: string | undefined): string {
  const vec = name ? `${name}[at]` : "vec4f()";
  return `fn read_state(at: u32) -> vec4f { return ${vec}; }\n`;
}

/** WGSL functions of the states of a mask's sides: of side 0, before, and of side 1, after. */
export const STATES = /* wgsl */ `
fn record_vecs() -> u32 { return 4u * key_vecs() * sum_vecs() + 1u; }
fn has(side: u32) -> bool { return select(AFTER, BEFORE, side == 0u); }
// The index at which the state of a chunk begins.
fn state_at(sequence: u32, chunk: u32, side: u32) -> u32 {
  let direction = select(0u, side, DIRECTIONS == 2u);
  return ((sequence * uniforms.chunks + chunk) * DIRECTIONS + direction) * record_vecs();
}
`;

/** WGSL of one kind of states, which are read and written. */
function ownStates({ name, decays }: States): string {
  return declareConstants(maskConstants(decays)) + readingStates(name) +
    `fn write_state(at: u32, value: vec4f) { ${name}[at] = value; }\n` + STATES;
}

/** Threads of a workgroup: enough for the state of a head of 64, in one part. */
const THREADS = 136;
/** Rows of a thread's tile, in groups of four. */
const TILE_VECS = 2;

/**
 * The program of the states that chunks write, of which a thread adds up a tile of rows and
 * four columns.
 *
 * @param states The kinds of states, each written by workgroups of its own.
 * @param largestChunk Room for the tokens of a chunk, if there is a mask.
 */
export function chunkStatesProgram(
  states: readonly States[],
  largestChunk: number,
  launch: Launch,
): ProblemProgram {
  const tiles = Math.ceil(vecsOf("key", launch) / TILE_VECS) *
    vecsOf("sum", launch);
  const vectors = states.flatMap(({ rows, columns }) => [rows, columns]);
  const names = states.map(({ name }) => name);
  return {
    name: "chunk_states",
    variants: states.map(({ name, rows, columns, decays }) =>
      `${name}=${rows.name}·${columns.name}:${maskKey(decays)}`
    ),
    constants: { TOKENS: states[0]!.decays ? largestChunk : 4, TILE_VECS },
    elements: elementsOf(vectors, names),
    reads: [
      ...vectors.map(({ name }) => name),
      ...states.flatMap(({ decays }) => decayInputs(decays)),
    ],
    writes: names,
    threads: THREADS,
    workgroups: [launch.chunks, launch.sequences],
    layers: Math.ceil(tiles / THREADS) * states.length,
    functions: () => [
      ...[VECS, DECAYS, TOKEN_DECAYS],
      ...states.map((kind) =>
        instance(
          ownStates(kind) + arrivals(kind.decays) + LOAD_DECAYS +
            reading("x", kind.rows) + reading("y", kind.columns) +
            CHUNK_STATES,
          kind.name,
        )
      ),
    ],
    body: stepOf(
      names,
      "((key_vecs() + TILE_VECS - 1u) / TILE_VECS * sum_vecs() + THREADS - 1u) / THREADS",
    ),
  };
}

const TOKEN_DECAYS = /* wgsl */ `
// The decay of what a token adds to the states that leave the chunk.
var<workgroup> token_decays: array<vec2f, TOKENS>;
`;

const CHUNK_STATES = /* wgsl */ `
fn step(group: vec3u, layer: u32, thread: u32) {
  let tile = layer * THREADS + thread;
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
  let row_vecs = key_vecs();
  let column_vecs = sum_vecs();
  let row_vec = tile / column_vecs * TILE_VECS;
  let column_vec = tile % column_vecs;
  if (row_vec >= row_vecs) { return; }

  var sum = array<array<vec4f, 8>, 2>();
  for (var j = 0u; j < count; j++) {
    let token = base + first + j;
    let y = read_y(token, column_vec);
    var weighed = array<vec4f, 2>(y, y);
    if (DECAYS) { weighed = array<vec4f, 2>(token_decays[j].x * y, token_decays[j].y * y); }
    for (var vec = 0u; vec < TILE_VECS; vec++) { // unroll
      let x = read_x(token, min(row_vec + vec, row_vecs - 1u));
      for (var r = 0u; r < 4u; r++) { // unroll
        if (BEFORE) { sum[0][4u * vec + r] += x[r] * weighed[0]; }
        if (AFTER) { sum[1][4u * vec + r] += x[r] * weighed[1]; }
      }
    }
  }
  for (var side = 0u; side < 2u; side++) { // unroll
    if (has(side)) {
      let start = state_at(sequence, chunk, side);
      let at = start + row_vec * 4u * column_vecs + column_vec;
      for (var vec = 0u; vec < TILE_VECS; vec++) { // unroll
        if (row_vec + vec < row_vecs) {
          for (var r = 0u; r < 4u; r++) { // unroll
            write_state(at + (4u * vec + r) * column_vecs, sum[side][4u * vec + r]);
          }
        }
      }
      if (DECAYS && tile == 0u) {
        write_state(start + record_vecs() - 1u, vec4f(exp(path(0u, count)[side])));
      }
    }
  }
}
`;

/** Threads of the scan, each with four numbers of a state. */
const SCAN_THREADS = 64;

/**
 * The program of the scan, of which a thread carries four numbers of a state through all
 * chunks. In place, what each chunk wrote is replaced by what reaches it from the chunks
 * on that side: the sum of theirs, each decayed by the chunks between. Without a mask,
 * the first chunk's record becomes the sum of all.
 *
 * @param enters If the sequence is a part of a longer one, which has one kind of states:
 * those of `before` and `after` that come from the tokens on that side.
 * @param leaves The states that leave the part: `forward`, and `backward` unless it is causal.
 */
export function carryStatesProgram(
  states: readonly States[],
  enters: readonly string[],
  leaves: readonly string[],
  launch: Launch,
): ProblemProgram {
  const directions = directionsOf(states[0]!.decays);
  const names = states.map(({ name }) => name);
  const isPart = leaves.length > 0;
  const decays = isPart ? states[0]!.decays : null;
  return {
    name: "carry_states",
    variants: [
      ...states.map(({ name, decays }) => `${name}:${maskKey(decays)}`),
      isPart && `part=${[...enters, ...leaves]}`,
    ],
    constants: {
      ENTERS_BEFORE: enters.includes("before"),
      ENTERS_AFTER: enters.includes("after"),
    },
    elements: elementsOf([], names),
    reads: [...decayInputs(decays), ...enters],
    writes: [...names, ...leaves],
    threads: SCAN_THREADS,
    workgroups: [
      Math.ceil((recordVecs(launch) - 1) / SCAN_THREADS),
      launch.sequences,
    ],
    layers: states.length * directions,
    functions: () => [
      ...[VECS, borderStates(enters, leaves, BORDERS), logDecays(decays)],
      ...states.map((kind) =>
        instance(ownStates(kind) + CARRIED_STATES, kind.name)
      ),
    ],
    body: stepOf(names, `${directions}u`),
  };
}

/** The states that may enter and leave a part of a sequence. */
const BORDERS = ["before", "after", "forward", "backward"];

const CARRIED_STATES = /* wgsl */ `
fn step(group: vec3u, direction: u32, thread: u32) {
  let vecs = record_vecs();
  let at = group.x * THREADS + thread;
  if (at >= vecs - 1u) { return; }
  let sequence = group.y;
  // The sequence's index in the states of all sequences.
  let place = uniforms.firstSequence + sequence;
  let row = at / sum_vecs();
  let vec = at % sum_vecs();
  let side = select(1u, direction, BEFORE);
  var state = vec4f();
  if (!DECAYS) {
    let start = state_at(sequence, 0u, 0u) + at;
    for (var chunk = 0u; chunk < uniforms.chunks; chunk++) { state += read_state(start + chunk * vecs); }
    let before = enter_before(place, row, vec);
    let after = enter_after(place, row, vec);
    leave_forward(place, row, vec, state + before);
    leave_backward(place, row, vec, state + after);
    write_state(start, state + before + after);
    return;
  }
  // An initial state decays by the decay of the first token that it reaches.
  let base = place * uniforms.length;
  if (ENTERS_BEFORE && side == 0u) { state = exp(log_f(base)) * enter_before(place, row, vec); }
  if (ENTERS_AFTER && side == 1u) { state = exp(log_b(base + uniforms.length - 1u)) * enter_after(place, row, vec); }
  let length = DIRECTIONS * vecs;
  var start = state_at(sequence, select(0u, uniforms.chunks - 1u, side == 1u), side);
  for (var step = 0u; step < uniforms.chunks; step++) {
    let written = read_state(start + at);
    write_state(start + at, state);
    state = read_state(start + vecs - 1u).x * state + written;
    start = select(start + length, start - length, side == 1u);
  }
  if (side == 0u) { leave_forward(place, row, vec, state); }
  if (side == 1u) { leave_backward(place, row, vec, state); }
}
`;
