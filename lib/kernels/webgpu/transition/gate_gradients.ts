/**
 * The gradients in β and in the log decays, from each row's parts. A token's log decay is
 * in the exponent of each pair of an earlier writer and a reader from the token on, or after
 * it if that is a row a that reads before its decay. For the state before the chunk, the
 * gradient is the sum over the readers from the token on; for earlier rows of the chunk, it
 * is the sum over all their readers less those before the token, a sum that starts anew at a
 * decay of 0. So the gradient at a sweep's first token, and at a decay of 0, is exactly 0.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "@lionjs/tfjs/webgpu";
import { MOST_ROWS } from "./outputs.ts";
import {
  type ChunkProgram,
  DECAY_OF,
  decaysOf,
  type Layout,
  ofChunks,
  widthOf,
} from "./layout.ts";

/** The program of dβ, summed over both directions, and of the log decays of each. */
export function gateGradientsProgram(
  layout: Layout,
  batch: SequenceBatch,
): ChunkProgram {
  const { reads, decay, directions } = layout;
  const isDelta = reads === "delta";
  const gates = decay === "none" ? [] : ["df", "dg"].slice(0, directions);
  return ofChunks(layout, batch, {
    name: "transition_gate_gradients",
    width: widthOf(layout),
    constants: {
      ...decaysOf(layout),
      IS_DELTA: isDelta,
      CHANNELS: decay === "channel",
      MOST_ROWS,
    },
    variants: [gates.includes("dg") && "both"],
    reads: ["operands"],
    writes: [isDelta && "dbeta", ...gates],
    functions: () => [
      DECAY_OF,
      ...["df", "dg"].map((name) =>
        gates.includes(name) ? accessTo(name, layout) : absent(name)
      ),
      isDelta ? BETA : NO_BETA,
      PARTS,
    ],
    body: GATES,
  });
}

const accessTo = (name: string, layout: Layout) =>
  layout.decay === "channel"
    ? reading(name, "headDim", widthOf(layout)) +
      writing(name, "headDim", widthOf(layout))
    : `fn read_${name}(token: u32, vec: u32) -> vec4f { return vec4f(${name}[token]); }
fn write_${name}(token: u32, vec: u32, x: vec4f) { ${name}[token] = x.x; }
`;

const absent = (name: string) =>
  `fn read_${name}(token: u32, vec: u32) -> vec4f { return vec4f(); }
fn write_${name}(token: u32, vec: u32, x: vec4f) {}
`;

const BETA = /* wgsl */ `
fn add_dbeta(chunk: Chunk, row: u32, x: f32) {
  let step = step_of(chunk, row);
  dbeta[step] = select(x, dbeta[step] + x, chunk.back);
}
`;
const NO_BETA = "fn add_dbeta(chunk: Chunk, row: u32, x: f32) {}\n";

const PARTS = /* wgsl */ `
// The kinds of parts, by the operands whose places they have.
const FROM_START = 0u;
const BEFORE_DECAY_FROM_START = 1u;
const WITHIN = READERS;
const BEFORE_DECAY_WITHIN = 3u;

// The parts of each row, summed over channels.
var<workgroup> of_row: array<vec4f, MOST_ROWS>;

fn part_of(chunk: Chunk, kind: u32, row: u32, vec: u32) -> vec4f {
  if (CHANNELS) { return operands[at_operand(chunk, kind, row, vec)]; }
  return vec4f(of_row[row][kind]);
}
fn sum_of(chunk: Chunk, kind: u32, row: u32) -> f32 {
  var sum = 0.0;
  for (var vec = 0u; vec < uniforms.headVecs; vec++) {
    sum += dot(operands[at_operand(chunk, kind, row, vec)], vec4f(1.0));
  }
  return sum;
}
fn read_log(chunk: Chunk, token: u32, vec: u32) -> vec4f {
  if (chunk.back) { return read_dg(token, vec); }
  return read_df(token, vec);
}
fn write_log(chunk: Chunk, token: u32, vec: u32, x: vec4f) {
  if (chunk.back) { write_dg(token, vec, x); } else { write_df(token, vec, x); }
}
`;

const GATES = /* wgsl */ `
  for (var direction = 0u; direction < uniforms.directions; direction++) {
    let chunk = chunk_of(first_sweep + direction, number);
    for (var row = local; (IS_DELTA || !CHANNELS) && row < uniforms.rows; row += THREADS) {
      for (var kind = 0u; kind < KINDS; kind++) { // unroll
        of_row[row][kind] = sum_of(chunk, kind, row);
      }
      if (IS_DELTA && has_step(chunk, row)) { add_dbeta(chunk, row, of_row[row][1]); }
    }
    if (IS_DELTA || !CHANNELS) { workgroupBarrier(); }
    for (var vec = local; vec < uniforms.decayVecs; vec += THREADS) {
      var sum = vec4f();
      for (var i = 0u; i < uniforms.rows; i++) {
        if (!has_step(chunk, i)) { continue; }
        if (BEFORE_DECAY > 0u) { sum -= part_of(chunk, BEFORE_DECAY_WITHIN, i, vec); }
        // A decay of 0 lets nothing pass: the sum so far would be 0 but for rounding.
        sum = select(sum, vec4f(), decay_of(chunk, i, vec) == vec4f());
        if (i % STEPS == 0u) { write_log(chunk, token_of(chunk, i), vec, sum); }
        sum += part_of(chunk, WITHIN, i, vec);
      }
      sum = operands[at_chunk_decay(chunk, vec)];
      if (!CHANNELS) { sum = vec4f(sum_of(chunk, KINDS, 0u)); }
      for (var end = uniforms.rows; end > 0u; end--) {
        let i = end - 1u;
        if (!has_step(chunk, i)) { continue; }
        sum += part_of(chunk, FROM_START, i, vec);
        if (i % STEPS == 0u) {
          let token = token_of(chunk, i);
          write_log(chunk, token, vec, sum + read_log(chunk, token, vec));
        }
        if (BEFORE_DECAY > 0u) { sum += part_of(chunk, BEFORE_DECAY_FROM_START, i, vec); }
      }
    }
    // Rows of the other direction have the same steps, and their sums the same places.
    if (IS_DELTA || !CHANNELS) { storageBarrier(); workgroupBarrier(); }
  }
`;
