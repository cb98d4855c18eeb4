/** Where the states of chunks lie in their buffer. @module */
import type { StateDecays } from "./chunk_operands.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import {
  type Columns,
  type Dims,
  quadsOf,
  type Vectors,
  vectorsKey,
} from "../frame/vectors.ts";

/**
 * Rows of registers of a thread: with one quad of columns, 32 sums a
 * direction, and 128 multiplications for 12 loads.
 */
export const TILE_ROWS = 8;

/** A piece of text for each of them. */
export const eachRow = (piece: (r: number) => string): string =>
  repeat(TILE_ROWS, piece);

/**
 * States of one kind: `Σ_j w_j x_j y_jᵀ`, of the vectors x and y of a chunk's
 * tokens, where x has the columns of a key, and y those of a sum.
 *
 * The buffer is `[sequences, chunks, directions, record]`; a record has four
 * rows for each quad of x, a row has the quads of y, and one quad follows that
 * holds the decay of passing through the chunk, if all rows pay the same.
 */
export interface States {
  /** The buffer. */
  readonly name: string;
  /** x. */
  readonly rows: Vectors;
  /** y. */
  readonly columns: Vectors;
  /** What decays them, or `null` if nothing does. */
  readonly decays: StateDecays | null;
}

/** Directions in which states travel. */
export function directionsOf(decays: StateDecays | null): number {
  return decays ? decays.sides.length : 1;
}

/** Quads of a record. */
export function recordQuads(dims: Dims): number {
  const quads = (columns: Columns) => quadsOf(columns, dims);
  return 4 * quads("key") * quads("sum") + 1;
}

/** Bytes of a chunk's states, in all directions. */
export function stateBytes(
  dims: Dims,
  decays: StateDecays | null,
): number {
  return 16 * directionsOf(decays) * recordQuads(dims);
}

/** The same as a function of the text. */
export const RECORD_QUADS =
  /* wgsl */ `fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }
`;

/** Names states in a key. */
export function statesKey({ name, rows, columns }: States): string {
  return `${name}(${vectorsKey(rows)}·${vectorsKey(columns)})`;
}
