/**
 * The WY representation of each chunk of the delta rule: W, with which rows erase, and
 * U₀, what they write if the state is zero. With e the decay from the chunk's start to a token,
 *
 *     W = X (β e ∘ K)    U₀ = X (β ∘ V)
 *
 * so that for a state H the rows write U = U₀ - W H.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), equations 8 to 11; Kimi Linear
 * (arXiv:2510.26692).
 *
 * @module
 */
import {
  BETA,
  BLOCK_ROWS,
  type ChunkLayout,
  type ChunkProgram,
  chunkProgram,
  decayOf,
  decaysIn,
  eachBlockRow,
  eachItem,
  ofDirection,
  placesOf,
  rowsOf,
  widthOf,
} from "../chunk_engine/chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** The program of W and U₀, which take the place of `vNew`, in one direction. */
export function wyProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  direction: number,
): ChunkProgram {
  const width = widthOf(layout);
  return ofDirection(layout, batch, direction, {
    name: "delta_wy",
    variants: [layout.decay],
    elements: { ...chunkProgram(layout, batch).elements, pairs: "f32" },
    reads: ["k", "v", "beta", "pairs", ...decaysIn(layout)],
    writes: ["operands", "vNew"],
    functions: /* wgsl */ `${placesOf(layout)}
${rowsOf("k", "headDim", width)}
${rowsOf("v", "valueDim", width)}
${BETA}
${decayOf(layout.decay, width)}
fn solution(chunk: Chunk, row: u32, column: u32) -> f32 {
  return pairs[4u * at_pair(chunk, INVERSE, row, 0u) + column];
}
`,
    body: /* wgsl */ `
${eachItem("uniforms.headQuads", KEYS)}
${eachItem("uniforms.valueQuads", VALUES)}`,
  });
}

/** WGSL that multiplies X with the x of each row j up to the end of the block; rows without a token have x = 0. */
const sumUp = (x: string, store: (r: number) => string) =>
  /* wgsl */ `${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
      var path = vec4f(1.0);
      for (var j = 0u; j < row + ${BLOCK_ROWS}u; j++) {
        ${x}
${
    eachBlockRow((r) =>
      `        sum${r} += solution(chunk, row + ${r}u, j) * x;`
    )
  }
      }
${eachBlockRow((r) => `      ${store(r)} = sum${r};`)}`;

const KEYS = sumUp(
  `path *= decay_of(chunk, j, quad);
        let x = beta_of(chunk, j) * path * row_of_k(chunk, j, quad);`,
  (r) => `operands[at_operand(chunk, W, row + ${r}u, quad)]`,
);

const VALUES = sumUp(
  "let x = beta_of(chunk, j) * row_of_v(chunk, j, quad);",
  (r) => `vNew[at_v_new(chunk, row + ${r}u, quad)]`,
);
