/**
 * What the gradients of queries, keys and decays are made of: the products of the
 * gradients in a chunk's sums, and by the delta rule in the right-hand side R of its
 * triangular system,
 *
 *     with each other     dY Uᵀ, and dR Uᵀ
 *     with states         dY Hᵀ, U Gᵀ and dR Hᵀ, and H ∘ G summed over columns
 *
 * with the states H that come to chunks and the gradients G in those that leave
 * them. Those with dR are of the delta rule alone.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  BETA,
  BLOCK_ROWS,
  type ChunkLayout,
  chunkProgram,
  columnsOf,
  eachBlockRow,
  eachItem,
  eachPair,
  placesOf,
  rowsOf,
  slopesOf,
  valuesOf,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Tensors of {@linkcode productsProgram}. */
export interface ProductsTensors {
  /**
   * `v` and `g` of the rule "add", or `v`, `beta`, `dy`, `vNew` and `drhs` of
   * the delta rule; `states` and `dstates` only where there are any.
   */
  readonly reads:
    & Readonly<Record<"v", tf.TensorInfo>>
    & Readonly<
      Partial<
        Record<
          "beta" | "dy" | "g" | "vNew" | "drhs" | "states" | "dstates",
          tf.TensorInfo
        >
      >
    >;
  readonly writes: Readonly<
    Record<"products" | "stateProducts", tf.TensorInfo>
  >;
}

/**
 * The program of all these products, in all sweeps. Those of pairs lie as `pairs` do, dR Uᵀ
 * where the system is and dY Uᵀ where the scores are; none above the diagonal
 * counts, and the diagonal of dY Uᵀ counts once, or of the delta rule is less by a
 * token's own part in one direction. Those with states lie as operands do.
 */
export function productsProgram(
  { reads, writes }: ProductsTensors,
  layout: ChunkLayout,
  { firstSequence, sequences }: SequenceBatch,
  scale: number,
): Program {
  const program = chunkProgram(layout, firstSequence);
  const { rule } = layout;
  const { width } = program;
  const isDelta = rule === "delta", hasStates = reads.states !== undefined;
  return {
    ...program,
    name: "chunk_products",
    variants: [...program.variants!, ...(hasStates ? ["states"] : [])],
    reads,
    writes,
    ...(isDelta ? { floats: { scale } } : {}),
    workgroups: sequences * layout.directions * layout.chunks,
    functions: /* wgsl */ `${placesOf(layout)}
${valuesOf(rule, width)}
${slopesOf(rule, width)}
${isDelta ? `${rowsOf("v", "valueDim", width)}\n${BETA}` : ""}
${multiplyPairs(isDelta)}
`,
    body: /* wgsl */ `
  let chunk = chunk_of(workgroup / uniforms.chunks, workgroup % uniforms.chunks);
${eachPair("multiply_pairs")}
${
      hasStates
        ? eachItem(
          "uniforms.headQuads",
          multiplyStates(isDelta),
          STATE_ROWS,
        )
        : ""
    }`,
  };
}

function multiplyPairs(isDelta: boolean): string {
  const subtract = /* wgsl */ `
    if (subtracts) {
${
    eachBlockRow((r) =>
      `      of_sums${r}[${r}] -= beta_of(chunk, row + ${r}u) * dot(slope${r}, row_of_v(chunk, row + ${r}u, e));`
    )
  }
    }`;
  const counts = isDelta
    ? ""
    : "\n  let columns = column + vec4u(0u, 1u, 2u, 3u);";
  const sumOf = (r: number) =>
    isDelta
      ? `of_sums${r}`
      : `select(of_sums${r}, vec4f(), vec4<bool>(chunk.back) & (columns == vec4u(row + ${r}u)))`;
  return /* wgsl */ `
fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = row_block * ${BLOCK_ROWS}u;
  let column = column_block * 4u;${
    isDelta
      ? "\n  let subtracts = chunk.back && row_block == column_block;"
      : ""
  }
${
    eachBlockRow((r) =>
      `  var of_sums${r} = vec4f();${
        isDelta ? `\n  var of_rhs${r} = vec4f();` : ""
      }`
    )
  }
  for (var e = 0u; e < uniforms.valueQuads; e++) {
    let found = ${columnsOf((c) => `value_of(chunk, column + ${c}u, e)`)};
${
    eachBlockRow((r) =>
      `    let slope${r} = slope_of(chunk, row + ${r}u, e);
    of_sums${r} += slope${r} * found;${
        isDelta
          ? `
    of_rhs${r} += drhs[at_v_new(chunk, row + ${r}u, e)] * found;`
          : ""
      }`
    )
  }${isDelta ? subtract : ""}
  }${counts}
${
    eachBlockRow((r) =>
      `  products[at_pair(chunk, SCORES, row + ${r}u, column_block)] = ${
        sumOf(r)
      };${
        isDelta
          ? `
  products[at_pair(chunk, KK_T, row + ${r}u, column_block)] = of_rhs${r};`
          : ""
      }`
    )
  }
}`;
}

/** Rows of a thread that multiplies gradients with states, two blocks. */
const STATE_ROWS = 8;

/** Declares a sum of the rows of `of`, multiplied with a state transposed, and stores it. */
function multiplyState(
  kind: "DECAYED_Q" | "DECAYED_K" | "W",
  of: (row: string) => string,
  state: "states" | "dstates",
): string {
  const each = (piece: (r: number) => string) =>
    eachBlockRow(piece, STATE_ROWS);
  return /* wgsl */ `      {
${
    each((r) =>
      `        var sum${r} = vec4f();
        let row${r} = min(row + ${r}u, uniforms.rows - 1u);`
    )
  }
        for (var e = 0u; e < uniforms.valueQuads; e++) {
          let state = ${
    columnsOf((n) => `${state}[at_state(chunk, 4u * quad + ${n}u, e)]`)
  };
${each((r) => `          sum${r} += ${of(`row${r}`)} * state;`)}
        }
${
    each((r) =>
      `        if (row + ${r}u < uniforms.rows) { stateProducts[at_operand(chunk, ${kind}, row${r}, quad)] = sum${r}; }`
    )
  }
      }`;
}

const multiplyStates = (isDelta: boolean) =>
  /* wgsl */ `${
    multiplyState("DECAYED_Q", (row) => `slope_of(chunk, ${row}, e)`, "states")
  }
${multiplyState("DECAYED_K", (row) => `value_of(chunk, ${row}, e)`, "dstates")}
${
    isDelta
      ? multiplyState(
        "W",
        (row) => `drhs[at_v_new(chunk, ${row}, e)]`,
        "states",
      )
      : ""
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
        stateProducts[at_chunk_decay(chunk, quad)] = passed;
      }`;
