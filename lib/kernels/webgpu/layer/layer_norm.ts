/** Layer normalisation of rows, or of the sums of two rows each, and its gradient. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import { refer, sizeOf } from "../../../tfjs/kernel_call.ts";
import { columnSums } from "../../../tfjs/webgpu/column_sum.ts";
import type { FusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import {
  makeFloats,
  type Program,
  runProgram,
} from "../../../tfjs/webgpu/program.ts";
import {
  ROW_THREADS,
  rowFunctions,
  type Teams,
  teamsOf,
} from "../frame/rows.ts";

/** Threads of the gradient that share a column. */
const LANES = 16;
/** Most rows of a column's workgroup; of longer columns, each workgroup writes a part of the sum. */
const BLOCK_ROWS = 1024;

interface LayerNormAttributes {
  readonly epsilon: number;
  /** Whether there will be a gradient. */
  readonly keepsMoments: boolean;
}

/** WGSL function `moments_of`: the mean and inverse deviation of a team's row of a buffer. */
const momentsOf = (rows: "x" | "added_up") => /* wgsl */ `
fn moments_of(row: u32, local: u32) -> vec2f {
  let first = row * uniforms.packs;
  let packs = packs_of(row);
  let member = local % uniforms.team;
  var sum = 0.0;
  for (var i = member; i < packs; i += uniforms.team) { sum += total(${rows}[first + i]); }
  let mean = team_sum(local, vec2f(sum, 0.0)).x / f32(uniforms.columns);
  var squares = 0.0;
  for (var i = member; i < packs; i += uniforms.team) {
    let centred = ${rows}[first + i] - mean;
    squares += total(centred * centred);
  }
  let variance = team_sum(local, vec2f(squares, 0.0)).x / f32(uniforms.columns);
  return vec2f(mean, inverseSqrt(variance + uniforms.epsilon));
}
`;

/** The fields common to the programs of the forward pass and the gradient. */
function programOf(
  teams: Teams,
  { epsilon }: LayerNormAttributes,
  rows: "x" | "added_up" = "x",
): Pick<Program, "width" | "floats" | "threads" | "functions"> {
  const { width } = teams;
  const functions = rowFunctions(width) + momentsOf(rows);
  return { width, floats: { epsilon }, threads: ROW_THREADS, functions };
}

/** The kernel of layer normalisation: y = n · scale + offset, with n = (x - mean) / deviation. */
export const layerNorm: FusedKernel<
  "x" | "scale" | "offset",
  LayerNormAttributes
> = ({ backend, inputs, attributes }) => {
  const { y, moments } = normalize(backend, inputs, attributes);
  return [y, ...moments];
};

/** The kernel of the sum of two tensors and its layer normalisation. */
export const addAndNorm: FusedKernel<SummedInput, LayerNormAttributes> = (
  { backend, inputs, attributes },
) => {
  const { sum, y, moments } = normalize(backend, inputs, attributes);
  return [sum ?? refer(backend, inputs.x), y, ...moments];
};

/** The kernel of the layer normalisation of the sum of two tensors. */
export const normOfSum: FusedKernel<SummedInput, LayerNormAttributes> = (
  { backend, inputs, attributes },
) => {
  const { sum, y, moments } = normalize(backend, inputs, attributes);
  return [y, sum!, ...moments];
};

type SummedInput = "x" | "added" | "scale" | "offset";

/** What {@linkcode normalize} has made. */
interface Normalized {
  readonly sum?: tf.TensorInfo;
  readonly y: tf.TensorInfo;
  /**
   * For a gradient, all that it reads of a row beside its numbers: the scale, and
   * after it the mean and inverse deviation of each row, in one tensor, since that
   * takes one binding.
   */
  readonly moments: readonly tf.TensorInfo[];
}

