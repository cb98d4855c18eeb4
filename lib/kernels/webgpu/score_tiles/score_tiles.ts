/**
 * Blocks of scores, which are made and used up in a workgroup: what the full
 * form and softmax attention have in common on a GPU.
 *
 * A workgroup has a block of rows (tokens that gather) and goes through blocks
 * of columns (tokens that are gathered from). A thread computes a tile of eight
 * rows and four columns of the scores; then, of the same eight rows, some columns
 * of the sum over the block's columns. Lanes are the threads of the same rows.
 *
 * The vectors of the block's columns, which all rows meet, may be staged: the
 * workgroup loads some of their columns, each once, into memory of its own, where
 * neighbouring lanes read neighbouring numbers.
 *
 * @module
 */
import type { Constants } from "@lionjs/tfjs/webgpu";
import { ACCUMULATE, type Dims } from "../frame/vectors.ts";

/** Rows of a thread's tile. */
const TILE_ROWS = 8;
/**
 * Threads of a row: for heads of up to 16, 32 and 64 columns, if each thread
 * has four.
 */
const THREADS_PER_ROW = [4, 8, 16];
/** Most rows of a workgroup: the full form's mask has as many columns. */
const MOST_ROWS = 128;
/**
 * Bytes of workgroup memory for each thread: its tile, and for softmax
 * attention the maxima of its rows.
 */
const BYTES_OF_THREAD = 16 * TILE_ROWS + 4 * TILE_ROWS;
/**
 * Bytes of workgroup memory for each thread of a row, and each column that is
 * staged: those of its four keys.
 */
const BYTES_OF_STAGED_COLUMN = 16;

/** How scores and sums are shared out over workgroups and threads. */
export interface Tiling {
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Threads of the same rows, called lanes. */
  readonly threadsPerRow: number;
  /** Columns of a sum that a thread computes. */
  readonly columnsPerThread: number;
  /** Rows of a workgroup. */
  readonly rows: number;
  /** Columns of a block. */
  readonly columns: number;
  /** Workgroups that share out the columns of the sums of the same rows. */
  readonly columnSplits: number;
  /**
   * Columns of a block's vectors that are staged at once; none if each thread
   * loads for itself.
   */
  readonly stagedColumns: number;
}

/**
 * The tiling for heads of these columns.
 *
 * @param dims Columns of q and k, and of v.
 * @param numbers How many threads a workgroup and columns a thread should have,
 * and how many are staged.
 * @param limits Of the device: threads are fewer where it has no room for them.
 */
export function tilingOf(
  { headDim, valueDim }: Dims,
  numbers: Readonly<
    Record<"threads" | "columnsPerThread" | "stagedColumns", number>
  >,
  limits: TilingLimits,
): Tiling {
  const most = Math.ceil(Math.max(headDim, valueDim) / 4);
  const vecs = numbers.columnsPerThread / 4;
  const threadsPerRow = THREADS_PER_ROW.find((count) => count * vecs >= most) ??
    THREADS_PER_ROW.at(-1)!;
  const ofThread = Math.min(vecs, Math.ceil(most / threadsPerRow));
  const { stagedColumns } = numbers;
  const room = Math.min(
    limits.maxComputeInvocationsPerWorkgroup,
    (limits.maxComputeWorkgroupStorageSize -
      BYTES_OF_STAGED_COLUMN * threadsPerRow * stagedColumns) / BYTES_OF_THREAD,
    MOST_ROWS / TILE_ROWS * threadsPerRow,
  );
  let { threads } = numbers;
  while (threads > room) threads /= 2;
  return {
    threads,
    threadsPerRow,
    columnsPerThread: 4 * ofThread,
    rows: TILE_ROWS * threads / threadsPerRow,
    columns: 4 * threadsPerRow,
    columnSplits: Math.ceil(most / (ofThread * threadsPerRow)),
    stagedColumns,
  };
}

