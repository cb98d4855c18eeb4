/** Layer normalisation of rows, or of the sums of two rows each, and its gradient. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import { columnSums } from "../../../tfjs/webgpu/column_sum.ts";
import type { FusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import {
  makeFloats,
  type Program,
  runProgram,
  sizeOf,
} from "../../../tfjs/webgpu/program.ts";
import {
  ROW_THREADS,
  rowFunctions,
  type Teams,
  teamsOf,
} from "../frame/rows.ts";

/** Rows that a workgroup of the gradient reads, unless its teams read more at once. */
const BLOCK_ROWS = 16;

interface LayerNormAttributes {
  readonly epsilon: number;
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
> = ({ backend, inputs, attributes }) => [
  normalize(backend, inputs, attributes).y,
];

/** The kernel of the sum of two tensors and its layer normalisation. */
export const addAndNorm: FusedKernel<SummedInput, LayerNormAttributes> = (
  { backend, inputs, attributes },
) => {
  const { sum, y } = normalize(backend, inputs, attributes);
  return [sum ?? refer(backend, inputs.x), y];
};

/** The kernel of the layer normalisation of the sum of two tensors. */
export const normOfSum: FusedKernel<SummedInput, LayerNormAttributes> = (
  { backend, inputs, attributes },
) => {
  const { sum, y } = normalize(backend, inputs, attributes);
  return [y, sum!];
};

type SummedInput = "x" | "added" | "scale" | "offset";

/** Normalises x, or its sum with what is added, which is then returned, too. */
function normalize(
  backend: StrictWebGPUBackend,
  { x, added, scale, offset }:
    & Readonly<Record<"x" | "scale" | "offset", tf.TensorInfo>>
    & { readonly added?: tf.TensorInfo | undefined },
  attributes: LayerNormAttributes,
): { sum?: tf.TensorInfo; y: tf.TensorInfo } {
  const columns = sizeOf(scale);
  const rows = sizeOf(x) / Math.max(1, columns);
  const teams = teamsOf(rows, columns);
  const y = makeFloats(backend, x.shape);
  const sum = added && makeFloats(backend, x.shape);
  const source = sum ? "added_up" : "x";
  // Each thread reads again what it has itself written.
  const addUp = /* wgsl */ `
  for (var i = local % uniforms.team; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    added_up[at] = x[at] + added[at];
  }`;
  runProgram(backend, {
    ...programOf(teams, attributes, source),
    name: sum ? "add_and_norm" : "layer_norm",
    reads: { x, added, scale, offset },
    writes: { y, ...(sum ? { added_up: sum } : {}) },
    integers: teams.integers,
    workgroups: Math.ceil(rows / teams.atOnce),
    body: /* wgsl */ `
  let row = row_of(workgroup * (${ROW_THREADS}u / uniforms.team), local);
  let packs = packs_of(row);${sum ? addUp : ""}
  let moments = moments_of(row, local);
  for (var i = local % uniforms.team; i < packs; i += uniforms.team) {
    let at = row * uniforms.packs + i;
    y[at] = (${source}[at] - moments.x) * moments.y * scale[i] + offset[i];
  }`,
  });
  return { ...(sum ? { sum } : {}), y };
}

/** A tensor that shares another one's values. */
function refer(
  backend: StrictWebGPUBackend,
  { dataId, shape, dtype }: tf.TensorInfo,
): tf.TensorInfo {
  backend.incRef(dataId);
  return { dataId, shape, dtype };
}

/**
 * The gradient kernel of layer normalisation: dx = (g - mean(g) - n mean(g n)) /
 * deviation, with g = dy · scale; dscale = Σ dy n and doffset = Σ dy, over the rows.
 *
 * A workgroup reads a block of rows twice: in teams along the rows, for dx, and
 * then thread by thread down the columns, for the block's part of dscale and doffset.
 */
export const layerNormGradient: FusedKernel<
  "x" | "scale" | "offset" | "dy",
  LayerNormAttributes
> = ({ backend, inputs, attributes }) =>
  gradientsOf(backend, inputs, attributes);

/**
 * The gradient kernel of a sum and its layer normalisation, or of the latter alone:
 * both summands have the same gradient.
 */
export const addAndNormGradient: FusedKernel<
  "sum" | "scale" | "dsum" | "dy",
  LayerNormAttributes & { readonly adds: boolean }
> = ({ backend, inputs, attributes }) => {
  const { sum: x, scale, dsum, dy } = inputs;
  const [dx, ...others] = gradientsOf(
    backend,
    { x, scale, dsum, dy },
    attributes,
  ) as [tf.TensorInfo, ...tf.TensorInfo[]];
  return attributes.adds
    ? [dx, refer(backend, dx), ...others]
    : [dx, ...others];
};

/** The gradients in x, to which `dsum` is added, in scale and in offset. */
function gradientsOf(
  backend: StrictWebGPUBackend,
  { x, scale, dsum, dy }:
    & Readonly<Record<"x" | "scale" | "dy", tf.TensorInfo>>
    & { readonly dsum?: tf.TensorInfo | undefined },
  attributes: LayerNormAttributes,
): tf.TensorInfo[] {
  const columns = sizeOf(scale);
  const rows = sizeOf(x) / Math.max(1, columns);
  const teams = teamsOf(rows, columns);
  const blockRows = Math.max(BLOCK_ROWS, teams.atOnce);
  const blocks = Math.max(1, Math.ceil(rows / blockRows));
  const dx = makeFloats(backend, x.shape);
  const partsOf = (shape: number[]) =>
    makeFloats(backend, blocks === 1 ? shape : [blocks, columns]);
  const [dscale, doffset] = [partsOf(scale.shape), partsOf(scale.shape)];
  const common = programOf(teams, attributes);
  runProgram(backend, {
    ...common,
    name: "layer_norm_gradient",
    variants: dsum ? ["with_sum"] : [],
    reads: { x, scale, dsum, dy },
    writes: { dx, dscale, doffset },
    integers: { ...teams.integers, blockRows },
    workgroups: blocks,
    functions: /* wgsl */ `${common.functions}
var<workgroup> moments_of_block: array<vec2f, ${ROW_THREADS}>;
`,
    body: /* wgsl */ `
  let first = workgroup * uniforms.blockRows;
  let at_once = ${ROW_THREADS}u / uniforms.team;
  let member = local % uniforms.team;
  for (var done = 0u; done < uniforms.blockRows; done += at_once) {
    let row = row_of(first + done, local);
    let packs = packs_of(row);
    let moments = moments_of(row, local);
    if (member == 0u) { moments_of_block[row - first] = moments; }
    var part = vec2f();
    for (var i = member; i < packs; i += uniforms.team) {
      let at = row * uniforms.packs + i;
      let g = dy[at] * scale[i];
      part += vec2f(total(g), total(g * (x[at] - moments.x) * moments.y));
    }
    let means = team_sum(local, part) / f32(uniforms.columns);
    for (var i = member; i < packs; i += uniforms.team) {
      let at = row * uniforms.packs + i;
      let normal = (x[at] - moments.x) * moments.y;
      dx[at] = (dy[at] * scale[i] - means.x - normal * means.y) * moments.y${
      dsum ? " + dsum[at]" : ""
    };
    }
  }
  workgroupBarrier();
  let end = min(uniforms.rows, first + uniforms.blockRows);
  for (var i = local; i < uniforms.packs; i += ${ROW_THREADS}u) {
    var scale_sum = Pack();
    var offset_sum = Pack();
    for (var row = first; row < end; row++) {
      let moments = moments_of_block[row - first];
      let at = row * uniforms.packs + i;
      scale_sum += dy[at] * (x[at] - moments.x) * moments.y;
      offset_sum += dy[at];
    }
    dscale[workgroup * uniforms.packs + i] = scale_sum;
    doffset[workgroup * uniforms.packs + i] = offset_sum;
  }`,
  });
  if (blocks === 1) return [dx, dscale, doffset];
  const parts = [dscale, doffset];
  const sums = columnSums(backend, parts, { rows: blocks, columns });
  parts.forEach(({ dataId }) => backend.disposeData(dataId));
  return [dx, ...sums];
}
