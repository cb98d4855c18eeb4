/**
 * The delta rule chunk by chunk: how its tokens are counted, and what its
 * shaders hand to each other.
 *
 * A sequence has a sweep for each direction. A sweep has the tokens of a chunk
 * as rows in its own order, so that one text serves both directions; what rows
 * lack to whole blocks of four reads as zeros that do not decay.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { reading } from "../score_tiles/score_tiles.ts";

/** Most tokens of a chunk: a thread solves for a column of so many, and a workgroup has a few threads for each. */
export const LARGEST_CHUNK = 32;
/** Rows of a block, which a thread has at once. */
export const BLOCK_ROWS = 4;
/** Blocks of the largest chunk. */
const BLOCKS = LARGEST_CHUNK / BLOCK_ROWS;

/** Threads of a row, where a workgroup has all rows of a chunk and sums over their columns. */
export const ROW_LANES = 4;
/** Threads of such a workgroup. */
export const LANE_THREADS = LARGEST_CHUNK * ROW_LANES;

/** How a problem is divided. */
export interface DeltaSizes {
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Tokens of a chunk, but for the last. */
  readonly chunkSize: number;
  /** Sweeps of a sequence. */
  readonly directions: number;
  /**
   * Whether threads are lanes: a workgroup is a vector of a CPU then, whose lanes
   * have neighbouring columns, and reads what all of them need only once.
   */
  readonly inLanes: boolean;
}

/** The sizes of what lies in the buffers. */
export interface DeltaLayout extends DeltaSizes {
  readonly chunks: number;
  /** Rows of a chunk, whole blocks. */
  readonly rows: number;
  /** Quads of columns of q and k, and of v. */
  readonly headQuads: number;
  readonly valueQuads: number;
}

/** Lays out a problem. */
export function layoutOf(sizes: DeltaSizes): DeltaLayout {
  const { length, headDim, valueDim, chunkSize } = sizes;
  return {
    ...sizes,
    chunks: Math.ceil(length / chunkSize),
    rows: BLOCK_ROWS * Math.ceil(chunkSize / BLOCK_ROWS),
    headQuads: Math.ceil(headDim / 4),
    valueQuads: Math.ceil(valueDim / 4),
  };
}

/** Numbers of a chunk's record in each buffer that shaders hand on. */
export function recordSizes(
  { rows, headQuads, valueQuads }: DeltaLayout,
): Record<"systems" | "prepared" | "written" | "states", number> {
  return {
    // The matrices of pairs.
    systems: MATRICES * rows * rows,
    // What each row erases, reads and writes, and what passes the chunk.
    prepared: (3 * rows + 1) * 4 * headQuads,
    // What each row writes.
    written: rows * 4 * valueQuads,
    // The state that comes to the chunk, headDim in whole quads.
    states: 4 * headQuads * 4 * valueQuads,
  };
}

/** Threads of a workgroup: for each pair of blocks, or for those of a row of blocks. */
export function threadsOf({ inLanes }: DeltaLayout): number {
  return inLanes ? BLOCKS : BLOCKS ** 2;
}

/** What all programs of a problem are given alike. */
export function deltaProgram(
  layout: DeltaLayout,
  firstSequence: number,
): Pick<
  Program,
  "width" | "variants" | "integers" | "threads" | "elements"
> {
  const { inLanes, ...sizes } = layout;
  const { headDim, valueDim } = sizes;
  return {
    width: headDim % 4 === 0 && valueDim % 4 === 0 ? 4 : 1,
    variants: inLanes ? ["lanes"] : [],
    integers: { ...sizes, firstSequence },
    threads: threadsOf(layout),
    elements: {
      beta: "f32",
      dbeta: "f32",
      products: "f32",
      systems: "vec4f",
      prepared: "vec4f",
      written: "vec4f",
      states: "vec4f",
      dwritten: "vec4f",
      dstates: "vec4f",
      dnews: "vec4f",
      borders: "vec4f",
    },
  };
}

/**
 * What a state pays as the tokens of a sweep arrive: nothing, or of each token
 * one decay or one of each channel, in a buffer.
 */
export type DeltaDecays = "none" | "scalar" | "diagonal";

/** The kind of such a buffer. */
export function kindOf(decays: tf.TensorInfo | undefined): DeltaDecays {
  if (!decays) return "none";
  // Of heads of one channel the two kinds are the same.
  return decays.shape.at(-1)! > 1 ? "diagonal" : "scalar";
}

/**
 * Where a chunk lies: `chunk_of(sweep, number)`, with sweeps counted from the
 * launch's first sequence on, and `token_of(chunk, row)`.
 */
