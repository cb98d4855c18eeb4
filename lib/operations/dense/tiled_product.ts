/** WGSL of matrix products by tiles that a workgroup stages in its memory. @module */
import { type Constants, instance, type PackWidth } from "@lionjs/tfjs/webgpu";

/** Threads of a workgroup, eight along the rows of its tile and eight along the columns. */
export const PRODUCT_THREADS = 64;

/**
 * Rows, and as many columns, of a workgroup's tile. Of a tile of 64, each number that
 * is read takes part in twice as many products as of one of 32; of that, there are
 * four times as many.
 */
export type TileSize = 32 | 64;

/**
 * Fewest workgroups with large tiles: with fewer, a card has cores to spare for small
 * ones. Reckoned for cards of a hundred cores with four schedulers each.
 */
const ENOUGH_WORKGROUPS = 512;

/** How workgroups share out products. */
export interface Tiling {
  readonly size: TileSize;
  /** Whether tiles of the factors are staged in workgroup memory. */
  readonly staged: boolean;
}

/** The tiling of some products in one launch. */
export function tilingOf(
  products: readonly ProductSize[],
  staged: boolean,
): Tiling {
  const count = products
    .reduce((sum, product) => sum + tilesOf(product, { size: 64 }), 0);
  return { size: staged && count >= ENOUGH_WORKGROUPS ? 64 : 32, staged };
}

export interface ProductSize {
  readonly rows: number;
  readonly columns: number;
}

export function tilesOf(
  { rows, columns }: ProductSize,
  { size }: Pick<Tiling, "size">,
): number {
  return Math.ceil(rows / size) * Math.ceil(columns / size);
}

/** A matrix in a buffer of the shader, row by row. */
export interface Matrix {
  /** The buffer's name. */
  readonly name: string;
  /** WGSL of the number of rows. */
  readonly rows: string;
  /** WGSL of the number of columns. */
  readonly columns: string;
  /** Numbers of an element of the buffer; four only if they divide the columns. */
  readonly width: PackWidth;
  /** Another buffer, whose numbers multiply the matrix's numbers when they are read. */
  readonly times?: string | undefined;
}

/**
 * WGSL functions `read_<name>(row, column)`: four numbers of a row, from a column that
 * four divides, with zeros for those that the matrix does not have; and
 * `rows_of_<name>(row, column)`, those of four rows. It does not branch,
 * since a processor would compute both ways.
 */
export function readerOf(matrix: Matrix): string {
  const { name } = matrix;
  return /* wgsl */ `${rowReaderOf(matrix)}
fn rows_of_${name}(row: u32, column: u32) -> mat4x4f {
  return mat4x4f(read_${name}(row, column), read_${name}(row + 1u, column),
    read_${name}(row + 2u, column), read_${name}(row + 3u, column));
}
`;
}

function rowReaderOf(
  { name, rows, columns, width, times }: Matrix,
): string {
  const product = times === undefined ? "" : ` * ${times}[index]`;
  const head = `fn read_${name}(row: u32, column: u32) -> vec4f {`;
  if (width === 4) {
    return `${head}
  let inside = row < ${rows} && column < ${columns};
  let index = select(0u, (row * ${columns} + column) / 4u, inside);
  return select(vec4f(), ${name}[index]${product}, inside);
}
`;
  }
  // A loop: SwiftShader takes minutes to compile as many selections, one by one.
  return `${head}
  var numbers = vec4f();
  if (row >= ${rows} || column >= ${columns}) { return numbers; }
  let first = row * ${columns} + column;
  let count = min(4u, ${columns} - column);
  for (var i = 0u; i < count; i++) {
    let index = first + i;
    numbers[i] = ${name}[index]${product};
  }
  return numbers;
}
`;
}

/** WGSL function `write_<name>(row, column, numbers)`, which leaves out what the matrix does not have. */
export function writerOf({ name, rows, columns, width }: Matrix): string {
  const head = `fn write_${name}(row: u32, column: u32, numbers: vec4f) {
  if (row >= ${rows} || column >= ${columns}) { return; }
  let at = row * ${columns} + column;`;
  if (width === 4) {
    return `${head}
  ${name}[at / 4u] = numbers;
}
`;
  }
  return `${head}
  for (var i = 0u; i < 4u; i++) { // unroll
    if (column + i < ${columns}) { ${name}[at + i] = numbers[i]; }
  }
}
`;
}

/** The constants of products' text. */
export function productConstants({ size, staged }: Tiling): Constants {
  return { STAGED: staged, SIZE: size, SIDES: size / 32, DEPTH: 1024 / size };
}

/**
 * WGSL functions of products' tiles, `product_<name>(tile, local)`, which share workgroup
 * memory if that is used. A thread has the sums of SIZE / 8 rows, in 4 SIDES columns.
 *
 * @param products By name, WGSL of what a product has of its own:
 * - `row_count()`, `column_count()` and `inner_count()`, how many numbers each sum has;
 * - `left_block(outer, inner) -> mat4x4f`, four numbers along the product's rows by four
 *   along the sum, a vector for each of the latter, and `right_block(outer, inner)`,
 *   likewise along its columns; LEFT_INNER and RIGHT_INNER say whether the numbers of a
 *   row of the factor go along the sum;
 * - `finish_row(row, column, sum)`, which gets four sums of a row from that column on; and,
 *   if SUMS_COLUMNS, `finish_columns(column, sum)`, which gets those of the right factor's
 *   columns.
 */
