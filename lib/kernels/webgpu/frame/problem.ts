/** An attention problem: the numbers that all of its programs are given. @module */
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

/** A program of a problem, with the names of its tensors. */
type ProblemProgram =
  & Omit<Program, "width" | "integers" | "floats" | "reads" | "writes">
  & Readonly<Record<"reads" | "writes", readonly string[]>>;

/** A program of a problem: its numbers are uniforms, and its tensors are bound by name, each once. */
export function problemProgram(
  launch: Launch,
  tensors: Tensors,
  { reads, writes, ...program }: ProblemProgram,
): Program {
  const { length, tokens, chunks, chunkSize, firstSequence } = launch;
  const { headDim, valueDim, normalize, scale, epsilon } = launch;
  const { joinedHeads = 1 } = launch;
  const named = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, tensors[name]!]));
  return {
    ...program,
    width: 1,
    reads: named(reads),
    writes: named(writes),
    integers: {
      ...{ length, tokens, chunks, chunkSize, firstSequence },
      ...{ headDim, valueDim, normalize: Number(normalize), joinedHeads },
    },
    floats: { scale, epsilon },
  };
}

/**
 * WGSL that runs one of several instances of a function `step(group, layer, local)`, by
 * the suffixes of their names, each of which has some layers of the workgroups.
 */
export function stepOf(suffixes: readonly string[], layers: string): string {
  const steps = suffixes.map((suffix, i) =>
    `  if (layer / layers == ${i}u) { step_${suffix}(group, layer % layers, local); }`
  );
  return [`  let layers = ${layers};`, ...steps].join("\n");
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
