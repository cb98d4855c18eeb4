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
import {
  declareDecays,
  forwardMask,
  loadDecays,
  type Side,
  sidesOf,
  transposedMask,
} from "./mask.ts";
import {
  input,
  keyOf,
  output,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { declare, type Launch } from "../frame/problem.ts";
import { isBelow } from "../frame/log_decays.ts";
import { eachChunk, RECORD_QUADS } from "./states.ts";
import { QUADS } from "../frame/vectors.ts";

const THREADS = 64;

/**
 * The log decay below which e to its power is 0. Sums of pairs end there: they
 * are 0 but for what was rounded, which may be more than all that is on the
 * other side.
 */
const NOTHING = -104;

/** What the gradients of decays are computed from. */
export interface DecayGradientsSpec {
  /** Whether there is only the one direction. */
  readonly causal: boolean;
  /** Room for the tokens of a chunk. */
  readonly largestChunk: number;
  /** Whether there is one chunk, and no state. */
  readonly alone: boolean;
  /**
   * Whether the states have not travelled, and are those that each chunk wrote.
   * @default false
   */
  readonly areApart?: boolean;
  /** Names of `Σ k vᵀ` that reach the chunk, and of `Σ q gᵀ` that do by the transposed mask. */
  readonly states: readonly [string, string];
}

/** The shader of df and db, of which a workgroup computes those of a chunk. */
export function decayGradientsShader(
  spec: DecayGradientsSpec,
  launch: Launch,
): Shader {
  const { causal, largestChunk, alone, areApart, states } = spec;
  const sides = sidesOf(forwardMask(causal));
  const decays = causal ? ["f"] : ["f", "b"];
  const bindings = [
    input("queryTerms", "vec4f"),
    input("keyTerms", "vec4f"),
    ...decays.map((name) => input(name, "f32")),
    ...(alone ? [] : states.map((name) => input(name, "vec4f"))),
    ...decays.map((name) => output(`d${name}`, "f32")),
  ];
  return {
    key: keyOf(
      "decay_gradients",
      alone ? "alone" : areApart === true && "apart",
      causal && "causal",
      `chunk=${largestChunk}`,
    ),
    bindings,
    dispatch: [launch.chunks, launch.sequences, 1],
    code: () => {
      const arrays = sides.map((side) =>
        `var<workgroup> intra_${side}: array<f32, ${largestChunk}>;
var<workgroup> inter_${side}: array<f32, ${largestChunk}>;`
      );
      return /* wgsl */ `${declare(bindings)}
${QUADS}${RECORD_QUADS}
// For each token: what it reads less what is read of it in the chunk (intra), and
// what is read of it in other chunks (inter).
${arrays.join("\n")}
var<workgroup> products: array<vec2f, ${THREADS}>;
${declareDecays(sides, largestChunk)}
${isBelow("is_nothing", NOTHING)}

@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;
  // [chunk before, chunk after, state before, state after]; those that read a
  // key in the forward direction come after it.
  for (var t = thread; t < count; t += ${THREADS}u) {
    let query = queryTerms[base + first + t];
    let key = keyTerms[base + first + t];
    intra_before[t] = query.x + query.z - key.y;
    inter_before[t] = key.w;${
        causal ? "" : `
    intra_after[t] = query.y + query.w - key.x;
    inter_after[t] = key.z;`
      }
  }
  var through = vec2f();
${loadDecays(forwardMask(causal), largestChunk, THREADS)}
${alone ? "" : passing(spec, sides)}
  for (var m = thread; m < count; m += ${THREADS}u) {
    var sum = through;
    for (var t = 0u; t < m; t++) { sum.x += inter_before[t]; }
    for (var t = m; t < count && !is_nothing(before[t]); t++) { sum.x += intra_before[t]; }${
        causal ? "" : `
    for (var t = m + 1u; t < count; t++) { sum.y += inter_after[t]; }
    for (var t = m + 1u; t > 0u && !is_nothing(after[t - 1u]); t--) { sum.y += intra_after[t - 1u]; }`
      }
    let token = first + m;
    // Nobody arrives at the first token from the left, nor at the last from the right.
    df[base + token] = select(0.0, sum.x, token > 0u);${
        causal ? "" : `
    db[base + token] = select(0.0, sum.y, token + 1u < problem.length);`
      }
  }
}
`;
    },
  };
}

/**
 * The product of the states that meet in the chunk, with the decay from one to
 * the other.
 */
function passing(
  { causal, areApart, states }: DecayGradientsSpec,
  sides: readonly Side[],
): string {
  const [ofKeys, ofQueries] = states;
  // The states of the cotangents lie the other way round: what comes from
  // before the chunk meets what comes from after it.
  const products = areApart
    ? [
      `dot(${ofKeys}_before, ${ofQueries}_after)`,
      causal ? "0.0" : `dot(${ofKeys}_after, ${ofQueries}_before)`,
    ]
    : causal
    ? [`dot(${ofKeys}[start + at], ${ofQueries}[start + at])`, "0.0"]
    : [
      `dot(${ofKeys}[start + at], ${ofQueries}[start + record + at])`,
      `dot(${ofKeys}[start + record + at], ${ofQueries}[start + at])`,
    ];
  const beyond = {
    before: ["first + count < problem.length", "f[base + first + count]"],
    after: ["first > 0u", "b[base + max(first, 1u) - 1u]"],
  };
  const decayed = sides.map((side, i) => {
    const [inside, next] = beyond[side];
    return `  if (${inside}) { through[${i}] *= exp(path_${side}(0u, count) + ${next}); }`;
  });
  return /* wgsl */ `  let record = record_quads();${
    areApart ? "" : `
  let start = (group.y * problem.chunks + group.x) * ${sides.length}u * record;`
  }
  var product = vec2f();
  for (var at = thread; at < record - 1u; at += ${THREADS}u) {${
    areApart ? meeting(states, causal) : ""
  }
    product += vec2f(${products.join(", ")});
  }
  products[thread] = product;
  workgroupBarrier();
  for (var i = 0u; i < ${THREADS}u; i++) { through += products[i]; }
${decayed.join("\n")}`;
}

/** Statements that add up what reaches the chunk at the place `at` of its states. */
function meeting(
  [ofKeys, ofQueries]: DecayGradientsSpec["states"],
  causal: boolean,
): string {
  return [
    { name: ofKeys, decays: forwardMask(causal) },
    { name: ofQueries, decays: transposedMask(causal) },
  ].flatMap((states) =>
    sidesOf(states.decays).map((side) => {
      const { name } = states;
      const sum = `${name}_${side}`;
      return `
    var ${sum} = vec4f();${
        eachChunk(states, side, `      ${sum} += factor * ${name}[start + at];`)
      }`;
    })
  ).join("");
}
