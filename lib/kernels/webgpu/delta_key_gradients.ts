/**
 * The gradients of the delta rule in q, k, the rest of the one in β, and those in
 * the log decays, of one direction. Keys are read by queries, and by keys of
 * tokens after them; what stands between is the decay w on the way:
 *
 *     dq_i = Σ_j (dY Uᵀ)_ij w ∘ k_j + e ∘ (dY Hᵀ)_i
 *     z_i  = Σ_j (dR Uᵀ)_ij w ∘ k_j + e ∘ (dR Hᵀ)_i        dβ_i -= k_i · z_i
 *     dk_i = out ∘ (U Gᵀ)_i - β_i z_i
 *            + Σ_j w ∘ ((dY Uᵀ)_ji q_j - β_j (dR Uᵀ)_ji k_j)
 *
 * A token's log decay is in the exponents of all pairs that it lies between: of
 * two tokens of the chunk, of one with the state before, or with the one after.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../tfjs/webgpu/program.ts";
import {
  BETA,
  CHUNKS,
  decayOf,
  type DeltaDecays,
  type DeltaLayout,
  deltaProgram,
  kindOf,
  LANE_THREADS,
  PLACES,
  ROW_LANES,
  rowsOf,
} from "./delta_chunks.ts";
import type { Pass } from "./passes.ts";
import { reading, writing } from "./score_tiles.ts";

/** Tensors of the program; `dbeta` has the part of the values. */
export interface KeyGradientsTensors {
  readonly reads: Readonly<
    Record<"q" | "k" | "beta" | "products" | "borders", tf.TensorInfo>
  >;
  /** What the sweep's state pays, if anything. */
  readonly decays: tf.TensorInfo | undefined;
  readonly writes: Readonly<Record<"dq" | "dk" | "dbeta", tf.TensorInfo>>;
  /** The gradient in the logarithms of the decays. */
  readonly dlog: tf.TensorInfo | undefined;
}

