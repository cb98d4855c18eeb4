/**
 * Scores within each chunk, which depend on no state: the products P of queries with
 * decayed keys and, in the delta rule, the matrix β S of its triangular system, where
 * S has the products of keys with decayed keys below the diagonal. The decay between two
 * tokens is the product of the decays on the path from one to the other.
 *
 * @module
 */
import { repeat } from "@lionjs/tfjs/webgpu";
import {
  BETA,
  BLOCK_ROWS,
  type ChunkLayout,
  type ChunkProgram,
  decayOf,
  decaysIn,
  eachBlockRow,
  eachPair,
  ofDirection,
  placesOf,
  rowsOf,
  widthOf,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** The program of the scores P and, in the delta rule, of β S, in one direction. */
export function scoresProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  direction: number,
): ChunkProgram {
  const { rule, decay } = layout;
  const width = widthOf(layout);
  return ofDirection(layout, batch, direction, {
    name: "chunk_scores",
    variants: [rule, decay],
    reads: [
      ...["q", "k"],
      ...(rule === "delta" ? ["beta"] : []),
      ...(decay === "none" ? [] : ["operands"]),
      ...decaysIn(layout),
    ],
    writes: ["pairs"],
    functions: /* wgsl */ `${placesOf(layout)}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${rule === "delta" ? BETA : ""}
${decayOf(decay, width)}
${multiplyPairs(layout)}
`,
    body: `
${eachPair("multiply_pairs")}`,
  });
}

/** WGSL function that computes the scores of a block of rows with a block of columns. */
function multiplyPairs({ rule, decay }: ChunkLayout): string {
  const isDelta = rule === "delta";
  // A token's score with its own key counts once, in the forward direction. In the delta
  // rule it stays in both, and `outputs.ts` subtracts the token's own value once.
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
 * WGSL that adds the products of all channels to the scores.
 *
 * @param arrive WGSL that decays the keys up to the block of the rows.
 * @param pay WGSL that applies the decay of row r, to `from_block` or to the keys before it.
 * @param rowsPay Whether rows are multiplied by `from_block`, the decay from their block's start.
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

/** WGSL that decays keys to the end of their block and on to the start of the rows' block. */
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

/** WGSL that, within a diagonal block, applies the decay of row r to the keys before it. */
const payInBlock = (r: number) =>
  r === 0 ? "" : /* wgsl */ `    let paid${r} = decay_of(chunk, row + ${r}u, n);
${repeat(r, (c) => `    key${c} *= paid${r};`)}`;