/** Normalises x, or its sum with what is added, which is then returned, too. */
function normalize(
  backend: StrictWebGPUBackend,
  { x, added, scale, offset }:
    & Readonly<Record<"x" | "scale" | "offset", tf.TensorInfo>>
    & { readonly added?: tf.TensorInfo | undefined },
  attributes: LayerNormAttributes,
): Normalized {
  const columns = sizeOf(scale);
  const rows = sizeOf(x) / Math.max(1, columns);
  const teams = teamsOf(rows, columns);
  const y = makeFloats(backend, x.shape);
  const sum = added && makeFloats(backend, x.shape);
  const moments = attributes.keepsMoments
    ? makeFloats(backend, [columns + 2 * rows])
    : undefined;
  const source = sum ? "added_up" : "x";
  // Each thread reads again what it has itself written.
  const addUp = /* wgsl */ `
  for (var i = local % uniforms.team; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    added_up[at] = x[at] + added[at];
  }`;
  const keep = /* wgsl */ `
  if (local % uniforms.team == 0u && row < uniforms.rows) {
    kept[uniforms.columns + 2u * row] = moments.x;
    kept[uniforms.columns + 2u * row + 1u] = moments.y;
  }
  if (workgroup == 0u) {
    for (var i = local; i < uniforms.columns; i += ${ROW_THREADS}u) {
      kept[i] = scale[i${teams.width === 4 ? " / 4u][i % 4u" : ""}];
    }
  }`;
  runProgram(backend, {
    ...programOf(teams, attributes, source),
    name: sum ? "add_and_norm" : "layer_norm",
    variants: moments ? ["with_moments"] : [],
    reads: { x, added, scale, offset },
    writes: {
      y,
      ...(sum ? { added_up: sum } : {}),
      ...(moments ? { kept: moments } : {}),
    },
    elements: { kept: "f32" },
    integers: teams.integers,
    workgroups: Math.ceil(rows / teams.atOnce),
    body: /* wgsl */ `
  let row = row_of(workgroup * (${ROW_THREADS}u / uniforms.team), local);
  let packs = packs_of(row);${sum ? addUp : ""}
  let moments = moments_of(row, local);
  for (var i = local % uniforms.team; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    y[at] = (${source}[at] - moments.x) * moments.y * scale[i] + offset[i];
  }${moments ? keep : ""}`,
  });
  return {
    ...(sum ? { sum } : {}),
    y,
    moments: moments ? [moments] : [],
  };
}

/**
 * The gradient kernel of layer normalisation: dx = (g - mean(g) - n mean(g n)) /
 * deviation, with g = dy · scale; dscale = Σ dy n and doffset = Σ dy, over the rows.
 *
 * A workgroup has either rows, for dx, or columns, for dscale and doffset.
 */
export const layerNormGradient: FusedKernel<
  "x" | "scale" | "offset" | "moments" | "dy" | "dy2",
  LayerNormAttributes
> = ({ backend, inputs }) => gradientsOf(backend, inputs);

/**
 * The gradient kernel of a sum and its layer normalisation, or of the latter alone:
 * both summands have the same gradient.
 */
export const addAndNormGradient: FusedKernel<
  "sum" | "scale" | "moments" | "dsum" | "dy" | "dy2",
  LayerNormAttributes & { readonly adds: boolean }
> = ({ backend, inputs: { sum, ...others }, attributes }) => {
  const [dx, ...more] = gradientsOf(backend, { ...others, x: sum }) as [
    tf.TensorInfo,
    ...tf.TensorInfo[],
  ];
  return attributes.adds ? [dx, refer(backend, dx), ...more] : [dx, ...more];
};

/**
 * The gradients in x, to which `dsum` is added, in scale and in offset; that of y is
 * `dy`, or its sum with `dy2`.
 */
