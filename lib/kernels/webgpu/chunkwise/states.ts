/** Where the states of chunks lie in their buffer. @module */
import { type MaskSource, type Side, sidesOf } from "./mask.ts";
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

/** Chunks that leave most of a card waiting, where launches are what takes time. */
const FEW_CHUNKS = 128;

/**
 * Whether the states of chunks do not travel: who reads what reaches a chunk adds up
 * what the others wrote, which spares a launch. Of more than two chunks, states are then
 * read more often than if they had travelled.
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

/**
 * A loop over the chunks on a side of the chunk `group.x` of the sequence `group.y`, the
 * nearest first, where their states do not travel: `start` is where a chunk's record
 * begins, and `factor` what a state pays on its way from there.
 */
export function eachChunk(
  { name, decays }: Pick<States, "name" | "decays">,
  side: Side,
  body: string,
): string {
  const sides = sidesOf(decays!);
  const [loop, chunk] = side === "before"
    ? ["other = group.x; other > 0u; other--", "other - 1u"]
    : ["other = group.x + 1u; other < problem.chunks; other++", "other"];
  return /* wgsl */ `
  {
    var factor = 1.0;
    for (var ${loop}) {
      let record = (group.y * problem.chunks + ${chunk}) * ${sides.length}u;
      let start = (record + ${sides.indexOf(side)}u) * record_quads();
${body}
      factor *= ${name}[start + record_quads() - 1u].x;
    }
  }`;
}

/** Directions in which states travel. */
export function directionsOf(decays: MaskSource | null): number {
  return decays ? sidesOf(decays).length : 1;
}

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
