/**
 * The gradients in the log decays of each channel, of one direction. A token's log
 * decay is in the exponents of all pairs that it lies between, of what is written
 * before it and what reads it from there on. With the state before the chunk these
 * are the readers from the token on; of what the tokens before it have written, it
 * is all that reads them less what has read them by then; that begins anew where a
 * decay lets nothing pass. So a sweep's first token has no gradient, exactly, nor
 * has such a decay.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  type ChunkLayout,
  chunkProgram,
  decayOf,
  placesOf,
  THREADS,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** Tensors of {@linkcode decayGradientsProgram}. */
export interface DecayGradientsTensors {
  /** Of each row its shares in the pairs of both kinds. */
  readonly reads: Readonly<
    Record<"stateProducts" | "decays", tf.TensorInfo>
  >;
  readonly writes: Readonly<Record<"dlog", tf.TensorInfo>>;
}

/** The gradients of one direction by the rule "add", with decays of each channel. */
export function decayGradientsProgram(
  { reads, writes }: DecayGradientsTensors,
  layout: ChunkLayout,
  { firstSequence, sequences }: SequenceBatch,
  direction: number,
): Program {
  const program = chunkProgram(layout, firstSequence);
  return {
    ...program,
    name: "chunk_decay_gradients",
    variants: [],
    reads,
    writes,
    integers: { ...program.integers, direction },
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `${placesOf(layout)}
${decayOf(layout.decay, program.width)}
${channelFunctions(program.width)}`,
    body: `${OPEN}${ofChannels(THREADS)}`,
  };
}

/** Where a workgroup of one direction is. */
export const OPEN = /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);`;

/** What {@linkcode ofChannels} calls. */
export const channelFunctions = (width: 1 | 4) =>
  `${reading("dlog", "headDim", width)}
${writing("dlog", "headDim", width)}`;

/** Gradients of all channels of a chunk, by so many threads. */
export const ofChannels = (threads: number) => /* wgsl */ `
  for (var quad = local; quad < uniforms.headQuads; quad += ${threads}u) {
    var sum = vec4f();
    for (var i = 0u; i < uniforms.rows; i++) {
      if (!has_token(chunk, i)) { continue; }
      // What nothing passes is 0 but for what was rounded.
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