export const CHUNKS = /* wgsl */ `
struct Chunk {
  // Its place among those of all sweeps.
  record: u32,
  // Its first token, among those of all sequences.
  start: u32,
  // Its tokens.
  count: u32,
  // Whether the sweep comes from the right.
  back: bool,
}

fn chunk_of(sweep: u32, number: u32) -> Chunk {
  let first = number * uniforms.chunkSize;
  let sequence = uniforms.firstSequence + sweep / uniforms.directions;
  return Chunk(
    sweep * uniforms.chunks + number,
    sequence * uniforms.length + first,
    min(uniforms.chunkSize, uniforms.length - first),
    sweep % uniforms.directions == 1u,
  );
}

fn token_of(chunk: Chunk, row: u32) -> u32 {
  let inside = min(row, chunk.count - 1u);
  return chunk.start + select(inside, chunk.count - 1u - inside, chunk.back);
}
`;

/** `row_of_<name>(chunk, row, quad)` of a tensor with a vector for each token. */
export function rowsOf(
  name: string,
  dim: "headDim" | "valueDim",
  width: 1 | 4,
): string {
  return /* wgsl */ `${reading(name, dim, width)}
fn row_of_${name}(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_${name}(token_of(chunk, row), quad), row < chunk.count);
}`;
}

/** `beta_of(chunk, row)` */
export const BETA = /* wgsl */ `
fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], row < chunk.count);
}`;

/** `decay_of(chunk, row, quad)`: what the state pays as the token arrives. */
export function decayOf(kind: DeltaDecays, width: 1 | 4): string {
  const head = "fn decay_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {";
  if (kind === "none") return `${head} return vec4f(1.0); }`;
  const of = "token_of(chunk, row)";
  const [functions, decay] = kind === "scalar"
    ? ["", `vec4f(decays[${of}])`]
    : [reading("decays", "headDim", width), `read_decays(${of}, quad)`];
  return /* wgsl */ `${functions}
${head}
  return select(vec4f(1.0), ${decay}, row < chunk.count);
}`;
}

/** Matrices of pairs of a chunk's rows: the system, its inverse and scores. */
const MATRICES = 3;

/** Places in the buffers that shaders hand on, of vec4f. */
export const PLACES = /* wgsl */ `
const SYSTEM = 0u;
const INVERSE = 1u;
const SCORES = 2u;

const ERASED = 0u;
const READ = 1u;
const WRITTEN = 2u;
const THROUGH = 3u;

// Four columns of a row of a matrix of pairs.
fn at_pair(chunk: Chunk, matrix: u32, row: u32, block: u32) -> u32 {
  let rows = (chunk.record * ${MATRICES}u + matrix) * uniforms.rows + row;
  return rows * (uniforms.rows / ${BLOCK_ROWS}u) + block;
}
// A quad of what a row erases, reads or writes; THROUGH has one row.
fn at_prepared(chunk: Chunk, kind: u32, row: u32, quad: u32) -> u32 {
  let rows = 3u * uniforms.rows + 1u;
  return (chunk.record * rows + kind * uniforms.rows + row) * uniforms.headQuads + quad;
}
fn at_written(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * uniforms.rows + row) * uniforms.valueQuads + quad;
}
// A quad of columns of a row of the state.
fn at_state(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * 4u * uniforms.headQuads + row) * uniforms.valueQuads + quad;
}
`;

/** A matrix of four columns. */
export function columnsOf(element: (i: number) => string): string {
  return `mat4x4f(${repeat(4, element, ", ")})`;
}

/** A piece of text for each row of a block. */
export const eachBlockRow = (piece: (r: number) => string): string =>
  repeat(BLOCK_ROWS, piece);

/**
 * A loop over the items of a workgroup: so many rows and a quad of columns each,
 * `row` and `quad`.
 */
export function eachItem(
  layout: DeltaLayout,
  quads: string,
  body: string,
  rows: number = BLOCK_ROWS,
): string {
  const threads = threadsOf(layout);
  if (layout.inLanes) {
    return /* wgsl */ `
  for (var row = 0u; row < uniforms.rows; row += ${rows}u) {
    for (var quad = local; quad < ${quads}; quad += ${threads}u) {
${body}
    }
  }`;
  }
  return /* wgsl */ `
  for (var item = local; item < uniforms.rows / ${rows}u * ${quads}; item += ${threads}u) {
    let row = item / ${quads} * ${rows}u;
    let quad = item % ${quads};
${body}
  }`;
}

/** Calls a function for each pair of blocks of a chunk, `(chunk, row_block, column_block)`. */
export function eachPair({ inLanes }: DeltaLayout, name: string): string {
  const call = (rows: string, columns: string) =>
    `if (${rows} < blocks && ${columns} < blocks) { ${name}(chunk, ${rows}, ${columns}); }`;
  return inLanes
    ? /* wgsl */ `
  let blocks = uniforms.rows / ${BLOCK_ROWS}u;
  for (var i = 0u; i < blocks; i++) {
    ${call("i", "local")}
  }`
    : /* wgsl */ `
  let blocks = uniforms.rows / ${BLOCK_ROWS}u;
  ${call(`local / ${BLOCKS}u`, `local % ${BLOCKS}u`)}`;
}
