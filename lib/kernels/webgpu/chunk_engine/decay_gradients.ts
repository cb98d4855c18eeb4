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
  /** `stateProducts` has each row's two parts of the gradient: as a reader, and as a writer. */
  readonly reads: Readonly<
    Record<"stateProducts" | "decays", tf.TensorInfo>
  >;
  readonly writes: Readonly<Record<"dlog", tf.TensorInfo>>;
}

/** The program of the log decays' gradients in one direction, by the rule "add" with diagonal decays. */
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

/** WGSL that declares the `sweep` and `chunk` of a workgroup that runs one direction. */
export const OPEN = /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);`;

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
