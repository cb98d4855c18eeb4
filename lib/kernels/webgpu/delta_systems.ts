/**
 * First step of the delta rule: what the tokens of each chunk do, whatever state
 * comes to it. With S what is below the diagonal of the products of keys, P
 * those of queries with keys, both decayed on the way, and e and out the decays
 * from the border to a token and from a token to the border,
 *
 *     X = (I + β S)⁻¹    W = X (β e ∘ K)    U₀ = X (β ∘ V)
 *
 * so that a state H has U = U₀ - W H written. The inverse is made by forward
 * substitution, column by column; every decay is a product along a path.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), equations 8 to 11; Kimi Linear
 * (arXiv:2510.26692).
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../tfjs/webgpu/program.ts";
import { repeat } from "../../tfjs/webgpu/shader.ts";
import {
  BETA,
  BLOCK_ROWS,
  CHUNKS,
  decayOf,
  type DeltaLayout,
  deltaProgram,
  eachRow,
  kindOf,
  LARGEST_CHUNK,
  PLACES,
  rowsOf,
  THREADS,
} from "./delta_chunks.ts";
import type { Pass } from "./passes.ts";

/** Tensors of the program. */
export interface SystemsTensors {
  readonly reads: Readonly<Record<"q" | "k" | "v" | "beta", tf.TensorInfo>>;
  /** What the sweep's state pays, if anything. */
  readonly decays: tf.TensorInfo | undefined;
  readonly writes: Readonly<
    Record<"systems" | "prepared" | "written", tf.TensorInfo>
  >;
}

/** The program of one direction. */
export function systemsProgram(
  { reads, decays, writes }: SystemsTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: Pass,
  direction: number,
): Program {
  const program = deltaProgram(layout, firstSequence);
  const kind = kindOf(decays);
  const { width } = program;
  return {
    ...program,
    name: "delta_systems",
    variants: [kind],
    elements: {
      ...program.elements,
      ...(kind === "scalar" ? { decays: "f32" } : {}),
    },
    reads: { ...reads, ...(decays ? { decays } : {}) },
    writes,
    integers: { ...program.integers, direction },
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `
// β S, and the inverse.
var<workgroup> system: array<f32, ${LARGEST_CHUNK ** 2}>;
var<workgroup> inverse: array<f32, ${LARGEST_CHUNK ** 2}>;
${CHUNKS}${PLACES}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${rowsOf("v", "valueDim", width)}
${BETA}
${decayOf(kind, width)}
${pairs(kind !== "none")}
${INVERT}
${KEYS}
${VALUES}
`,
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);
  let blocks = uniforms.rows / ${BLOCK_ROWS}u;
  let row_block = local / ${LARGEST_CHUNK / BLOCK_ROWS}u;
  let column_block = local % ${LARGEST_CHUNK / BLOCK_ROWS}u;
  if (row_block < blocks && column_block < blocks) {
    multiply_pairs(chunk, row_block, column_block);
  }
  workgroupBarrier();
  if (local < uniforms.rows) { invert_column(local); }
  workgroupBarrier();
  if (row_block < blocks && column_block < blocks) {
    store_inverse(chunk, row_block, column_block);
  }
  for (var item = local; item < blocks * uniforms.headQuads; item += ${THREADS}u) {
    prepare_keys(chunk, item / uniforms.headQuads * ${BLOCK_ROWS}u, item % uniforms.headQuads);
  }
  for (var item = local; item < blocks * uniforms.valueQuads; item += ${THREADS}u) {
    prepare_values(chunk, item / uniforms.valueQuads * ${BLOCK_ROWS}u, item % uniforms.valueQuads);
  }`,
  };
}

/** The products of a block of rows and one of columns. */
function pairs(decays: boolean): string {
  // Keys decay to the end of their block and on to the block of the rows, and
  // then from row to row; in their own block they start where they are.
  const arrive = /* wgsl */ `
    if (!own) {
      var way = vec4f(1.0);
      for (var t = row; t > column + 4u; t--) { way *= decay_of(chunk, t - 1u, n); }
${
    repeat(4, (i) =>
      `      key${3 - i} *= way;${
        i < 3 ? ` way *= decay_of(chunk, column + ${3 - i}u, n);` : ""
      }`)
  }
    }`;
  const pay = (r: number) =>
    /* wgsl */ `    let paid${r} = decay_of(chunk, row + ${r}u, n);
${
      repeat(4, (c) =>
        `    key${c} *= ${
          c < r ? `paid${r}` : `select(paid${r}, vec4f(1.0), own)`
        };`)
    }`;
  return /* wgsl */ `
fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = row_block * ${BLOCK_ROWS}u;
  let column = column_block * 4u;
  let own = row_block == column_block;
${eachRow((r) => `  var key_score${r} = vec4f();\n  var score${r} = vec4f();`)}
  for (var n = 0u; n < uniforms.headQuads && column_block <= row_block; n++) {
${repeat(4, (c) => `    var key${c} = row_of_k(chunk, column + ${c}u, n);`)}
${decays ? arrive : ""}
${
    eachRow((r) =>
      `${decays ? pay(r) : ""}
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      key_score${r} += row_of_k(chunk, row + ${r}u, n) * keys;
      score${r} += row_of_q(chunk, row + ${r}u, n) * keys;
    }`
    )
  }
  }
  let columns = column + vec4u(0u, 1u, 2u, 3u);
${
    eachRow((r) =>
      `  {
    let i = row + ${r}u;
    systems[at_score(chunk, i, column_block)] = select(vec4f(), score${r}, columns <= vec4u(i));
    let weighed = beta_of(chunk, i) * select(vec4f(), key_score${r}, columns < vec4u(i));
${
        repeat(
          4,
          (c) =>
            `    system[i * ${LARGEST_CHUNK}u + column + ${c}u] = weighed[${c}];`,
        )
      }
  }`
    )
  }
}`;
}

/** A column of X, which needs none of the others. */
const INVERT = /* wgsl */ `
fn invert_column(column: u32) {
  for (var i = 0u; i < uniforms.rows; i++) {
    var x = select(0.0, 1.0, i == column);
    for (var j = column; j < i; j++) {
      x -= system[i * ${LARGEST_CHUNK}u + j] * inverse[j * ${LARGEST_CHUNK}u + column];
    }
    inverse[i * ${LARGEST_CHUNK}u + column] = x;
  }
}

