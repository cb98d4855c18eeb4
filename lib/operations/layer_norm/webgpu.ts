/** Layer normalisation of rows, or of the sums of two rows each, and its gradient. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { ADD_AND_NORM, NORM_OF_SUM } from "./add_norm.ts";
import { LAYER_NORM } from "./layer_norm.ts";
import {
  columnSums,
  type FusedKernel,
  makeFloats,
  registerFusedKernel,
  ROW_THREADS,
  rowProgram,
  runProgram,
  type StrictWebGPUBackend,
} from "@lionjs/tfjs/webgpu";
import { refer, sizeOf } from "@lionjs/tfjs/kernel";

/** Threads of the gradient that share a column. */
const LANES = 16;
/** Most rows of a column's workgroup; of longer columns, each workgroup writes a part of the sum. */
const BLOCK_ROWS = 1024;

interface LayerNormAttributes {
  readonly epsilon: number;
  /** Whether there will be a gradient. */
  readonly keepsMoments: boolean;
}

/** Registers layer normalisation, and that of a sum in both orders of its outputs. */
export function register(): void {
  registerFusedKernel<Input, GradientInput, LayerNormAttributes, never>(
    LAYER_NORM,
    {
      forward: normalization((y) => [y]),
      gradient: ({ backend, inputs }) => gradientsOf(backend, inputs),
      inParts: "y",
    },
  );
  const ofSum: FusedKernel<
    Exclude<GradientInput, "x"> | "sum" | "dsum",
    LayerNormAttributes & { readonly adds: boolean }
  > = ({ backend, inputs: { sum, ...others }, attributes: { adds } }) => {
    const [dx, ...more] = gradientsOf(backend, { ...others, x: sum });
    // Both summands have the same gradient.
    return [dx!, ...(adds ? [refer(backend, dx!)] : []), ...more];
  };
  registerFusedKernel(ADD_AND_NORM, {
    forward: normalization((y, sum) => [sum(), y]),
    gradient: ofSum,
    inParts: "y",
  });
  registerFusedKernel(NORM_OF_SUM, {
    forward: normalization((y, sum) => [y, sum()]),
    gradient: ofSum,
    inParts: "y",
  });
}

type Input = "x" | "added" | "scale" | "offset";
type GradientInput = "x" | "scale" | "moments" | "dy" | "dy2";

/**
 * The kernel of layer normalisation: y = n · scale + offset, with n = (x - mean) /
 * deviation, where x may be the sum with what is added.
 *
 * For a gradient, it also returns all that this reads of a row beside its numbers: the
 * scale, and after it the mean and inverse deviation of each row, in one tensor, since
 * that takes one binding.
 *
 * @param outputs The other outputs.
 */
function normalization(
  outputs: (y: tf.TensorInfo, sum: () => tf.TensorInfo) => tf.TensorInfo[],
): FusedKernel<Input, LayerNormAttributes> {
  return ({ backend, inputs, attributes: { epsilon, keepsMoments } }) => {
    const { x, scale, offset } = inputs;
    const added = inputs.added as tf.TensorInfo | undefined;
    const columns = sizeOf(scale);
    const rows = sizeOf(x) / Math.max(1, columns);
    const y = makeFloats(backend, x.shape);
    const sum = added && makeFloats(backend, x.shape);
    const kept = keepsMoments && makeFloats(backend, [columns + 2 * rows]);
    const program = rowProgram(rows, columns);
    runProgram(backend, {
      ...program,
      name: "layer_norm",
      constants: { ADDS: !!added, KEEPS_MOMENTS: keepsMoments },
      reads: { x, added, scale, offset },
      writes: { y, ...(sum && { sum }), ...(kept && { kept }) },
      elements: { kept: "f32" },
      floats: { epsilon },
      functions: /* wgsl */ `${program.functions}
fn row_at(at: u32) -> Pack { return ${added ? "sum" : "x"}[at]; }
fn add(at: u32) {${added ? " sum[at] = x[at] + added[at]; " : ""}}
fn keep(at: u32, number: f32) {${kept ? " kept[at] = number; " : ""}}
${MOMENTS}`,
      body: NORMALIZE,
    });
    const others = outputs(y, () => sum ?? refer(backend, x));
    return kept ? [...others, kept] : others;
  };
}

/** The mean and inverse deviation of a team's row. */
const MOMENTS = /* wgsl */ `
fn moments_of(row: u32, local: u32) -> vec2f {
  let first = row * uniforms.packs;
  let packs = packs_of(row);
  let member = local % uniforms.team;
  var sum = 0.0;
  for (var i = member; i < packs; i += uniforms.team) { sum += total(row_at(first + i)); }
  let mean = team_sum(local, vec2f(sum, 0.0)).x / f32(uniforms.columns);
  var squares = 0.0;
  for (var i = member; i < packs; i += uniforms.team) {
    let centred = row_at(first + i) - mean;
    squares += total(centred * centred);
  }
  let variance = team_sum(local, vec2f(squares, 0.0)).x / f32(uniforms.columns);
  return vec2f(mean, inverseSqrt(variance + uniforms.epsilon));
}
`;

const NORMALIZE = /* wgsl */ `
  let row = row_of(workgroup, local);
  let packs = packs_of(row);
  let member = local % uniforms.team;
  if (ADDS) {
    // Each thread reads again what it has itself written.
    for (var i = member; i < packs; i += uniforms.team) { add(row * uniforms.packs + i); }
  }
  let moments = moments_of(row, local);
  for (var i = member; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    y[at] = (row_at(at) - moments.x) * moments.y * scale[i] + offset[i];
  }
  if (KEEPS_MOMENTS) {
    if (member == 0u && row < uniforms.rows) {
      keep(uniforms.columns + 2u * row, moments.x);
      keep(uniforms.columns + 2u * row + 1u, moments.y);
    }
    if (workgroup == 0u) {
      for (var i = local; i < uniforms.columns; i += THREADS) { keep(i, number_of(scale[i / WIDTH], i % WIDTH)); }
    }
  }`;

