/**
 * A sweep of the recurrent form's backward pass. It keeps a state for every
 * √length tokens; then it goes back, computes those between again, piece by
 * piece, and carries the gradient in the state. With the state S before a token,
 * the gradient C in the state after it, g in its sums and its decay a,
 *
 *     dq = a Sᵀ g, dk = Cᵀ v, dv = C k; E = C + g qᵀ; dlog(a) = a ⟨S, E⟩; C' = a E
 *
 * and the forward sweep's own part. Sweeps, and groups of columns that no
 * workgroup holds together, add to the same outputs one after the other.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  type Program,
  type Tensors,
  widthOf,
} from "../../../tfjs/webgpu/program.ts";
import {
  type Direction,
  eachRow,
  lanesOf,
  MOST_THREADS,
  ofRow,
  PLACES,
  readRows,
  sweepFunctions,
  sweepProgram,
  TILE_ROWS,
  type Tiling,
  tilingOf,
  tokenAt,
} from "./recurrent.ts";
import { ROW_THREADS, rowFunctions, teamsOf } from "../frame/rows.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";

/** What the gradient is computed of; `f` and `b` are absent without decay. */
export type GradientInputs =
  & Readonly<Record<"q" | "k" | "v" | "y" | "rowSums" | "dy", tf.TensorInfo>>
  & Readonly<Partial<Record<"f" | "b", tf.TensorInfo>>>;

/** Attributes that the cotangents depend on. */
interface Normalization {
  readonly scale: number;
  readonly normalize: boolean;
  readonly epsilon: number;
}

/**
 * For each token s / D, -s (dy · y) / D and what the forward and the backward
 * state pay on arriving at it: dy times the first is the gradient in the sums
 * that attention divides by D, and the second that in the row sum.
 */
export function rowsProgram(
  { y, dy, rowSums, f, b }: GradientInputs,
  rows: tf.TensorInfo,
  { scale, normalize, epsilon }: Normalization,
): Program {
  const [batch, heads, length, columns] = y.shape as [
    number,
    number,
    number,
    number,
  ];
  const count = batch * heads * length;
  const teams = teamsOf(count, columns);
  const decays = { ...(f ? { f } : {}), ...(b ? { b } : {}) };
  const paid = (log: "f" | "b", atEnd: string) =>
    log in decays ? `select(exp(${log}[row]), 0.0, ${atEnd})` : "1.0";
  return {
    name: "recurrent_rows",
    variants: Object.keys(decays),
    width: widthOf(columns),
    elements: { rowSums: "f32", f: "f32", b: "f32", rows: "vec4f" },
    reads: { y, dy, rowSums, ...decays },
    writes: { rows },
    integers: { ...teams.integers, length, normalize: Number(normalize) },
    floats: { scale, epsilon },
    threads: ROW_THREADS,
    workgroups: Math.ceil(count / teams.atOnce),
    functions: rowFunctions(teams.width),
    body: /* wgsl */ `
  let row = row_of(workgroup * (${ROW_THREADS}u / uniforms.team), local);
  let packs = packs_of(row);
  var part = 0.0;
  for (var i = local % uniforms.team; i < packs; i += uniforms.team) {
    part += total(y[row * uniforms.packs + i] * dy[row * uniforms.packs + i]);
  }
  let product = team_sum(local, vec2f(part, 0.0)).x;
  if (row < uniforms.rows && local % uniforms.team == 0u) {
    let normalize = uniforms.normalize != 0u;
    let factor = uniforms.scale / select(1.0, rowSums[row] + uniforms.epsilon, normalize);
    // Before the first token of a sweep there is nothing that could decay.
    let position = row % uniforms.length;
    rows[row] = vec4f(
      factor,
      select(0.0, -factor * product, normalize),
      ${paid("f", "position == 0u")},
      ${paid("b", "position == uniforms.length - 1u")},
    );
  }`,
  };
}

/** Tokens between the states that a sweep keeps. */
export function spanOf(length: number): number {
  return Math.ceil(Math.sqrt(length));
}

/** How columns are shared out: groups one after another, each by a workgroup a sequence. */
export function groupsOf(
  headDim: number,
  valueDim: number,
): Tiling & { readonly groups: number } {
  const quads = Math.floor(valueDim / 4) + 1;
  const most = Math.floor(MOST_THREADS / lanesOf(headDim));
  const groups = Math.ceil(quads / most);
  return { ...tilingOf(headDim, Math.ceil(quads / groups)), groups };
}

/** Bytes of a sequence's states that are there at once. */
export function keptBytes(
  length: number,
  headDim: number,
  valueDim: number,
): number {
  const span = spanOf(length);
  const { lanes, across } = groupsOf(headDim, valueDim);
  const states = Math.ceil(length / span) + span;
  return states * lanes * across * TILE_ROWS * 16;
}

