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
  BLOCK_ROWS,
  type ChunkLayout,
  type ChunkProgram,
  eachBlockRow,
  rowsOf,
  widthOf,
} from "../chunk_engine/chunk_layout.ts";
import {
  carriedAt,
  closeSweep,
  eachOf,
  openSweep,
  storeCarried,
  type SweepEnds,
  sweepProgram,
} from "./delta_states.ts";
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
  const program = sweepProgram(layout, batch, ends);
  return {
    ...program,
    name: "delta_state_gradients",
    reads: ["dy", "pairs", "operands", ...program.reads],
    writes: ["dvNew", "dstates", ...program.writes],
    floats: { scale },
    functions: `${program.functions}${
      rowsOf("dy", "valueDim", widthOf(layout))
    }`,
    body: /* wgsl */ `${openSweep(ends)}
  for (var step = 0u; step < uniforms.chunks; step++) {
    let chunk = chunk_of(sweep, select(uniforms.chunks - 1u - step, step, back));
    ${eachOf(`uniforms.rows / ${BLOCK_ROWS}u * across`)}
      let row = item / across * ${BLOCK_ROWS}u;
      let place = item % across;
${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
      for (var i = row; i < uniforms.rows; i++) {
        let scores = pairs[at_pair(chunk, SCORES, i, row / 4u)];
        let slope = row_of_dy(chunk, i, first + place);
${eachBlockRow((r) => `        sum${r} += scores[${r}] * slope;`)}
      }
${eachBlockRow((r) => `      sum${r} *= uniforms.scale;`)}
      for (var n = 0u; n < uniforms.headQuads; n++) {
        let carried = ${carriedAt("n", "place")};
${
      eachBlockRow((r) =>
        `        sum${r} += carried * operands[at_operand(chunk, DECAYED_K, row + ${r}u, n)];`
      )
    }
      }
${
      eachBlockRow((r) =>
        `      dvNew[at_v_new(chunk, row + ${r}u, first + place)] = sum${r};
      v_new[(row + ${r}u) * across + place] = sum${r};`
      )
    }
    }
    workgroupBarrier();
    ${eachOf("uniforms.headQuads * across")}
      let n = item / across;
      let place = item % across;
      let through = operands[at_chunk_decay(chunk, n)];
      let old = ${carriedAt("n", "place")};
${
      eachBlockRow((r) =>
        `      dstates[at_state(chunk, 4u * n + ${r}u, first + place)] = old[${r}];
      var sum${r} = through[${r}] * old[${r}];`
      )
    }
      for (var i = 0u; i < uniforms.rows; i++) {
        let queries = operands[at_operand(chunk, DECAYED_Q, i, n)];
        let keys = operands[at_operand(chunk, W, i, n)];
        let slope = uniforms.scale * row_of_dy(chunk, i, first + place);
        let found = v_new[i * across + place];
${
      eachBlockRow((r) =>
        `        sum${r} += queries[${r}] * slope - keys[${r}] * found;`
      )
    }
      }
${storeCarried("n", "place")}
    }
    workgroupBarrier();
  }
${closeSweep(ends)}`,
  };
}
