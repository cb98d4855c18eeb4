/**
 * First steps of the delta rule: what the tokens of each chunk do, whatever state
 * comes to it. With S what is below the diagonal of the products of keys, and P
 * those of queries with keys, both decayed on the way,
 *
 *     X = (I + β S)⁻¹
 *
 * by forward substitution. Every decay is a product along a path.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import {
  BETA,
  BLOCK_ROWS,
  CHUNKS,
  decayOf,
  type DeltaLayout,
  deltaProgram,
  eachBlockRow,
  eachPair,
  kindOf,
  LARGEST_CHUNK,
  PLACES,
  rowsOf,
} from "./delta_chunks.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Tensors of {@linkcode systemsProgram}. */
export interface SystemsTensors {
  readonly reads: Readonly<Record<"q" | "k" | "beta", tf.TensorInfo>>;
  /** What the sweep's state pays, if anything. */
  readonly decays: tf.TensorInfo | undefined;
  readonly writes: Readonly<Record<"systems", tf.TensorInfo>>;
}

/** β S and P, of one direction. */
export function systemsProgram(
  { reads, decays, writes }: SystemsTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
  direction: number,
): Program {
  const program = deltaProgram(layout, firstSequence);
  const kind = kindOf(decays);
  const { width } = program;
  return {
    ...program,
    name: "delta_systems",
    variants: [...program.variants!, kind],
    elements: {
      ...program.elements,
      ...(kind === "scalar" ? { decays: "f32" } : {}),
    },
    reads: { ...reads, ...(decays ? { decays } : {}) },
    writes,
    integers: { ...program.integers, direction },
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `${CHUNKS}${PLACES}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${BETA}
${decayOf(kind, width)}
${pairs(kind !== "none")}
`,
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);
${eachPair(layout, "multiply_pairs")}`,
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
${
    eachBlockRow((r) =>
      `  var key_score${r} = vec4f();\n  var score${r} = vec4f();`
    )
  }
  // Above the diagonal there is nothing, and zeros are written.
  for (var n = 0u; n < uniforms.headQuads && column_block <= row_block; n++) {
${repeat(4, (c) => `    var key${c} = row_of_k(chunk, column + ${c}u, n);`)}
${decays ? arrive : ""}
${
    eachBlockRow((r) =>
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
    eachBlockRow((r) =>
      `  {
    let i = row + ${r}u;
    systems[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score${r}, columns <= vec4u(i));
    systems[at_pair(chunk, SYSTEM, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score${r}, columns < vec4u(i));
  }`
    )
  }
}`;
}

/**
 * X, of all sweeps, in the buffer of β S. A thread has a column, which needs none
 * of the others.
 */
export function inversesProgram(
  systems: tf.TensorInfo,
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
): Program {
  const program = deltaProgram(layout, firstSequence);
  return {
    ...program,
    name: "delta_inverses",
    elements: { systems: "f32" },
    reads: {},
    writes: { systems },
    workgroups: sequences * layout.directions * layout.chunks,
    functions: /* wgsl */ `
var<private> solved: array<f32, ${LARGEST_CHUNK}>;
${CHUNKS}${PLACES}`,
    body: /* wgsl */ `
  let chunk = chunk_of(workgroup / uniforms.chunks, workgroup % uniforms.chunks);
  for (var column = local; column < uniforms.rows; column += ${program.threads}u) {
    for (var i = 0u; i < uniforms.rows; i++) {
      var x = select(0.0, 1.0, i == column);
      let row = 4u * at_pair(chunk, SYSTEM, i, 0u);
      for (var j = 0u; j < i; j++) { x -= systems[row + j] * solved[j]; }
      solved[i] = x;
      systems[4u * at_pair(chunk, INVERSE, i, 0u) + column] = x;
    }
  }`,
  };
}
