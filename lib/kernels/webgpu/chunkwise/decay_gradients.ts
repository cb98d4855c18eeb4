/**
 * Gradients of the log decays.
 *
 * With E_ij = M_ij (q_i · k_j)(g_i · v_j), the log decay applied on arriving from
 * the left at m is on the paths of all pairs j < m <= i:
 *
 *     df_m = Σ_{j<m<=i} E_ij
 *
 * split by whether j and i lie in the chunk of m. What its tokens read and
 * what is read of them came with dq and dk, as terms; what passes through the
 * chunk is the product of the states that meet there. All sums stay inside a
 * chunk and leave out i = j: over the whole sequence, or with the diagonal,
 * what cancels would drown small gradients.
 *
 * @module
 */
import { declareConstants, instance } from "@lionjs/tfjs/webgpu";
import { isBelow } from "../../../operations/finite_decay/webgpu.ts";
import type { Launch, ProblemProgram } from "../frame/attention_call.ts";
import { elementsOf, VECS } from "../frame/vectors.ts";
import {
  arrivals,
  decayInputs,
  DECAYS,
  LOAD_DECAYS,
  logDecaysOf,
  type Mask,
  maskConstants,
} from "./mask.ts";
import { readingStates, STATES } from "./states.ts";

const THREADS = 64;

/**
 * The log decay below which e to its power is 0. Sums of pairs end there: they
 * are 0 but for what was rounded, which may be more than all that is on the
 * other side.
 */
const NOTHING = -104;

/** The settings of the program that computes the gradients of decays. */
export interface DecayGradientsSpec {
  /** The mask of the attention, whose log decays have buffers of their own. */
  readonly mask: Mask;
  /** Room for the tokens of a chunk. */
  readonly largestChunk: number;
  /**
   * Names of `Σ k vᵀ` that reach the chunk, and of `Σ q gᵀ` that do by the transposed
   * mask; `null` if there is one chunk, and no state.
   */
  readonly states: readonly [string, string] | null;
  /** Whether states are not scanned, so that each reader adds up those of all chunks. */
  readonly areUnscanned: boolean;
}

/** The program of df and db, of which a workgroup computes those of a chunk. */
export function decayGradientsProgram(
  { mask, largestChunk, states, areUnscanned }: DecayGradientsSpec,
  launch: Launch,
): ProblemProgram {
  const read = states ?? [];
  /** WGSL function that reads the states of a kind that reach a chunk. */
  const reaching = (kind: string, name: string | undefined, mask: Mask) =>
    instance(
      declareConstants(maskConstants(mask)) + readingStates(name) + STATES +
        REACHING,
      kind,
    );
  return {
    name: "decay_gradients",
    constants: {
      ALONE: states === null,
      UNSCANNED: areUnscanned,
      ...maskConstants(mask),
      TOKENS: largestChunk,
    },
    elements: elementsOf([], ["queryTerms", "keyTerms", ...read]),
    reads: ["queryTerms", "keyTerms", ...decayInputs(mask), ...read],
    writes: logDecaysOf(mask).map((name) => `d${name}`),
    threads: THREADS,
    workgroups: [launch.chunks, launch.sequences],
    functions: () => [
      ...[VECS, arrivals(mask), DECAYS, LOAD_DECAYS],
      isBelow("is_nothing", NOTHING),
      reaching("keys", read[0], mask),
      reaching("queries", read[1], { ...mask, transposed: true }),
      `fn write_db(token: u32, x: f32) {${
        mask.causal ? "" : " db[token] = x; "
      }}`,
      SCRATCH,
    ],
    body: GRADIENTS,
  };
}

const REACHING = /* wgsl */ `
// Four columns of the state that reaches a chunk, whose own begins at \`start\`, from a side.
fn reaching(chunk: u32, side: u32, start: u32, vecs: u32, at: u32) -> vec4f {
  if (!UNSCANNED) { return read_state(start + at); }
  var sum = vec4f();
  var factor = 1.0;
  var place = start;
  for (var others = select(uniforms.chunks - 1u - chunk, chunk, side == 0u); others > 0u; others--) {
    place = select(place + DIRECTIONS * vecs, place - DIRECTIONS * vecs, side == 0u);
    sum += factor * read_state(place + at);
    factor *= read_state(place + vecs - 1u).x;
  }
  return sum;
}
`;

const SCRATCH = /* wgsl */ `
// The terms of each token: what the token reads less what is read of it in the chunk
// (intra), and what is read of it in other chunks (inter); in each direction.
var<workgroup> intra: array<vec2f, TOKENS>;
var<workgroup> inter: array<vec2f, TOKENS>;
var<workgroup> products: array<vec2f, THREADS>;
`;

const GRADIENTS = /* wgsl */ `
  let chunk = group.x;
  let sequence = group.y;
  let first = chunk * uniforms.chunkSize;
  let count = min(uniforms.chunkSize, uniforms.length - first);
  let base = (uniforms.firstSequence + sequence) * uniforms.length;
  // [chunk before, chunk after, state before, state after]; those that read a
  // key in the forward direction come after it.
  for (var t = local; t < count; t += THREADS) {
    let query = queryTerms[base + first + t];
    let key = keyTerms[base + first + t];
    intra[t] = vec2f(query.x + query.z - key.y, query.y + query.w - key.x);
    inter[t] = vec2f(key.w, key.z);
  }
  load_decays(base, first, count, local);

  var through = vec2f();
  if (!ALONE) {
    // The states from before the chunk meet the cotangents from after it.
    let vecs = record_vecs_keys();
    let keys = vec2u(state_at_keys(sequence, chunk, 0u), state_at_keys(sequence, chunk, 1u));
    let queries = vec2u(state_at_queries(sequence, chunk, 0u), state_at_queries(sequence, chunk, 1u));
    var product = vec2f();
    for (var at = local; at < vecs - 1u; at += THREADS) {
      let before = reaching_keys(chunk, 0u, keys.x, vecs, at);
      product.x += dot(before, reaching_queries(chunk, 1u, queries.y, vecs, at));
      if (AFTER) {
        let after = reaching_keys(chunk, 1u, keys.y, vecs, at);
        product.y += dot(after, reaching_queries(chunk, 0u, queries.x, vecs, at));
      }
    }
    products[local] = product;
    workgroupBarrier();
    for (var i = 0u; i < THREADS; i++) { through += products[i]; }
    let passing = path(0u, count);
    if (first + count < uniforms.length) { through.x *= exp(passing.x + arrivals(base, first + count).x); }
    if (AFTER && first > 0u) { through.y *= exp(passing.y + arrivals(base, first - 1u).y); }
  }

  for (var m = local; m < count; m += THREADS) {
    var sum = through;
    for (var t = 0u; t < m; t++) { sum.x += inter[t].x; }
    for (var t = m; t < count && !is_nothing(decays[t].x); t++) { sum.x += intra[t].x; }
    let token = first + m;
    // Nobody arrives at the first token from the left, nor at the last from the right.
    df[base + token] = select(0.0, sum.x, token > 0u);
    if (AFTER) {
      for (var t = m + 1u; t < count; t++) { sum.y += inter[t].y; }
      for (var t = m + 1u; t > 0u && !is_nothing(decays[t - 1u].y); t--) { sum.y += intra[t - 1u].y; }
      write_db(base + token, select(0.0, sum.y, token + 1u < uniforms.length));
    }
  }`;
