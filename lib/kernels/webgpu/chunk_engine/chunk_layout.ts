/**
 * Chunked linear attention: how its tokens are counted, and what its shaders hand
 * to each other.
 *
 * A sequence has a sweep for each direction. A sweep has the tokens of a chunk
 * as rows in its own order, so that one text serves both directions. Rows come in
 * whole blocks of four, which are the same four tokens in both directions; rows
 * without a token, at the end of a chunk's tokens, read as zeros that do not
 * decay.
 *
 * @module
 */
import type { Program } from "../../../tfjs/webgpu/program.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { reading } from "../score_tiles/score_tiles.ts";

/** Most tokens of a chunk of the delta rule: a thread solves for a column of so many, and a workgroup has a few threads for each. */
export const LARGEST_CHUNK = 32;
/** Rows of a block, which a thread has at once. */
export const BLOCK_ROWS = 4;

/** Threads of a workgroup, if nothing else is said: for a block of rows and one of columns each. */
export const THREADS = 64;
/** Threads of a row, where a workgroup has all rows of a chunk and sums over their columns. */
export const ROW_LANES = 4;
/** Threads of such a workgroup. */
export const LANE_THREADS = LARGEST_CHUNK * ROW_LANES;

/** What a token writes to the state: k vᵀ, or k (v - what k finds there)ᵀ. */
export type Rule = "add" | "delta";

/**
 * What a state pays as the tokens of a sweep arrive: nothing, or of each token
 * one decay or one of each channel of the keys, in a buffer.
 */
export type DecayKind = "none" | "scalar" | "diagonal";

/** How a problem is divided. */
export interface ChunkSizes {
  readonly rule: Rule;
  readonly decay: DecayKind;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Tokens of a chunk, but for the last. */
  readonly chunkSize: number;
  /** Sweeps of a sequence. */
  readonly directions: number;
  /** Whether the sequence is a piece of a longer one, so that states reach its only chunk too. */
  readonly isPiece: boolean;
}

/** The sizes of what lies in the buffers. */
export interface ChunkLayout extends ChunkSizes {
  readonly chunks: number;
  /** Rows of a chunk, whole blocks. */
  readonly rows: number;
  /** Quads of columns of q and k. */
  readonly headQuads: number;
  /** Quads of columns of what is written: of v, and of the rule "add" of a column of ones behind it, which yields the row sum. */
  readonly valueQuads: number;
  /** Quads of columns with which queries read states: none where no state reaches a chunk. */
  readonly stateQuads: number;
}

/** Lays out a problem. */
export function layoutOf(sizes: ChunkSizes): ChunkLayout {
  const { rule, length, headDim, valueDim, chunkSize, isPiece } = sizes;
  const chunks = Math.ceil(length / chunkSize);
  const headQuads = Math.ceil(headDim / 4);
  const hasStates = rule === "delta" || isPiece || chunks > 1;
  return {
    ...sizes,
    chunks,
    rows: BLOCK_ROWS * Math.ceil(chunkSize / BLOCK_ROWS),
    headQuads,
    valueQuads: rule === "add"
      ? Math.floor(valueDim / 4) + 1
      : Math.ceil(valueDim / 4),
    stateQuads: hasStates ? headQuads : 0,
  };
}

/** Matrices of pairs of a chunk's rows: scores, and of the delta rule the triangular system and its inverse. */
const matricesOf = (rule: Rule) => rule === "add" ? 1 : 3;
/** Kinds of operand rows: decayed queries and keys, and of the delta rule W. */
const operandsOf = (rule: Rule) => rule === "add" ? 2 : 3;

/** Numbers of a chunk's record in each buffer that shaders hand on. */
export function recordSizes(
  { rule, rows, headQuads, valueQuads, stateQuads }: ChunkLayout,
): Record<"pairs" | "operands" | "vNew" | "states", number> {
  return {
    pairs: matricesOf(rule) * rows * rows,
    operands: (operandsOf(rule) * rows + 1 + rows / BLOCK_ROWS) * 4 * headQuads,
    // What each row writes; by the rule "add" that is v.
    vNew: rule === "add" ? 0 : rows * 4 * valueQuads,
    // The state that comes to the chunk, headDim in whole quads.
    states: 4 * stateQuads * 4 * valueQuads,
  };
}

