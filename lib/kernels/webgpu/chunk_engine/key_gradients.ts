/**
 * The gradients in q and k, in one direction. Keys are read by queries and, in the
 * delta rule, by the keys of later tokens. With the decay w between two tokens, e from
 * the chunk's start to a token, and out from a token to the chunk's end:
 *
 *     dq_i = Σ_j (dY Uᵀ)_ij w ∘ k_j + e ∘ (dY Hᵀ)_i
 *     z_i  = Σ_j (dR Uᵀ)_ij w ∘ k_j + e ∘ (dR Hᵀ)_i
 *     dk_i = out ∘ (U Gᵀ)_i - β_i z_i
 *            + Σ_j w ∘ ((dY Uᵀ)_ji q_j - β_j (dR Uᵀ)_ji k_j)
 *
 * The terms with z or β belong to the delta rule alone. Sums over tokens before a
 * row, and over those after it, decay as they go: no path is walked twice, and no
 * exponent is positive.
 *
 * The gradients in β and the log decays are left here as each row's parts; other
 * programs sum them (`decay_gradients.ts`, `delta_backward_decay.ts`).
 *
 * @module
 */
import {
  BETA,
  BLOCK_ROWS,
  type ChunkLayout,
  type ChunkProgram,
  decayOf,
  decaysIn,
  eachBlockRow,
  eachItem,
  ofDirection,
  placesOf,
  rowsOf,
  widthOf,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** The program of dq and dk in one direction; the second direction adds to the first one's. */
export function keyGradientsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  direction: number,
): ChunkProgram {
  const { rule, decay, stateQuads } = layout;
  const width = widthOf(layout);
  const isDelta = rule === "delta";
  return ofDirection(layout, batch, direction, {
    name: "chunk_key_gradients",
    variants: [rule, decay, ...(stateQuads > 0 ? ["states"] : [])],
    reads: [
      ...["q", "k", ...(isDelta ? ["beta"] : [])],
      ...["products", ...decaysIn(layout)],
    ],
    writes: ["stateProducts", "dq", "dk"],
    functions: /* wgsl */ `${placesOf(layout)}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${isDelta ? BETA : ""}
${decayOf(decay, width)}
${adding("dq", width)}
${adding("dk", width)}
`,
    body: `
${eachItem("uniforms.headQuads", differentiate(isDelta, stateQuads > 0))}`,
  });
}

const rows = Array.from({ length: BLOCK_ROWS }, (_, r) => r);
const lines = (pieces: string[]) => pieces.join("\n");

