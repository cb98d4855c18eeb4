/**
 * Last step of the chunkwise form: what each token of a chunk reads.
 *
 *     z_i = Σ_{j in chunk} M_ij (r_i · o_j) x_j
 *         + exp(f_s + … + f_i) [state from before] r_i
 *         + exp(b_i + … + b_t) [state from after] r_i
 *
 * for the chunk s..t and the vectors of a role (`roles.ts`). The text is in
 * `attend.wgsl.ts`; this file binds its operands, and shares out the work.
 *
 * @module
 */
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import { declareConstants, instance } from "../../../tfjs/webgpu/wgsl.ts";
import {
  JOINED,
  type Launch,
  problemProgram,
  tensorsOf,
} from "../frame/problem.ts";
import {
  ACCUMULATE,
  type Dims,
  elementsOf,
  QUADS,
  quadsOf,
  reading,
  writing,
} from "../frame/vectors.ts";
import {
  arrivals,
  decayBytes,
  DECAYS,
  LOAD_DECAYS,
  logDecaysOf,
  maskConstants,
  maskKey,
  type MaskSource,
  readingPacked,
  weightBytes,
  WEIGHTS,
} from "./mask.ts";
import { ATTEND, ATTEND_SCRATCH } from "./attend.wgsl.ts";
import { type Role, roleKey } from "./roles.ts";
import { STATES } from "./states.ts";

/** Rows of a tile of the text, each one register of four columns. */
const TILE_ROWS = 8;

/** The room that a program has; there are few shapes, so that few texts differ. */
export interface AttendShape {
  /** Tokens of a chunk for which there is room. */
  readonly largestChunk: number;
  /** Quads of the result for which there is room. */
  readonly largestQuads: number;
  /** Rows of a chunk that a workgroup computes. */
  readonly blockRows: number;
}

const LARGEST_CHUNKS = [64, 128, 256];
/** Most tokens of a chunk. */
export const LARGEST_CHUNK = Math.max(...LARGEST_CHUNKS);
/** Room for quads of a result: for heads of up to 64 and of up to 128 columns, with a row sum. */
const LARGEST_QUADS = [17, 33];
const BLOCK_ROWS = [32, 24, 16, 8];

/**
 * The shape for chunks of a size.
 *
 * @param mostRows Rows of a workgroup, if there is room for them.
 * @returns The shape, or `undefined` if there is none or no room for it.
 */
export function shapeFor(
  chunkSize: number,
  dims: Dims,
  workgroupBytes: number,
  mostRows: number,
): AttendShape | undefined {
  const largestChunk = LARGEST_CHUNKS.find((size) => size >= chunkSize);
  const largestQuads = roomForQuads(dims);
  if (largestChunk === undefined || largestQuads === undefined) return;
  return BLOCK_ROWS.filter((rows) => rows <= mostRows).map((rows) => ({
    largestChunk,
    largestQuads,
    blockRows: rows,
  })).find((shape) => bytesOf(shape) <= workgroupBytes);
}

function roomForQuads(dims: Dims): number | undefined {
  const quads = Math.max(quadsOf("key", dims), quadsOf("sum", dims));
  return LARGEST_QUADS.find((size) => size >= quads);
}

function bytesOf(shape: AttendShape): number {
  const { blockRows } = shape;
  const tokens = roomFor(shape);
  return 16 * blockRows * scratchQuads(shape) + 3 * 4 * blockRows +
    decayBytes(tokens) + weightBytes(tokens);
}

/** Tokens of a chunk for which there is room, in whole blocks of rows. */
function roomFor({ largestChunk, blockRows }: AttendShape): number {
  return Math.ceil(largestChunk / blockRows) * blockRows;
}

/** Quads of a row that scores, and later parts of sums, take. */
function scratchQuads(
  { largestChunk, largestQuads }: AttendShape,
): number {
  return Math.max(largestChunk / 4, largestQuads);
}

/** Threads of a workgroup: one for each tile of the result. */
function threadsOf({ blockRows, largestQuads }: AttendShape): number {
  return blockRows / TILE_ROWS * largestQuads;
}

