/**
 * The layout of transitions of rank one in chunks: how steps are counted, and the buffers
 * through which shaders pass results on.
 *
 * Rows q and a read the state, and rows b and k write to it: what a has read, Z, and
 * the values V. Which of them there are depends on what a rule reads.
 *
 * | reads  | readers         | writers                  |
 * | ------ | --------------- | ------------------------ |
 * | none   | q               | k writes V               |
 * | delta  | q, a = -e^g ∘ k | b = β k writes Z         |
 * | tied   | q, a            | b = k writes Z           |
 * | untied | q, a            | b writes Z, and k writes V |
 *
 * A sequence has one sweep for each direction. A sweep has the steps of a chunk as rows
 * in its own order, so that one shader text serves both directions. Rows come in whole
 * blocks of four; rows without a step read as zeros with a decay of 1.
 *
 * @module
 */
import type { Reads } from "../../../attention/forms/transition_inputs.ts";
import type { Constants, Program } from "@lionjs/tfjs/webgpu";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Most rows of a chunk where the state is read, which are solved for one after the other. */
export const LARGEST_CHUNK = 32;
/** Threads of a workgroup. */
const THREADS = 64;

/** The sizes of a problem, and how it is divided into chunks and sweeps. */
export interface Sizes {
  readonly reads: Reads;
  /** The decay of the state as a token arrives: none, one number, or one for each channel of keys. */
  readonly decay: "none" | "token" | "channel";
  readonly length: number;
  /** Steps of a token. */
  readonly steps: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Tokens of a chunk; the last may have fewer. */
  readonly chunkSize: number;
  /** Sweeps of a sequence: 1 if causal, else 2. */
  readonly directions: number;
  /** Whether states may enter the sequence. */
  readonly isPiece: boolean;
  /** Whether v has a column of ones after those of values, which yields row sums. */
  readonly hasRowSums: boolean;
}

/** The sizes of a problem with those of its buffers. */
export interface Layout extends Sizes {
  readonly chunks: number;
  /** Rows of a chunk, rounded up to whole blocks. */
  readonly rows: number;
  /** Groups of four columns of q and k, rounded up. */
  readonly headVecs: number;
  /** Groups of four columns of what is written to the state. */
  readonly valueVecs: number;
  /** Vectors of four decays of a row. */
  readonly decayVecs: number;
  /** Vectors of four numbers in a chunk's record of operands. */
  readonly operandVecs: number;
  /** Whether a state may enter a chunk. */
  readonly hasStates: boolean;
}

/** How many kinds of rows there are, and for how many a record of operands has room. */
const KINDS = {
  none: { READERS: 1, WRITERS: 1, ROW_KINDS: 2, KINDS: 2 },
  delta: { READERS: 2, WRITERS: 1, ROW_KINDS: 3, KINDS: 3 },
  // Of the gradients in decays, rows a that are a tensor leave a part of their own.
  tied: { READERS: 2, WRITERS: 1, ROW_KINDS: 3, KINDS: 4 },
  untied: { READERS: 2, WRITERS: 2, ROW_KINDS: 4, KINDS: 4 },
} as const;

/** Computes the layout of a problem. */
export function layoutOf(sizes: Sizes): Layout {
  const { reads, decay, length, steps, headDim, valueDim, chunkSize } = sizes;
  const chunks = Math.ceil(length / chunkSize);
  const rows = 4 * Math.ceil(steps * chunkSize / 4);
  const headVecs = Math.ceil(headDim / 4);
  const decayVecs = { none: 0, token: 1, channel: headVecs }[decay];
  return {
    ...{ ...sizes, chunks, rows, headVecs, decayVecs },
    valueVecs: Math.ceil((valueDim + Number(sizes.hasRowSums)) / 4),
    operandVecs: (KINDS[reads].KINDS * rows + 1 + rows / 4) * headVecs +
      rows * decayVecs,
    hasStates: reads !== "none" || sizes.isPiece || chunks > 1,
  };
}

/** How many numbers a chunk's record takes in each buffer that shaders pass on. */
export function recordSizes(
  { reads, rows, headVecs, valueVecs, operandVecs, hasStates }: Layout,
): Record<"pairs" | "operands" | "found" | "states", number> {
  const { READERS, WRITERS } = KINDS[reads];
  return {
    // In the gradient, products take the place of scores, and those with states that of operands.
    pairs: READERS * WRITERS * rows * rows,
    operands: 4 * operandVecs,
    found: READERS === 1 ? 0 : 4 * rows * valueVecs,
    // The state that enters the chunk, with rows and columns rounded up to multiples of four.
    states: hasStates ? 16 * headVecs * valueVecs : 0,
  };
}

