/**
 * The gradient of softmax attention, which computes the scores again. With
 * the weights p_ij and D_i = dy_i · y_i,
 *
 *     dv_j = Σ_i p_ij dy_i          t_ij = p_ij (dy_i · v_j - D_i)
 *     dq_i = s Σ_j t_ij k_j         dk_j = s Σ_i t_ij q_i
 *
 * @module
 */
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import type * as tf from "@tensorflow/tfjs-core";
import {
  type Program,
  type Tensors,
  widthOf,
} from "../../../tfjs/webgpu/program.ts";
import { ROW_THREADS, rowFunctions, teamsOf } from "../frame/rows.ts";
import {
  before,
  END_OF_TILE,
  endOf,
  limitOf,
  shareTile,
  type Tiling,
} from "../score_tiles/score_tiles.ts";
import { eachTileRow } from "../frame/register_tile.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { addColumns, writeSum } from "../score_tiles/tile_sums.ts";
import { products, softmaxProgram } from "./softmax_tiles.ts";

/**
 * The program of each token's row statistics: maximum, 1 / sum, D = dy · y and the
 * number of its segment, from 1 on; for padding, the first three are 0 and the last negative.
 */
export function softmaxRowsProgram(
  { y, dy, maxima, sums, mask, segments }: Tensors,
  rows: tf.TensorInfo,
): Program {
  const [batch, heads, length, columns] = y!.shape as tf.Tensor4D["shape"];
  const count = batch * heads * length;
  const teams = teamsOf(count, columns);
  const masked = mask !== undefined, packed = segments !== undefined;
  return {
    name: "softmax_rows",
    variants: [masked && "mask", packed && "segments"],
    width: widthOf(columns),
    elements: {
      ...{ maxima: "f32", sums: "f32", mask: "f32", segments: "f32" },
      rows: "vec4f",
    },
    reads: { y, dy, maxima, sums, mask, segments },
    writes: { rows },
    integers: { ...teams.integers, length, heads },
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
  let slope = team_sum(local, vec2f(part, 0.0)).x;
  if (row < uniforms.rows && local % uniforms.team == 0u) {
${
      masked || packed
        ? `    let entry = row / uniforms.length / uniforms.heads;
    let at = entry * uniforms.length + row % uniforms.length;`
        : ""
    }
    let number = ${packed ? "segments[at]" : "1.0"};
    let found = vec4f(maxima[row], 1.0 / sums[row], slope, number);
    rows[row] = ${
      masked
        ? "select(vec4f(0.0, 0.0, 0.0, -number), found, mask[at] != 0.0)"
        : "found"
    };
  }`,
  };
}

/** WGSL of whether a position has a token, by the sign of the segment in its row. */
const isToken = (token: string) => `rows[${token}].w > 0.0`;

/** WGSL of the segment's number at a position, padding included. */
const segmentOf = (position: string) => `abs(rows[base + ${position}].w)`;

/** The program of the gradient in queries, dq_i = s Σ_j p_ij (dy_i · v_j - D_i) k_j. */
export function queryGradientProgram(
  reads: Tensors,
  dq: tf.TensorInfo,
  attributes: SoftmaxAttributes,
  tiling: Tiling,
): Program {
  const slope = (r: number) =>
    /* wgsl */ `    let weight${r} = exp(uniforms.scale * score${r} - own${r}.x) * own${r}.y;
    slope${r} = select(vec4f(), weight${r} * (slope${r} - own${r}.z), (numbers == vec4f(own${r}.w)) & (${
      before(limitOf(r))
    }));`;
  const value = (r: number) => (sum: string) =>
    `select(vec4f(), uniforms.scale * ${sum}, own${r}.w > 0.0)`;
  return softmaxProgram(tiling, attributes, {
    name: "softmax_query_gradient",
    elements: { rows: "vec4f" },
    reads,
    writes: { dq },
    vectors: [["q", "k", "v", "dy"], ["dq"]],
    sums: ["sum"],
    places: eachTileRow((r) => `  let own${r} = rows[row${r}];`) + "\n",
    open: `  let end = ${endOf(tiling.rows)};`,
    segmentOf,
    block: /* wgsl */ `    let numbers = vec4f(${
      repeat(4, (c) => `rows[column${c}].w`, ", ")
    });
${products(tiling, "score", "q", "k")}
${products(tiling, "slope", "dy", "v")}
${eachTileRow(slope)}
${shareTile(tiling, "slope")}
${addColumns(tiling, { sum: "sum", vectors: "k", isToken })}
${END_OF_TILE}`,
    store: eachTileRow((r) =>
      `  if (row + ${r}u <= last) {
${writeSum(tiling, r, { sum: "sum", to: "dq", value: value(r) })}
  }`
    ),
  });
}

/**
 * The program of the gradients in values and keys, dv_j = Σ_i p_ij dy_i and
 * dk_j = s Σ_i p_ij (dy_i · v_j - D_i) q_i; the rows of its tiles are keys.
 */
export function keyGradientsProgram(
  reads: Tensors,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  tiling: Tiling,
): Program {
  const ofColumns = (part: string) =>
    `vec4f(${repeat(4, (c) => `other${c}.${part}`, ", ")})`;
  const weigh = (r: number) =>
    /* wgsl */ `    let kept${r} = queries & (numbers == vec4f(number${r})) & (vec4u(select(0u, row + ${r}u, uniforms.causal != 0u)) <= positions);
    score${r} = select(vec4f(), exp(uniforms.scale * score${r} - maxima) * shares, kept${r});
    slope${r} = select(vec4f(), score${r} * (slope${r} - slopes), kept${r});`;
  const write = (r: number, sum: string, to: string, scale: string) =>
    writeSum(tiling, r, {
      ...{ sum, to },
      value: (sum) => `select(vec4f(), ${scale}${sum}, is_token)`,
    });
  return softmaxProgram(tiling, attributes, {
    name: "softmax_key_gradients",
    elements: { rows: "vec4f" },
    reads,
    writes,
    vectors: [["q", "k", "v", "dy"], ["dk", "dv"]],
    sums: ["key", "value"],
    open: `${eachTileRow((r) => `  let number${r} = rows[row${r}].w;`)}
  let end = uniforms.length;`,
    start:
      `\n  if (uniforms.causal != 0u) { start = first_row / ${tiling.columns}u * ${tiling.columns}u; }`,
    segmentOf,
    block: /* wgsl */ `${
      repeat(4, (c) => `    let other${c} = rows[column${c}];`)
    }
    let maxima = ${ofColumns("x")};
    let shares = ${ofColumns("y")};
    let slopes = ${ofColumns("z")};
    let numbers = ${ofColumns("w")};
    let queries = ${before("uniforms.length")};
${products(tiling, "score", "k", "q")}
${products(tiling, "slope", "v", "dy")}
${eachTileRow(weigh)}
${shareTile(tiling, "score")}
${addColumns(tiling, { sum: "value", vectors: "dy", isToken })}
${END_OF_TILE}
${shareTile(tiling, "slope")}
${addColumns(tiling, { sum: "key", vectors: "q", isToken })}
${END_OF_TILE}`,
    store: eachTileRow((r) =>
      `  if (row + ${r}u <= last) {
    let is_token = ${isToken(`row${r}`)};
${write(r, "key", "dk", "uniforms.scale * ")}
${write(r, "value", "dv", "")}
  }`
    ),
  });
}
