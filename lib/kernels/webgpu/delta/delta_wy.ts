/**
 * What the rows of each chunk of the delta rule erase, read and write. With e and
 * out the decays from the border of the chunk to a token and from the token to
 * the border,
 *
 *     W = X (β e ∘ K)    U₀ = X (β ∘ V)
 *
 * so that a state H has U = U₀ - W H written; queries read it as e ∘ Q, and what
 * is written goes to the border by out ∘ K.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), equations 8 to 11; Kimi Linear
 * (arXiv:2510.26692).
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  BETA,
  BLOCK_ROWS,
  CHUNKS,
  decayOf,
  type DeltaLayout,
  deltaProgram,
  eachBlockRow,
  eachItem,
  kindOf,
  PLACES,
  rowsOf,
} from "./delta_chunks.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Tensors of the program. */
export interface RowsTensors {
  readonly reads: Readonly<
    Record<"q" | "k" | "v" | "beta" | "systems", tf.TensorInfo>
  >;
  /** What the sweep's state pays, if anything. */
  readonly decays: tf.TensorInfo | undefined;
  readonly writes: Readonly<Record<"prepared" | "written", tf.TensorInfo>>;
}

/** The program of one direction. */
export function wyProgram(
  { reads, decays, writes }: RowsTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
  direction: number,
): Program {
  const program = deltaProgram(layout, firstSequence);
  const kind = kindOf(decays);
  const { width } = program;
  return {
    ...program,
    name: "delta_rows",
    variants: [...program.variants!, kind],
    elements: {
      ...program.elements,
      systems: "f32",
      ...(kind === "scalar" ? { decays: "f32" } : {}),
    },
    reads: { ...reads, ...(decays ? { decays } : {}) },
    writes,
    integers: { ...program.integers, direction },
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `${CHUNKS}${PLACES}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${rowsOf("v", "valueDim", width)}
${BETA}
${decayOf(kind, width)}
fn solution(chunk: Chunk, row: u32, column: u32) -> f32 {
  return systems[4u * at_pair(chunk, INVERSE, row, 0u) + column];
}
`,
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);
${eachItem(layout, "uniforms.headQuads", KEYS)}
${eachItem(layout, "uniforms.valueQuads", VALUES)}`,
  };
}

/** sum += inverse · x, of the rows of a block. */
const ADD = eachBlockRow((r) =>
  `        sum${r} += solution(chunk, row + ${r}u, j) * x;`
);

const KEYS = /* wgsl */ `
${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
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
  eachBlockRow((r) =>
    `      prepared[at_prepared(chunk, ERASED, row + ${r}u, quad)] = sum${r};`
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
      if (row == 0u) { prepared[at_prepared(chunk, THROUGH, 0u, quad)] = way; }`;

const VALUES = /* wgsl */ `
${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
      for (var j = 0u; j < row + ${BLOCK_ROWS}u; j++) {
        let x = beta_of(chunk, j) * row_of_v(chunk, j, quad);
${ADD}
      }
${
  eachBlockRow((r) =>
    `      written[at_written(chunk, row + ${r}u, quad)] = sum${r};`
  )
}`;