/** The vectors of the steps, and β, from which readers and writers are made. */
export const INPUTS = {
  none: ["q", "k"],
  delta: ["q", "k", "beta"],
  tied: ["q", "k", "a"],
  untied: ["q", "k", "a", "b"],
} as const;

/** A program that names its buffers: a call has tensors of these names. */
export type ChunkProgram =
  & Omit<Program, "reads" | "writes">
  & Readonly<
    Record<"reads" | "writes", readonly (string | false | undefined)[]>
  >;

/** The number of columns in a pack of the tensors that are written. */
export function widthOf({ headDim, valueDim }: Layout): 1 | 4 {
  return headDim % 4 === 0 && valueDim % 4 === 0 ? 4 : 1;
}

/** The fields in which programs differ. */
type OwnFields =
  & Pick<ChunkProgram, "name" | "reads" | "writes" | "body">
  & Partial<
    Pick<
      ChunkProgram,
      "width" | "variants" | "integers" | "floats" | "workgroups"
    >
  >
  & {
    readonly constants?: Constants;
    /** Makes the declarations before the entry point. */
    readonly functions: () => readonly string[];
    readonly body: string;
  };

/** The constants that say what a rule reads, and of what v is made. */
export function constantsOf(
  { reads, steps, hasRowSums, valueDim }: Layout,
): Constants {
  return {
    ...KINDS[reads],
    STEPS: steps,
    ADDS_ONES: hasRowSums && valueDim % 4 === 0,
    // Whether the last writer writes V itself.
    GIVES: reads === "none" || reads === "untied",
    // Readers, of a and q in this order, that read before the decay of their token.
    BEFORE_DECAY: reads === "tied" || reads === "untied" ? 1 : 0,
  };
}

/** A program with a workgroup for each `chunk` of all sweeps, unless it says otherwise. */
export function ofSweeps(
  layout: Layout,
  batch: SequenceBatch,
  own: OwnFields,
): ChunkProgram {
  const { directions, chunks, chunkSize, length, headDim, valueDim } = layout;
  const { rows, headVecs, valueVecs, decayVecs, operandVecs } = layout;
  const records = batch.sequences * directions * chunks;
  const vecs = ["pairs", "operands", "found", "states", "dstates"];
  const vectors = ["q", "k", "v", "a", "b", "dy", "f", "g"];
  const numbers = ["beta", "dbeta", "rowSums"];
  const borders = ["before", "after", "forward", "backward"];
  const gates = layout.decay === "token" ? ["f", "g", "df", "dg"] : [];
  const are = (element: "f32" | "vec4f", names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, element]));
  return {
    width: 4,
    threads: THREADS,
    workgroups: records,
    ...own,
    constants: { ...constantsOf(layout), ...own.constants },
    integers: {
      ...{ directions, chunks, chunkSize, length, headDim, valueDim, rows },
      ...{ headVecs, valueVecs, decayVecs, operandVecs, records },
      firstDecay: operandVecs - rows * decayVecs,
      ...{ firstSequence: batch.firstSequence, ...own.integers },
    },
    elements: {
      ...are("vec4f", [...vecs, ...vectors]),
      ...are("f32", [...numbers, ...borders, ...gates]),
    },
    functions: () => [CHUNKS, ...own.functions()],
    body: own.workgroups === undefined ? OF_SWEEPS + own.body : own.body,
  };
}

/**
 * A program with a workgroup for each chunk and all its sweeps, those from `first_sweep`
 * on; `number` is the chunk's.
 */
export function ofChunks(
  layout: Layout,
  batch: SequenceBatch,
  own: OwnFields,
): ChunkProgram {
  return ofSweeps(layout, batch, {
    ...own,
    workgroups: batch.sequences * layout.chunks,
    body: /* wgsl */ `
  let number = workgroup % uniforms.chunks;
  let first_sweep = workgroup / uniforms.chunks * uniforms.directions;
${own.body}`,
  });
}

const OF_SWEEPS = /* wgsl */ `
  let chunk = chunk_of(workgroup / uniforms.chunks, workgroup % uniforms.chunks);
`;

