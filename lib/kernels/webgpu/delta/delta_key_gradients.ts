/**
 * The gradients of the delta rule in q and k, of one direction. Keys are read by
 * queries, and by keys of tokens after them; what stands between is the decay w
 * on the way, that from the border e, and that to the border out:
 *
 *     dq_i = Σ_j (dY Uᵀ)_ij w ∘ k_j + e ∘ (dY Hᵀ)_i
 *     z_i  = Σ_j (dR Uᵀ)_ij w ∘ k_j + e ∘ (dR Hᵀ)_i
 *     dk_i = out ∘ (U Gᵀ)_i - β_i z_i
 *            + Σ_j w ∘ ((dY Uᵀ)_ji q_j - β_j (dR Uᵀ)_ji k_j)
 *
 * Of what β and the log decays need of each channel nothing is summed here
 * (`delta_gate_gradients.ts`).
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  BETA,
  CHUNKS,
  decayOf,
  type DeltaLayout,
  deltaProgram,
  eachItem,
  kindOf,
  PLACES,
  rowsOf,
} from "./delta_chunks.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** Tensors of the program. */
export interface KeyGradientsTensors {
  readonly reads: Readonly<
    Record<"q" | "k" | "beta" | "products", tf.TensorInfo>
  >;
  /** What the sweep's state pays, if anything. */
  readonly decays: tf.TensorInfo | undefined;
  /** `borders` has the products with states, and gets a row's shares in gates. */
  readonly writes: Readonly<Record<"borders" | "dq" | "dk", tf.TensorInfo>>;
}

/** The program of one direction; the second adds to what the first has written. */
export function keyGradientsProgram(
  { reads, decays, writes }: KeyGradientsTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
  direction: number,
): Program {
  const program = deltaProgram(layout, firstSequence);
  const kind = kindOf(decays);
  const { width } = program;
  return {
    ...program,
    name: "delta_key_gradients",
    variants: [...program.variants!, kind],
    elements: {
      ...program.elements,
      ...(kind === "scalar" ? { decays: "f32" } : {}),
    },
    reads: { ...reads, ...(decays ? { decays } : {}) },
    writes,
    integers: { ...program.integers, direction },
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `${CHUNKS}${PLACES}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${BETA}
${decayOf(kind, width)}
${adding("dq", width)}
${adding("dk", width)}
fn of_news(chunk: Chunk, i: u32, j: u32) -> f32 {
  return products[4u * at_pair(chunk, SYSTEM, i, 0u) + j];
}
fn of_sums(chunk: Chunk, i: u32, j: u32) -> f32 {
  return products[4u * at_pair(chunk, SCORES, i, 0u) + j];
}
`,
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);
${eachItem(layout, "uniforms.headQuads", DIFFERENTIATE_ROW, 1)}`,
  };
}

const DIFFERENTIATE_ROW = /* wgsl */ `
      if (row >= chunk.count) { continue; }
      let token = token_of(chunk, row);
      let weight = beta_of(chunk, row);
      let key = row_of_k(chunk, row, quad);
      let query = row_of_q(chunk, row, quad);
      // Of the keys before the row.
      var erased = vec4f();
      var read = vec4f();
      var way = vec4f(1.0);
      for (var end = row; end > 0u; end--) {
        let j = end - 1u;
        way *= decay_of(chunk, end, quad);
        let x = way * row_of_k(chunk, j, quad);
        erased += of_news(chunk, row, j) * x;
        read += of_sums(chunk, row, j) * x;
      }
      let entering = way * decay_of(chunk, 0u, quad);
      // By the rows after it.
      var found = vec4f();
      way = vec4f(1.0);
      for (var i = row + 1u; i < chunk.count; i++) {
        way *= decay_of(chunk, i, quad);
        found += way * (of_sums(chunk, i, row) * row_of_q(chunk, i, quad)
          - beta_of(chunk, i) * of_news(chunk, i, row) * row_of_k(chunk, i, quad));
      }
      let at_erased = at_prepared(chunk, ERASED, row, quad);
      let at_read = at_prepared(chunk, READ, row, quad);
      let at_written = at_prepared(chunk, WRITTEN, row, quad);
      let of_state = entering * borders[at_read];
      let taken = entering * borders[at_erased];
      let given = way * borders[at_written];
      let own = of_sums(chunk, row, row);
      add_dq(token, quad, read + of_state + own * key);
      add_dk(token, quad, found + given + own * query - weight * (erased + taken));
      // What passes the whole chunk passes all rows, as what comes to the last does.
      let passing = select(
        vec4f(),
        entering * borders[at_prepared(chunk, THROUGH, 0u, quad)],
        row + 1u == chunk.count,
      );
      borders[at_erased] = key * (erased + taken);
      borders[at_read] = query * of_state - weight * key * taken + passing;
      borders[at_written] = key * (given + found + weight * erased) - query * read;`;

/** `add_<name>(token, quad, x)`: to what is there, or to nothing. */
function adding(name: string, width: 1 | 4): string {
  return /* wgsl */ `${reading(name, "headDim", width)}
${writing(name, "headDim", width)}
fn add_${name}(token: u32, quad: u32, x: vec4f) {
  let old = read_${name}(token, quad);
  write_${name}(token, quad, select(x, old + x, uniforms.direction > 0u));
}`;
}