/** Some of the work of a backward pass: one launch. */
export interface GradientSweep {
  readonly direction: Direction;
  /** Of columns. */
  readonly group: number;
  /** The sequences of the launch. */
  readonly firstSequence: number;
  readonly sequences: number;
}

/**
 * The program of a sweep.
 *
 * @param reads `q, k, v, dy`, and `rows` of {@linkcode rowsProgram}.
 * @param writes `dq, dk, dv, kept`, and `dlog` if there are decays.
 * @param sweep What of it.
 */
export function gradientSweep(
  reads: Tensors,
  writes: Tensors,
  { direction, group, firstSequence, sequences }: GradientSweep,
): Program {
  const [length, headDim] = reads["q"]!.shape.slice(2) as [number, number];
  const valueDim = reads["v"]!.shape[3]!;
  const tiling = groupsOf(headDim, valueDim);
  const program = sweepProgram(reads["q"]!, reads["v"]!, tiling);
  const { width } = program;
  const decays = "dlog" in writes;
  const isFirst = direction === "forward";
  const span = spanOf(length);
  return {
    ...program,
    name: "recurrent_gradient",
    variants: [
      direction,
      ...(decays ? ["decay"] : []),
      `threads=${tiling.threads}`,
    ],
    elements: { rows: "vec4f", kept: "vec4f", dlog: "f32" },
    reads,
    writes,
    integers: {
      ...program.integers,
      span,
      pieces: Math.ceil(length / span),
      firstQuad: group * tiling.across,
      firstSequence,
      addsKeys: Number(!isFirst || group > 0),
      addsValues: Number(!isFirst),
      addsDecay: Number(group > 0),
    },
    workgroups: sequences,
    functions: functionsOf(tiling, width, decays),
    body: bodyOf(direction, tiling, decays),
  };
}

function functionsOf(
  { threads }: Tiling,
  width: 1 | 4,
  decays: boolean,
): string {
  const adding = (
    name: string,
    dim: "headDim" | "valueDim",
    flag: string,
  ) =>
    /* wgsl */ `${reading(name, dim, width)}
${writing(name, dim, width)}
fn add_${name}(token: u32, quad: u32, x: vec4f) {
  if (quad >= (uniforms.${dim} + 3u) / 4u) { return; }
  let old = read_${name}(token, quad);
  write_${name}(token, quad, select(x, old + x, uniforms.${flag} != 0u));
}`;
  return /* wgsl */ `
// Of each thread dq and dk, two quads each, and dv.
var<workgroup> ofRows: array<vec4f, ${4 * threads}>;
var<workgroup> ofColumns: array<vec4f, ${threads}>;
${
    decays
      ? `var<workgroup> inner: array<f32, ${threads}>;
var<workgroup> innerOfLanes: array<f32, ${threads}>;`
      : ""
  }
${sweepFunctions(width)}
${reading("dy", "valueDim", width)}
// The gradient in the sums that attention divides.
fn cotangent(token: u32, quad: u32) -> vec4f {
  let row = rows[token];
  let values = select(vec4f(), row.x * read_dy(token, quad), quad < (uniforms.valueDim + 3u) / 4u);
  return select(values, vec4f(row.y), 4u * quad + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.valueDim));
}
${adding("dq", "headDim", "addsKeys")}
${adding("dk", "headDim", "addsKeys")}
${adding("dv", "valueDim", "addsValues")}
`;
}

