/** An attention problem: the numbers that all of its programs are given. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";

/** The problem of a launch. */
export interface Launch {
  /** Tokens of a sequence. */
  readonly length: number;
  /** Tokens of all sequences, those of other launches too. */
  readonly tokens: number;
  /** Chunks of a sequence. */
  readonly chunks: number;
  /** Tokens of a chunk. */
  readonly chunkSize: number;
  /** The first sequence (head of a batch entry) of the launch. */
  readonly firstSequence: number;
  /** Sequences of the launch. */
  readonly sequences: number;
  /** Columns of q and k. */
  readonly headDim: number;
  /** Columns of v. */
  readonly valueDim: number;
  /** Whether to divide by the row sum. */
  readonly normalize: boolean;
  /** The factor of the scores q · k. */
  readonly scale: number;
  /** The number added to the row sum before it divides. */
  readonly epsilon: number;
  /** Heads that y, and the gradient of it, have side by side. @default 1 */
  readonly joinedHeads?: number;
}

/** What the programs of a problem have alike: its numbers, as uniforms. */
export function problemProgram(
  { length, tokens, chunks, chunkSize, firstSequence, ...others }: Launch,
): Pick<Program, "width" | "integers" | "floats"> {
  const { headDim, valueDim, normalize, scale, epsilon } = others;
  const { joinedHeads = 1 } = others;
  return {
    width: 1,
    integers: {
      ...{ length, tokens, chunks, chunkSize, firstSequence },
      ...{ headDim, valueDim, normalize: Number(normalize), joinedHeads },
    },
    floats: { scale, epsilon },
  };
}

/** The tensors of these names, each once. */
export function tensorsOf(
  names: readonly string[],
  tensors: Tensors,
): Record<string, tf.TensorInfo> {
  return Object.fromEntries(names.map((name) => [name, tensors[name]!]));
}

/** WGSL function `joined(token) -> u32`: the place of a token's head in y, and in the gradient of it. */
export const JOINED = /* wgsl */ `
fn joined(token: u32) -> u32 {
  let sequence = token / uniforms.length;
  let heads = uniforms.joinedHeads;
  let first = sequence / heads * uniforms.length;
  return (first + token % uniforms.length) * heads + sequence % heads;
}
`;
