/**
 * What the rows of a chunk add to its state that depends on no other chunk: Kᵀ V of the
 * writer that writes V itself, and in the gradient Qᵀ dY, with rows decayed to the chunk's
 * border.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import {
  type ChunkProgram,
  type Layout,
  ofSweeps,
  readGradientsOf,
  ROW_OF_V,
} from "./layout.ts";

/** The program of the sums of each chunk, in all sweeps, in the place of `states`. */
export function sumsProgram(
  layout: Layout,
  batch: SequenceBatch,
  scale: number | undefined,
): ChunkProgram {
  const isGradient = scale !== undefined;
  return ofSweeps(layout, batch, {
    name: "transition_sums",
    constants: { IS_GRADIENT: isGradient },
    reads: [
      ...["operands", isGradient ? "dy" : "v"],
      isGradient && layout.reads !== "none" && "found",
    ],
    writes: ["states"],
    ...isGradient && { floats: { scale } },
    functions: () =>
      isGradient
        ? [
          readGradientsOf(layout),
          written("read_gradient_of(0u, chunk, row, vec)"),
        ]
        : [ROW_OF_V, written("row_of_v(chunk, row, vec)")],
    body: SUMS,
  });
}

const written = (x: string) =>
  `fn written(chunk: Chunk, row: u32, vec: u32) -> vec4f { return ${x}; }\n`;

const SUMS = /* wgsl */ `
  let last = uniforms.headVecs - 1u;
  let kind = select(ROW_KINDS - 1u, 0u, IS_GRADIENT);
  for (var item = local; item < (uniforms.headVecs + 1u) / 2u * uniforms.valueVecs; item += THREADS) {
    let n = item / uniforms.valueVecs * 2u;
    let vec = item % uniforms.valueVecs;
    var sum = array<vec4f, 8>();
    // Queries belong to the last step of a token.
    for (var row = select(0u, STEPS - 1u, IS_GRADIENT); row < uniforms.rows; row += select(1u, STEPS, IS_GRADIENT)) {
      let x = written(chunk, row, vec);
      for (var half = 0u; half < 2u; half++) { // unroll
        let key = operands[at_operand(chunk, kind, row, min(n + half, last))];
        for (var r = 0u; r < 4u; r++) { // unroll
          sum[4u * half + r] += key[r] * x;
        }
      }
    }
    for (var half = 0u; half < 2u; half++) { // unroll
      if (n + half <= last) {
        for (var r = 0u; r < 4u; r++) { // unroll
          states[at_state(chunk, 4u * (n + half) + r, vec)] = sum[4u * half + r];
        }
      }
    }
  }
`;