function bodyOf(
  direction: Direction,
  { threads }: Tiling,
  decays: boolean,
): string {
  const isForward = direction === "forward";
  const decay = `rows[token].${isForward ? "z" : "w"}`;
  const write = eachRow((r) =>
    `        state${r} = decay * state${r} + ${ofRow("k", r)} * value;`
  );
  const arrive = /* wgsl */ `
        let token = ${tokenAt(direction, "position")};
        let decay = ${decay};
${readRows("k")}
        let value = values_of(token, quad);
${write}`;
  const keep = (record: string) =>
    eachRow((r) =>
      `        kept[at + (${record}) * record + ${r}u * size] = state${r};`
    );
  const keys = (sum: string, i: number) =>
    `        ofRows[${i * threads}u + local] = ${sum};`;
  // Four numbers of the tile's rows.
  const four = (piece: (r: number) => string, i: number) =>
    `vec4f(${repeat(4, (r) => piece(4 * i + r), ", ")})`;
  return /* wgsl */ `${PLACES}
  let sequence = uniforms.firstSequence + workgroup;
  let base = sequence * uniforms.length;
  let quad = uniforms.firstQuad + place;
  let size = uniforms.lanes * uniforms.across;
  let record = ${TILE_ROWS}u * size;
  let at = workgroup * (uniforms.pieces + uniforms.span) * record + local;
${eachRow((r) => `  var state${r} = vec4f();`)}
  if (is_working) {
    for (var position = 0u; position <= (uniforms.pieces - 1u) * uniforms.span; position++) {
      if (position % uniforms.span == 0u) {
${keep("position / uniforms.span")}
      }
${arrive}
    }
  }
${eachRow((r) => `  var carried${r} = vec4f();`)}
  for (var piece = uniforms.pieces; piece > 0u; piece--) {
    let first = (piece - 1u) * uniforms.span;
    let end = min(uniforms.length, first + uniforms.span);
    if (is_working) {
${
    eachRow((r) =>
      `      state${r} = kept[at + (piece - 1u) * record + ${r}u * size];`
    )
  }
      for (var position = first; position < end; position++) {
${keep("uniforms.pieces + position - first")}
${arrive}
      }
    }
    for (var after = end; after > first; after--) {
      let position = after - 1u;
      let token = ${tokenAt(direction, "position")};
      if (is_working) {
        let decay = ${decay};
${readRows("q", "k")}
        let value = values_of(token, quad);
        let g = cotangent(token, quad);
        let before = at + (uniforms.pieces + position - first) * record;
${eachRow((r) => `        let old${r} = kept[before + ${r}u * size];`)}
${
    repeat(2, (i) =>
      `        var dq${i} = decay * ${
        four((r) => `dot(old${r}, g)`, i)
      };
        var dk${i} = ${four((r) => `dot(carried${r}, value)`, i)};`)
  }
        var dv = vec4f();
${decays ? "        var product = 0.0;" : ""}
${
    eachRow((r) =>
      `        dv += ${ofRow("k", r)} * carried${r}; carried${r} += ${
        ofRow("q", r)
      } * g;${
        decays ? ` product += dot(old${r}, carried${r});` : ""
      } carried${r} *= decay;`
    )
  }
${isForward ? addOwn : ""}
${repeat(2, (i) => keys(`dq${i}`, i))}
${repeat(2, (i) => keys(`dk${i}`, 2 + i))}
        ofColumns[local] = dv;
${decays ? "        inner[local] = decay * product;" : ""}
      }
      workgroupBarrier();
${addUp(threads, decays)}
      workgroupBarrier();
${decays ? addDecay : ""}
    }
  }`;
}

/** The token's own part: dq += (g · v) k, dk += (g · v) q, dv += (q · k) g. */
const addOwn = /* wgsl */ `
        let own = dot(g, value);
        dq0 += own * k0;
        dq1 += own * k1;
        dk0 += own * q0;
        dk1 += own * q1;
        dv += (dot(q0, k0) + dot(q1, k1)) * g;`;

/** Adds up what the threads have: four quads and a number a lane, and a quad a place. */
function addUp(threads: number, decays: boolean): string {
  return /* wgsl */ `
      let perLane = ${decays ? 5 : 4}u * uniforms.lanes;
      for (var item = local; item < perLane + uniforms.across; item += ${threads}u) {
        if (item < 4u * uniforms.lanes) {
          let which = item / uniforms.lanes;
          let lane = item % uniforms.lanes;
          let start = which * ${threads}u + lane * uniforms.across;
          var sum = vec4f();
          for (var i = 0u; i < uniforms.across; i++) { sum += ofRows[start + i]; }
          let rowQuad = 2u * lane + which % 2u;
          if (which < 2u) { add_dq(token, rowQuad, sum); } else { add_dk(token, rowQuad, sum); }
        } else if (item >= perLane) {
          let place = item - perLane;
          var sum = vec4f();
          for (var i = 0u; i < uniforms.lanes; i++) { sum += ofColumns[i * uniforms.across + place]; }
          add_dv(token, uniforms.firstQuad + place, sum);
        }${
    decays
      ? /* wgsl */ ` else {
          let lane = item - 4u * uniforms.lanes;
          var sum = 0.0;
          for (var i = 0u; i < uniforms.across; i++) { sum += inner[lane * uniforms.across + i]; }
          innerOfLanes[lane] = sum;
        }`
      : ""
  }
      }`;
}

/** While the others go on: nobody writes to the lanes before the next barrier. */
const addDecay = /* wgsl */ `
      if (local == 0u) {
        var sum = 0.0;
        for (var i = 0u; i < uniforms.lanes; i++) { sum += innerOfLanes[i]; }
        dlog[token] = select(sum, dlog[token] + sum, uniforms.addsDecay != 0u);
      }`;
