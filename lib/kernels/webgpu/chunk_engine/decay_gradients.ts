/**
 * The gradients in the log decays of each channel, in one direction. A token's log
 * decay is in the exponent of each pair of an earlier writer and a reader from the
 * token on. For the state before the chunk, the gradient is the sum over the readers
 * from the token on; for earlier tokens of the chunk, it is the sum over all their
 * readers less those before the token, a sum that starts anew at a decay of 0. So
 * the gradient at a sweep's first token, and at a decay of 0, is exactly 0.
 *
 * @module
 */
import {
  type ChunkLayout,
  type ChunkProgram,
  decayOf,
  ofDirection,
  placesOf,
  THREADS,
  widthOf,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** The program of the log decays' gradients in one direction, by the rule "add" with diagonal decays. */
export function decayGradientsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  direction: number,
): ChunkProgram {
  const width = widthOf(layout);
  return ofDirection(layout, batch, direction, {
    name: "chunk_decay_gradients",
    variants: [],
    // Each row's two parts of the gradient: as a reader, and as a writer.
    reads: ["stateProducts", "decays"],
    writes: ["dlog"],
    functions: /* wgsl */ `${placesOf(layout)}
${decayOf(layout.decay, width)}
${channelFunctions(width)}`,
    body: ofChannels(THREADS),
  });
}

/** The WGSL functions that the text of {@linkcode ofChannels} calls. */
export const channelFunctions = (width: 1 | 4) =>
  `${reading("dlog", "headDim", width)}
${writing("dlog", "headDim", width)}`;

/** WGSL that writes the log decays' gradients of a chunk's channels, shared by `threads` threads. */
export const ofChannels = (threads: number) => /* wgsl */ `
  for (var quad = local; quad < uniforms.headQuads; quad += ${threads}u) {
    var sum = vec4f();
    for (var i = 0u; i < uniforms.rows; i++) {
      if (!has_token(chunk, i)) { continue; }
      // A decay of 0 lets nothing pass: the sum so far would be 0 but for rounding.
      sum = select(sum, vec4f(), decay_of(chunk, i, quad) == vec4f());
      write_dlog(token_of(chunk, i), quad, sum);
      sum += stateProducts[at_operand(chunk, DECAYED_K, i, quad)];
    }
    sum = vec4f();
    for (var end = uniforms.rows; end > 0u; end--) {
      let i = end - 1u;
      if (!has_token(chunk, i)) { continue; }
      let token = token_of(chunk, i);
      sum += stateProducts[at_operand(chunk, DECAYED_Q, i, quad)];
      write_dlog(token, quad, sum + read_dlog(token, quad));
    }
  }`;
