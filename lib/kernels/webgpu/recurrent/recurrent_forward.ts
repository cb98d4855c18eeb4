/**
 * A sweep of the recurrent form's forward pass. Both sweeps add to the same
 * outputs, one after the other: the first writes its sums, and the second completes
 * them; the sum of the forward sweep includes a token's own k vᵀ.
 *
 * The last sweep divides by the row sums, which it reads in one buffer and writes in
 * another, since all workgroups of a sequence read them. In a piece with decays that
 * would be a ninth buffer, and WebGPU guarantees eight: there the row sums are completed
 * in place, and a launch of its own divides.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { borderStates } from "../frame/border_states.ts";
import type { ElementwiseProgram } from "../../../tfjs/webgpu/elementwise.ts";
import { type Program, widthOf } from "../../../tfjs/webgpu/program.ts";
import {
  type Direction,
  readRows,
  SWEEP_PLACES,
  sweepFunctions,
  sweepProgram,
  type SweepTiling,
  sweepTilingOf,
  threadsPerColumn,
  tokenAt,
} from "./recurrent.ts";
import { eachTileRow, ofRow, TILE_ROWS } from "../frame/register_tile.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** Threads of a workgroup, unless the rows alone need more. */
const THREADS = 64;

/** The number of tokens between barriers: the more threads, the fewer tokens' sums fit in workgroup memory. */
function blockOf(threads: number): number {
  return threads <= 128 ? 8 : 4;
}

/** The direction, tensors and numbers of a forward sweep. */
export interface ForwardSweep {
  /** The direction of the sweep. */
  readonly direction: Direction;
  readonly q: tf.TensorInfo;
  readonly k: tf.TensorInfo;
  readonly v: tf.TensorInfo;
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
  readonly y: tf.TensorInfo;
  readonly rowSums: tf.TensorInfo;
  readonly attributes: {
    readonly scale: number;
    readonly normalize: boolean;
    readonly epsilon: number;
  };
}

/** The number of whole quads of v; the quad after them has the remaining columns and the row sum. */
function wholeQuads(valueDim: number): number {
  return Math.floor(valueDim / 4);
}

/**
 * Divides the whole quads among workgroups; each workgroup also has the last quad,
 * since it divides by the row sum.
 */
function share(
  headDim: number,
  valueDim: number,
): SweepTiling & { workgroups: number } {
  const whole = wholeQuads(valueDim);
  const most = Math.max(1, Math.floor(THREADS / threadsPerColumn(headDim)) - 1);
  const workgroups = Math.max(1, Math.ceil(whole / most));
  const own = Math.ceil(whole / workgroups);
  return { ...sweepTilingOf(headDim, own + 1), workgroups };
}

/** The program of a sweep of the forward pass. */
export function forwardSweep(sweep: ForwardSweep): Program {
  const { direction, q, k, v, logDecay, firstState, lastState } = sweep;
  const { sumsBefore, divides, y, rowSums, attributes } = sweep;
  const { scale, normalize, epsilon } = attributes;
  const [batch, heads, , headDim] = q.shape as tf.Tensor4D["shape"];
  const valueDim = v.shape[3]!;
  const { workgroups, ...tiling } = share(headDim, valueDim);
  const program = sweepProgram(q, v, tiling);
  const isInPlace = sumsBefore === rowSums;
  const optional = {
    ...{ logDecay, firstState },
    sumsBefore: isInPlace ? undefined : sumsBefore,
  };
  return {
    ...program,
    name: "recurrent_forward",
    variants: [
      direction,
      ...Object.entries(optional).map(([name, x]) => x !== undefined && name),
      lastState !== undefined && "lastState",
      isInPlace && "inPlace",
      divides && "divides",
      `threads=${tiling.threads}`,
    ],
    elements: {
      ...{ logDecay: "f32", firstState: "f32", lastState: "f32" },
      ...{ sumsBefore: "f32", rowSums: "f32" },
    },
    reads: { q, k, v, ...optional },
    writes: { y, rowSums, ...(lastState ? { lastState } : {}) },
    integers: {
      ...program.integers,
      wholeQuads: wholeQuads(valueDim),
      tiles: workgroups,
      normalize: Number(normalize),
    },
    floats: { scale, epsilon },
    workgroups: batch * heads * workgroups,
    functions: functionsOf(sweep, tiling, program.width),
    body: bodyOf(sweep, tiling),
  };
}

