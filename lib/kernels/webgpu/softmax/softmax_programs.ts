/** The programs of softmax attention. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import {
  instance,
  type Program,
  rowProgram,
  type Subgroups,
  type Tensors,
  widthOf,
} from "@lionjs/tfjs/webgpu";
import {
  ADD_COLUMNS,
  type Dim,
  products,
  stage,
  TILES,
  type Tiling,
  tilingConstants,
} from "../score_tiles/score_tiles.ts";
import { reading, writing } from "@lionjs/tfjs/webgpu";
import {
  DECAY_GRADIENTS,
  DECAYS,
  LOG_MASK,
  NO_LOG_MASK,
  NO_SIDES,
  REST,
  SIDES,
  UNIT,
} from "./log_mask.wgsl.ts";
import {
  FORWARD,
  IN_MEMORY,
  IN_SUBGROUPS,
  KEY_GRADIENTS,
  QUERY_GRADIENT,
  ROWS,
  SEGMENTS,
  TOKENS,
} from "./softmax.wgsl.ts";

/** The columns of vectors. */
const DIMS: Readonly<Record<string, Dim>> = {
  ...{ q: "headDim", k: "headDim", dq: "headDim", dk: "headDim" },
  ...{ v: "valueDim", y: "valueDim", dy: "valueDim", dv: "valueDim" },
};

/** Elements of tensors that are not packs of vectors. */
const ELEMENTS: NonNullable<Program["elements"]> = {
  ...{ mask: "f32", segments: "f32", maxima: "f32", sums: "f32" },
  ...{ f: "f32", b: "f32", df: "f32", db: "f32" },
  ...{ row_sides: "f32", query_sides: "f32", key_sides: "f32" },
  rows: "vec4f",
};

/** The vectors of each token in `rows`, with a decay. */
const WITH_DECAY = { STRIDE: 3, UNIT };

interface Roles {
  /** Whether the rows are readers or sources, if there is a decay. */
  readonly decay: "readers" | "sources" | undefined;
  /** The vectors of rows and of columns, by the suffix of their function `products`. */
  readonly products: Readonly<Record<string, readonly [string, string]>>;
  /** The vectors that are added, by the suffix of `add_columns`. */
  readonly sums: Readonly<Record<string, string>>;
}

/** A program with a workgroup for the rows of a tiling of each sequence, and the functions of its roles. */
function tiledProgram(
  { causal, scale }: SoftmaxAttributes,
  tiling: Tiling,
  { decay, products: pairs, sums }: Roles,
  { functions, ...program }:
    & Pick<Program, "name" | "reads" | "constants" | "directives" | "body">
    & { readonly writes: Tensors }
    & { readonly functions: readonly string[] },
): Program {
  const { q, v } = program.reads as Tensors;
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const valueDim = v!.shape[3]!;
  const blocks = Math.ceil(length / tiling.rows);
  const width = widthOf(headDim, valueDim);
  const read = (role: string, name: string) =>
    reading(name, DIMS[name]!, width, role);
  const written = Object.keys(program.writes).filter((name) => name in DIMS);
  return {
    ...program,
    width,
    elements: ELEMENTS,
    constants: {
      ...tilingConstants(tiling),
      ...decay
        ? { ...WITH_DECAY, ROWS_READ: decay === "readers" }
        : { STRIDE: 1 },
      ...program.constants,
    },
    integers: {
      ...{ length, heads, headDim, valueDim, blocks },
      ...{ causal: Number(causal), tokens: batch * heads * length },
    },
    floats: { scale },
    workgroups: batch * heads * blocks,
    threads: tiling.threads,
    layers: tiling.columnSplits,
    functions: () => [
      ...[TILES, stage(tiling), ...functions, SEGMENTS],
      decay ? LOG_MASK : NO_LOG_MASK,
      ...Object.entries(pairs).map(([suffix, [rows, columns]]) => {
        const count = `(uniforms.${DIMS[rows]} + 3u) / 4u`;
        return instance(
          read("r", rows) + read("o", columns) +
            `fn inner_quads() -> u32 { return ${count}; }\n` +
            products(tiling),
          suffix,
        );
      }),
      ...Object.entries(sums).map(([suffix, vectors]) =>
        instance(read("x", vectors) + ADD_COLUMNS, suffix)
      ),
      ...written.map((name) => writing(name, DIMS[name]!, width)),
    ],
  };
}

