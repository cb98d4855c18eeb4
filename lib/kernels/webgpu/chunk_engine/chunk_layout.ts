/**
 * The layout of chunked linear attention: how tokens are counted, and the buffers
 * through which shaders pass results on.
 *
 * A sequence has one sweep for each direction. A sweep has the tokens of a chunk
 * as rows in its own order, so that one shader text serves both directions. Rows
 * come in whole blocks of four, which hold the same four tokens in both directions;
 * rows beyond a chunk's last token read as zeros with a decay of 1.
 *
 * @module
 */
import { type Program, repeat } from "@lionjs/tfjs/webgpu";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading } from "../score_tiles/score_tiles.ts";

/** Most tokens of a chunk in the delta rule, since one thread solves for a whole column. */
export const LARGEST_CHUNK = 32;
/** Rows of a block, which one thread computes together. */
export const BLOCK_ROWS = 4;

/** Threads of a workgroup by default; each computes a block of rows by four columns. */
export const THREADS = 64;
/** Threads that share a row, where a workgroup has all rows of a chunk and sums over their columns. */
export const ROW_LANES = 4;
/** Threads of a workgroup that has all rows of a chunk, {@linkcode ROW_LANES} for each. */
export const LANE_THREADS = LARGEST_CHUNK * ROW_LANES;

/** The update rule of the state: a token adds k vᵀ, or by the delta rule β k (v - Hᵀ k)ᵀ. */
export type Rule = "add" | "delta";

/**
 * The decay of the state as each token of a sweep arrives: none, one number for
 * each token, or one for each channel of its key.
 */
export type DecayKind = "none" | "scalar" | "diagonal";

/** The sizes of a problem, and how it is divided into chunks and sweeps. */
export interface ChunkSizes {
  readonly rule: Rule;
  readonly decay: DecayKind;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Tokens of a chunk; the last may have fewer. */
  readonly chunkSize: number;
  /** Sweeps of a sequence: 1 if causal, else 2. */
  readonly directions: number;
  /**
   * Whether the sequence is a part of a longer one, so that a state may reach even a
   * single chunk.
   */
  readonly withStates: boolean;
}

/** The sizes of a problem with those of its buffers. */
export interface ChunkLayout extends ChunkSizes {
  readonly chunks: number;
  /** Rows of a chunk, rounded up to whole blocks. */
  readonly rows: number;
  /** Groups of four columns of q and k, rounded up. */
  readonly headQuads: number;
  /**
   * Groups of four columns of v; by the rule "add", with a column of ones after v that
   * yields the row sum.
   */
  readonly valueQuads: number;
  /** Groups of four rows of a state: `headQuads`, or 0 where no state reaches any chunk. */
  readonly stateQuads: number;
}