fn store_inverse(chunk: Chunk, row_block: u32, column_block: u32) {
  for (var r = 0u; r < ${BLOCK_ROWS}u; r++) {
    let row = row_block * ${BLOCK_ROWS}u + r;
    let at = row * ${LARGEST_CHUNK}u + column_block * 4u;
    systems[at_inverse(chunk, row, column_block)] = ${`vec4f(${
  repeat(4, (c) => `inverse[at + ${c}u]`, ", ")
})`};
  }
}`;

/** sum += inverse · x, of the rows of a block. */
const ADD = eachRow((r) =>
  `    sum${r} += inverse[(row + ${r}u) * ${LARGEST_CHUNK}u + j] * x;`
);

/** A quad of columns of four rows of W, e ∘ Q and out ∘ K. */
const KEYS = /* wgsl */ `
fn prepare_keys(chunk: Chunk, row: u32, quad: u32) {
${eachRow((r) => `  var sum${r} = vec4f();`)}
  var way = vec4f(1.0);
  for (var j = 0u; j < row + ${BLOCK_ROWS}u; j++) {
    way *= decay_of(chunk, j, quad);
    let x = beta_of(chunk, j) * way * row_of_k(chunk, j, quad);
${ADD}
    if (j >= row) {
      prepared[at_prepared(chunk, READ, j, quad)] = way * row_of_q(chunk, j, quad);
    }
  }
${
  eachRow((r) =>
    `  prepared[at_prepared(chunk, ERASED, row + ${r}u, quad)] = sum${r};`
  )
}
  way = vec4f(1.0);
  for (var after = uniforms.rows; after > row; after--) {
    let j = after - 1u;
    if (j < row + ${BLOCK_ROWS}u) {
      prepared[at_prepared(chunk, WRITTEN, j, quad)] = way * row_of_k(chunk, j, quad);
    }
    way *= decay_of(chunk, j, quad);
  }
  if (row == 0u) { prepared[at_prepared(chunk, THROUGH, 0u, quad)] = way; }
}`;

/** A quad of columns of four rows of U₀. */
const VALUES = /* wgsl */ `
fn prepare_values(chunk: Chunk, row: u32, quad: u32) {
${eachRow((r) => `  var sum${r} = vec4f();`)}
  for (var j = 0u; j < row + ${BLOCK_ROWS}u; j++) {
    let x = beta_of(chunk, j) * row_of_v(chunk, j, quad);
${ADD}
  }
${eachRow((r) => `  written[at_written(chunk, row + ${r}u, quad)] = sum${r};`)}
}`;