/** The fewest columns of a thread with which a workgroup has all columns of its rows. */
export function leastColumns(
  { headDim, valueDim }: Dims,
): number {
  const most = Math.ceil(Math.max(headDim, valueDim) / 4);
  return 4 * Math.ceil(most / THREADS_PER_ROW.at(-1)!);
}

/** Limits of a device that tilings depend on. */
export type TilingLimits = Pick<
  GPUSupportedLimits,
  "maxComputeInvocationsPerWorkgroup" | "maxComputeWorkgroupStorageSize"
>;

/** The constants of a tiling's text. */
export function tilingConstants(
  { threadsPerRow, columnsPerThread, stagedColumns, rows }: Tiling,
): Constants {
  return {
    ROWS: rows,
    PER_ROW: threadsPerRow,
    SUM_QUADS: columnsPerThread / 4,
    STAGED: stagedColumns / 4,
  };
}
/** The uniform that says how many columns a tensor has. */
export type Dim = "headDim" | "valueDim" | "stateDim";

/** WGSL that all programs in tiles of scores declare first; a tiling has its constants. */
export const TILES = /* wgsl */ `${ACCUMULATE}
// Rows of a thread's tile, which has four columns.
const TILE = 8u;
// Columns of a block.
const COLUMNS = 4u * PER_ROW;
var<workgroup> tiles: array<vec4f, ROWS * PER_ROW>;

// The place of a thread: the sequence's first token, the last position, the tile's row among
// the workgroup's and among the sequence's, the tile's place in a row, and the first group of
// four columns of which the thread has the sums; and the offset from a token to its entry
// in the mask and in the segments.
struct Place { base: u32, last: u32, tile_row: u32, row: u32, lane: u32, quad: u32, to_entry: u32 }

fn place_of(base: u32, first_row: u32, layer: u32, to_entry: u32, local: u32) -> Place {
  let tile_row = local / PER_ROW * TILE;
  let lane = local % PER_ROW;
  let vec = layer * SUM_QUADS * PER_ROW + lane;
  return Place(base, uniforms.length - 1u, tile_row, first_row + tile_row, lane, vec, to_entry);
}

// The tokens of the tile's rows, and those of four positions.
fn rows_of(place: Place) -> array<u32, TILE> {
  var rows = array<u32, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    rows[r] = place.base + min(place.row + r, place.last);
  }
  return rows;
}
fn tokens_at(place: Place, position: u32) -> vec4u {
  return place.base + min(position + vec4u(0u, 1u, 2u, 3u), vec4u(place.last));
}
fn are_tokens(tokens: vec4u, to_entry: u32) -> vec4<bool> {
  return vec4<bool>(is_token(tokens.x, to_entry), is_token(tokens.y, to_entry),
    is_token(tokens.z, to_entry), is_token(tokens.w, to_entry));
}

// Puts a tile where all lanes read it.
fn share(place: Place, tile: array<vec4f, TILE>) {
  for (var r = 0u; r < TILE; r++) { // unroll
    tiles[(place.tile_row + r) * PER_ROW + place.lane] = tile[r];
  }
  workgroupBarrier();
}
`;

/**
 * `products(place, rows, first, local)`, the products of the tile's rows with its columns
 * in the block from position `first` on, of the operands `read_r`, `read_o` and
 * `inner_quads()`.
 *
 * With 4 STAGED numbers of each of the block's columns in workgroup memory, each of a lane's
 * four vectors there has one number of each of the lane's four columns.
 */
export function products({ stagedColumns }: Tiling): string {
  return stagedColumns === 0 ? PRODUCTS : STAGED_PRODUCTS;
}

const PRODUCTS = /* wgsl */ `
fn products(place: Place, rows: array<u32, TILE>, first: u32, local: u32) -> array<vec4f, TILE> {
  let tokens = tokens_at(place, first + 4u * place.lane);
  var sum = array<vec4f, TILE>();
  for (var n = 0u; n < inner_quads(); n++) {
    let columns = transpose(mat4x4f(read_o(tokens.x, n), read_o(tokens.y, n), read_o(tokens.z, n), read_o(tokens.w, n)));
    for (var r = 0u; r < TILE; r++) { // unroll
      sum[r] = accumulate(sum[r], columns, read_r(rows[r], n));
    }
  }
  return sum;
}
`;