/** Computes the layout of a problem. */
export function layoutOf(sizes: ChunkSizes): ChunkLayout {
  const { rule, length, headDim, valueDim, chunkSize, withStates } = sizes;
  const chunks = Math.ceil(length / chunkSize);
  const headQuads = Math.ceil(headDim / 4);
  const hasStates = rule === "delta" || withStates || chunks > 1;
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

/** Counts a chunk's matrices of pairs of rows: scores, and in the delta rule the triangular system and its inverse. */
const matricesOf = (rule: Rule) => rule === "add" ? 1 : 3;
/** The number of kinds of operand rows: decayed queries, decayed keys, and in the delta rule W. */
const operandsOf = (rule: Rule) => rule === "add" ? 2 : 3;

/** How many numbers a chunk's record takes in each buffer that shaders pass on. */
export function recordSizes(
  { rule, rows, headQuads, valueQuads, stateQuads }: ChunkLayout,
): Record<"pairs" | "operands" | "vNew" | "states", number> {
  return {
    pairs: matricesOf(rule) * rows * rows,
    operands: (operandsOf(rule) * rows + 1 + rows / BLOCK_ROWS) * 4 * headQuads,
    // The values that each row writes to the state; by the rule "add" that is v itself.
    vNew: rule === "add" ? 0 : rows * 4 * valueQuads,
    // The state that enters the chunk, with rows and columns rounded up to multiples of four.
    states: 4 * stateQuads * 4 * valueQuads,
  };
}

/** A program of chunked linear attention, which names its buffers: a call has tensors of these names. */
export type ChunkProgram =
  & Omit<Program, "reads" | "writes">
  & Readonly<Record<"reads" | "writes", readonly string[]>>;

/** The fields in which programs of chunks differ. */
type OwnFields =
  & Pick<ChunkProgram, "name" | "reads" | "writes" | "functions" | "body">
  & Partial<
    Pick<
      ChunkProgram,
      "variants" | "elements" | "integers" | "floats" | "threads"
    >
  >;

/** The number of columns in a pack of the tensors of tokens. */
export function widthOf({ headDim, valueDim }: ChunkLayout): 1 | 4 {
  return headDim % 4 === 0 && valueDim % 4 === 0 ? 4 : 1;
}

/** The fields that all programs of a problem have in common. */
export function chunkProgram(
  layout: ChunkLayout,
  { firstSequence, sequences }: SequenceBatch,
): Pick<
  Program,
  "width" | "variants" | "integers" | "threads" | "elements"
> {
  const { rule, decay, withStates: _, ...sizes } = layout;
  return {
    width: widthOf(layout),
    variants: [rule],
    integers: {
      ...sizes,
      firstSequence,
      records: sequences * layout.directions * layout.chunks,
    },
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
      stateProducts: "vec4f",
      ...(decay === "scalar" ? { decays: "f32", dlog: "f32" } : {}),
    },
  };
}