/** What the text of the program depends on. */
export interface AttendSpec {
  /** The functions to compute, each by workgroups of its own. */
  readonly roles: readonly Role[];
  /** The decays of all roles; `null` if nothing decays, and only the state is read. */
  readonly decays: MaskSource | null;
  /** The room that the program has, and how its work is shared out. */
  readonly shape: AttendShape;
  /**
   * Whether states are not scanned, so that each reader adds up those of all chunks.
   * @default false
   */
  readonly areApart?: boolean;
}

/** The program, of which a thread computes a tile of TILE rows and a quad of columns. */
export function attendProgram(
  { roles, decays, shape, areApart = false }: AttendSpec,
  launch: Launch,
  tensors: Tensors,
): Program {
  const { blockRows } = shape;
  const vectors = roles.flatMap(({ rows, others, values, finish }) => [
    ...[rows, ...(decays ? [others, values] : [])],
    ...(finish.kind === "decayTerms" ? [finish.own] : []),
  ]);
  const states = roles.map(({ states }) => states.name);
  const terms = roles.flatMap(({ finish }) =>
    finish.kind === "decayTerms" ? [finish.name] : []
  );
  const vec4f = [...states, ...terms].map((name) => [name, "vec4f"] as const);
  const hasRowSums = roles.some(({ finish }) => finish.kind === "attention");
  return {
    ...problemProgram(launch),
    name: "attend",
    variants: [...roles.map(roleKey), maskKey(decays)],
    constants: {
      ...maskConstants(decays),
      APART: areApart,
      ROWS: blockRows,
      STRIDE: scratchQuads(shape),
      TOKENS: decays ? roomFor(shape) : 4,
      SCORES: decays ? blockRows * scratchQuads(shape) : 1,
    },
    elements: { ...elementsOf(vectors), ...Object.fromEntries(vec4f) },
    reads: tensorsOf([
      ...vectors.map(({ name }) => name),
      ...logDecaysOf([decays], false),
      ...states,
    ], tensors),
    writes: tensorsOf([
      ...roles.map(({ output }) => output.name),
      ...(hasRowSums ? ["rowSums"] : []),
      ...terms,
    ], tensors),
    threads: threadsOf(shape),
    workgroups: [launch.chunks, launch.sequences],
    layers: Math.ceil(launch.chunkSize / blockRows) * roles.length,
    functions: () =>
      [
        ...[QUADS, STATES, JOINED, ACCUMULATE, readingPacked([decays])],
        ...[DECAYS, arrivals(decays), LOAD_DECAYS, WEIGHTS, ATTEND_SCRATCH],
        ...roles.map((role) =>
          instance(operandsOf(role, decays) + ATTEND, role.output.name)
        ),
      ].join(""),
    body: /* wgsl */ `
  let blocks = (uniforms.chunkSize + ROWS - 1u) / ROWS;
  let first_row = layer % blocks * ROWS;
${
      roles.map(({ output: { name } }, i) =>
        `  if (layer / blocks == ${i}u) { attend_${name}(group, first_row, local); }`
      ).join("\n")
    }`,
  };
}

/** WGSL of what a role has of its own. */
function operandsOf(role: Role, decays: MaskSource | null): string {
  const { rows, states, output, finish } = role;
  // Without decays no token is read but through the state.
  const { others, values } = decays ? role : { others: rows, values: rows };
  const columns = finish.kind === "attention" ? "sum" : output.columns;
  const own = finish.kind === "decayTerms" ? finish.own : rows;
  const terms = finish.kind === "decayTerms"
    ? `${finish.name}[token] = terms;`
    : "";
  const rowSum = finish.kind === "attention" ? "rowSums[token] = rowSum;" : "";
  return /* wgsl */ `${
    declareConstants({
      // Whether r has the columns of the states, and not their rows.
      TRANSPOSED: rows.columns !== "key",
      NORMALIZES: finish.kind === "attention",
      HAS_TERMS: finish.kind === "decayTerms",
      MAY_BE_JOINED: output.mayBeJoined ?? false,
    })
  }${reading("r", rows)}${reading("own", own)}${reading("o", others)}${
    reading("x", values)
  }${writing("z", output)}
fn output_quads() -> u32 { return ${columns}_quads(); }
fn read_state(at: u32) -> vec4f { return ${states.name}[at]; }
fn write_row_sum(token: u32, rowSum: f32) { ${rowSum} }
fn write_terms(token: u32, terms: vec4f) { ${terms} }
`;
}