function differentiate(isDelta: boolean, hasStates: boolean): string {
  const delta = (text: string) => isDelta ? text : "";
  // Without states, their products are zero.
  const product = (kind: string, r: number) =>
    hasStates
      ? `stateProducts[at_operand(chunk, ${kind}, row + ${r}u, quad)]`
      : "vec4f()";
  return /* wgsl */ `
      let own_block = row / ${BLOCK_ROWS}u;
      // Sums over the keys before each row.
${
    eachBlockRow((r) =>
      `      var read${r} = vec4f();${
        delta(`\n      var erased${r} = vec4f();`)
      }`
    )
  }
      var from_start = vec4f(1.0);
      for (var block = 0u; block < own_block; block++) {
${
    eachBlockRow((r) =>
      `        let sums${r} = products[at_pair(chunk, SCORES, row + ${r}u, block)];${
        delta(`
        let rhs${r} = products[at_pair(chunk, KK_T, row + ${r}u, block)];`)
      }`
    )
  }
${
    lines(rows.map((c) =>
      /* wgsl */ `        {
          let decay = decay_of(chunk, 4u * block + ${c}u, quad);
          let key = row_of_k(chunk, 4u * block + ${c}u, quad);
          from_start *= decay;
${
        eachBlockRow((r) =>
          `          read${r} = decay * read${r} + sums${r}[${c}] * key;${
            delta(`
          erased${r} = decay * erased${r} + rhs${r}[${c}] * key;`)
          }`
        )
      }
        }`
    ))
  }
      }
${
    eachBlockRow((r) =>
      /* wgsl */ `      let sums${r} = products[at_pair(chunk, SCORES, row + ${r}u, own_block)];${
        delta(`
      let rhs${r} = products[at_pair(chunk, KK_T, row + ${r}u, own_block)];
      let weight${r} = beta_of(chunk, row + ${r}u);`)
      }
      let decay${r} = decay_of(chunk, row + ${r}u, quad);
      let query${r} = row_of_q(chunk, row + ${r}u, quad);
      let key${r} = row_of_k(chunk, row + ${r}u, quad);`
    )
  }
${
    lines(rows.map((s) =>
      /* wgsl */ `      from_start *= decay${s};
      let from_start${s} = from_start;
${
        lines(
          rows.filter((r) => r >= s).map((r) => {
            const add = (weights: string) =>
              r > s ? ` + ${weights}${r}[${s}] * key${s}` : "";
            return `      read${r} = decay${s} * read${r}${add("sums")};${
              delta(`
      erased${r} = decay${s} * erased${r}${add("rhs")};`)
            }`;
          }),
        )
      }`
    ))
  }
      // Sums over the rows that read each key after it.
${eachBlockRow((r) => `      var found${r} = vec4f();`)}
      var to_end = vec4f(1.0);
      for (var end = uniforms.rows; end > row + ${BLOCK_ROWS}u; end--) {
        let i = end - 1u;
        let decay = decay_of(chunk, i, quad);
        let sums = products[at_pair(chunk, SCORES, i, own_block)];
        let query = row_of_q(chunk, i, quad);${
    delta(`
        let rhs = beta_of(chunk, i) * products[at_pair(chunk, KK_T, i, own_block)];
        let key = row_of_k(chunk, i, quad);`)
  }
${
    eachBlockRow((r) =>
      `        found${r} = decay * (found${r} + sums[${r}] * query${
        delta(` - rhs[${r}] * key`)
      });`
    )
  }
        to_end *= decay;
      }
${
    lines(
      rows.toReversed().map((s) =>
        /* wgsl */ `      let to_end${s} = to_end;
      to_end *= decay${s};
${
          lines(
            rows.filter((r) => r < s).map((r) =>
              `      found${r} = decay${s} * (found${r} + sums${s}[${r}] * query${s}${
                delta(` - weight${s} * rhs${s}[${r}] * key${s}`)
              });`
            ),
          )
        }`
      ),
    )
  }
      let last_row = select(chunk.count - 1u, uniforms.rows - 1u, chunk.back);
${
    eachBlockRow((r) =>
      /* wgsl */ `      if (has_token(chunk, row + ${r}u)) {
        let token = token_of(chunk, row + ${r}u);
        let of_state = from_start${r} * ${product("DECAYED_Q", r)};
        let given = to_end${r} * ${product("DECAYED_K", r)};${
        delta(`
        let taken = from_start${r} * ${product("W", r)};`)
      }
        add_dq(token, quad, read${r} + of_state + sums${r}[${r}] * key${r});
        add_dk(token, quad, found${r} + given + sums${r}[${r}] * query${r}${
        delta(` - weight${r} * (erased${r} + taken)`)
      });
        var reads = query${r} * of_state${
        delta(` - weight${r} * key${r} * taken`)
      };${
        hasStates
          ? `
        // A state that passes the whole chunk passes all rows, as what reaches the last row does.
        if (row + ${r}u == last_row) { reads += from_start${r} * stateProducts[at_chunk_decay(chunk, quad)]; }`
          : ""
      }
        stateProducts[at_operand(chunk, DECAYED_Q, row + ${r}u, quad)] = reads;
        stateProducts[at_operand(chunk, DECAYED_K, row + ${r}u, quad)] = key${r} * (given + found${r}${
        delta(` + weight${r} * erased${r}`)
      }) - query${r} * read${r};${
        delta(`
        stateProducts[at_operand(chunk, W, row + ${r}u, quad)] = key${r} * (erased${r} + taken);`)
      }
      }`
    )
  }`;
}

/**
 * WGSL function `add_<name>`: stores four columns in the first direction, adds them in
 * the second.
 */
function adding(name: string, width: 1 | 4): string {
  return /* wgsl */ `${reading(name, "headDim", width)}
${writing(name, "headDim", width)}
fn add_${name}(token: u32, quad: u32, x: vec4f) {
  let old = read_${name}(token, quad);
  write_${name}(token, quad, select(x, old + x, uniforms.direction > 0u));
}`;
}
