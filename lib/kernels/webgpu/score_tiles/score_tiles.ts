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
 * workgroup loads some quads (four columns) of them, each once, into memory of its own, where
 * neighbouring lanes read neighbouring numbers.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import { type Program, widthOf } from "../../../tfjs/webgpu/program.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { ACCUMULATE, eachTileRow, TILE_ROWS } from "../frame/register_tile.ts";

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
  { headDim, valueDim }: Readonly<Record<Dim, number>>,
  numbers: Readonly<
    Record<"threads" | "columnsPerThread" | "stagedColumns", number>
  >,
  limits: TilingLimits,
): Tiling {
  const most = Math.ceil(Math.max(headDim, valueDim) / 4);
  const quads = numbers.columnsPerThread / 4;
  const threadsPerRow =
    THREADS_PER_ROW.find((count) => count * quads >= most) ??
      THREADS_PER_ROW.at(-1)!;
  const ofThread = Math.min(quads, Math.ceil(most / threadsPerRow));
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
  { headDim, valueDim }: Readonly<Record<Dim, number>>,
): number {
  const most = Math.ceil(Math.max(headDim, valueDim) / 4);
  return 4 * Math.ceil(most / THREADS_PER_ROW.at(-1)!);
}

/** Limits of a device that tilings depend on. */
export type TilingLimits = Pick<
  GPUSupportedLimits,
  "maxComputeInvocationsPerWorkgroup" | "maxComputeWorkgroupStorageSize"
>;

/** All of a tiling that a text depends on. */
export function tilingVariants(
  { threads, threadsPerRow, columnsPerThread, stagedColumns }: Tiling,
): string[] {
  return [
    `threads=${threads}`,
    `perRow=${threadsPerRow}`,
    `columns=${columnsPerThread}`,
    `staged=${stagedColumns}`,
  ];
}

/**
 * What the programs of softmax attention are given alike: a workgroup for the
 * rows of a tiling of each sequence.
 */
export function tiledProgram(
  q: tf.TensorInfo,
  v: tf.TensorInfo,
  { causal, scale }: SoftmaxAttributes,
  tiling: Tiling,
): Omit<Program, "name" | "reads" | "writes" | "body"> {
  const [batch, heads, length, headDim] = q.shape as tf.Tensor4D["shape"];
  const valueDim = v.shape[3]!;
  const blocks = Math.ceil(length / tiling.rows);
  return {
    width: widthOf(headDim, valueDim),
    integers: {
      length,
      heads,
      headDim,
      valueDim,
      blocks,
      causal: Number(causal),
    },
    floats: { scale },
    workgroups: batch * heads * blocks,
    variants: tilingVariants(tiling),
    threads: tiling.threads,
    layers: tiling.columnSplits,
  };
}

/** The dimension that says how many columns a tensor has. */
export type Dim = "headDim" | "valueDim";

/** `read_<name>(token, quad) -> vec4f`, 0 where a row has no more columns. */
export function reading(name: string, dim: Dim, width: 1 | 4): string {
  const head = `fn read_${name}(token: u32, quad: u32) -> vec4f {`;
  if (width === 4) {
    return `${head} return ${name}[token * (uniforms.${dim} / 4u) + quad]; }`;
  }
  const number = (i: number) =>
    `select(0.0, ${name}[first + ${i}u], column + ${i}u < uniforms.${dim})`;
  return /* wgsl */ `${head}
  let column = 4u * quad;
  let first = token * uniforms.${dim} + column;
  return vec4f(${repeat(4, number, ", ")});
}`;
}

/** `write_<name>(token, quad, x)`, of which the columns that there are count. */
export function writing(name: string, dim: Dim, width: 1 | 4): string {
  const head = `fn write_${name}(token: u32, quad: u32, x: vec4f) {`;
  const end = `(uniforms.${dim} + 3u) / 4u`;
  if (width === 4) {
    return /* wgsl */ `${head}
  if (quad < ${end}) { ${name}[token * (uniforms.${dim} / 4u) + quad] = x; }
}`;
  }
  return /* wgsl */ `${head}
  for (var i = 0u; i < 4u && 4u * quad + i < uniforms.${dim}; i++) {
    ${name}[token * uniforms.${dim} + 4u * quad + i] = x[i];
  }
}`;
}

/** Declarations with which all programs in tiles begin. */
export function tileFunctions(
  { rows, columns, stagedColumns }: Tiling,
): string {
  return /* wgsl */ `
var<workgroup> tiles: array<vec4f, ${rows * columns / 4}>;
${
    stagedColumns > 0
      ? `var<workgroup> staged: array<vec4f, ${stagedColumns / 4 * columns}>;
`
      : ""
  }
${ACCUMULATE}
`;
}

/** Where a workgroup and a thread are: `base`, `first_row`, `row`, `lane`, `row0` … */
export function places({ rows, threadsPerRow }: Tiling): string {
  return /* wgsl */ `
  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * ${rows}u;
  let lane = local % ${threadsPerRow}u;
  let tile_row = local / ${threadsPerRow}u * ${TILE_ROWS}u;
  let row = first_row + tile_row;
  let last = uniforms.length - 1u;
${eachTileRow((r) => `  let row${r} = base + min(row + ${r}u, last);`)}`;
}

