/** How much room the shader of `attend.ts` has, and how its work is shared out. @module */
import { decayBytes, weightBytes } from "./mask.ts";
import { TILE_ROWS } from "../frame/register_tile.ts";
import { type Dims, quadsOf } from "../frame/vectors.ts";

/** The room that a shader has; there are few shapes, so that few shaders differ. */
export interface AttendShape {
  /** Tokens of a chunk for which there is room. */
  readonly largestChunk: number;
  /** Quads of the result for which there is room. */
  readonly largestQuads: number;
  /** Rows of a chunk that a workgroup computes. */
  readonly blockRows: number;
}

const LARGEST_CHUNKS = [64, 128, 256];
/** Most tokens of a chunk. */
export const LARGEST_CHUNK = Math.max(...LARGEST_CHUNKS);
/** Room for quads of a result: for heads of up to 64 and of up to 128 columns, with a row sum. */
const LARGEST_QUADS = [17, 33];
const BLOCK_ROWS = [32, 24, 16, 8];

/**
 * The shape for chunks of a size.
 *
 * @param mostRows Rows of a workgroup, if there is room for them.
 * @returns The shape, or `undefined` if there is none or no room for it.
 */
export function shapeFor(
  chunkSize: number,
  dims: Dims,
  workgroupBytes: number,
  mostRows: number,
): AttendShape | undefined {
  const largestChunk = LARGEST_CHUNKS.find((size) => size >= chunkSize);
  const largestQuads = roomForQuads(dims);
  if (largestChunk === undefined || largestQuads === undefined) return;
  return BLOCK_ROWS.filter((rows) => rows <= mostRows).map((rows) => ({
    largestChunk,
    largestQuads,
    blockRows: rows,
  })).find((shape) => bytesOf(shape) <= workgroupBytes);
}

function roomForQuads(dims: Dims): number | undefined {
  const quads = Math.max(quadsOf("key", dims), quadsOf("sum", dims));
  return LARGEST_QUADS.find((size) => size >= quads);
}

function bytesOf(shape: AttendShape): number {
  const { blockRows } = shape;
  const tokens = roomFor(shape);
  return 16 * blockRows * scratchQuads(shape) + 3 * 4 * blockRows +
    decayBytes(tokens) + weightBytes(tokens);
}

/** Tokens of a chunk for which there is room, in whole blocks of rows. */
export function roomFor({ largestChunk, blockRows }: AttendShape): number {
  return Math.ceil(largestChunk / blockRows) * blockRows;
}

/** Quads of a row that scores, and later parts of sums, take. */
export function scratchQuads(
  { largestChunk, largestQuads }: AttendShape,
): number {
  return Math.max(largestChunk / 4, largestQuads);
}

/** Threads of a workgroup: one for each tile of the result. */
export function threadsOf({ blockRows, largestQuads }: AttendShape): number {
  return blockRows / TILE_ROWS * largestQuads;
}
