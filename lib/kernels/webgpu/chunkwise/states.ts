/** Where the states of chunks lie in their buffer. @module */
import { type MaskSource, sidesOf } from "./mask.ts";
import {
  type Columns,
  type Dims,
  quadsOf,
  type Vectors,
  vectorsKey,
} from "../frame/vectors.ts";

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

/** Directions in which states travel. */
export function directionsOf(decays: MaskSource | null): number {
  return decays ? sidesOf(decays).length : 1;
}

/** Quads of a record. */
export function recordQuads(dims: Dims): number {
  const quads = (columns: Columns) => quadsOf(columns, dims);
  return 4 * quads("key") * quads("sum") + 1;
}

/** Bytes of a chunk's states, in all directions. */
export function stateBytes(
  dims: Dims,
  decays: MaskSource | null,
): number {
  return 16 * directionsOf(decays) * recordQuads(dims);
}

/** The number of quads of a record, as a function of the text. */
export const RECORD_QUADS =
  /* wgsl */ `fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }
`;

/** The name of states in the key of a shader. */
export function statesKey({ name, rows, columns }: States): string {
  return `${name}(${vectorsKey(rows)}·${vectorsKey(columns)})`;
}
