/**
 * The states: a sweep carries the state H from chunk to chunk, and keeps it for each,
 *
 *     Z = U + W H    H' = e^G ∘ H + Bᵀ Z + Kᵀ V
 *
 * without Z if nothing is read, and without K V unless k writes V itself. In the gradient a
 * sweep goes back, with dY the gradient in the sums, and dS that in the state after the chunk,
 *
 *     μ = Pᵀ dY + B dS    dH = e^G ∘ dS + Wᵀ μ + Qᵀ dY
 *
 * `sums.ts` has left K V or Qᵀ dY in the place of the states. A workgroup holds some columns
 * of a sweep's state, a multiple of four, with all of its rows, in workgroup memory.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "@lionjs/tfjs/webgpu";
import {
  type ChunkProgram,
  constantsOf,
  LARGEST_CHUNK,
  type Layout,
  ofSweeps,
  readGradientsOf,
} from "./layout.ts";

/** Most groups of four columns of a workgroup: 64 bytes of each row. */
const MOST_ACROSS = 4;
/**
 * Vectors of four numbers of a state that a workgroup has room for: half of the
 * workgroup memory that all devices have.
 */
const STATE_VECS = 512;

/** The largest headDim for which a workgroup can hold four columns of the state. */
export const LARGEST_HEAD_DIM = STATE_VECS;

/** The states at the borders of a part of a longer sequence, `[batch, heads, headDim, columns]`. */
export type Ends = Readonly<
  Partial<
    Record<
      "before" | "after" | "forward" | "backward",
      tf.TensorInfo | undefined
    >
  >
>;

/**
 * The program of the states that enter each chunk and of what the rows find, in all
 * sweeps, which begin with those of `ends` that enter, and end with those that leave.
 *
 * @param scale The factor of the gradient in y; `undefined` in the forward pass.
 */
export function statesProgram(
  layout: Layout,
  batch: SequenceBatch,
  ends: Ends,
  scale: number | undefined,
): ChunkProgram {
  const { headVecs, valueVecs, directions, reads, hasRowSums } = layout;
  const most = Math.floor(STATE_VECS / (4 * headVecs));
  const across = Math.min(MOST_ACROSS, most, valueVecs);
  const parts = Math.ceil(valueVecs / across);
  const isReading = reads !== "none", isBack = scale !== undefined;
  const present = (names: readonly (keyof Ends)[]) =>
    names.filter((name) => ends[name]);
  const enters = present(["before", "after"]);
  const leaves = present(["forward", "backward"]);
  return ofSweeps(layout, batch, {
    name: "transition_states",
    constants: {
      IS_BACK: isBack,
      HAS_SUMS: isBack || constantsOf(layout)["GIVES"] === true,
      STATE_VECS,
      FOUND_VECS: LARGEST_CHUNK * MOST_ACROSS,
    },
    variants: [...enters, ...leaves],
    reads: [
      ...["operands", ...enters],
      ...isReading && isBack ? ["pairs", "dy"] : [],
    ],
    writes: ["states", ...isReading ? ["found"] : [], ...leaves],
    integers: {
      ...{ across, parts },
      stateDim: layout.valueDim + Number(hasRowSums),
    },
    ...isBack && { floats: { scale } },
    workgroups: batch.sequences * directions * parts,
    functions: () => [
      ...enters.map((name) => reading(name, "stateDim", 1)),
      ...leaves.map((name) => writing(name, "stateDim", 1)),
      bordersOf(ends),
      ...isReading
        ? [isBack ? readGradientsOf(layout) + READ_GRADIENTS : FOUND, SHARED]
        : [],
    ],
    body: PLACE + (isReading ? STATES : CARRY),
  });
}

/** WGSL functions: a row of the state that enters a sweep, and what writes that which leaves it. */
const bordersOf = ({ before, after, forward, backward }: Ends) => /* wgsl */ `
fn entering(back: bool, row: u32, vec: u32) -> vec4f {
  ${after ? "if (back) { return read_after(row, vec); }" : ""}
  ${before ? "if (!back) { return read_before(row, vec); }" : ""}
  return vec4f();
}
fn leave(back: bool, row: u32, vec: u32, x: vec4f) {
  ${backward ? "if (back) { write_backward(row, vec, x); }" : ""}
  ${forward ? "if (!back) { write_forward(row, vec, x); }" : ""}
}
`;

const SHARED = /* wgsl */ `
// The state or its gradient, and what the rows of a chunk have found or its gradient.
var<workgroup> state: array<vec4f, STATE_VECS>;
var<workgroup> found_here: array<vec4f, FOUND_VECS>;
// The kinds of the operands that meet the state, and of those that are added to it.
const MEETING = select(1u, READERS, IS_BACK);
const ADDED = select(READERS, 1u, IS_BACK);

// Four rows of the state in four of its columns.
fn carried(n: u32, place: u32, across: u32) -> mat4x4f {
  let at = 4u * n * across + place;
  return mat4x4f(state[at], state[at + across], state[at + 2u * across], state[at + 3u * across]);
}
`;

