/**
 * How decays enter the shaders of attention, and all that the shaders know of them.
 *
 * Everything in a chunk of tokens is computed from four prepared matrices, and
 * from the states H that reach the chunk from a side:
 *
 *     Y = A V + Qin H        H' = through ∘ H + Koutᵀ V
 *
 * | matrix | what it is | for a decay of one number per token |
 * | --- | --- | --- |
 * | Qin | what reads the state that reaches the chunk | `decayFromStart` · q |
 * | Kout | what writes to the state that leaves it | `decayToEnd` · k |
 * | A | what tokens of the chunk read of each other | `weights` ∘ q kᵀ |
 * | through | what a state pays that passes the chunk | e^`logChunkDecay` |
 *
 * The gradients are the same with the vectors of other roles (`roles.ts`) and,
 * for those of keys and values, the transposed operands; `gradient` is what is
 * left: the way back to the decays. In the full form (`full_shader.ts`) one tile reads
 * another by `decayFromStart`, `logChunkDecay` and `decayToEnd` alone, without a state.
 *
 * Operands are text: declarations, statements that fill them for a chunk,
 * and expressions. Where they are used, `first`, `count` and `base` are the chunk's
 * first token, its tokens and the place of the sequence's first token, and
 * `thread` the local index; tokens are counted from the chunk's first.
 *
 * Factors are numbers of a token here. Decays of each key channel have none: their
 * matrices are written to buffers first, by shaders of their own (`chunk_engine/`).
 *
 * No exponent is above 0, whatever the decays: each is the sum of the log
 * decays along one path.
 *
 * @module
 */
import type { Side } from "./mask.ts";
import type { Binding, Shader } from "../../../tfjs/webgpu/shader.ts";
import type { Launch } from "../frame/problem.ts";

/** One kind of decays, read in one way. Nothing decays where there is `null`: then there is one state, of all tokens. */
export interface DecayedOperands {
  /** Names the operands in the keys of shaders. */
  readonly key: string;
  /** The sides from which states come, in the order in which they lie in memory. */
  readonly sides: readonly Side[];
  /** The buffers that its text reads. */
  readonly inputs: readonly Binding[];
  /** Whether readers and sources are exchanged. */
  readonly isTransposed: boolean;
  /** The operands with readers and sources exchanged. */
  transposed(): DecayedOperands;

  /** Declarations for chunks of so many tokens at most, for these sides. */
  declare(sides: readonly Side[], tokens: number): string;
  /** Statements that fill them for a chunk; they end with a barrier. */
  load(tokens: number, threads: number): string;
  /** Factor of what token i reads of the state from a side. */
  decayFromStart(side: Side, i: string): string;
  /** Factor of what token j writes to the state that came from a side. */
  decayToEnd(side: Side, j: string): string;
  /** Logarithm of the factor of a state from a side that passes the chunk. */
  logChunkDecay(side: Side): string;
  /** Factor of a state that comes from outside of the sequence, of whose tokens the first on that side lies there. */
  arriving(side: Side, place: string): string;

  /** Declarations of `weights(rowBlock, columnBlock) -> mat4x4f`, of four tokens each. */
  declareWeights(tokens: number): string;
  /** Statements that fill them, after {@linkcode load}; they end with a barrier. */
  loadWeights(tokens: number, threads: number): string;

  /**
   * The shader of the gradients of its inputs, `d<name>`, from what came with
   * the gradients of queries and keys, and the states that meet in each chunk.
   */
  gradient(spec: DecayGradientsSpec, launch: Launch): Shader;
}

/** What the gradients of decays are computed from. */
export interface DecayGradientsSpec {
  /** Whether there is only the one direction. */
  readonly causal: boolean;
  /** Room for the tokens of a chunk. */
  readonly largestChunk: number;
  /** Whether there is one chunk, and no state. */
  readonly alone: boolean;
  /** Names of `Σ k vᵀ` that reach the chunk, and of `Σ q gᵀ` that do by the transposed mask. */
  readonly states: readonly [string, string];
}

/** The buffers that the text of some operands reads, each once. */
export function inputsOfDecays(
  operands: readonly (DecayedOperands | null)[],
): Binding[] {
  const inputs = operands.flatMap((one) => one?.inputs ?? []);
  const names = ["f", "b"];
  return [...new Map(inputs.map((one) => [one.name, one])).values()]
    .sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}

/** The name of operands, or of there being no decays, in the key of a shader. */
export function operandsKey(operands: DecayedOperands | null): string {
  return operands?.key ?? "maskless";
}
