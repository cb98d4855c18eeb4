/** Where the states of chunks lie in their buffer. @module */
import { type Dims, quadsOf, type Vectors } from "../frame/vectors.ts";
import { directionsOf, type MaskSource } from "./mask.ts";

/**
 * States of one kind: `Σ_j w_j x_j y_jᵀ`, of the vectors x and y of a chunk's
 * tokens, where x has the columns of a key, and y those of a sum.
 *
 * The buffer is `[sequences, chunks, directions, record]`; a record has four
 * rows for each quad of x, a row has the quads of y, and one quad follows that
 * holds the decay of passing through the chunk.
 */
export interface States {
  /** The name of the buffer. */
  readonly name: string;
  /** The vectors x. */
  readonly rows: Vectors;
  /** The vectors y. */
  readonly columns: Vectors;
  /** What decays them, or `null` if nothing does. */
  readonly decays: MaskSource | null;
}

/** Below this many chunks in all, a launch costs more than its work. */
const FEW_CHUNKS = 128;

/**
 * Whether the states of chunks are not scanned: who reads what reaches a chunk adds up
 * what the others wrote, which spares a launch. Of more than two chunks, states are then
 * read more often than if they had been.
 *
 * @param chunks Chunks of a sequence.
 * @param sequences All sequences.
 * @param most The most chunks of a sequence.
 */
export function statesAreApart(
  chunks: number,
  sequences: number,
  most: number,
): boolean {
  return chunks <= 2 || chunks <= most && chunks * sequences <= FEW_CHUNKS;
}

export function recordQuads(dims: Dims): number {
  return 4 * quadsOf("key", dims) * quadsOf("sum", dims) + 1;
}

/** Bytes of a chunk's states, in all directions. */
export function stateBytes(
  dims: Dims,
  decays: MaskSource | null,
): number {
  return 16 * directionsOf(decays) * recordQuads(dims);
}

/** The states of a mask's sides: of side 0, before, and of side 1, after. */
export const STATES = /* wgsl */ `
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }
fn has(side: u32) -> bool { return select(AFTER, BEFORE, side == 0u); }
// Where the state of a chunk begins.
fn state_at(sequence: u32, chunk: u32, side: u32) -> u32 {
  let direction = select(0u, side, DIRECTIONS == 2u);
  return ((sequence * uniforms.chunks + chunk) * DIRECTIONS + direction) * record_quads();
}
`;