function gradientsOf(
  backend: StrictWebGPUBackend,
  { x, scale, moments, dsum, dy, dy2 }:
    & Readonly<Record<"x" | "scale" | "moments" | "dy", tf.TensorInfo>>
    & Partial<Readonly<Record<"dsum" | "dy2", tf.TensorInfo>>>,
): tf.TensorInfo[] {
  const columns = sizeOf(scale);
  const rows = sizeOf(x) / Math.max(1, columns);
  const { width, atOnce, integers } = teamsOf(rows, columns);
  const blocks = Math.max(1, Math.ceil(rows / BLOCK_ROWS));
  const across = ROW_THREADS / LANES;
  const slabs = Math.ceil(columns / width / across);
  const dx = makeFloats(backend, x.shape);
  const partsOf = (shape: number[]) =>
    makeFloats(backend, blocks === 1 ? shape : [blocks, columns]);
  const [dscale, doffset] = [partsOf(scale.shape), partsOf(scale.shape)];
  const rowGroups = Math.ceil(rows / atOnce);
  runProgram(backend, {
    name: "layer_norm_gradient",
    variants: [dsum ? "with_sum" : false, dy2 ? "in_parts" : false],
    width,
    reads: { x, kept: moments, dsum, dy, dy2 },
    writes: { dx, dscale, doffset },
    elements: { kept: "f32" },
    integers: { ...integers, rowGroups, slabs },
    threads: ROW_THREADS,
    workgroups: rowGroups + slabs * blocks,
    functions: /* wgsl */ `${rowFunctions(width)}
var<workgroup> sums: array<array<Pack, 2>, ${ROW_THREADS}>;
fn scale_at(i: u32) -> Pack {
  return ${
      width === 4
        ? "Pack(kept[4u * i], kept[4u * i + 1u], kept[4u * i + 2u], kept[4u * i + 3u])"
        : "kept[i]"
    };
}
fn dy_at(at: u32) -> Pack { return dy[at]${dy2 ? " + dy2[at]" : ""}; }
fn kept_moments(row: u32) -> vec2f {
  let at = uniforms.columns + 2u * row;
  return vec2f(kept[at], kept[at + 1u]);
}

fn of_rows(workgroup: u32, local: u32) {
  let row = row_of(workgroup * (${ROW_THREADS}u / uniforms.team), local);
  let packs = packs_of(row);
  let member = local % uniforms.team;
  let moments = kept_moments(min(row, uniforms.rows - 1u));
  var part = vec2f();
  for (var i = member; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    let g = dy_at(at) * scale_at(i);
    part += vec2f(total(g), total(g * (x[at] - moments.x) * moments.y));
  }
  let means = team_sum(local, part) / f32(uniforms.columns);
  for (var i = member; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    let normal = (x[at] - moments.x) * moments.y;
    dx[at] = (dy_at(at) * scale_at(i) - means.x - normal * means.y) * moments.y${
      dsum ? " + dsum[at]" : ""
    };
  }
}

// Neighbours read neighbours; the ${LANES} threads of a column lie ${across} apart.
fn of_columns(slab: u32, local: u32) {
  let block = slab / uniforms.slabs;
  let column = slab % uniforms.slabs * ${across}u + local % ${across}u;
  let is_column = column < uniforms.packs;
  let first = block * ${BLOCK_ROWS}u;
  let end = select(0u, min(uniforms.rows, first + ${BLOCK_ROWS}u), is_column);
  var sum = array<Pack, 2>();
  for (var row = first + local / ${across}u; row < end; row += ${LANES}u) {
    let at = row * uniforms.packs + column;
    let moments = kept_moments(row);
    let gradient = dy_at(at);
    sum[0] += gradient * (x[at] - moments.x) * moments.y;
    sum[1] += gradient;
  }
  sums[local] = sum;
  workgroupBarrier();
  if (local >= ${across}u || !is_column) { return; }
  for (var lane = 1u; lane < ${LANES}u; lane++) {
    sum[0] += sums[lane * ${across}u + local][0];
    sum[1] += sums[lane * ${across}u + local][1];
  }
  dscale[block * uniforms.packs + column] = sum[0];
  doffset[block * uniforms.packs + column] = sum[1];
}
`,
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