function functionsOf(
  { firstState, lastState }: ForwardSweep,
  { threads }: SweepTiling,
  width: 1 | 4,
): string {
  return /* wgsl */ `
var<workgroup> parts: array<vec4f, ${blockOf(threads) * threads}>;
${sweepFunctions(width)}
${reading("y", "valueDim", width)}
${writing("y", "valueDim", width)}

// The quad of a place; behind the workgroup's own is the last one.
fn quad_at(tile: u32, place: u32) -> u32 {
  let own = uniforms.across - 1u;
  return select(tile * own + place, uniforms.wholeQuads, place == own);
}

// Whether the workgroup is the one that writes it.
fn is_own(tile: u32, place: u32) -> bool {
  let is_last = place == uniforms.across - 1u;
  return select(quad_at(tile, place) < uniforms.wholeQuads, tile == 0u, is_last);
}
${
    borderStates(
      firstState ? ["firstState"] : [],
      lastState ? ["lastState"] : [],
    )
  }`;
}

function bodyOf(
  sweep: ForwardSweep,
  { threads }: SweepTiling,
): string {
  const { direction, logDecay, firstState, lastState } = sweep;
  const { sumsBefore, rowSums, divides } = sweep;
  const isInPlace = sumsBefore === rowSums;
  const token = tokenAt(direction, "(first + t)");
  const isForward = direction === "forward";
  const block = blockOf(threads);
  const row = (r: number) => `${TILE_ROWS}u * lane + ${r}u`;
  return /* wgsl */ `${SWEEP_PLACES}
  let sequence = workgroup / uniforms.tiles;
  let tile = workgroup % uniforms.tiles;
  let base = sequence * uniforms.length;
  let quad = quad_at(tile, place);
  let ones = uniforms.valueDim % 4u;
${
    eachTileRow((r) =>
      `  var state${r} = ${
        firstState ? `enter_firstState(sequence, ${row(r)}, quad)` : "vec4f()"
      };`
    )
  }
  for (var first = 0u; first <= last; first += ${block}u) {
    let count = min(${block}u, uniforms.length - first);
    if (is_working) {
      for (var t = 0u; t < count; t++) {
        let token = ${token};
${readRows("q", "k")}
        let value = values_of(token, quad);
        var sum = vec4f();
${logDecay ? arrive(firstState !== undefined) : ""}
${
    eachTileRow((r) =>
      `        ${logDecay ? `state${r} *= decay; ` : ""}sum += ${
        ofRow("q", r)
      } * state${r}; state${r} += ${ofRow("k", r)} * value;`
    )
  }
${isForward ? "        sum += (dot(q0, k0) + dot(q1, k1)) * value;" : ""}
        parts[(t * uniforms.lanes + lane) * uniforms.across + place] = sum;
      }
    }
    workgroupBarrier();
    for (var item = local; item < count * uniforms.across; item += ${threads}u) {
      let t = item / uniforms.across;
      let column = item % uniforms.across;
      let quad = quad_at(tile, column);
      let token = ${token};
      var sum = vec4f();
      var total = 0.0;
      for (var lane = 0u; lane < uniforms.lanes; lane++) {
        let at = (t * uniforms.lanes + lane) * uniforms.across;
        sum += parts[at + column];
        total += parts[at + uniforms.across - 1u][ones];
      }
      sum *= uniforms.scale;
      total *= uniforms.scale;
${
    (sumsBefore ? "      sum += read_y(token, quad);\n" : "") +
    (sumsBefore && !isInPlace ? "      total += sumsBefore[token];" : "")
  }
${
    divides
      ? "      sum /= select(1.0, total + uniforms.epsilon, uniforms.normalize != 0u);"
      : ""
  }
      if (is_own(tile, column)) {
        write_y(token, quad, sum);
        if (quad == uniforms.wholeQuads) { rowSums[token] ${
    isInPlace ? "+" : ""
  }= total; }
      }
    }
    workgroupBarrier();
  }
${
    lastState
      ? `  if (is_working && is_own(tile, place)) {
${
        eachTileRow((r) =>
          `    leave_lastState(sequence, ${row(r)}, quad, state${r});`
        )
      }
  }`
      : ""
  }`;
}

/** The program that divides y by the row sums, in place. */
export function divideProgram(
  y: tf.TensorInfo,
  rowSums: tf.TensorInfo,
  epsilon: number,
): ElementwiseProgram {
  const columns = y.shape.at(-1)!;
  const width = widthOf(columns);
  return {
    name: "recurrent_divide",
    width,
    elements: { rowSums: "f32" },
    reads: { rowSums },
    writes: { y },
    integers: { packsOfToken: columns / width },
    floats: { epsilon },
    body:
      /* wgsl */ `  y[at] /= rowSums[at / uniforms.packsOfToken] + uniforms.epsilon;`,
  };
}

/**
 * WGSL that declares the decay of the state on arriving at a token: 0 at the first
 * token if no state enters the sweep, whatever its log decay.
 */
function arrive(hasEntered: boolean): string {
  const paid = "exp(logDecay[token])";
  return `        let decay = ${
    hasEntered ? paid : `select(${paid}, 0.0, first + t == 0u)`
  };`;
}