/**
 * The gradients in x, dx = (g - mean(g) - n mean(g n)) / deviation with g = dy · scale, to
 * which `dsum` is added; in scale, Σ dy n, and in offset, Σ dy, over the rows. The gradient
 * of y is `dy`, or its sum with `dy2`.
 *
 * A workgroup has either rows, for dx, or columns, for dscale and doffset.
 */
function gradientsOf(
  backend: StrictWebGPUBackend,
  { x, scale, moments, dsum, dy, dy2 }:
    & Readonly<Record<"x" | "scale" | "moments" | "dy", tf.TensorInfo>>
    & Partial<Readonly<Record<"dsum" | "dy2", tf.TensorInfo>>>,
): tf.TensorInfo[] {
  const columns = sizeOf(scale);
  const rows = sizeOf(x) / Math.max(1, columns);
  const blocks = Math.max(1, Math.ceil(rows / BLOCK_ROWS));
  const dx = makeFloats(backend, x.shape);
  const partsOf = (shape: number[]) =>
    makeFloats(backend, blocks === 1 ? shape : [blocks, columns]);
  const [dscale, doffset] = [partsOf(scale.shape), partsOf(scale.shape)];
  const program = rowProgram(rows, columns);
  const { width, integers, workgroups: rowGroups, functions } = program;
  const slabs = Math.ceil(columns / width / (ROW_THREADS / LANES));
  runProgram(backend, {
    ...program,
    name: "layer_norm_gradient",
    variants: [dsum ? "with_sum" : false, dy2 ? "in_parts" : false],
    constants: { LANES, BLOCK_ROWS },
    reads: { x, kept: moments, dsum, dy, dy2 },
    writes: { dx, dscale, doffset },
    elements: { kept: "f32" },
    integers: { ...integers, rowGroups, slabs },
    workgroups: rowGroups + slabs * blocks,
    functions: /* wgsl */ `${functions}
fn read_dy(at: u32) -> Pack { return ${dy2 ? "dy[at] + dy2[at]" : "dy[at]"}; }
fn with_dsum(dx: Pack, at: u32) -> Pack { return ${
      dsum ? "dx + dsum[at]" : "dx"
    }; }
${GRADIENT}`,
    body: /* wgsl */ `
  if (workgroup < uniforms.rowGroups) {
    of_rows(workgroup, local);
  } else {
    of_columns(workgroup - uniforms.rowGroups, local);
  }`,
  });
  if (blocks === 1) return [dx, dscale, doffset];
  const parts = [dscale, doffset];
  const total = columnSums(backend, parts, { rows: blocks, columns });
  parts.forEach(({ dataId }) => backend.disposeData(dataId));
  return [dx, ...total];
}

const GRADIENT = /* wgsl */ `
fn scale_at(i: u32) -> Pack {
  var scale = Pack();
  for (var place = 0u; place < WIDTH; place++) { // unroll
    set_number(&scale, place, kept[WIDTH * i + place]);
  }
  return scale;
}
fn kept_moments(row: u32) -> vec2f {
  let at = uniforms.columns + 2u * row;
  return vec2f(kept[at], kept[at + 1u]);
}

fn of_rows(workgroup: u32, local: u32) {
  let row = row_of(workgroup, local);
  let packs = packs_of(row);
  let member = local % uniforms.team;
  let moments = kept_moments(min(row, uniforms.rows - 1u));
  var part = vec2f();
  for (var i = member; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    let g = read_dy(at) * scale_at(i);
    part += vec2f(total(g), total(g * (x[at] - moments.x) * moments.y));
  }
  let means = team_sum(local, part) / f32(uniforms.columns);
  for (var i = member; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    let normal = (x[at] - moments.x) * moments.y;
    dx[at] = with_dsum((read_dy(at) * scale_at(i) - means.x - normal * means.y) * moments.y, at);
  }
}

var<workgroup> sums: array<array<Pack, 2>, THREADS>;
// The threads with neighbouring columns: as many are from a thread of a column to the next one.
const ACROSS = THREADS / LANES;
fn of_columns(slab: u32, local: u32) {
  let block = slab / uniforms.slabs;
  let column = slab % uniforms.slabs * ACROSS + local % ACROSS;
  let is_column = column < uniforms.packs;
  let first = block * BLOCK_ROWS;
  let end = select(0u, min(uniforms.rows, first + BLOCK_ROWS), is_column);
  var sum = array<Pack, 2>();
  for (var row = first + local / ACROSS; row < end; row += LANES) {
    let at = row * uniforms.packs + column;
    let moments = kept_moments(row);
    let gradient = read_dy(at);
    sum[0] += gradient * (x[at] - moments.x) * moments.y;
    sum[1] += gradient;
  }
  sums[local] = sum;
  workgroupBarrier();
  if (local >= ACROSS || !is_column) { return; }
  for (var lane = 1u; lane < LANES; lane++) {
    sum[0] += sums[lane * ACROSS + local][0];
    sum[1] += sums[lane * ACROSS + local][1];
  }
  dscale[block * uniforms.packs + column] = sum[0];
  doffset[block * uniforms.packs + column] = sum[1];
}
`;