/** WGSL functions that locate chunks, rows and the parts of a chunk's record. */
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

// A chunk of a sweep, with sweeps counted from the launch's first sequence on.
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

// The index among a chunk's tokens of the token whose step is a row.
fn place_of(chunk: Chunk, row: u32) -> u32 {
  return select(row / STEPS, uniforms.rows / STEPS - 1u - row / STEPS, chunk.back);
}
fn has_step(chunk: Chunk, row: u32) -> bool { return place_of(chunk, row) < chunk.count; }
// A token is read by the row of its last step.
fn has_query(chunk: Chunk, row: u32) -> bool { return has_step(chunk, row) && row % STEPS == STEPS - 1u; }
fn token_of(chunk: Chunk, row: u32) -> u32 {
  return chunk.start + min(place_of(chunk, row), chunk.count - 1u);
}
// A row's index among the steps of all tokens.
fn step_of(chunk: Chunk, row: u32) -> u32 { return token_of(chunk, row) * STEPS + row % STEPS; }

// Whether a token's own write is left out, since the forward sweep has it.
fn is_once(chunk: Chunk) -> bool { return STEPS == 1u && chunk.back; }
// Whether a writer writes V itself.
fn gives(writer: u32) -> bool { return GIVES && writer == WRITERS - 1u; }

// The index of four columns of a row of a matrix of pairs, of a reader and a writer.
// Blocks above the diagonal are undefined.
fn at_pair(chunk: Chunk, reader: u32, writer: u32, row: u32, block: u32) -> u32 {
  let rows = (chunk.record * READERS * WRITERS + reader * WRITERS + writer) * uniforms.rows + row;
  return rows * (uniforms.rows / 4u) + block;
}
// The index of four columns of a row's operand, first those of readers, then those of writers.
fn at_operand(chunk: Chunk, kind: u32, row: u32, vec: u32) -> u32 {
  return chunk.record * uniforms.operandVecs + (kind * uniforms.rows + row) * uniforms.headVecs + vec;
}
// The index of the decay over the chunk, of four rows of the state.
fn at_chunk_decay(chunk: Chunk, vec: u32) -> u32 { return at_operand(chunk, KINDS, 0u, vec); }
// The index of the decay over a block of the chunk's rows.
fn at_block_decay(chunk: Chunk, block: u32, vec: u32) -> u32 {
  return at_operand(chunk, KINDS, 1u + block, vec);
}
// The index of the decay as a row's step arrives.
fn at_decay(chunk: Chunk, row: u32, vec: u32) -> u32 {
  return chunk.record * uniforms.operandVecs + uniforms.firstDecay
    + row * uniforms.decayVecs + min(vec, uniforms.decayVecs - 1u);
}
fn at_found(chunk: Chunk, row: u32, vec: u32) -> u32 {
  return (chunk.record * uniforms.rows + row) * uniforms.valueVecs + vec;
}
// The gradient in what a has read lies behind what the rows of all chunks have read.
fn at_read_gradient(chunk: Chunk, row: u32, vec: u32) -> u32 {
  return uniforms.records * uniforms.rows * uniforms.valueVecs + at_found(chunk, row, vec);
}
// The index of four columns of a row of the state.
fn at_state(chunk: Chunk, row: u32, vec: u32) -> u32 {
  return (chunk.record * 4u * uniforms.headVecs + row) * uniforms.valueVecs + vec;
}
`;

/** WGSL function `row_of_<name>`: four columns of a row of a tensor with a vector for each step, or each query. */
function rowsOf(
  name: string,
  vecs: "headVecs" | "valueVecs",
  of: "step" | "query" = "step",
): string {
  const at = of === "step" ? "step_of" : "token_of";
  return /* wgsl */ `
fn row_of_${name}(chunk: Chunk, row: u32, vec: u32) -> vec4f {
  return select(vec4f(), ${name}[${at}(chunk, row) * uniforms.${vecs} + vec], has_${of}(chunk, row));
}
`;
}

/**
 * WGSL functions `reader_of(reader, chunk, row, vec)` and `writer_of(writer, …)`: four
 * columns of a row; by the delta rule a writer is k, and `weights_of(chunk, row)` are the
 * factors β of four rows.
 */
export function vectorsOf(layout: Layout): string {
  const { reads } = layout;
  const names: readonly string[] = INPUTS[reads];
  const rows = names.filter((name) => name !== "beta").map((name) =>
    rowsOf(name, "headVecs", name === "q" ? "query" : "step")
  );
  const a = { none: "q", delta: "k", tied: "a", untied: "a" }[reads];
  const [sign, weight] = reads === "delta"
    ? ["-", "select(0.0, beta[step_of(chunk, row)], has_step(chunk, row))"]
    : ["", "1.0"];
  return /* wgsl */ `${rows.join("")}
