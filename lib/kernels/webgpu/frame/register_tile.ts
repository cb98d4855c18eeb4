/** Tiles of sums that a thread keeps in registers. @module */
import { repeat } from "../../../tfjs/webgpu/shader.ts";

/**
 * Rows of a thread's tile, of which each is a register. With four columns that
 * are 32 sums, and 128 multiplications for 12 loads of four numbers.
 */
export const TILE_ROWS = 8;

/** A piece of text for each row of a tile. */
export const eachTileRow = (piece: (r: number) => string): string =>
  repeat(TILE_ROWS, piece);