/**
 * `column`, and the tokens `column0` … `column3` of the tile in the block from
 * `first` on.
 */
export const tileColumns = /* wgsl */ `
    let column = first + 4u * lane;
    let positions = column + vec4u(0u, 1u, 2u, 3u);
${repeat(4, (c) => `    let column${c} = base + min(column + ${c}u, last);`)}`;

/** Quads of a row with these columns, in the text. */
export const quadsIn = (dim: Dim) => `(uniforms.${dim} + 3u) / 4u`;

/** The vectors whose products make a tile of scores. */
interface Factors {
  /** Begins the names of the products' rows. */
  readonly sum: string;
  readonly ofRows: string;
  readonly ofColumns: string;
  /** The number of quads of the vectors, in the text. */
  readonly end: string;
}

/** Declares `<sum>0` …, the products of the tile's rows and columns. */
export function tileProducts(tiling: Tiling, factors: Factors): string {
  const { sum, ofRows, ofColumns, end } = factors;
  const { threadsPerRow, stagedColumns } = tiling;
  const stagedQuads = stagedColumns / 4;
  const declared = eachTileRow((r) => `    var ${sum}${r} = vec4f();`);
  const add = (columns: string, quad: string) => /* wgsl */ `
      let columns = ${columns};
${
    eachTileRow((r) =>
      `      ${sum}${r} = accumulate(${sum}${r}, columns, read_${ofRows}(row${r}, ${quad}));`
    )
  }`;
  if (stagedQuads === 0) {
    const read = (c: number) => `read_${ofColumns}(column${c}, n)`;
    return /* wgsl */ `
${declared}
    for (var n = 0u; n < ${end}; n++) {${
      add(`transpose(mat4x4f(${repeat(4, read, ", ")}))`, "n")
    }
    }`;
  }
  const read = (x: number) =>
    `staged[(4u * n + ${x}u) * ${threadsPerRow}u + lane]`;
  return /* wgsl */ `
${declared}
    for (var start_quad = 0u; start_quad < ${end}; start_quad += ${stagedQuads}u) {
${stageColumns(tiling, factors)}
      for (var n = 0u; n < min(${stagedQuads}u, ${end} - start_quad); n++) {${
    add(`mat4x4f(${repeat(4, read, ", ")})`, "start_quad + n")
  }
      }
    }`;
}

/**
 * Stages quads from `start_quad` on: of each quad four vectors per lane, of which
 * each has one number of the lane's four columns.
 */
function stageColumns(
  { threads, threadsPerRow, stagedColumns }: Tiling,
  { ofColumns, end }: Factors,
): string {
  const stagedQuads = stagedColumns / 4;
  const read = (c: number) =>
    `read_${ofColumns}(base + min(first + 4u * block + ${c}u, last), quad)`;
  return /* wgsl */ `      workgroupBarrier();
      for (var i = local; i < ${
    threadsPerRow * stagedQuads
  }u; i += ${threads}u) {
        let place = i % ${stagedQuads}u;
        let quad = start_quad + place;
        let block = i / ${stagedQuads}u;
        if (quad < ${end}) {
          let numbers = transpose(mat4x4f(${repeat(4, read, ", ")}));
${
    repeat(
      4,
      (x) =>
        `          staged[(4u * place + ${x}u) * ${threadsPerRow}u + block] = numbers[${x}];`,
    )
  }
        }
      }
      workgroupBarrier();`;
}

/** Puts a tile where all lanes read it. */
export function shareTile({ threadsPerRow }: Tiling, name: string): string {
  return `${
    eachTileRow((r) =>
      `    tiles[(tile_row + ${r}u) * ${threadsPerRow}u + lane] = ${name}${r};`
    )
  }
    workgroupBarrier();`;
}

/** Waits until nobody reads the tiles any more. */
export const END_OF_TILE = "    workgroupBarrier();";

/**
 * Four booleans: which of the tile's columns row r reads, if `limit` is beyond
 * the last.
 */
export const before = (limit: string) => `positions < vec4u(${limit})`;

/** The end of the columns that row r reads. */
export const limitOf = (r: number) =>
  `select(uniforms.length, min(uniforms.length, row + ${
    r + 1
  }u), uniforms.causal != 0u)`;

/** The end of the columns that a row of the workgroup reads. */
export const endOf = (rows: number) =>
  `select(uniforms.length, min(uniforms.length, first_row + ${rows}u), uniforms.causal != 0u)`;

/**
 * Declares `start`, the first block with a column of the segments that the
 * workgroup's rows are of, and `last_segment`, the last of these; `segmentOf` is
 * the number of the segment at a position, numbered in order.
 */
export function skipSegments(
  { rows, columns }: Pick<Tiling, "rows" | "columns">,
  segmentOf: (position: string) => string,
): string {
  return /* wgsl */ `
  let last_segment = ${segmentOf(`min(first_row + ${rows - 1}u, last)`)};
  var start = 0u;
  while (start + ${columns}u <= first_row && ${
    segmentOf(`start + ${columns - 1}u`)
  } < ${segmentOf("first_row")}) { start += ${columns}u; }`;
}

/**
 * Leaves the loop where its block begins after {@linkcode skipSegments}'s last
 * segment.
 */
export function endOfSegments(segmentOf: (position: string) => string): string {
  return `    if (${segmentOf("first")} > last_segment) { break; }`;
}
