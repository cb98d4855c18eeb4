/**
 * What the gradients of the delta rule make of the gradients in states and in
 * what is written, for each chunk: with the news R = β ∘ (V - e ∘ K H) that X
 * made U of, dR = Xᵀ dU, and then, as far as they concern
 *
 *     pairs of tokens     dR Uᵀ and dY Uᵀ
 *     tokens and states   dR Hᵀ, dY Hᵀ and U Gᵀ, and H ∘ G summed over columns
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  BETA,
  BLOCK_ROWS,
  CHUNKS,
  columnsOf,
  type DeltaLayout,
  deltaProgram,
  eachBlockRow,
  eachItem,
  eachPair,
  PLACES,
  rowsOf,
} from "./delta_chunks.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Tensors of {@linkcode newsGradientProgram}. */
export interface NewsGradientTensors {
  readonly reads: Readonly<Record<"systems" | "dwritten", tf.TensorInfo>>;
  readonly writes: Readonly<Record<"dnews", tf.TensorInfo>>;
}

/** dR = Xᵀ dU, of all sweeps. */
export function newsGradientProgram(
  { reads, writes }: NewsGradientTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
): Program {
  return {
    ...deltaProgram(layout, firstSequence),
    name: "delta_news_gradient",
    reads,
    writes,
    workgroups: sequences * layout.directions * layout.chunks,
    functions: /* wgsl */ `${CHUNKS}${PLACES}`,
    body: /* wgsl */ `
  let chunk = chunk_of(workgroup / uniforms.chunks, workgroup % uniforms.chunks);
${eachItem(layout, "uniforms.valueQuads", SOLVE)}`,
  };
}

const SOLVE = /* wgsl */ `
${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
      for (var i = row; i < uniforms.rows; i++) {
        let solved = systems[at_pair(chunk, INVERSE, i, row / 4u)];
        let slope = dwritten[at_written(chunk, i, quad)];
${eachBlockRow((r) => `        sum${r} += solved[${r}] * slope;`)}
      }
${
  eachBlockRow((r) =>
    `      dnews[at_written(chunk, row + ${r}u, quad)] = sum${r};`
  )
}`;

/** Tensors of {@linkcode productsProgram}. */
export interface ProductsTensors {
  readonly reads: Readonly<
    Record<
      "v" | "beta" | "dy" | "written" | "dnews" | "states" | "dstates",
      tf.TensorInfo
    >
  >;
  readonly writes: Readonly<Record<"products" | "borders", tf.TensorInfo>>;
}

/**
 * All of the products, of all sweeps. Those of pairs lie as `systems` do, dR Uᵀ
 * where the system is and dY Uᵀ where the scores are; none above the diagonal
 * counts, and in one direction the diagonal of the second is less by a token's own
 * part. Those with states lie as `prepared` does.
 */
export function productsProgram(
  { reads, writes }: ProductsTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
  scale: number,
): Program {
  const program = deltaProgram(layout, firstSequence);
  const { width } = program;
  return {
    ...program,
    name: "delta_products",
    reads,
    writes,
    floats: { scale },
    elements: { ...program.elements, products: "vec4f" },
    workgroups: sequences * layout.directions * layout.chunks,
    functions: /* wgsl */ `${CHUNKS}${PLACES}
${rowsOf("v", "valueDim", width)}
${rowsOf("dy", "valueDim", width)}
${BETA}
fn slope_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return uniforms.scale * row_of_dy(chunk, row, quad);
}
${PAIRS}
`,
    body: /* wgsl */ `
  let chunk = chunk_of(workgroup / uniforms.chunks, workgroup % uniforms.chunks);
${eachPair(layout, "multiply_pairs")}
${eachItem(layout, "uniforms.headQuads", BORDERS)}`,
  };
}

const PAIRS = /* wgsl */ `
fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = row_block * ${BLOCK_ROWS}u;
  let column = column_block * 4u;
  let subtracts = chunk.back && row_block == column_block;
${
  eachBlockRow((r) =>
    `  var of_news${r} = vec4f();\n  var of_sums${r} = vec4f();`
  )
}
  for (var e = 0u; e < uniforms.valueQuads && column_block <= row_block; e++) {
    let found = ${
  columnsOf((c) => `written[at_written(chunk, column + ${c}u, e)]`)
};
${
  eachBlockRow((r) =>
    `    let slope${r} = slope_of(chunk, row + ${r}u, e);
    of_news${r} += dnews[at_written(chunk, row + ${r}u, e)] * found;
    of_sums${r} += slope${r} * found;`
  )
}
    if (subtracts) {
${
  eachBlockRow((r) =>
    `      of_sums${r}[${r}] -= beta_of(chunk, row + ${r}u) * dot(slope${r}, row_of_v(chunk, row + ${r}u, e));`
  )
}
    }
  }
${
  eachBlockRow((r) =>
    `  products[at_pair(chunk, SYSTEM, row + ${r}u, column_block)] = of_news${r};
  products[at_pair(chunk, SCORES, row + ${r}u, column_block)] = of_sums${r};`
  )
}
}`;

/** Declares a sum of four rows of `of`, multiplied with a state transposed. */
function multiplyState(
  sum: string,
  of: (row: string) => string,
  state: "states" | "dstates",
): string {
  return /* wgsl */ `
${eachBlockRow((r) => `      var ${sum}${r} = vec4f();`)}
      for (var e = 0u; e < uniforms.valueQuads; e++) {
        let state = ${
    columnsOf((n) => `${state}[at_state(chunk, 4u * quad + ${n}u, e)]`)
  };
${eachBlockRow((r) => `        ${sum}${r} += ${of(`row + ${r}u`)} * state;`)}
      }`;
}

const BORDERS = /* wgsl */ `
${
  multiplyState(
    "erased",
    (row) => `dnews[at_written(chunk, ${row}, e)]`,
    "states",
  )
}
${multiplyState("read", (row) => `slope_of(chunk, ${row}, e)`, "states")}
${
  multiplyState(
    "wrote",
    (row) => `written[at_written(chunk, ${row}, e)]`,
    "dstates",
  )
}
${
  eachBlockRow((r) =>
    `      borders[at_prepared(chunk, ERASED, row + ${r}u, quad)] = erased${r};
      borders[at_prepared(chunk, READ, row + ${r}u, quad)] = read${r};
      borders[at_prepared(chunk, WRITTEN, row + ${r}u, quad)] = wrote${r};`
  )
}
      if (row == 0u) {
        var passed = vec4f();
        for (var e = 0u; e < uniforms.valueQuads; e++) {
${
  eachBlockRow((n) =>
    `          let at${n} = at_state(chunk, 4u * quad + ${n}u, e);
          passed[${n}] += dot(states[at${n}], dstates[at${n}]);`
  )
}
        }
        borders[at_prepared(chunk, THROUGH, 0u, quad)] = passed;
      }`;