/** The program of one direction; the second adds to what the first has written. */
export function keyGradientsProgram(
  { reads, decays, writes, dlog }: KeyGradientsTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: Pass,
  direction: number,
): Program {
  const program = deltaProgram(layout, firstSequence);
  const kind = kindOf(decays);
  const { width } = program;
  const isScalar = kind === "scalar";
  return {
    ...program,
    name: "delta_key_gradients",
    variants: [kind],
    elements: {
      ...program.elements,
      ...(isScalar ? { decays: "f32", dlog: "f32" } : {}),
    },
    reads: { ...reads, ...(decays ? { decays } : {}) },
    writes: { ...writes, ...(dlog ? { dlog } : {}) },
    integers: { ...program.integers, direction },
    threads: LANE_THREADS,
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `
// Of each thread k · z, and what of the loss gradient in exponents its row has
// in pairs inside of the chunk, with the state before it, and with that after it.
var<workgroup> parts: array<vec4f, ${LANE_THREADS}>;
${CHUNKS}${PLACES}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${BETA}
${decayOf(kind, width)}
${adding("dq", width)}
${adding("dk", width)}
fn of_news(chunk: Chunk, i: u32, j: u32) -> f32 {
  return products[4u * at_inverse(chunk, i, 0u) + j];
}
fn of_sums(chunk: Chunk, i: u32, j: u32) -> f32 {
  return products[4u * at_score(chunk, i, 0u) + j];
}
${GATES[kind].functions(width)}
`,
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);
  let row = local / ${ROW_LANES}u;
  let lane = local % ${ROW_LANES}u;
  let is_working = row < chunk.count;
  let token = token_of(chunk, row);
  let beta_row = beta_of(chunk, row);
  var part = vec4f();
  for (var first = 0u; first < uniforms.headQuads; first += ${ROW_LANES}u) {
    let quad = first + lane;
    var inside = vec4f();
    var before = vec4f();
    var after = vec4f();
    if (is_working && quad < uniforms.headQuads) {
      let key = row_of_k(chunk, row, quad);
      let query = row_of_q(chunk, row, quad);
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
      var found = vec4f();
      way = vec4f(1.0);
      for (var i = row + 1u; i < chunk.count; i++) {
        way *= decay_of(chunk, i, quad);
        found += way * (of_sums(chunk, i, row) * row_of_q(chunk, i, quad)
          - beta_of(chunk, i) * of_news(chunk, i, row) * row_of_k(chunk, i, quad));
      }
      let of_state = entering * borders[at_prepared(chunk, READ, row, quad)];
      let taken = entering * borders[at_prepared(chunk, ERASED, row, quad)];
      let given = way * borders[at_prepared(chunk, WRITTEN, row, quad)];
      let own = of_sums(chunk, row, row);
      add_dq(token, quad, read + of_state + own * key);
      add_dk(token, quad, found + given + own * query - beta_row * (erased + taken));
      inside = query * read - key * (beta_row * erased + found);
      before = query * of_state - beta_row * key * taken;
      after = key * given;
      // What passes the whole chunk passes all rows, as what comes to the last does.
      if (row + 1u == chunk.count) {
        before += entering * borders[at_prepared(chunk, THROUGH, 0u, quad)];
      }
      part.x += dot(key, erased + taken);
      part += vec4f(0.0, dot(inside, vec4f(1.0)), dot(before, vec4f(1.0)), dot(after, vec4f(1.0)));
    }
${GATES[kind].eachQuad}
  }
  parts[local] = part;
  workgroupBarrier();
  if (is_working && lane == 0u) {
    dbeta[token] -= ${lanesOf("local")}.x;
${GATES[kind].eachRow}
  }`,
  };
}

/** `add_<name>(token, quad, x)`: to what is there, or to nothing. */
function adding(name: string, width: 1 | 4): string {
  return /* wgsl */ `${reading(name, "headDim", width)}
${writing(name, "headDim", width)}
fn add_${name}(token: u32, quad: u32, x: vec4f) {
  let old = read_${name}(token, quad);
  write_${name}(token, quad, select(x, old + x, uniforms.direction > 0u));
}`;
}

/** The sum of what the threads of a row have, from its first thread on. */
const lanesOf = (first: string) =>
  `(parts[${first}] + parts[${first} + 1u] + parts[${first} + 2u] + parts[${first} + 3u])`;

/**
 * The gradient in a row's log decay: of pairs inside of the chunk and with the
 * state before it, those with readers from the row on less those with readers
 * and writers from it on, and of pairs with the state after it those with writers
 * before the row. No pair of the chunk lies around its first row: that its sums
 * cancel there is left to nobody's rounding.
 */
const GATES: Readonly<
  Record<
    DeltaDecays,
    {
      functions: (width: 1 | 4) => string;
      eachQuad: string;
      eachRow: string;
    }
  >
> = {
  none: { functions: () => "", eachQuad: "", eachRow: "" },
  scalar: {
    functions: () => "",
    eachQuad: "",
    eachRow: /* wgsl */ `    var gate = 0.0;
    for (var i = 0u; i < chunk.count; i++) {
      let of_row = ${lanesOf(`i * ${ROW_LANES}u`)};
      gate += select(of_row.w, of_row.z + select(0.0, of_row.y, row > 0u), i >= row);
    }
    dlog[token] = gate;`,
  },
  diagonal: {
    functions: (width) => /* wgsl */ `
var<workgroup> insides: array<vec4f, ${LANE_THREADS}>;
var<workgroup> befores: array<vec4f, ${LANE_THREADS}>;
var<workgroup> afters: array<vec4f, ${LANE_THREADS}>;
${writing("dlog", "headDim", width)}
`,
    eachQuad: /* wgsl */ `    insides[local] = inside;
    befores[local] = before;
    afters[local] = after;
    workgroupBarrier();
    if (is_working && quad < uniforms.headQuads) {
      var gate = vec4f();
      for (var i = 0u; i < chunk.count; i++) {
        let at = i * ${ROW_LANES}u + lane;
        gate += select(afters[at], befores[at] + select(vec4f(), insides[at], row > 0u), i >= row);
      }
      write_dlog(token, quad, gate);
    }
    workgroupBarrier();`,
    eachRow: "",
  },
};