const FOUND = /* wgsl */ `
// U of four rows.
fn first_of(chunk: Chunk, row: u32, vec: u32) -> array<vec4f, 4> {
  var sum = array<vec4f, 4>();
  for (var r = 0u; r < 4u; r++) { // unroll
    sum[r] = found[at_found(chunk, row + r, vec)];
  }
  return sum;
}
fn store(chunk: Chunk, row: u32, vec: u32, x: vec4f) { found[at_found(chunk, row, vec)] = x; }
`;

const READ_GRADIENTS = /* wgsl */ `
// Pᵀ dY of four rows.
fn first_of(chunk: Chunk, row: u32, vec: u32) -> array<vec4f, 4> {
  var sum = array<vec4f, 4>();
  for (var i = row; i < uniforms.rows; i++) {
    let scores = pairs[at_pair(chunk, 0u, 0u, i, row / 4u)];
    let gradient = read_gradient_of(0u, chunk, i, vec);
    for (var r = 0u; r < 4u; r++) { // unroll
      sum[r] += scores[r] * gradient;
    }
  }
  return sum;
}
fn store(chunk: Chunk, row: u32, vec: u32, x: vec4f) { found[at_read_gradient(chunk, row, vec)] = x; }
`;

const PLACE = /* wgsl */ `
  let sweep = workgroup / uniforms.parts;
  let back = sweep % uniforms.directions == 1u;
  // The first row of the sequence's state among the states of all sequences.
  let matrix = (uniforms.firstSequence + sweep / uniforms.directions) * uniforms.headDim;
  let first = workgroup % uniforms.parts * uniforms.across;
  let across = min(uniforms.across, uniforms.valueVecs - first);
`;

/** Where nothing is read, a thread has four rows and columns of the state in registers. */
const CARRY = /* wgsl */ `
  for (var item = local; item < uniforms.headVecs * across; item += THREADS) {
    let n = item / across;
    let vec = first + item % across;
    var state = array<vec4f, 4>();
    for (var r = 0u; r < 4u; r++) { // unroll
      if (4u * n + r < uniforms.headDim) { state[r] = entering(back, matrix + 4u * n + r, vec); }
    }
    for (var step = 0u; step < uniforms.chunks; step++) {
      let chunk = chunk_of(sweep, select(step, uniforms.chunks - 1u - step, back != IS_BACK));
      let through = operands[at_chunk_decay(chunk, n)];
      for (var r = 0u; r < 4u; r++) { // unroll
        let at = at_state(chunk, 4u * n + r, vec);
        let written = states[at];
        states[at] = state[r];
        state[r] = through[r] * state[r] + written;
      }
    }
    for (var r = 0u; r < 4u; r++) { // unroll
      if (4u * n + r < uniforms.headDim) { leave(back, matrix + 4u * n + r, vec, state[r]); }
    }
  }
`;

const STATES = /* wgsl */ `
  for (var item = local; item < 4u * uniforms.headVecs * across; item += THREADS) {
    let row = item / across;
    let entered = entering(back, matrix + min(row, uniforms.headDim - 1u), first + item % across);
    state[item] = select(vec4f(), entered, row < uniforms.headDim);
  }
  workgroupBarrier();
  for (var step = 0u; step < uniforms.chunks; step++) {
    let chunk = chunk_of(sweep, select(step, uniforms.chunks - 1u - step, back != IS_BACK));
    for (var item = local; item < uniforms.rows / 4u * across; item += THREADS) {
      let row = item / across * 4u;
      let place = item % across;
      var sum = first_of(chunk, row, first + place);
      for (var n = 0u; n < uniforms.headVecs; n++) {
        let columns = carried(n, place, across);
        for (var r = 0u; r < 4u; r++) { // unroll
          sum[r] += columns * operands[at_operand(chunk, MEETING, row + r, n)];
        }
      }
      for (var r = 0u; r < 4u; r++) { // unroll
        store(chunk, row + r, first + place, sum[r]);
        found_here[(row + r) * across + place] = sum[r];
      }
    }
    workgroupBarrier();
    for (var item = local; item < uniforms.headVecs * across; item += THREADS) {
      let n = item / across;
      let place = item % across;
      let through = operands[at_chunk_decay(chunk, n)];
      let old = carried(n, place, across);
      let at = at_state(chunk, 4u * n, first + place);
      var sum = array<vec4f, 4>();
      for (var r = 0u; r < 4u; r++) { // unroll
        sum[r] = through[r] * old[r];
        if (HAS_SUMS) { sum[r] += states[at + r * uniforms.valueVecs]; }
        states[at + r * uniforms.valueVecs] = old[r];
      }
      for (var i = 0u; i < uniforms.rows; i++) {
        let keys = operands[at_operand(chunk, ADDED, i, n)];
        let x = found_here[i * across + place];
        for (var r = 0u; r < 4u; r++) { // unroll
          sum[r] += keys[r] * x;
        }
      }
      for (var r = 0u; r < 4u; r++) { // unroll
        state[(4u * n + r) * across + place] = sum[r];
      }
    }
    workgroupBarrier();
  }
  for (var item = local; item < uniforms.headDim * across; item += THREADS) {
    leave(back, matrix + item / across, first + item % across, state[item]);
  }
`;
