/**
 * Last step of the chunkwise form: what each token of a chunk reads. Attention and each of
 * its gradients are one function of four kinds of vectors,
 *
 *     z_i = Σ_j M_ij (r_i · o_j) x_j
 *
 * With r = q, o = k and x = v that is attention. Its gradients are, g being the
 * cotangents of the sums and v with its column of ones:
 *
 *     dq: r = g, o = v, x = k        dk: r = v, o = g, x = q, M transposed
 *                                    dv: r = k, o = q, x = g, M transposed
 *
 * In chunks,
 *
 *     z_i = Σ_{j in chunk} M_ij (r_i · o_j) x_j
 *         + exp(f_s + … + f_i) [state from before] r_i
 *         + exp(b_i + … + b_t) [state from after] r_i
 *
 * for the chunk s..t. The text is in `attend.wgsl.ts`; this file binds its operands, and
 * shares out the work.
 *
 * @module
 */
import { declareConstants, instance } from "@lionjs/tfjs/webgpu";
import {
  JOINED_HEADS,
  type Launch,
  type ProblemProgram,
  stepOf,
} from "../frame/attention_call.ts";
import {
  ACCUMULATE,
  type Dims,
  elementsOf,
  reading,
  VECS,
  vecsOf,
  type Vectors,
} from "../frame/vectors.ts";
import { writing } from "@lionjs/tfjs/webgpu";
import { ATTEND, ATTEND_SCRATCH } from "./attend.wgsl.ts";
import {
  arrivals,
  decayInputs,
  DECAYS,
  LOAD_DECAYS,
  type Mask,
  maskBytes,
  maskConstants,
  WEIGHTS,
} from "./mask.ts";
import { readingStates, STATES, type States } from "./states.ts";

/** Attention or one of its gradients. */
export interface Role {
  /** The vectors r of the tokens that read. */
  readonly rows: Vectors;
  /** The vectors o of the tokens that are read. */
  readonly others: Vectors;
  /** The vectors x of the tokens that are read. */
  readonly values: Vectors;
  /**
   * The states `Σ o xᵀ` that reach a chunk, or `Σ x oᵀ` if r has the columns
   * of a sum.
   */
  readonly states: States;
  /** The result z, but for its row sum. */
  readonly output: {
    /** The name of the tensor's buffer. */
    readonly name: string;
    readonly columns: "key" | "value";
    /**
     * Whether a token's heads may lie side by side, `[batch, length, heads * columns]`.
     * @default false
     */
    readonly mayJoinHeads?: boolean;
  };
  /**
   * Whether z is multiplied by the scale, its row sums are written, and it is divided by
   * them if the problem says so.
   * @default false
   */
  readonly normalizes?: boolean;
  /**
   * The terms that the gradients of the log decays are summed from, if they are written: the
   * products of z with the vectors `own` of the tokens that read, `[tokens, 4]`: [chunk
   * before, chunk after, state before, state after].
   */
  readonly ownTerms?: { readonly own: Vectors; readonly name: string };
}

/** Names a role in a key. */
function roleKey(
  { rows, others, values, states, output, normalizes, ownTerms }: Role,
): string {
  const vectors = [rows, others, values].map(({ name }) => name).join("·");
  const more = [normalizes && "normalizes", ownTerms && "terms"].filter(
    Boolean,
  );
  return [`${output.name}=${vectors}+${states.name}`, ...more].join(":");
}

/** Rows of a tile of the text, each one register of four columns. */
const TILE_ROWS = 8;

/** The room that a program has; there are few shapes, so that few texts differ. */
export interface AttendShape {
  /** Tokens of a chunk for which there is room. */
  readonly largestChunk: number;
  /** Room for tokens, in whole blocks of rows. */
  readonly tokens: number;
  /** Rows of a chunk that a workgroup computes. */
  readonly blockRows: number;
  /** Vectors of four numbers that a row of scores, and later of parts of sums, takes. */
  readonly stride: number;
  /** Threads of a workgroup: one for each tile of the result. */
  readonly threads: number;
}

const LARGEST_CHUNKS = [64, 128, 256];
/** Most tokens of a chunk. */
export const LARGEST_CHUNK = Math.max(...LARGEST_CHUNKS);
/**
 * Room for groups of four columns of a result: for heads of up to 64 and of up to 128,
 * with a row sum.
 */
