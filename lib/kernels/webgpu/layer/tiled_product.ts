/** WGSL of matrix products by tiles that a workgroup stages in its memory. @module */
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import type { PackWidth } from "../../../tfjs/webgpu/program.ts";

/** Threads of a workgroup, eight along the rows of its tile and eight along the columns. */
export const PRODUCT_THREADS = 64;
const ACROSS = 8;

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
  /** Another buffer, by whose numbers those of a matrix that is read are multiplied. */
  readonly times?: string | undefined;
}

/**
 * WGSL function `read_<name>(row, column)`: four numbers of a row, from a column that
 * four divides, with zeros for those that the matrix does not have. It does not branch,
 * since a processor would compute both ways.
 */
export function readerOf(
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
${
    repeat(4, (i) =>
      `  if (column + ${i}u < ${columns}) { ${name}[at + ${i}u] = numbers[${i}]; }`)
  }
}
`;
}

/**
 * A factor of a product, as threads read it: `inner` where the numbers of a row go
 * along the sum of the product, and `outer` where they go along the product's own
 * rows or columns.
 */
export interface Factor {
  /** The matrix's name, of which there is a reader. */
  readonly name: string;
  readonly along: "inner" | "outer";
}

/** A product of two matrices, as a function of WGSL computes its tiles. */
export interface TiledProduct {
  /** The name of the function, of a tile's number and a thread's. */
  readonly name: string;
  /** The factor whose rows are the product's. */
  readonly left: Factor;
  /** The factor whose columns are the product's. */
  readonly right: Factor;
  /** WGSL of the number of rows. */
  readonly rows: string;
  /** WGSL of the number of columns. */
  readonly columns: string;
  /** WGSL of how many numbers each sum has. */
  readonly inner: string;
  /** The name of a function that gets a row, a column and four sums of the row from there. */
  readonly finish: string;
  /**
   * The name of a function that gets the same for the sums of the right factor's
   * columns, as row 0.
   */
  readonly finishColumnSums?: string;
}

/** Numbers along the sum that are staged at a time: each thread reads 16 of each factor. */
const depthOf = (tile: TileSize) => 16 * PRODUCT_THREADS / tile;

/** What of a text depends on the tiling. */
export function nameOf({ size, staged }: Tiling): string {
  return staged ? `tiles=${size}` : "direct";
}

/** WGSL functions of products' tiles, which share workgroup memory if that is used. */
export function productFunctions(
  products: readonly TiledProduct[],
  tiling: Tiling,
): string {
  const functions = products
    .map((product) => productFunction(product, tiling)).join("");
  if (!tiling.staged) return functions;
  return /* wgsl */ `
// Four numbers along the tile, by inner index. Their places are exchanged from quad to
// quad of that, so that those who write quads of one row do not wait for each other.
var<workgroup> left_tile: array<vec4f, ${4 * PRODUCT_THREADS}>;
var<workgroup> right_tile: array<vec4f, ${4 * PRODUCT_THREADS}>;

fn place_in_tile(inner_quad: u32, i: u32, quad: u32) -> u32 {
  return (4u * inner_quad + i) * ${tiling.size / 4}u + (quad ^ (inner_quad * ${
    tiling.size / 32
  }u));
}
${functions}`;
}

/** WGSL of a factor's numbers, four along the tile by four along the sum: a vector for each of the latter. */
function blockOf(
  { name, along }: Factor,
  outer: string,
  inner: string,
): string {
  const rows = repeat(
    4,
    (i) =>
      along === "inner"
        ? `read_${name}(${outer} + ${i}u, ${inner})`
        : `read_${name}(${inner} + ${i}u, ${outer})`,
    ", ",
  );
  const block = `mat4x4f(${rows})`;
  return along === "inner" ? `transpose(${block})` : block;
}

/** WGSL function of a thread's part of a tile. */
function productFunction(product: TiledProduct, tiling: Tiling): string {
  const { name, columns } = product, { size, staged } = tiling;
  return /* wgsl */ `