/** A program with a workgroup for each `chunk` of the sweeps in one direction. */
export function ofDirection(
  layout: ChunkLayout,
  batch: SequenceBatch,
  direction: number,
  own: OwnFields,
): ChunkProgram {
  const program = chunkProgram(layout, batch);
  return {
    ...program,
    ...own,
    integers: { ...program.integers, direction },
    workgroups: batch.sequences * layout.chunks,
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);${own.body}`,
  };
}

/** A program with a workgroup for each `chunk` of all sweeps. */
export function ofSweeps(
  layout: ChunkLayout,
  batch: SequenceBatch,
  own: OwnFields,
): ChunkProgram {
  return {
    ...chunkProgram(layout, batch),
    ...own,
    workgroups: batch.sequences * layout.directions * layout.chunks,
    body: /* wgsl */ `
  let chunk = chunk_of(workgroup / uniforms.chunks, workgroup % uniforms.chunks);${own.body}`,
  };
}

/**
 * A program with a workgroup for each chunk and all its sweeps, those from
 * `first_sweep` on; `tokens` is the chunk `number` of the first.
 */
export function ofChunks(
  layout: ChunkLayout,
  batch: SequenceBatch,
  own: OwnFields,
): ChunkProgram {
  const program = chunkProgram(layout, batch);
  return {
    ...program,
    ...own,
    integers: { ...program.integers, ...own.integers },
    workgroups: batch.sequences * layout.chunks,
    body: /* wgsl */ `
  let number = workgroup % uniforms.chunks;
  let first_sweep = workgroup / uniforms.chunks * uniforms.directions;
  // The tokens of the first direction, whose rows are in the order of the tokens.
  let tokens = chunk_of(first_sweep, number);${own.body}`,
  };
}

/**
 * WGSL functions that locate chunks and rows. `chunk_of(sweep, number)` is a chunk,
 * with sweeps counted from the launch's first sequence on. `place_of(chunk, row)` is a
 * row's index among the chunk's tokens, `has_token(chunk, row)` whether it has one, and
 * `token_of(chunk, row)` its index among the tokens of all sequences. `row_at(chunk,
 * place)` is the row of a place.
 */
const CHUNKS = /* wgsl */ `
struct Chunk {
  // The chunk's index among the chunks of all sweeps.
  record: u32,
  // The index of the chunk's first token among the tokens of all sequences.
  start: u32,
  // The number of the chunk's tokens.
  count: u32,
  // Whether the sweep goes from the last token to the first.
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

/**
 * WGSL function `row_of_<name>`: four columns of a row of a tensor with one vector for
 * each token.
 */
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

/** WGSL function `beta_of(chunk, row)`: the β of a row's token, 0 without a token. */
export const BETA = /* wgsl */ `
fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], has_token(chunk, row));
}`;

/** The name of the decays' buffer, if there are any. */
export function decaysIn({ decay }: ChunkLayout): string[] {
  return decay === "none" ? [] : ["decays"];
}

/** WGSL function `decay_of`: the decay of four rows of the state as the row's token arrives. */
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
 * WGSL function `value_of(chunk, row, quad)`: what a row writes to the state. In the
 * delta rule that lies in `vNew`; else it is v with a column of ones after the last,
 * which `value_at(token, quad)` reads by token.
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
 * WGSL function `slope_of(chunk, row, quad)`: the gradient in the sum that a row
 * reads. In the delta rule that is the scaled dy; else it lies in `g`, with a column
 * for the row sum, and `slope_at(token, quad)` reads it by token.
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

/** WGSL functions that give the index of each part of a chunk's record, in buffers of vec4f. */
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

// The index of four columns of a row of a matrix of pairs; blocks above the diagonal are undefined.
fn at_pair(chunk: Chunk, matrix: u32, row: u32, block: u32) -> u32 {
  let rows = (chunk.record * ${
    matricesOf(rule)
  }u + matrix) * uniforms.rows + row;
  return rows * (uniforms.rows / ${BLOCK_ROWS}u) + block;
}
fn first_operand(chunk: Chunk) -> u32 {
  return chunk.record * (${kinds}u * uniforms.rows + 1u + uniforms.rows / ${BLOCK_ROWS}u);
}
// The index of four columns of a row's operand.
fn at_operand(chunk: Chunk, kind: u32, row: u32, quad: u32) -> u32 {
  return (first_operand(chunk) + kind * uniforms.rows + row) * uniforms.headQuads + quad;
}
// The index of the decay over the chunk, of four rows of the state.
fn at_chunk_decay(chunk: Chunk, quad: u32) -> u32 {
  return (first_operand(chunk) + ${kinds}u * uniforms.rows) * uniforms.headQuads + quad;
}
// The index of the decay over a block of the chunk's rows, of four rows of the state.
fn at_block_decay(chunk: Chunk, block: u32, quad: u32) -> u32 {
  return (first_operand(chunk) + ${kinds}u * uniforms.rows + 1u + block) * uniforms.headQuads + quad;
}
fn at_v_new(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * uniforms.rows + row) * uniforms.valueQuads + quad;
}
// The index of four columns of a row of the state.
fn at_state(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * 4u * uniforms.headQuads + row) * uniforms.valueQuads + quad;
}
`;
}

/**
 * WGSL function `at_rhs(chunk, row, quad)`: where the gradient dR of a row lies, behind
 * the writes U of all chunks, so that both take one binding.
 */
export const RHS_PLACE = /* wgsl */ `
fn at_rhs(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return uniforms.records * uniforms.rows * uniforms.valueQuads + at_v_new(chunk, row, quad);
}
`;

/** The WGSL text of a matrix of four columns. */
export function columnsOf(element: (i: number) => string): string {
  return `mat4x4f(${repeat(4, element, ", ")})`;
}

/** Repeats a text for each row of a block, or for the given number of rows. */
export const eachBlockRow = (
  piece: (r: number) => string,
  rows: number = BLOCK_ROWS,
): string => repeat(rows, piece);

/**
 * A WGSL loop over the items of a workgroup, each `rows` rows from `row` on by one
 * `quad` of columns.
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
 * WGSL that calls a function `(chunk, row_block, column_block)` for each pair of blocks
 * not above the diagonal. Pairs at equal distances lie side by side, so that
 * neighbouring threads have paths of equal length.
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
