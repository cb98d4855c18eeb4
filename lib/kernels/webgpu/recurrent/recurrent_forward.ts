/**
 * A sweep of the recurrent form's forward pass: through a sequence token by token, with
 * one state of headDim rows and one column for each of (v, 1). A workgroup has all rows of
 * some columns; a thread holds a tile of eight rows by four columns in registers,
 * which no other thread reads. Lanes are the threads of the same columns: a token's output
 * is their sum, and takes a barrier. Neighbouring threads have neighbouring columns.
 *
 * Both sweeps add to the same outputs, one after the other: the first writes its sums, and
 * the second completes them; the sum of the forward sweep includes a token's own k vᵀ.
 *
 * The last sweep divides by the row sums, which it reads in one buffer and writes in
 * another, since all workgroups of a sequence read them. In a part of a sequence with decays that
 * would be a ninth buffer, and WebGPU guarantees eight: there the row sums are completed
 * in place, and a launch of its own divides.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { AttentionSettings } from "../../../attention/forms/form.ts";
import { borderStates } from "../frame/border_states.ts";
import { type Program, widthOf } from "@lionjs/tfjs/webgpu";
import { reading, writing } from "@lionjs/tfjs/webgpu";

/** The direction of a sweep: from the first token on, or from the last. */
export type Direction = "forward" | "backward";

/** Rows of a thread's tile of the state. */
const TILE_ROWS = 8;
/**
 * Most threads of a workgroup: the partial sums of this many fit in the workgroup
 * memory that every device has.
 */
export const MOST_THREADS = 160;
/** Threads of a warp; workgroups have whole warps, so that few shader texts serve all sizes. */
const WARP = 32;

/** The largest headDim for which a workgroup can hold eight columns of the state. */
export const LARGEST_HEAD_DIM = TILE_ROWS * MOST_THREADS / 2;

/** Threads of a workgroup, unless the rows alone need more. */
const THREADS = 64;

/** The direction, tensors and numbers of a forward sweep. */
export interface ForwardSweep
  extends Readonly<Record<"q" | "k" | "v" | "y" | "rowSums", tf.TensorInfo>> {
  /** The direction of the sweep. */
  readonly direction: Direction;
  /** The log decays of the state on arriving at each token; no decay if absent. */
  readonly logDecay: tf.TensorInfo | undefined;
  /**
   * The state that the sweep begins with, `[batch, heads, headDim, valueDim +
   * 1]`; zeros if absent.
   */
  readonly firstState?: tf.TensorInfo | undefined;
  /** The tensor for the state that the sweep ends with, if it is wanted. */
  readonly lastState?: tf.TensorInfo | undefined;
  /**
   * The row sums of the previous sweep, whose sums of values are in y; absent for
   * the first sweep. They may be `rowSums` themselves if the sweep does not divide.
   */
  readonly sumsBefore: tf.TensorInfo | undefined;
  /** Whether the sweep divides the rows by their sums. */
  readonly divides: boolean;
  readonly attributes: Pick<
    AttentionSettings,
    "scale" | "normalize" | "epsilon"
  >;
}

/**
 * Divides the columns, four at a time, among workgroups, and those of a workgroup among
 * threads; each workgroup also has the last four, since it divides by the row sum.
 *
 * @returns `lanes`: threads of the same columns; `wholeVecs`: groups of four columns of v,
 * after which one more has the remaining columns and the row sum; `across`: such groups of a
 * workgroup; `threads`: of which some may have nothing to do.
 */
function share(headDim: number, valueDim: number) {
  const lanes = Math.ceil(headDim / TILE_ROWS);
  const wholeVecs = Math.floor(valueDim / 4);
  const most = Math.max(1, Math.floor(THREADS / lanes) - 1);
  const tiles = Math.max(1, Math.ceil(wholeVecs / most));
  const across = Math.ceil(wholeVecs / tiles) + 1;
  const threads = WARP * Math.ceil(lanes * across / WARP);
  return { lanes, wholeVecs, across, threads, tiles };
}

/** The program of a sweep of the forward pass. */
export function forwardSweep(sweep: ForwardSweep): Program {
  const { direction, q, k, v, logDecay, firstState, lastState } = sweep;
  const { sumsBefore, divides, y, rowSums, attributes } = sweep;
  const { scale, normalize, epsilon } = attributes;
  const [batch, heads, length, headDim] = q.shape as tf.Tensor4D["shape"];
  const valueDim = v.shape[3]!;
  const { threads, ...places } = share(headDim, valueDim);
  const width = widthOf(headDim, valueDim);
  const isInPlace = sumsBefore === rowSums;
  const readsBefore = sumsBefore && !isInPlace;
  return {
    name: "recurrent_forward",
    width,
    constants: {
      FORWARD: direction === "forward",
      DECAYS: logDecay !== undefined,
      ENTERS: firstState !== undefined,
      LEAVES: lastState !== undefined,
      COMPLETES: sumsBefore !== undefined,
      DIVIDES: divides,
      IN_PLACE: isInPlace,
      // Tokens between barriers: of more threads fewer tokens' sums fit in workgroup memory.
      BLOCK: threads <= 128 ? 8 : 4,
    },
    elements: {
      ...{ logDecay: "f32", firstState: "f32", lastState: "f32" },
      ...{ sumsBefore: "f32", rowSums: "f32" },
    },
    reads: {
      ...{ q, k, v, logDecay, firstState },
      ...(readsBefore && { sumsBefore }),
    },
    writes: { y, rowSums, ...(lastState && { lastState }) },
    integers: {
      ...{ length, headDim, valueDim, ...places },
      normalize: Number(normalize),
    },
    floats: { scale, epsilon },
    threads,
    workgroups: batch * heads * places.tiles,
    functions: () => [
      ...[reading("q", "headDim", width), reading("k", "headDim", width)],
      ...[reading("v", "valueDim", width), reading("y", "valueDim", width)],
      writing("y", "valueDim", width),
      `fn log_decay(token: u32) -> f32 { return ${
        logDecay ? "logDecay[token]" : "0.0"
      }; }\n`,
      `fn sum_before(token: u32) -> f32 { return ${
        readsBefore ? "sumsBefore[token]" : "0.0"
      }; }`,
      borderStates(
        firstState ? ["firstState"] : [],
        lastState ? ["lastState"] : [],
        ["firstState", "lastState"],
      ),
      FUNCTIONS,
    ],
    body: SWEEP,
  };
}

