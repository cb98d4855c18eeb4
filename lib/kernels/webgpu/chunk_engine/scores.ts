/**
 * Scores of the tokens of each chunk, whatever state comes to it: the products P
 * of queries with keys that have decayed on the way and, by the delta rule, the
 * matrix β S of its triangular system, with S what is below the diagonal of the
 * products of keys with keys. Every decay is a product along a path.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import {
  BETA,
  BLOCK_ROWS,
  type ChunkLayout,
  chunkProgram,
  decayOf,
  eachBlockRow,
  eachPair,
  placesOf,
  rowsOf,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Tensors of {@linkcode scoresProgram}. */
export interface ScoresTensors {
  /** `beta` of the delta rule alone, and `operands` where anything decays. */
  readonly reads:
    & Readonly<Record<"q" | "k", tf.TensorInfo>>
    & Readonly<Partial<Record<"beta" | "operands", tf.TensorInfo>>>;
  /** What the sweep's state pays, if anything. */
  readonly decays: tf.TensorInfo | undefined;
  readonly writes: Readonly<Record<"pairs", tf.TensorInfo>>;
}

/** The program of the scores P and, by the delta rule, of β S, in one direction. */
export function scoresProgram(
  { reads, decays, writes }: ScoresTensors,
  layout: ChunkLayout,
  { firstSequence, sequences }: SequenceBatch,
  direction: number,
): Program {
  const program = chunkProgram(layout, firstSequence);
  const { width } = program;
  return {
    ...program,
    name: "chunk_scores",
    variants: [...program.variants!, layout.decay],
    reads: { ...reads, ...(decays ? { decays } : {}) },
    writes,
    integers: { ...program.integers, direction },
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `${placesOf(layout)}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${layout.rule === "delta" ? BETA : ""}
${decayOf(layout.decay, width)}
${multiplyPairs(layout)}
`,
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);
${eachPair("multiply_pairs")}`,
  };
}

/** The products of a block of rows and one of columns. */
function multiplyPairs({ rule, decay }: ChunkLayout): string {
  const isDelta = rule === "delta";
  // A token's own pair counts once, in the direction from the left. By the delta
  // rule what counts once is something else, which is subtracted later.
  const reads = isDelta
    ? "columns <= vec4u(i)"
    : "select(columns <= vec4u(i), columns < vec4u(i), chunk.back)";
  return /* wgsl */ `
fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = row_block * ${BLOCK_ROWS}u;
  let column = column_block * 4u;
${
    eachBlockRow((r) =>
      `  var score${r} = vec4f();${
        isDelta ? `\n  var key_score${r} = vec4f();` : ""
      }`
    )
  }
${
    decay === "none" ? addProducts(isDelta, "", () => "") : /* wgsl */ `
  if (row_block == column_block) {
${addProducts(isDelta, "", payInBlock)}
  } else {
${addProducts(isDelta, ARRIVE, payFromBlock, true)}
  }`
  }
  let columns = column + vec4u(0u, 1u, 2u, 3u);
${
    eachBlockRow((r) =>
      `  {
    let i = row + ${r}u;
    pairs[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score${r}, ${reads});${
        isDelta
          ? `
    pairs[at_pair(chunk, KK_T, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score${r}, columns < vec4u(i));`
          : ""
      }
  }`
    )
  }
}`;
}

/**
 * Adds the products of all channels to the scores.
 *
 * @param arrive What keys pay before any row.
 * @param pay What row r pays, or keys pay as it arrives.
 * @param rowsPay Whether the row itself does, by `from_block`.
 */
function addProducts(
  isDelta: boolean,
  arrive: string,
  pay: (r: number) => string,
  rowsPay = false,
): string {
  const path = rowsPay ? "from_block * " : "";
  return /* wgsl */ `
  for (var n = 0u; n < uniforms.headQuads; n++) {
${repeat(4, (c) => `    var key${c} = row_of_k(chunk, column + ${c}u, n);`)}
${arrive}
${
    eachBlockRow((r) =>
      `${pay(r)}
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score${r} += (${path}row_of_q(chunk, row + ${r}u, n)) * keys;${
        isDelta
          ? `\n      key_score${r} += (${path}row_of_k(chunk, row + ${r}u, n)) * keys;`
          : ""
      }
    }`
    )
  }
  }`;
}

/** Keys decay to the end of their block and on to the block of the rows. */
const ARRIVE = /* wgsl */ `
    var path = vec4f(1.0);
    for (var block = column_block + 1u; block < row_block; block++) { path *= operands[at_block_decay(chunk, block, n)]; }
${
  repeat(4, (i) =>
    `    key${3 - i} *= path;${
      i < 3 ? ` path *= decay_of(chunk, column + ${3 - i}u, n);` : ""
    }`)
}
    var from_block = vec4f(1.0);`;

const payFromBlock = (r: number) =>
  `    from_block *= decay_of(chunk, row + ${r}u, n);`;

/** In their own block only the keys before a row pay as it arrives. */
const payInBlock = (r: number) =>
  r === 0 ? "" : /* wgsl */ `    let paid${r} = decay_of(chunk, row + ${r}u, n);
${repeat(r, (c) => `    key${c} *= paid${r};`)}`;