/** The division of softmax attention's scores among threads. */
export interface Sharing {
  readonly tiling: Tiling;
  /**
   * The adapter's subgroups, if the threads of a row lie in one subgroup and compare
   * their maxima there; undefined if they do so in workgroup memory.
   */
  readonly comparing: Subgroups | undefined;
}

/**
 * The program of the forward pass, which writes `y`, `maxima` and `sums`. With `rows`,
 * in which a decay lies, it reads no mask and no segments.
 */
export function forwardProgram(
  { q, k, v, rows, mask, segments }: Tensors & Hiding,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  { tiling, comparing }: Sharing,
): Program {
  const roles: Roles = {
    decay: rows ? "readers" : undefined,
    products: { scores: ["q", "k"] },
    sums: { values: "v" },
  };
  return tiledProgram(attributes, tiling, roles, {
    name: "softmax_attention",
    constants: {
      SUBGROUPS: comparing !== undefined,
      ...hidingConstants({ mask, segments }),
    },
    reads: { q, k, v, ...rows ? { rows } : { mask, segments } },
    writes,
    directives: comparing?.directive ?? "",
    functions: [
      tokensOf({ mask, segments }, rows ? "rows" : "inputs"),
      comparing ? IN_SUBGROUPS : IN_MEMORY,
    ],
    body: FORWARD,
  });
}

/** The mask and the segments, if there are some. */
type Hiding = Readonly<
  Partial<Record<"mask" | "segments", tf.TensorInfo | undefined>>
>;

const hidingConstants = ({ mask, segments }: Hiding) => ({
  MASKED: mask !== undefined,
  PACKED: segments !== undefined,
});

/**
 * WGSL functions `is_token(token, to_entry)` and `segment_of(token, to_entry)`, which is 1
 * where there are no segments.
 *
 * @param from Whether both are read from the mask and the segments, or from `rows`.
 */
function tokensOf(
  { mask, segments }: Hiding,
  from: "rows" | "inputs" = "inputs",
): string {
  const [kept, number] = from === "rows"
    ? ["rows[STRIDE * token].w > 0.0", "abs(rows[STRIDE * token].w)"]
    : ["mask[token + to_entry] != 0.0", "segments[token + to_entry]"];
  return /* wgsl */ `
fn is_token(token: u32, to_entry: u32) -> bool { return ${
    mask ? kept : "true"
  }; }
fn segment_of(token: u32, to_entry: u32) -> f32 { return ${
    segments ? number : "1.0"
  }; }
`;
}

/**
 * The program of each token's row statistics: maximum, 1 / sum, D = dy · y and the
 * number of its segment, from 1 on; for padding, the first three are 0 and the last negative.
 *
 * @param hasDecay Whether `rows` is that of {@linkcode decaysProgram}.
 */
export function softmaxRowsProgram(
  { y, dy, maxima, sums, mask, segments }: Tensors & Hiding,
  rows: tf.TensorInfo,
  hasDecay: boolean,
): Program {
  const [batch, heads, length, columns] = y!.shape as tf.Tensor4D["shape"];
  const program = rowProgram(batch * heads * length, columns);
  return {
    ...program,
    name: "softmax_rows",
    constants: {
      ...hidingConstants({ mask, segments }),
      STRIDE: hasDecay ? WITH_DECAY.STRIDE : 1,
    },
    elements: ELEMENTS,
    reads: { y, dy, maxima, sums, mask, segments },
    writes: { rows },
    integers: { ...program.integers, length, heads },
    functions: program.functions + tokensOf({ mask, segments }),
    body: ROWS,
  };
}

