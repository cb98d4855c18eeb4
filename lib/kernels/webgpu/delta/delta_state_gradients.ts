/**
 * The gradient of the delta rule in what is written and in the states: a sweep
 * goes back through its chunks. With dY the gradient in the sums, and G that in
 * the state after the chunk,
 *
 *     dU = Pᵀ dY + (out ∘ K) G
 *     G' = through ∘ G + (e ∘ Q)ᵀ dY - Wᵀ dU
 *
 * A workgroup shares the work as that of the forward sweep does.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  BLOCK_ROWS,
  type DeltaLayout,
  eachBlockRow,
  rowsOf,
} from "./delta_chunks.ts";
import {
  barrier,
  carriedAt,
  closeSweep,
  eachOf,
  openSweep,
  storeCarried,
  type SweepEnds,
  sweepProgram,
} from "./delta_states.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Tensors of the program. */
export interface StateGradientsTensors {
  readonly reads: Readonly<
    Record<"dy" | "systems" | "prepared", tf.TensorInfo>
  >;
  readonly writes: Readonly<Record<"dwritten" | "dstates", tf.TensorInfo>>;
  /** The gradients in the last state, which the sweep begins with, and in the first. */
  readonly ends: SweepEnds;
}

/** The program of all sweeps. */
export function stateGradientsProgram(
  { reads, writes, ends }: StateGradientsTensors,
  layout: DeltaLayout,
  batch: SequenceBatch,
  scale: number,
): Program {
  const program = sweepProgram(layout, batch, ends);
  return {
    ...program,
    name: "delta_state_gradients",
    reads: { ...reads, ...program.reads },
    writes: { ...writes, ...program.writes },
    floats: { scale },
    functions: `${program.functions}${rowsOf("dy", "valueDim", program.width)}`,
    body: /* wgsl */ `${openSweep(layout, ends)}
  for (var step = 0u; step < uniforms.chunks; step++) {
    let chunk = chunk_of(sweep, select(uniforms.chunks - 1u - step, step, back));
    ${eachOf(layout, `uniforms.rows / ${BLOCK_ROWS}u * across`)}
      let row = item / across * ${BLOCK_ROWS}u;
      let place = item % across;
${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
      for (var i = row; i < uniforms.rows; i++) {
        let scores = systems[at_pair(chunk, SCORES, i, row / 4u)];
        let slope = row_of_dy(chunk, i, first + place);
${eachBlockRow((r) => `        sum${r} += scores[${r}] * slope;`)}
      }
${eachBlockRow((r) => `      sum${r} *= uniforms.scale;`)}
      for (var n = 0u; n < uniforms.headQuads; n++) {
        let carried = ${carriedAt("n", "place")};
${
      eachBlockRow((r) =>
        `        sum${r} += carried * prepared[at_prepared(chunk, WRITTEN, row + ${r}u, n)];`
      )
    }
      }
${
      eachBlockRow((r) =>
        `      dwritten[at_written(chunk, row + ${r}u, first + place)] = sum${r};
      news[(row + ${r}u) * across + place] = sum${r};`
      )
    }
    }
    ${barrier(layout)}
    ${eachOf(layout, "uniforms.headQuads * across")}
      let n = item / across;
      let place = item % across;
      let through = prepared[at_prepared(chunk, THROUGH, 0u, n)];
      let old = ${carriedAt("n", "place")};
${
      eachBlockRow((r) =>
        `      dstates[at_state(chunk, 4u * n + ${r}u, first + place)] = old[${r}];
      var sum${r} = through[${r}] * old[${r}];`
      )
    }
      for (var i = 0u; i < uniforms.rows; i++) {
        let queries = prepared[at_prepared(chunk, READ, i, n)];
        let keys = prepared[at_prepared(chunk, ERASED, i, n)];
        let slope = uniforms.scale * row_of_dy(chunk, i, first + place);
        let found = news[i * across + place];
${
      eachBlockRow((r) =>
        `        sum${r} += queries[${r}] * slope - keys[${r}] * found;`
      )
    }
      }
${storeCarried("n", "place")}
    }
    ${barrier(layout)}
  }
${closeSweep(layout, ends)}`,
  };
}
