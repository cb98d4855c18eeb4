/**
 * The products from which the gradients in queries, keys and decays are made, of the
 * gradient dY in a chunk's sums and, in the delta rule, the gradient dR in the
 * right-hand side of its triangular system:
 *
 *     with the writes U   dY Uᵀ, and dR Uᵀ
 *     with states         dY Hᵀ, U Gᵀ and dR Hᵀ, and H ∘ G summed over columns
 *
 * with the states H that enter chunks and the gradients G in those that leave
 * them. The products with dR belong to the delta rule alone.
 *
 * @module
 */
import {
  BETA,
  BLOCK_ROWS,
  type ChunkLayout,
  type ChunkProgram,
  columnsOf,
  eachBlockRow,
  eachItem,
  eachPair,
  ofSweeps,
  placesOf,
  RHS_PLACE,
  rowsOf,
  slopesOf,
  valuesOf,
  widthOf,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/**
 * The program of a chunk's gradient products, in all sweeps. Products of pairs lie as
 * `pairs` do, dR Uᵀ where the system is and dY Uᵀ where the scores are. Only those on
 * or below the diagonal count; in the second direction, that of dY Uᵀ is 0, or in the delta
 * rule less by what a token reads of its own value. Products with states lie as operands do.
 */
export function productsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  scale: number,
): ChunkProgram {
  const { rule, stateQuads } = layout;
  const width = widthOf(layout);
  const isDelta = rule === "delta", hasStates = stateQuads > 0;
  return ofSweeps(layout, batch, {
    name: "chunk_products",
    variants: [rule, ...(hasStates ? ["states"] : [])],
    reads: [
      ...(isDelta ? ["v", "beta", "dy", "vNew"] : ["v", "g"]),
      ...(hasStates ? ["states", "dstates"] : []),
    ],
    writes: ["products", "stateProducts"],
    ...(isDelta ? { floats: { scale } } : {}),
    functions: /* wgsl */ `${placesOf(layout)}
${valuesOf(rule, width)}
${slopesOf(rule, width)}
${isDelta ? `${rowsOf("v", "valueDim", width)}\n${BETA}${RHS_PLACE}` : ""}
${multiplyPairs(isDelta)}
`,
    body: /* wgsl */ `
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
  });
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
    of_rhs${r} += vNew[at_rhs(chunk, row + ${r}u, e)] * found;`
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

/** Rows of a thread that multiplies gradients with states: two blocks. */
const STATE_ROWS = 8;

/** WGSL that multiplies the rows of `of` with a transposed state, and stores the products. */
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
        (row) => `vNew[at_rhs(chunk, ${row}, e)]`,
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