/**
 * The program of the gradient in queries, dq_i = s Σ_j p_ij (dy_i · v_j - D_i) k_j; with
 * a decay also of each query's `row_sides`.
 */
export function queryGradientProgram(
  reads: Tensors,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  tiling: Tiling,
): Program {
  const hasDecay = "row_sides" in writes;
  return tiledProgram(attributes, tiling, {
    decay: hasDecay ? "readers" : undefined,
    products: { scores: ["q", "k"], gradients: ["dy", "v"] },
    sums: { keys: "k" },
  }, {
    name: "softmax_query_gradient",
    ...{ reads, writes, body: QUERY_GRADIENT },
    functions: [TOKENS, hasDecay ? SIDES : NO_SIDES],
  });
}

/**
 * The program of the gradients in values and keys, dv_j = Σ_i p_ij dy_i and
 * dk_j = s Σ_i p_ij (dy_i · v_j - D_i) q_i; the rows of its tiles are keys. With a decay
 * also of each key's `row_sides`.
 */
export function keyGradientsProgram(
  reads: Tensors,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  tiling: Tiling,
): Program {
  const hasDecay = "row_sides" in writes;
  return tiledProgram(attributes, tiling, {
    decay: hasDecay ? "sources" : undefined,
    products: { scores: ["k", "q"], gradients: ["v", "dy"] },
    sums: { keys: "q", values: "dy" },
  }, {
    name: "softmax_key_gradients",
    ...{ reads, writes, body: KEY_GRADIENTS },
    functions: [TOKENS, hasDecay ? SIDES : NO_SIDES],
  });
}

/** The vectors of the buffer `rows` that {@linkcode decaysProgram} writes. */
export function rowsOfDecays(
  [batch, heads, length]: readonly number[],
): number {
  const sequences = batch! * heads!;
  const units = Math.ceil(length! / UNIT);
  return sequences *
    (WITH_DECAY.STRIDE * length! + Math.ceil(units ** 2 / 4));
}

/**
 * The program of the log decays in `rows`, of all but the statistics of rows, in whose
 * place are the numbers of segments alone.
 */
export function decaysProgram(
  { f, b, mask, segments }: Tensors & Hiding,
  rows: tf.TensorInfo,
): Program {
  const [batch, heads, length] = f!.shape as tf.Tensor3D["shape"];
  const tokens = batch * heads * length;
  const sums = rowsOfDecays(f!.shape) - WITH_DECAY.STRIDE * tokens;
  return {
    name: "softmax_decays",
    constants: {
      ...hidingConstants({ mask, segments }),
      ...WITH_DECAY,
      TWO_SIDED: b !== undefined,
    },
    width: 1,
    elements: ELEMENTS,
    reads: { f, b, mask, segments },
    writes: { rows },
    integers: { length, heads, tokens },
    threads: DECAY_THREADS,
    workgroups: Math.ceil((tokens + sums) / DECAY_THREADS),
    functions: tokensOf({ mask, segments }) +
      `fn read_b(token: u32) -> f32 { return ${b ? "b[token]" : "0.0"}; }\n`,
    body: DECAYS,
  };
}

const DECAY_THREADS = 64;

/** The program of the gradients in log decays, of the `row_sides` of queries and of keys. */
export function decayGradientsProgram(
  reads: Readonly<Record<"query_sides" | "key_sides", tf.TensorInfo>>,
  { df, db }: Tensors,
): Program {
  const [batch, heads, length] = df!.shape as tf.Tensor3D["shape"];
  return {
    name: "softmax_decay_gradients",
    constants: { UNIT, TWO_SIDED: db !== undefined },
    width: 1,
    elements: ELEMENTS,
    reads,
    writes: db ? { df: df!, db } : { df: df! },
    integers: { length },
    threads: UNIT,
    workgroups: batch * heads * Math.ceil(length / UNIT),
    functions: REST +
      `fn write_db(token: u32, x: f32) {${db ? " db[token] = x; " : ""}}\n`,
    body: DECAY_GRADIENTS,
  };
}
