/** The uniforms of an attention problem, and the declarations that its shaders begin with. @module */
import type { Binding } from "../../../tfjs/webgpu/shader.ts";
import {
  declareUniforms,
  packUniforms,
  type UniformTypes,
} from "../../../tfjs/webgpu/uniforms.ts";

/** The numbers that change from call to call, in the order of the WGSL struct. */
export interface ProblemUniforms {
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

/** The problem of a launch, and its number of sequences. */
export interface Launch extends ProblemUniforms {
  /** Sequences of the launch. */
  readonly sequences: number;
}

const PROBLEM = {
  length: "u32",
  tokens: "u32",
  chunks: "u32",
  chunkSize: "u32",
  firstSequence: "u32",
  headDim: "u32",
  valueDim: "u32",
  normalize: "u32",
  scale: "f32",
  epsilon: "f32",
  joinedHeads: "u32",
} as const satisfies UniformTypes;

/** Packs {@linkcode ProblemUniforms} into a uniform buffer. */
export function packProblem(problem: ProblemUniforms): ArrayBuffer {
  return packUniforms(PROBLEM, {
    ...problem,
    normalize: Number(problem.normalize),
    joinedHeads: problem.joinedHeads ?? 1,
  });
}

/** WGSL function `joined(token) -> u32`: the place of a token's head in y, and in the gradient of it. */
export const JOINED = /* wgsl */ `
fn joined(token: u32) -> u32 {
  let sequence = token / problem.length;
  let heads = problem.joinedHeads;
  let first = sequence / heads * problem.length;
  return (first + token % problem.length) * heads + sequence % heads;
}
`;

/** WGSL that declares the storage buffers, and the problem's uniforms after them. */
export function declare(bindings: readonly Binding[]): string {
  const half = bindings.some(({ element }) => element === "vec4h");
  const buffers = bindings.map(({ name, element, access }, i) =>
    `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${element}>;`
  );
  return [
    ...(half ? ["enable f16;"] : []),
    declareUniforms("Problem", PROBLEM) + buffers.join("\n"),
    `@group(0) @binding(${bindings.length}) var<uniform> problem: Problem;`,
  ].join("\n");
}