fn ${name}(tile: u32, local: u32) {
  let across = (${columns} + ${size - 1}u) / ${size}u;
  let first_row = tile / across * ${size}u;
  let first_column = tile % across * ${size}u;
  let row = first_row + 4u * (local / ${ACROSS}u);
  let column = first_column + 4u * (local % ${ACROSS}u);
${eachSum(size, (r, q) => `  var sum${r}_${q} = vec4f();`)}
${product.finishColumnSums ? "  var column_sum = vec4f();\n" : ""}${
    staged ? stagedLoop(product, size) : directLoop(product)
  }
${
    eachSum(size, (r, q) =>
      `  ${product.finish}(row + ${4 * ACROSS * (r >> 2) + r % 4}u, column + ${
        4 * ACROSS * q
      }u, sum${r}_${q});`)
  }
}
`;
}

/** Repeats a piece of text for each row and each quad of a thread's sums. */
function eachSum(
  size: TileSize,
  piece: (row: number, quad: number) => string,
): string {
  return repeat(size / 8, (row) => repeat(size / 32, (q) => piece(row, q)));
}

/**
 * Sums straight from the buffers, which is faster where a processor computes: its
 * caches are what workgroup memory is to a card, and barriers cost it more.
 */
function directLoop(
  { left, right, rows, columns, inner, finishColumnSums }: TiledProduct,
): string {
  const ofColumns = finishColumnSums === undefined ? "" : /* wgsl */ `
    if (row == 0u) { column_sum += right[0] + right[1] + right[2] + right[3]; }`;
  return /* wgsl */ `  if (row >= ${rows} || column >= ${columns}) { return; }
  for (var k = 0u; k < ${inner}; k += 4u) {
    let left = ${blockOf(left, "row", "k")};
    let right = ${blockOf(right, "column", "k")};
${
    repeat(4, (r) =>
      `    sum${r}_0 += ${
        repeat(4, (i) =>
          `left[${i}][${r}] * right[${i}]`, " + ")
      };`)
  }${ofColumns}
  }${
    finishColumnSums === undefined ? "" : `
  if (row == 0u) { ${finishColumnSums}(0u, column, column_sum); }`
  }`;
}

/** Sums by way of workgroup memory, where each number that is read serves a row or column of threads. */
function stagedLoop(
  { left, right, inner, finishColumnSums }: TiledProduct,
  size: TileSize,
): string {
  const depth = depthOf(size), quads = size / 4, sides = size / 32;
  // Neighbours read what lies side by side.
  const placeOf = ({ along }: Factor) =>
    along === "inner"
      ? `vec2u(local / ${depth / 4}u, local % ${depth / 4}u)`
      : `vec2u(local % ${quads}u, local / ${quads}u)`;
  const sumColumns = finishColumnSums === undefined ? "" : /* wgsl */ `
    column_sum += right[0] + right[1] + right[2] + right[3];`;
  const places = (side: "left" | "right", i: number, quad: string) =>
    repeat(
      sides,
      (q) =>
        `      let ${side}${i}_${q} = ${side}_tile[place_in_tile(k, ${i}u, ${quad} + ${
          ACROSS * q
        }u)];`,
    );
  return /* wgsl */ `  let left_at = ${placeOf(left)};
  let right_at = ${placeOf(right)};
  let left_outer = first_row + 4u * left_at.x;
  let right_outer = first_column + 4u * right_at.x;
  var left_inner = 4u * left_at.y;
  var right_inner = 4u * right_at.y;
  var left = ${blockOf(left, "left_outer", "left_inner")};
  var right = ${blockOf(right, "right_outer", "right_inner")};
  for (var first = 0u; first < ${inner}; first += ${depth}u) {
    // All have read the tiles before.
    workgroupBarrier();
${
    repeat(4, (i) =>
      `    left_tile[place_in_tile(left_at.y, ${i}u, left_at.x)] = left[${i}];
    right_tile[place_in_tile(right_at.y, ${i}u, right_at.x)] = right[${i}];`)
  }${sumColumns}
    workgroupBarrier();
    // What comes next is on its way meanwhile.
    left_inner += ${depth}u;
    right_inner += ${depth}u;
    left = ${blockOf(left, "left_outer", "left_inner")};
    right = ${blockOf(right, "right_outer", "right_inner")};
    let quads = min(${depth / 4}u, (${inner} - first + 3u) / 4u);
    for (var k = 0u; k < quads; k++) {
${
    repeat(4, (i) =>
      [
        places("left", i, `local / ${ACROSS}u`),
        places("right", i, `local % ${ACROSS}u`),
        eachSum(
          size,
          (r, q) =>
            `      sum${r}_${q} += left${i}_${r >> 2}[${
              r % 4
            }] * right${i}_${q};`,
        ),
      ].join("\n"))
  }
    }
  }${
    finishColumnSums === undefined ? "" : /* wgsl */ `
  if (first_row == 0u) {
    workgroupBarrier();
    right_tile[local] = column_sum;
    workgroupBarrier();
    if (local < ${quads}u) {
      var sum = vec4f();
      for (var part = local; part < ${PRODUCT_THREADS}u; part += ${quads}u) {
        sum += right_tile[part];
      }
      ${finishColumnSums}(0u, first_column + 4u * local, sum);
    }
  }`
  }`;
}