/** What all programs of a problem are given alike. */
export function chunkProgram(
  layout: ChunkLayout,
  firstSequence: number,
): Pick<
  Program,
  "width" | "variants" | "integers" | "threads" | "elements"
> {
  const { rule, decay, isPiece: _, ...sizes } = layout;
  const { headDim, valueDim } = sizes;
  return {
    width: headDim % 4 === 0 && valueDim % 4 === 0 ? 4 : 1,
    variants: [rule],
    integers: { ...sizes, firstSequence },
    threads: THREADS,
    elements: {
      beta: "f32",
      dbeta: "f32",
      rowSums: "f32",
      g: "vec4f",
      pairs: "vec4f",
      products: "vec4f",
      operands: "vec4f",
      vNew: "vec4f",
      states: "vec4f",
      dvNew: "vec4f",
      dstates: "vec4f",
      drhs: "vec4f",
      stateProducts: "vec4f",
      ...(decay === "scalar" ? { decays: "f32", dlog: "f32" } : {}),
    },
  };
}

/**
 * Where a chunk lies: `chunk_of(sweep, number)`, with sweeps counted from the
 * launch's first sequence on. Of a row: `place_of(chunk, row)` among the chunk's
 * tokens, whether it `has_token(chunk, row)`, and `token_of(chunk, row)` among
 * those of all sequences. `row_at(chunk, place)` is the row of a place.
 */
const CHUNKS = /* wgsl */ `
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

fn place_of(chunk: Chunk, row: u32) -> u32 {
  return select(row, uniforms.rows - 1u - row, chunk.back);
}
fn has_token(chunk: Chunk, row: u32) -> bool { return place_of(chunk, row) < chunk.count; }
fn token_of(chunk: Chunk, row: u32) -> u32 {
  return chunk.start + min(place_of(chunk, row), chunk.count - 1u);
}
fn row_at(chunk: Chunk, place: u32) -> u32 {
  return min(place_of(chunk, place), uniforms.rows - 1u);
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
  return select(vec4f(), read_${name}(token_of(chunk, row), quad), has_token(chunk, row));
}`;
}

/** `beta_of(chunk, row)` */
export const BETA = /* wgsl */ `
fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], has_token(chunk, row));
}`;

/** `decay_of(chunk, row, quad)`: what the state pays as the token arrives. */
export function decayOf(kind: DecayKind, width: 1 | 4): string {
  const head = "fn decay_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {";
  if (kind === "none") return `${head} return vec4f(1.0); }`;
  const of = "token_of(chunk, row)";
  const [functions, decay] = kind === "scalar"
    ? ["", `vec4f(decays[${of}])`]
    : [reading("decays", "headDim", width), `read_decays(${of}, quad)`];
  return /* wgsl */ `${functions}
${head}
  return select(vec4f(1.0), ${decay}, has_token(chunk, row));
}`;
}

/**
 * `value_of(chunk, row, quad)`: what a row writes. By the delta rule it lies in
 * `vNew`; else it is v with a column of ones behind the last, which
 * `value_at(token, quad)` has too.
 */
export function valuesOf(rule: Rule, width: 1 | 4): string {
  if (rule === "delta") {
    return /* wgsl */ `
fn value_of(chunk: Chunk, row: u32, quad: u32) -> vec4f { return vNew[at_v_new(chunk, row, quad)]; }`;
  }
  const [ones, isOne] = width === 4
    ? [
      "1.0, 0.0, 0.0, 0.0",
      "vec4<bool>(quad + 1u == uniforms.valueQuads)",
    ]
    : [
      "1.0",
      "4u * quad + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.valueDim)",
    ];
  return /* wgsl */ `${reading("v", "valueDim", width)}
fn value_at(token: u32, quad: u32) -> vec4f {
  return select(read_v(token, quad), vec4f(${ones}), ${isOne});
}${ofRow("value")}`;
}

/**
 * `slope_of(chunk, row, quad)`: the gradient in the sum that a row reads. By the
 * delta rule that is the scaled dy; else it lies in `g`, and has the column of
 * the row sum, as `slope_at(token, quad)` has too.
 */