/** WGSL declarations that the products of a text share. */
export function stage({ stagedColumns }: Tiling): string {
  return stagedColumns === 0
    ? ""
    : "var<workgroup> staged: array<vec4f, STAGED * COLUMNS>;\n";
}

const STAGED_PRODUCTS = /* wgsl */ `
fn products(place: Place, rows: array<u32, TILE>, first: u32, local: u32) -> array<vec4f, TILE> {
  let end = inner_quads();
  var sum = array<vec4f, TILE>();
  for (var start = 0u; start < end; start += STAGED) {
    workgroupBarrier();
    for (var i = local; i < PER_ROW * STAGED; i += THREADS) {
      let at = i % STAGED;
      let vec = start + at;
      let block = i / STAGED;
      if (vec < end) {
        let tokens = tokens_at(place, first + 4u * block);
        let numbers = transpose(mat4x4f(read_o(tokens.x, vec), read_o(tokens.y, vec), read_o(tokens.z, vec), read_o(tokens.w, vec)));
        for (var x = 0u; x < 4u; x++) { // unroll
          staged[(4u * at + x) * PER_ROW + block] = numbers[x];
        }
      }
    }
    workgroupBarrier();
    for (var n = 0u; n < min(STAGED, end - start); n++) {
      let at = 4u * n * PER_ROW + place.lane;
      let columns = mat4x4f(staged[at], staged[at + PER_ROW], staged[at + 2u * PER_ROW], staged[at + 3u * PER_ROW]);
      for (var r = 0u; r < TILE; r++) { // unroll
        sum[r] = accumulate(sum[r], columns, read_r(rows[r], start + n));
      }
    }
  }
  return sum;
}
`;

/** `is_token(token, to_entry)` where nothing is padding. */
export const ALL_TOKENS =
  "fn is_token(token: u32, to_entry: u32) -> bool { return true; }\n";

/**
 * `add_columns(place, first, end, sum, totals)`: adds the vectors of the block's columns,
 * weighed by the tiles, to sums of the tile's rows, and the weights to their totals; of
 * the operands `read_x(token, vec)` and `is_token(token, to_entry)`, since of padding nothing is
 * added whatever it holds.
 */
export const ADD_COLUMNS = /* wgsl */ `
fn add_columns(
  place: Place,
  first: u32,
  end: u32,
  sum: ptr<function, array<array<vec4f, TILE>, SUM_QUADS>>,
  totals: ptr<function, array<f32, TILE>>,
) {
  for (var block = 0u; block < min(PER_ROW, (end - first + 3u) / 4u); block++) {
    let tokens = tokens_at(place, first + 4u * block);
    let kept = are_tokens(tokens, place.to_entry);
    var vectors = array<mat4x4f, SUM_QUADS>();
    for (var i = 0u; i < SUM_QUADS; i++) { // unroll
      let vec = place.quad + i * PER_ROW;
      vectors[i] = mat4x4f(
        select(vec4f(), read_x(tokens.x, vec), kept.x), select(vec4f(), read_x(tokens.y, vec), kept.y),
        select(vec4f(), read_x(tokens.z, vec), kept.z), select(vec4f(), read_x(tokens.w, vec), kept.w));
    }
    for (var r = 0u; r < TILE; r++) { // unroll
      let weights = tiles[(place.tile_row + r) * PER_ROW + block];
      for (var i = 0u; i < SUM_QUADS; i++) { // unroll
        (*sum)[i][r] = accumulate((*sum)[i][r], vectors[i], weights);
      }
      (*totals)[r] += dot(weights, vec4f(1.0));
    }
  }
}
`;
