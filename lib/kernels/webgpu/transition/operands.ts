/**
 * Readers and writers, decayed to the borders of their chunk: readers from its start,
 * which is where they meet the state that enters it, and writers to its end. Beside them
 * lie the decays of each row, of each block of four rows, and of the whole chunk.
 *
 * @module
 */
import { LOWEST_LOG_DECAY } from "../../../operations/finite_decay/finite_decay.ts";
import { exponential } from "@lionjs/tfjs/webgpu";
import { isBelow } from "../../../operations/finite_decay/webgpu.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import {
  type ChunkProgram,
  DECAY_OF,
  decaysOf,
  INPUTS,
  type Layout,
  ofSweeps,
  vectorsOf,
} from "./layout.ts";

/** The program of all operands, in all sweeps. */
export function operandsProgram(
  layout: Layout,
  batch: SequenceBatch,
): ChunkProgram {
  const { decay, directions, isPiece } = layout;
  const gates = decay === "none" ? [] : ["f", "g"].slice(0, directions);
  return ofSweeps(layout, batch, {
    name: "transition_operands",
    constants: decaysOf(layout),
    variants: [decay, gates.includes("g") && "both"],
    reads: [...INPUTS[layout.reads], ...gates],
    writes: ["operands"],
    integers: { isPiece: Number(isPiece) },
    floats: { lowest: LOWEST_LOG_DECAY },
    functions: () => [
      vectorsOf(layout),
      DECAY_OF,
      exponential("vec4f"),
      isBelow("is_clipped", LOWEST_LOG_DECAY, "vec4f"),
      logDecayOf(gates, decay === "channel"),
      ARRIVAL,
    ],
    body: OPERANDS,
  });
}

function logDecayOf(
  [forward, backward]: string[],
  ofChannels: boolean,
): string {
  const read = (name: string) =>
    ofChannels
      ? `${name}[token * uniforms.headVecs + vec]`
      : `vec4f(${name}[token])`;
  return /* wgsl */ `
fn log_decay_of(chunk: Chunk, token: u32, vec: u32) -> vec4f {
  ${backward ? `if (chunk.back) { return ${read(backward)}; }` : ""}
  return ${forward ? read(forward) : "vec4f()"};
}
`;
}

const ARRIVAL = /* wgsl */ `
// The decay as a row's step arrives: that of a token before its first step. In a whole
// sequence no state reaches a sweep's first token, whose log decay is ignored.
fn arrival(chunk: Chunk, row: u32, vec: u32) -> vec4f {
  let token = token_of(chunk, row);
  let first = select(0u, uniforms.length - 1u, chunk.back);
  let is_undecayed = uniforms.isPiece == 0u && token % uniforms.length == first;
  if (row % STEPS != 0u || is_undecayed || !has_step(chunk, row)) { return vec4f(1.0); }
  // Log decays of a channel may be -Infinity.
  let given = log_decay_of(chunk, token, vec);
  return exponential(select(given, vec4f(uniforms.lowest), is_clipped(given)));
}
`;

const OPERANDS = /* wgsl */ `
  // Each exponential is taken once, and to the last bits, since whole paths are products of them.
  for (var item = local; DECAYS && item < uniforms.rows * uniforms.decayVecs; item += THREADS) {
    let row = item / uniforms.decayVecs;
    let vec = item % uniforms.decayVecs;
    operands[at_decay(chunk, row, vec)] = arrival(chunk, row, vec);
  }
  storageBarrier();
  for (var item = local; item < 2u * uniforms.headVecs; item += THREADS) {
    let vec = item % uniforms.headVecs;
    var path = vec4f(1.0);
    if (item < uniforms.headVecs) {
      var block = vec4f(1.0);
      for (var row = 0u; row < uniforms.rows; row++) {
        let decay = decay_of(chunk, row, vec);
        let before_decay = path;
        path *= decay;
        for (var reader = 0u; reader < READERS; reader++) { // unroll
          operands[at_operand(chunk, reader, row, vec)] =
            select(path, before_decay, reader > READERS - 1u - BEFORE_DECAY) * reader_of(reader, chunk, row, vec);
        }
        block *= decay;
        if (row % 4u == 3u) {
          operands[at_block_decay(chunk, row / 4u, vec)] = block;
          block = vec4f(1.0);
        }
      }
      operands[at_chunk_decay(chunk, vec)] = path;
    } else {
      for (var end = uniforms.rows; end > 0u; end--) {
        let row = end - 1u;
        for (var w = 0u; w < WRITERS; w++) { // unroll
          operands[at_operand(chunk, READERS + w, row, vec)] =
            weight_of(chunk, row) * path * writer_of(w, chunk, row, vec);
        }
        path *= decay_of(chunk, row, vec);
      }
    }
  }
`;