export function productFunctions(
  products: Readonly<Record<string, string>>,
  { staged }: Tiling,
): string {
  return (staged ? TILES : "") +
    Object.entries(products).map(([name, operands]) =>
      instance(operands + (staged ? STAGED : DIRECT), name)
    ).join("");
}

/**
 * Sums straight from the buffers, which is faster where a processor computes: its
 * caches are what workgroup memory is to a card, and barriers cost it more.
 */
const DIRECT = /* wgsl */ `
fn product(tile: u32, local: u32) {
  let across = (column_count() + SIZE - 1u) / SIZE;
  let row = tile / across * SIZE + 4u * (local / 8u);
  let column = tile % across * SIZE + 4u * (local % 8u);
  if (row >= row_count() || column >= column_count()) { return; }
  var sum = array<vec4f, 4>();
  var column_sum = vec4f();
  for (var k = 0u; k < inner_count(); k += 4u) {
    let left = left_block(row, k);
    let right = right_block(column, k);
    for (var r = 0u; r < 4u; r++) { // unroll
      sum[r] += left[0][r] * right[0] + left[1][r] * right[1] + left[2][r] * right[2] + left[3][r] * right[3];
    }
    if (SUMS_COLUMNS && row == 0u) { column_sum += right[0] + right[1] + right[2] + right[3]; }
  }
  if (SUMS_COLUMNS && row == 0u) { finish_columns(column, column_sum); }
  for (var r = 0u; r < 4u; r++) { // unroll
    finish_row(row + r, column, sum[r]);
  }
}
`;

/** The tiles of both factors, of DEPTH numbers along the sum. */
const TILES = /* wgsl */ `
// Four numbers along the tile, by inner index. Their places are exchanged from vec4 to
// vec4 of that, so that threads that write vec4s of one row do not wait for each other.
var<workgroup> left_tile: array<vec4f, 4u * THREADS>;
var<workgroup> right_tile: array<vec4f, 4u * THREADS>;

fn place_in_tile(inner_vec: u32, i: u32, vec: u32) -> u32 {
  return (4u * inner_vec + i) * (SIZE / 4u) + (vec ^ (inner_vec * SIDES));
}
`;

/** Sums by way of workgroup memory, where each number that is read serves a row or column of threads. */
const STAGED = /* wgsl */ `
// The place of the numbers that a thread reads; neighbours read what lies side by side.
fn place_of(local: u32, along_inner: bool) -> vec2u {
  return select(vec2u(local % (SIZE / 4u), local / (SIZE / 4u)), vec2u(local / (DEPTH / 4u), local % (DEPTH / 4u)), along_inner);
}

fn product(tile: u32, local: u32) {
  let across = (column_count() + SIZE - 1u) / SIZE;
  let first_row = tile / across * SIZE;
  let first_column = tile % across * SIZE;
  let left_at = place_of(local, LEFT_INNER);
  let right_at = place_of(local, RIGHT_INNER);
  let left_outer = first_row + 4u * left_at.x;
  let right_outer = first_column + 4u * right_at.x;
  var left_inner = 4u * left_at.y;
  var right_inner = 4u * right_at.y;
  var left = left_block(left_outer, left_inner);
  var right = right_block(right_outer, right_inner);
  var sum = array<array<vec4f, SIDES>, SIZE / 8u>();
  var column_sum = vec4f();
  for (var first = 0u; first < inner_count(); first += DEPTH) {
    // All threads have read the tiles of the step before.
    workgroupBarrier();
    for (var i = 0u; i < 4u; i++) { // unroll
      left_tile[place_in_tile(left_at.y, i, left_at.x)] = left[i];
      right_tile[place_in_tile(right_at.y, i, right_at.x)] = right[i];
    }
    if (SUMS_COLUMNS) { column_sum += right[0] + right[1] + right[2] + right[3]; }
    workgroupBarrier();
    // The next step's blocks are on their way meanwhile.
    left_inner += DEPTH;
    right_inner += DEPTH;
    left = left_block(left_outer, left_inner);
    right = right_block(right_outer, right_inner);
    let vecs = min(DEPTH / 4u, (inner_count() - first + 3u) / 4u);
    for (var k = 0u; k < vecs; k++) {
      for (var i = 0u; i < 4u; i++) { // unroll
        var lefts = array<vec4f, SIDES>();
        var rights = array<vec4f, SIDES>();
        for (var q = 0u; q < SIDES; q++) { // unroll
          lefts[q] = left_tile[place_in_tile(k, i, local / 8u + 8u * q)];
          rights[q] = right_tile[place_in_tile(k, i, local % 8u + 8u * q)];
        }
        for (var r = 0u; r < SIZE / 8u; r++) { // unroll
          for (var q = 0u; q < SIDES; q++) { // unroll
            sum[r][q] += lefts[r / 4u][r % 4u] * rights[q];
          }
        }
      }
    }
  }
  if (SUMS_COLUMNS && first_row == 0u) {
    workgroupBarrier();
    right_tile[local] = column_sum;
    workgroupBarrier();
    if (local < SIZE / 4u) {
      var whole = vec4f();
      for (var part = local; part < THREADS; part += SIZE / 4u) { whole += right_tile[part]; }
      finish_columns(first_column + 4u * local, whole);
    }
  }
  let row = first_row + 4u * (local / 8u);
  let column = first_column + 4u * (local % 8u);
  for (var r = 0u; r < SIZE / 8u; r++) { // unroll
    for (var q = 0u; q < SIDES; q++) { // unroll
      finish_row(row + 32u * (r / 4u) + r % 4u, column + 32u * q, sum[r][q]);
    }
  }
}
`;