export function slopesOf(rule: Rule, width: 1 | 4): string {
  return rule === "delta"
    ? /* wgsl */ `${rowsOf("dy", "valueDim", width)}
fn slope_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return uniforms.scale * row_of_dy(chunk, row, quad);
}`
    : /* wgsl */ `
fn slope_at(token: u32, quad: u32) -> vec4f { return g[token * uniforms.valueQuads + quad]; }${
      ofRow("slope")
    }`;
}

const ofRow = (name: string) => /* wgsl */ `
fn ${name}_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), ${name}_at(token_of(chunk, row), quad), has_token(chunk, row));
}`;

/** Where chunks and what belongs to them lie, in buffers of vec4f. */
export function placesOf({ rule }: ChunkLayout): string {
  const kinds = operandsOf(rule);
  return /* wgsl */ `${CHUNKS}
// Matrices of pairs: queries with keys, and of the delta rule β times keys with
// keys below the diagonal, and what inverts one more than that.
const SCORES = 0u;
const KK_T = 1u;
const INVERSE = 2u;

// Kinds of operands: queries from the chunk's start, keys to its end, and W of the
// delta rule; in the gradient what they have to do with states lies there.
const DECAYED_Q = 0u;
const DECAYED_K = 1u;
const W = 2u;

// Four columns of a row of a matrix of pairs; of blocks above the diagonal nothing is defined.
fn at_pair(chunk: Chunk, matrix: u32, row: u32, block: u32) -> u32 {
  let rows = (chunk.record * ${
    matricesOf(rule)
  }u + matrix) * uniforms.rows + row;
  return rows * (uniforms.rows / ${BLOCK_ROWS}u) + block;
}
fn first_operand(chunk: Chunk) -> u32 {
  return chunk.record * (${kinds}u * uniforms.rows + 1u + uniforms.rows / ${BLOCK_ROWS}u);
}
// A quad of a row's operand.
fn at_operand(chunk: Chunk, kind: u32, row: u32, quad: u32) -> u32 {
  return (first_operand(chunk) + kind * uniforms.rows + row) * uniforms.headQuads + quad;
}
// What passes the chunk pays.
fn at_chunk_decay(chunk: Chunk, quad: u32) -> u32 {
  return (first_operand(chunk) + ${kinds}u * uniforms.rows) * uniforms.headQuads + quad;
}
// What passes a block of its rows pays.
fn at_block_decay(chunk: Chunk, block: u32, quad: u32) -> u32 {
  return (first_operand(chunk) + ${kinds}u * uniforms.rows + 1u + block) * uniforms.headQuads + quad;
}
fn at_v_new(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * uniforms.rows + row) * uniforms.valueQuads + quad;
}
// A quad of columns of a row of the state.
fn at_state(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * 4u * uniforms.headQuads + row) * uniforms.valueQuads + quad;
}
`;
}

/** A matrix of four columns. */
export function columnsOf(element: (i: number) => string): string {
  return `mat4x4f(${repeat(4, element, ", ")})`;
}

/** A piece of text for each row of a block, or of so many rows. */
export const eachBlockRow = (
  piece: (r: number) => string,
  rows: number = BLOCK_ROWS,
): string => repeat(rows, piece);

/**
 * A loop over the items of a workgroup: so many rows and a quad of columns each,
 * `row` and `quad`.
 */
export function eachItem(
  quads: string,
  body: string,
  rows: number = BLOCK_ROWS,
): string {
  return /* wgsl */ `
  for (var item = local; item < (uniforms.rows + ${
    rows - 1
  }u) / ${rows}u * ${quads}; item += ${THREADS}u) {
    let row = item / ${quads} * ${rows}u;
    let quad = item % ${quads};
${body}
  }`;
}

/**
 * Calls a function for each block of rows and each block of columns that is not
 * above the diagonal, `(chunk, row_block, column_block)`: those at equal distances
 * beside each other, so that neighbouring threads have as far to go.
 */
export function eachPair(name: string): string {
  return /* wgsl */ `
  let blocks = uniforms.rows / ${BLOCK_ROWS}u;
  for (var pair = local; pair < blocks * (blocks + 1u) / 2u; pair += ${THREADS}u) {
    var distance = 0u;
    var column_block = pair;
    while (column_block >= blocks - distance) {
      column_block -= blocks - distance;
      distance++;
    }
    ${name}(chunk, column_block + distance, column_block);
  }`;
}
