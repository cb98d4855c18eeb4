/**
 * The gradients of the delta rule in the writes U and in the states: a sweep goes
 * back through its chunks. With dY the gradient in the sums, and G that in the state
 * after the chunk,
 *
 *     dU = Pᵀ dY + (out ∘ K) G
 *     G' = through ∘ G + (e ∘ Q)ᵀ dY - Wᵀ dU
 *
 * Workgroups and threads divide the work as in the forward sweep (`delta_states.ts`).
 *
 * @module
 */
import {
  type ChunkLayout,
  type ChunkProgram,
  eachBlockRow,
  rowsOf,
  widthOf,
} from "../chunk_engine/chunk_layout.ts";
import { CARRIED, type SweepEnds, sweepProgram } from "./delta_states.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/**
 * The program of the gradients in writes and states, in all sweeps, which begin with the
 * gradient in the last state, and end with that in the first.
 */
export function stateGradientsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  ends: SweepEnds,
  scale: number,
): ChunkProgram {
  return sweepProgram(layout, batch, ends, {
    name: "delta_state_gradients",
    reads: ["dy", "pairs", "operands"],
    writes: ["dvNew", "dstates"],
    floats: { scale },
    functions: rowsOf("dy", "valueDim", widthOf(layout)),
    isBack: true,
    values: /* wgsl */ `${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
      for (var i = row; i < uniforms.rows; i++) {
        let scores = pairs[at_pair(chunk, SCORES, i, row / 4u)];
        let slope = row_of_dy(chunk, i, first + place);
${eachBlockRow((r) => `        sum${r} += scores[${r}] * slope;`)}
      }
${eachBlockRow((r) => `      sum${r} *= uniforms.scale;`)}
      for (var n = 0u; n < uniforms.headQuads; n++) {
        let carried = ${CARRIED};
${
      eachBlockRow((r) =>
        `        sum${r} += carried * operands[at_operand(chunk, DECAYED_K, row + ${r}u, n)];`
      )
    }
      }`,
    read:
      /* wgsl */ `        let queries = operands[at_operand(chunk, DECAYED_Q, i, n)];
        let keys = operands[at_operand(chunk, W, i, n)];
        let slope = uniforms.scale * row_of_dy(chunk, i, first + place);
        let found = v_new[i * across + place];`,
    added: (r) => `queries[${r}] * slope - keys[${r}] * found`,
  });
}
