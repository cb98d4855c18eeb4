/**
 * The gradient in V, summed over both directions. Where k writes V itself
 *
 *     dV = T'ᵀ λ + P'ᵀ dY + K dS
 *
 * and else dV = λ, less what a token reads of its own value in the second direction.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "@lionjs/tfjs/webgpu";
import {
  type ChunkProgram,
  type Layout,
  ofChunks,
  readGradientsOf,
  widthOf,
} from "./layout.ts";

/** The program of dv. */
export function valueGradientsProgram(
  layout: Layout,
  batch: SequenceBatch,
  scale: number,
): ChunkProgram {
  const { reads, hasStates } = layout;
  const width = widthOf(layout);
  const gives = reads === "none" || reads === "untied";
  const meetsStates = gives && hasStates;
  return ofChunks(layout, batch, {
    name: "transition_value_gradients",
    width: widthOf(layout),
    constants: { HAS_STATES: meetsStates },
    reads: [
      ...["pairs", "dy"],
      reads !== "none" && "found",
      ...meetsStates ? ["operands", "dstates"] : [],
    ],
    writes: ["dv"],
    floats: { scale },
    functions: () => [
      readGradientsOf(layout),
      reading("dv", "valueDim", width),
      writing("dv", "valueDim", width),
      gives ? GIVEN + (meetsStates ? OF_STATES : NO_STATES) : FOUND,
    ],
    body: VALUES,
  });
}

const FOUND = /* wgsl */ `
fn gradients_of(chunk: Chunk, row: u32, vecs: vec2u) -> array<vec4f, 8> {
  var sum = array<vec4f, 8>();
  for (var half = 0u; half < 2u; half++) { // unroll
    for (var r = 0u; r < 4u; r++) { // unroll
      sum[4u * half + r] = read_gradient_of(1u, chunk, row + r, vecs[half]);
      if (is_once(chunk)) {
        sum[4u * half + r] -= pairs[at_pair(chunk, 0u, 0u, row + r, row / 4u)][r] * read_gradient_of(0u, chunk, row + r, vecs[half]);
      }
    }
  }
  return sum;
}
`;

const OF_STATES = /* wgsl */ `
fn state_of(chunk: Chunk, n: u32, vec: u32) -> mat4x4f {
  let at = at_state(chunk, 4u * n, vec);
  let stride = uniforms.valueVecs;
  return mat4x4f(dstates[at], dstates[at + stride], dstates[at + 2u * stride], dstates[at + 3u * stride]);
}
fn key_of(chunk: Chunk, row: u32, n: u32) -> vec4f { return operands[at_operand(chunk, ROW_KINDS - 1u, row, n)]; }
`;
const NO_STATES = /* wgsl */ `
fn state_of(chunk: Chunk, n: u32, vec: u32) -> mat4x4f { return mat4x4f(); }
fn key_of(chunk: Chunk, row: u32, n: u32) -> vec4f { return vec4f(); }
`;

const GIVEN = /* wgsl */ `
fn gradients_of(chunk: Chunk, row: u32, vecs: vec2u) -> array<vec4f, 8> {
  var sum = array<vec4f, 8>();
  for (var n = 0u; HAS_STATES && n < uniforms.headVecs; n++) {
    for (var half = 0u; half < 2u; half++) { // unroll
      let state = state_of(chunk, n, vecs[half]);
      for (var r = 0u; r < 4u; r++) { // unroll
        sum[4u * half + r] += state * key_of(chunk, row + r, n);
      }
    }
  }
  for (var i = row; i < uniforms.rows; i++) {
    for (var reader = 0u; reader < READERS; reader++) { // unroll
      let scores = pairs[at_pair(chunk, reader, WRITERS - 1u, i, row / 4u)];
      for (var half = 0u; half < 2u; half++) { // unroll
        let gradient = read_gradient_of(reader, chunk, i, vecs[half]);
        for (var r = 0u; r < 4u; r++) { // unroll
          sum[4u * half + r] += scores[r] * gradient;
        }
      }
    }
  }
  return sum;
}
`;

const VALUES = /* wgsl */ `
  let last = uniforms.valueVecs - 1u;
  for (var direction = 0u; direction < uniforms.directions; direction++) {
    let chunk = chunk_of(first_sweep + direction, number);
    for (var item = local; item < uniforms.rows / 4u * ((last + 2u) / 2u); item += THREADS) {
      // With one step for each token, a thread has the same four tokens in both directions.
      let block = item / ((last + 2u) / 2u);
      let row = 4u * select(block, uniforms.rows / 4u - 1u - block, chunk.back);
      let vec = item % ((last + 2u) / 2u) * 2u;
      let sum = gradients_of(chunk, row, vec2u(vec, min(vec + 1u, last)));
      for (var half = 0u; half < 2u; half++) { // unroll
        for (var r = 0u; r < 4u; r++) { // unroll
          if (vec + half <= last && has_step(chunk, row + r)) {
            let step = step_of(chunk, row + r);
            write_dv(step, vec + half, select(sum[4u * half + r], read_dv(step, vec + half) + sum[4u * half + r], chunk.back));
          }
        }
      }
    }
    if (STEPS > 1u) { storageBarrier(); }
  }
`;