const FUNCTIONS = /* wgsl */ `
const TILE = 8u;
var<workgroup> parts: array<vec4f, BLOCK * THREADS>;

// Four columns of q, of k and of (v, 1): zeros beyond the last column.
fn rows_of_q(token: u32, vec: u32) -> vec4f {
  return select(vec4f(), read_q(token, vec), vec < (uniforms.headDim + 3u) / 4u);
}
fn rows_of_k(token: u32, vec: u32) -> vec4f {
  return select(vec4f(), read_k(token, vec), vec < (uniforms.headDim + 3u) / 4u);
}
fn values_of(token: u32, vec: u32) -> vec4f {
  let values = select(vec4f(), read_v(token, vec), vec < (uniforms.valueDim + 3u) / 4u);
  return select(values, vec4f(1.0), 4u * vec + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.valueDim));
}

// The token at a position of the sweep.
fn token_at(base: u32, position: u32) -> u32 {
  return base + select(uniforms.length - 1u - position, position, FORWARD);
}

// The index of the four columns at a place; behind the workgroup's own are the last ones.
fn vec_at(tile: u32, place: u32) -> u32 {
  let own = uniforms.across - 1u;
  return select(tile * own + place, uniforms.wholeVecs, place == own);
}

// Whether the workgroup is the one that writes the columns at a place.
fn is_own(tile: u32, place: u32) -> bool {
  let is_last = place == uniforms.across - 1u;
  return select(vec_at(tile, place) < uniforms.wholeVecs, tile == 0u, is_last);
}
`;

const SWEEP = /* wgsl */ `
  let lane = local / uniforms.across;
  let place = local % uniforms.across;
  let is_working = lane < uniforms.lanes;
  let sequence = workgroup / uniforms.tiles;
  let tile = workgroup % uniforms.tiles;
  let base = sequence * uniforms.length;
  let vec = vec_at(tile, place);
  let ones = uniforms.valueDim % 4u;
  var state = array<vec4f, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    state[r] = enter_firstState(sequence, TILE * lane + r, vec);
  }
  for (var first = 0u; first < uniforms.length; first += BLOCK) {
    let count = min(BLOCK, uniforms.length - first);
    if (is_working) {
      for (var t = 0u; t < count; t++) {
        let token = token_at(base, first + t);
        let queries = array<vec4f, 2>(rows_of_q(token, 2u * lane), rows_of_q(token, 2u * lane + 1u));
        let keys = array<vec4f, 2>(rows_of_k(token, 2u * lane), rows_of_k(token, 2u * lane + 1u));
        let value = values_of(token, vec);
        // The state decays on arriving at the token: to nothing at the first, if none enters.
        let decay = select(exp(log_decay(token)), 0.0, !ENTERS && first + t == 0u);
        var sum = vec4f();
        for (var r = 0u; r < TILE; r++) { // unroll
          if (DECAYS) { state[r] *= decay; }
          sum += queries[r / 4u][r % 4u] * state[r];
          state[r] += keys[r / 4u][r % 4u] * value;
        }
        if (FORWARD) { sum += (dot(queries[0], keys[0]) + dot(queries[1], keys[1])) * value; }
        parts[(t * uniforms.lanes + lane) * uniforms.across + place] = sum;
      }
    }
    workgroupBarrier();
    for (var item = local; item < count * uniforms.across; item += THREADS) {
      let t = item / uniforms.across;
      let column = item % uniforms.across;
      let vec = vec_at(tile, column);
      let token = token_at(base, first + t);
      var sum = vec4f();
      var total = 0.0;
      for (var lane = 0u; lane < uniforms.lanes; lane++) {
        let at = (t * uniforms.lanes + lane) * uniforms.across;
        sum += parts[at + column];
        total += parts[at + uniforms.across - 1u][ones];
      }
      sum *= uniforms.scale;
      total *= uniforms.scale;
      if (COMPLETES) { sum += read_y(token, vec); }
      if (COMPLETES && !IN_PLACE) { total += sum_before(token); }
      if (DIVIDES) { sum /= select(1.0, total + uniforms.epsilon, uniforms.normalize != 0u); }
      if (is_own(tile, column)) {
        write_y(token, vec, sum);
        if (vec == uniforms.wholeVecs) {
          if (IN_PLACE) { total += rowSums[token]; }
          rowSums[token] = total;
        }
      }
    }
    workgroupBarrier();
  }
  if (LEAVES && is_working && is_own(tile, place)) {
    for (var r = 0u; r < TILE; r++) { // unroll
      leave_lastState(sequence, TILE * lane + r, vec, state[r]);
    }
  }`;