fn weight_of(chunk: Chunk, row: u32) -> f32 { return ${weight}; }
fn weights_of(chunk: Chunk, row: u32) -> vec4f {
  return vec4f(weight_of(chunk, row), weight_of(chunk, row + 1u), weight_of(chunk, row + 2u), weight_of(chunk, row + 3u));
}
fn reader_of(reader: u32, chunk: Chunk, row: u32, vec: u32) -> vec4f {
  if (reader == 0u) { return row_of_q(chunk, row, vec); }
  return ${sign}row_of_${a}(chunk, row, vec);
}
fn writer_of(writer: u32, chunk: Chunk, row: u32, vec: u32) -> vec4f {
  if (writer < WRITERS - 1u) { return row_of_${
    reads === "untied" ? "b" : "k"
  }(chunk, row, vec); }
  return row_of_k(chunk, row, vec);
}
`;
}

/** WGSL function `decay_of(chunk, row, vec)`: the decay as a row's step arrives, of `operands`. */
export const DECAY_OF = /* wgsl */ `
fn decay_of(chunk: Chunk, row: u32, vec: u32) -> vec4f {
  if (DECAYS) { return operands[at_decay(chunk, row, vec)]; }
  return vec4f(1.0);
}
`;

/** The constant that {@linkcode DECAY_OF} needs. */
export function decaysOf({ decay }: Layout): Constants {
  return { DECAYS: decay !== "none" };
}

/**
 * WGSL function `value_of(writer, chunk, row, vec)`: four columns of what a row writes;
 * `row_of_v(chunk, row, vec)` are those of v.
 */
export function valuesOf(layout: Layout): string {
  const found = layout.reads === "none" ? "" : /* wgsl */ `
  if (writer == 0u) { return found[at_found(chunk, row, vec)]; }`;
  return /* wgsl */ `${ROW_OF_V}
fn value_of(writer: u32, chunk: Chunk, row: u32, vec: u32) -> vec4f {${found}
  return row_of_v(chunk, row, vec);
}
`;
}

/** WGSL function `row_of_v` of {@linkcode valuesOf}; a column of ones after whole vec4s is not in the tensor. */
export const ROW_OF_V: string = /* wgsl */ `
fn row_of_v(chunk: Chunk, row: u32, vec: u32) -> vec4f {
  let step = step_of(chunk, row);
  if (ADDS_ONES) {
    let columns = uniforms.valueVecs - 1u;
    let x = select(v[step * columns + min(vec, columns - 1u)], vec4f(1.0, 0.0, 0.0, 0.0), vec == columns);
    return select(vec4f(), x, has_step(chunk, row));
  }
  return select(vec4f(), v[step * uniforms.valueVecs + vec], has_step(chunk, row));
}
`;

/** WGSL function `read_gradient_of(reader, chunk, row, vec)`: the gradient in what a row reads. */
export function readGradientsOf({ reads }: Layout): string {
  const found = reads === "none" ? "" : /* wgsl */ `
  if (reader == 1u) { return found[at_read_gradient(chunk, row, vec)]; }`;
  return /* wgsl */ `${rowsOf("dy", "valueVecs", "query")}
fn read_gradient_of(reader: u32, chunk: Chunk, row: u32, vec: u32) -> vec4f {${found}
  return uniforms.scale * row_of_dy(chunk, row, vec);
}
`;
}

/**
 * WGSL that calls a function `(chunk, row_block, column_block)` for each pair of blocks
 * not above the diagonal. Pairs at equal distances lie side by side, so that
 * neighbouring threads have paths of equal length.
 */
export const EACH_PAIR = /* wgsl */ `
  let blocks = uniforms.rows / 4u;
  for (var pair = local; pair < blocks * (blocks + 1u) / 2u; pair += THREADS) {
    var distance = 0u;
    var column_block = pair;
    while (column_block >= blocks - distance) {
      column_block -= blocks - distance;
      distance++;
    }
    multiply_pairs(chunk, column_block + distance, column_block);
  }
`;