const LARGEST_VECS = [17, 33];
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
  const vecs = Math.max(vecsOf("key", dims), vecsOf("sum", dims));
  const largestVecs = LARGEST_VECS.find((size) => size >= vecs);
  if (largestChunk === undefined || largestVecs === undefined) return;
  const stride = Math.max(largestChunk / 4, largestVecs);
  return BLOCK_ROWS.filter((rows) => rows <= mostRows).map((blockRows) => ({
    ...{ largestChunk, blockRows, stride },
    tokens: Math.ceil(largestChunk / blockRows) * blockRows,
    threads: blockRows / TILE_ROWS * largestVecs,
  })).find(({ blockRows, tokens }) =>
    (16 * stride + 3 * 4) * blockRows + maskBytes(tokens) <= workgroupBytes
  );
}

/** The settings on which the program's text depends. */
export interface AttendSpec {
  /** The functions to compute, each by workgroups of its own. */
  readonly roles: readonly Role[];
  /** The decays of all roles; `null` if nothing decays, and only the state is read. */
  readonly decays: Mask | null;
  /** The room that the program has, and how its work is shared out. */
  readonly shape: AttendShape;
  /** Whether states are not scanned, so that each reader adds up those of all chunks. */
  readonly areUnscanned: boolean;
}

/** The program, of which a thread computes a tile of TILE rows and four columns. */
export function attendProgram(
  { roles, decays, shape, areUnscanned }: AttendSpec,
  launch: Launch,
): ProblemProgram {
  const { blockRows, stride } = shape;
  const vectors = roles.flatMap(({ rows, others, values, ownTerms }) => [
    ...[rows, ...(decays ? [others, values] : [])],
    ...(ownTerms ? [ownTerms.own] : []),
  ]);
  const states = roles.map(({ states }) => states.name);
  const terms = roles.flatMap(({ ownTerms }) => ownTerms?.name ?? []);
  const hasRowSums = roles.some(({ normalizes }) => normalizes);
  return {
    name: "attend",
    variants: roles.map(roleKey),
    constants: {
      ...maskConstants(decays),
      UNSCANNED: areUnscanned,
      ROWS: blockRows,
      STRIDE: stride,
      TOKENS: decays ? shape.tokens : 4,
      SCORES: decays ? blockRows * stride : 1,
    },
    elements: elementsOf(vectors, [...states, ...terms]),
    reads: [
      ...vectors.map(({ name }) => name),
      ...decayInputs(decays),
      ...states,
    ],
    writes: [
      ...roles.map(({ output }) => output.name),
      ...(hasRowSums ? ["rowSums"] : []),
      ...terms,
    ],
    threads: shape.threads,
    workgroups: [launch.chunks, launch.sequences],
    layers: Math.ceil(launch.chunkSize / blockRows) * roles.length,
    functions: () => [
      ...[VECS, STATES, JOINED_HEADS, ACCUMULATE, DECAYS, arrivals(decays)],
      ...[LOAD_DECAYS, WEIGHTS, ATTEND_SCRATCH],
      ...roles.map((role) =>
        instance(operandsOf(role, decays) + ATTEND, role.output.name)
      ),
    ],
    body: stepOf(
      roles.map(({ output }) => output.name),
      "(uniforms.chunkSize + ROWS - 1u) / ROWS",
    ),
  };
}

/** WGSL of a role's constants and operands. */
function operandsOf(role: Role, decays: Mask | null): string {
  const { rows, states, output, normalizes = false, ownTerms } = role;
  // Without decays no token is read but through the state.
  const { others, values } = decays ? role : { others: rows, values: rows };
  const constants = {
    // Whether r has the columns of the states, and not their rows.
    TRANSPOSED: rows.columns !== "key",
    NORMALIZES: normalizes,
    HAS_TERMS: ownTerms !== undefined,
    MAY_JOIN_HEADS: output.mayJoinHeads ?? false,
  };
  return [
    ...[declareConstants(constants), readingStates(states.name)],
    ...[reading("r", rows), reading("own", ownTerms?.own ?? rows)],
    ...[reading("o", others), reading("x", values)],
    writing(
      output.name,
      output.columns === "key" ? "headDim" : "valueDim",
      1,
      "z",
    ),
    /* wgsl */ `
fn output_vecs() -> u32 { return ${
      normalizes ? "sum" : output.columns
    }_vecs(); }
fn write_row_sum(token: u32, rowSum: f32) { ${
      normalizes ? "rowSums[token] = rowSum;" : ""
    } }
fn write_terms(token: u32, terms: vec4f) { ${
      ownTerms ? `${ownTerms.name}[token] = terms;` : ""
    } }
`,
  ].join("");
}
