/**
 * Third step of the delta rule: what the tokens of each chunk read of the state
 * that comes to it and of what the chunk writes, in both directions,
 *
 *     Y = s (e ∘ Q H + P U)
 *
 * less what a token has written itself in one of them.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  BETA,
  CHUNKS,
  columnsOf,
  type DeltaLayout,
  deltaProgram,
  eachBlockRow,
  eachItem,
  PLACES,
  rowsOf,
} from "./delta_chunks.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { writing } from "../score_tiles/score_tiles.ts";

/** Tensors of the program. */
export interface OutputsTensors {
  readonly reads: Readonly<
    Record<
      "v" | "beta" | "systems" | "prepared" | "written" | "states",
      tf.TensorInfo
    >
  >;
  readonly writes: Readonly<Record<"y", tf.TensorInfo>>;
}

/** The program of all directions. */
export function outputsProgram(
  { reads, writes }: OutputsTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
  scale: number,
): Program {
  const program = deltaProgram(layout, firstSequence);
  const { width } = program;
  return {
    ...program,
    name: "delta_outputs",
    reads,
    writes,
    floats: { scale },
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `${CHUNKS}${PLACES}
${rowsOf("v", "valueDim", width)}
${BETA}
${writing("y", "valueDim", width)}
${OWN_SCORE}`,
    body: /* wgsl */ `
  let number = workgroup % uniforms.chunks;
  let first_sweep = workgroup / uniforms.chunks * uniforms.directions;
  // Of the first direction, whose rows are in the order of the tokens.
  let tokens = chunk_of(first_sweep, number);
${eachItem(layout, "uniforms.valueQuads", READ_ROWS)}`,
  };
}

const READ_ROWS = /* wgsl */ `
${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
      for (var direction = 0u; direction < uniforms.directions; direction++) {
        let chunk = chunk_of(first_sweep + direction, number);
        let last = chunk.count - 1u;
${
  eachBlockRow((r) =>
    `        let place${r} = min(row + ${r}u, last);
        let row${r} = select(place${r}, last - place${r}, chunk.back);`
  )
}
        for (var n = 0u; n < uniforms.headQuads; n++) {
          let carried = ${
  columnsOf((r) => `states[at_state(chunk, 4u * n + ${r}u, quad)]`)
};
${
  eachBlockRow((r) =>
    `          sum${r} += carried * prepared[at_prepared(chunk, READ, row${r}, n)];`
  )
}
        }
        for (var j = 0u; j < uniforms.rows / 4u; j++) {
          let found = ${
  columnsOf((r) => `written[at_written(chunk, 4u * j + ${r}u, quad)]`)
};
${
  eachBlockRow((r) =>
    `          sum${r} += found * systems[at_pair(chunk, SCORES, row${r}, j)];`
  )
}
        }
        if (chunk.back) {
${
  eachBlockRow((r) =>
    `          sum${r} -= beta_of(chunk, row${r}) * own_score(chunk, row${r}) * row_of_v(chunk, row${r}, quad);`
  )
}
        }
      }
${
  eachBlockRow((r) =>
    `      if (row + ${r}u < tokens.count) {
        write_y(tokens.start + row + ${r}u, quad, uniforms.scale * sum${r});
      }`
  )
}`;

/** `own_score(chunk, row)`: what a row reads of its own key. */
export const OWN_SCORE = /* wgsl */ `
fn own_score(chunk: Chunk, row: u32) -> f32 {
  return systems[at_pair(chunk, SCORES, row, row / 4u)][row % 4u];
}
`;
