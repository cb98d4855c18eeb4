/**
 * Where the matrices of decays per channel lie in their buffers.
 *
 * A path from one token to another has no rank-one factors that a product could
 * be made of, unless all paths pass one place: then queries decay from there and
 * keys decay until there. Those places are the borders of the chunk, for what
 * comes from other chunks, and the middles of runs of 2, 4, 8, … tiles inside of
 * it: the tokens i and j of two tiles meet at one middle, which the highest bit
 * tells in which the numbers of their tiles differ. What is left are the pairs
 * of a tile's own tokens.
 *
 * Source: GLA's secondary chunks (arXiv:2312.06635, section 4.3), at every scale.
 *
 * @module
 */
import type { Side } from "./mask.ts";
import type { DiagonalChunks } from "./chunk_operands.ts";
import type { Launch } from "../frame/problem.ts";
import { TILE_ROWS } from "../frame/register_tile.ts";
import { quadsOf } from "../frame/vectors.ts";

/** The sides that states come from, in the order of their borders' slots. */
export function bordersOf({ causal }: DiagonalChunks): Side[] {
  return causal ? ["before"] : ["before", "after"];
}

/** Sizes of runs that have middles, of 2, 4, … tiles of a chunk of so many tokens. */
function levelsOf(chunkSize: number): number {
  return Math.ceil(Math.log2(tilesOf(chunkSize)));
}

/** Tiles of a chunk. */
export function tilesOf(chunkSize: number): number {
  return Math.ceil(chunkSize / TILE_ROWS);
}

/** Rows that a token has of each matrix: for each border of the chunk, and for each level. */
export function slotsOf(chunks: DiagonalChunks, chunkSize: number): number {
  return bordersOf(chunks).length + levelsOf(chunkSize);
}

/** Names chunks in a key. */
export function chunksKey({ causal }: DiagonalChunks): string {
  return causal ? "channels causal" : "channels";
}

/** The buffers by what they hold, and the quads of a sequence in each. */
export const DIAGONAL_BUFFERS = {
  /** Queries that have decayed from each place, `[sequences, slots, length, key quads]`. */
  queries: rowsOf,
  /** Keys that have decayed until each place, likewise. */
  keys: rowsOf,
  /** Log decays, finite, `[sequences, sides, length, key quads]`. */
  logs: ofSides,
  /** What passes a chunk pays, `[sequences, chunks, sides, key quads]`. */
  through: (launch: Sizes, chunks: DiagonalChunks) =>
    launch.chunks * bordersOf(chunks).length * quadsOf("key", launch),
  /** A, `[sequences, length, score quads]`: a row has the tokens of the reader's chunk. */
  scores: scoresOf,
  /** The gradient in A, likewise. */
  products: scoresOf,
  /** The gradients of log decays, as far as they come from a tile's own tokens; as `logs`. */
  slopes: ofSides,
  /** What all of a tile's queries send back to each place, `[sequences, chunks, tiles, slots, key quads]`. */
  queryTotals: totalsOf,
  /** The same of keys. */
  keyTotals: totalsOf,
} as const;

/** The name of a buffer. */
export type DiagonalBuffer = keyof typeof DIAGONAL_BUFFERS;

/** The sizes that buffers depend on. */
export type Sizes = Pick<
  Launch,
  "length" | "chunks" | "chunkSize" | "headDim" | "valueDim"
>;

function rowsOf(sizes: Sizes, chunks: DiagonalChunks): number {
  return slotsOf(chunks, sizes.chunkSize) * sizes.length *
    quadsOf("key", sizes);
}

function ofSides(sizes: Sizes, chunks: DiagonalChunks): number {
  return bordersOf(chunks).length * sizes.length * quadsOf("key", sizes);
}

function scoresOf({ length, chunkSize }: Sizes): number {
  return length * Math.ceil(chunkSize / 4);
}

function totalsOf(sizes: Sizes, chunks: DiagonalChunks): number {
  const { chunkSize } = sizes;
  return sizes.chunks * tilesOf(chunkSize) * slotsOf(chunks, chunkSize) *
    quadsOf("key", sizes);
}

/**
 * The functions of the text that find all that. How many levels there are is
 * found as well, for compilers would unroll their loops, and take minutes.
 */
export function declareLayout(chunks: DiagonalChunks): string {
  const sides = bordersOf(chunks).length;
  return /* wgsl */ `
fn chunk_tiles() -> u32 { return (problem.chunkSize + ${
    TILE_ROWS - 1
  }u) / ${TILE_ROWS}u; }
fn chunk_levels() -> u32 {
  let tiles = chunk_tiles();
  return select(firstLeadingBit(max(tiles, 2u) - 1u) + 1u, 0u, tiles == 1u);
}
fn chunk_slots() -> u32 { return ${sides}u + chunk_levels(); }
fn score_quads() -> u32 { return (problem.chunkSize + 3u) / 4u; }
fn score_row(sequence: u32, token: u32) -> u32 {
  return (sequence * problem.length + token) * score_quads();
}
fn row_at(sequence: u32, slot: u32, token: u32, quad: u32) -> u32 {
  return ((sequence * chunk_slots() + slot) * problem.length + token) * key_quads() + quad;
}
fn log_at(sequence: u32, side: u32, token: u32, quad: u32) -> u32 {
  return ((sequence * ${sides}u + side) * problem.length + token) * key_quads() + quad;
}
fn through_at(sequence: u32, chunk: u32, side: u32, quad: u32) -> u32 {
  return ((sequence * problem.chunks + chunk) * ${sides}u + side) * key_quads() + quad;
}
fn total_at(sequence: u32, chunk: u32, tile: u32, slot: u32, quad: u32) -> u32 {
  let tiles = (sequence * problem.chunks + chunk) * chunk_tiles();
  return ((tiles + tile) * chunk_slots() + slot) * key_quads() + quad;
}`;
}

/**
 * A way that leads to a place, or from it: of what comes from a side, that of
 * queries which read there or that of keys which write there.
 */
export interface Way {
  readonly side: Side;
  readonly of: "queries" | "keys";
}

/** Whether the way's tokens lie to the right of its place. */
export function isRightOf({ side, of }: Way): boolean {
  return side === sideRightOf(of);
}

/** The slot of a side's border. */
export function slotOf(side: Side): 0 | 1 {
  return side === "before" ? 0 : 1;
}

/** The log decays of a side, by their tensor. */
export function decayOf(side: Side): "f" | "b" {
  return side === "before" ? "f" : "b";
}

/** The side from which what lies to the right of a place reads it, or writes to it. */
export function sideRightOf(of: Way["of"]): Side {
  return of === "queries" ? "before" : "after";
}

/** Reads log decays in the text, by the token in the chunk; 0 beyond it. */
export const PAID = /* wgsl */ `
fn paid(sequence: u32, side: u32, first: u32, token: u32, count: u32, quad: u32) -> vec4f {
  return select(vec4f(), logs[log_at(sequence, side, first + min(token, count - 1u), quad)], token < count);
}`;
