/** The tile of sums that a thread keeps in registers. @module */
import { repeat } from "../../../tfjs/webgpu/shader.ts";

/**
 * Rows of a thread's tile, each one register of four columns: 32 sums, and 128
 * multiplications for 12 loads of four numbers.
 */
export const TILE_ROWS = 8;

/** Repeats a piece of text for each row of a tile. */
export const eachTileRow = (piece: (r: number) => string): string =>
  repeat(TILE_ROWS, piece);

/** WGSL of row r's number, in vectors that hold four rows each. */
export const ofRow = (name: string, r: number): string =>
  `${name}${r >> 2}[${r % 4}]`;

/** WGSL function that adds a product of a matrix to sums. */
export const ACCUMULATE = /* wgsl */ `// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}`;
