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
  endOfSegments,
  limitOf,
  places,
  quadsIn,
  reading,
  shareTile,
  skipSegments,
  tileColumns,
  tiledProgram,
  tileFunctions,
  tileProducts,
  type Tiling,
  writing,
} from "../score_tiles/score_tiles.ts";
import { eachTileRow } from "../frame/register_tile.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import {
  addColumns,
  declareSum,
  threadQuads,
  writeSum,
} from "../score_tiles/tile_sums.ts";

/**
 * The program of each token's row statistics: maximum, 1 / sum, D = dy · y and the
 * number of its segment, from 1 on; for padding, the first three are 0 and the last negative.
 */
export function softmaxRowsProgram(
  { y, dy, maxima, sums, mask, segments }: Tensors,
  rows: tf.TensorInfo,
): Program {
  const [batch, heads, length, columns] = y!.shape as [
    number,
    number,
    number,
    number,
  ];
  const count = batch * heads * length;
  const teams = teamsOf(count, columns);
  const masked = mask !== undefined, packed = segments !== undefined;
  return {
    name: "softmax_rows",
    variants: [...(masked ? ["mask"] : []), ...(packed ? ["segments"] : [])],
    width: widthOf(columns),
    elements: {
      maxima: "f32",
      sums: "f32",
      mask: "f32",
      segments: "f32",
      rows: "vec4f",
    },
    reads: {
      y: y!,
      dy: dy!,
      maxima: maxima!,
      sums: sums!,
      ...(masked ? { mask } : {}),
      ...(packed ? { segments } : {}),
    },
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
export const isToken = (token: string) => `rows[${token}].w > 0.0`;

/** WGSL of the segment's number at a position, padding included. */
export const segmentOf = (position: string) =>
  `abs(rows[base + ${position}].w)`;

/** The program of the gradient in queries, dq_i = s Σ_j p_ij (dy_i · v_j - D_i) k_j. */
export function queryGradientProgram(
  reads: Tensors,
  dq: tf.TensorInfo,
  attributes: SoftmaxAttributes,
  tiling: Tiling,
): Program {
  const { q, v } = reads;
  const program = tiledProgram(q!, v!, attributes, tiling);
  const { width } = program;
  return {
    ...program,
    name: "softmax_query_gradient",
    elements: { rows: "vec4f" },
    reads,
    writes: { dq },
    functions: /* wgsl */ `${tileFunctions(tiling)}
${reading("q", "headDim", width)}
${reading("k", "headDim", width)}
${reading("v", "valueDim", width)}
${reading("dy", "valueDim", width)}
${writing("dq", "headDim", width)}
`,
    body: /* wgsl */ `${places(tiling)}
${threadQuads(tiling)}
${eachTileRow((r) => `  let own${r} = rows[row${r}];`)}
${declareSum(tiling, "sum")}
  let end = ${endOf(tiling.rows)};
${skipSegments(tiling, segmentOf)}
  for (var first = start; first < end; first += ${tiling.columns}u) {
${endOfSegments(segmentOf)}
${tileColumns}
    let numbers = vec4f(${repeat(4, (c) => `rows[column${c}].w`, ", ")});
${
      tileProducts(tiling, {
        sum: "score",
        ofRows: "q",
        ofColumns: "k",
        end: quadsIn("headDim"),
      })
    }
${
      tileProducts(tiling, {
        sum: "slope",
        ofRows: "dy",
        ofColumns: "v",
        end: quadsIn("valueDim"),
      })
    }
${
      eachTileRow((r) =>
        `    let weight${r} = exp(uniforms.scale * score${r} - own${r}.x) * own${r}.y;
    slope${r} = select(vec4f(), weight${r} * (slope${r} - own${r}.z), (numbers == vec4f(own${r}.w)) & (${
          before(limitOf(r))
        }));`
      )
    }
${shareTile(tiling, "slope")}
${
      addColumns(tiling, {
        sum: "sum",
        vectors: "k",
        isToken,
      })
    }
${END_OF_TILE}
  }
${
      eachTileRow((r) =>
        `  if (row + ${r}u <= last) {
${
          writeSum(tiling, r, {
            sum: "sum",
            to: "dq",
            value: (sum) =>
              `select(vec4f(), uniforms.scale * ${sum}, own${r}.w > 0.0)`,
          })
        }
  }`
      )
    }`,
  };
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
  const { q, v } = reads;
  const program = tiledProgram(q!, v!, attributes, tiling);
  const { width } = program;
  const ofColumns = (part: string) =>
    `vec4f(${repeat(4, (c) => `other${c}.${part}`, ", ")})`;
  return {
    ...program,
    name: "softmax_key_gradients",
    elements: { rows: "vec4f" },
    reads,
    writes,
    functions: /* wgsl */ `${tileFunctions(tiling)}
${reading("q", "headDim", width)}
${reading("k", "headDim", width)}
${reading("v", "valueDim", width)}
${reading("dy", "valueDim", width)}
${writing("dk", "headDim", width)}
${writing("dv", "valueDim", width)}
`,
    body: /* wgsl */ `${places(tiling)}
${threadQuads(tiling)}
${declareSum(tiling, "key")}
${declareSum(tiling, "value")}
${eachTileRow((r) => `  let number${r} = rows[row${r}].w;`)}
  let end = uniforms.length;
${skipSegments(tiling, segmentOf)}
  if (uniforms.causal != 0u) { start = first_row / ${tiling.columns}u * ${tiling.columns}u; }
  for (var first = start; first < end; first += ${tiling.columns}u) {
${endOfSegments(segmentOf)}
${tileColumns}
${repeat(4, (c) => `    let other${c} = rows[column${c}];`)}
    let maxima = ${ofColumns("x")};
    let shares = ${ofColumns("y")};
    let slopes = ${ofColumns("z")};
    let numbers = ${ofColumns("w")};
    let queries = ${before("uniforms.length")};
${
      tileProducts(tiling, {
        sum: "score",
        ofRows: "k",
        ofColumns: "q",
        end: quadsIn("headDim"),
      })
    }
${
      tileProducts(tiling, {
        sum: "slope",
        ofRows: "v",
        ofColumns: "dy",
        end: quadsIn("valueDim"),
      })
    }
${
      eachTileRow((r) =>
        `    let kept${r} = queries & (numbers == vec4f(number${r})) & (vec4u(select(0u, row + ${r}u, uniforms.causal != 0u)) <= positions);
    score${r} = select(vec4f(), exp(uniforms.scale * score${r} - maxima) * shares, kept${r});
    slope${r} = select(vec4f(), score${r} * (slope${r} - slopes), kept${r});`
      )
    }
${shareTile(tiling, "score")}
${
      addColumns(tiling, {
        sum: "value",
        vectors: "dy",
        isToken,
      })
    }
${END_OF_TILE}
${shareTile(tiling, "slope")}
${
      addColumns(tiling, {
        sum: "key",
        vectors: "q",
        isToken,
      })
    }
${END_OF_TILE}
  }
${
      eachTileRow((r) =>
        `  if (row + ${r}u <= last) {
    let is_token = ${isToken(`row${r}`)};
${
          writeSum(tiling, r, {
            sum: "key",
            to: "dk",
            value: (sum) =>
              `select(vec4f(), uniforms.scale * ${sum}, is_token)`,
          })
        }
${
          writeSum(tiling, r, {
            sum: "value",
            to: "dv",
            value: (sum) => `select(vec4f(), ${sum}, is_token)`,
          })
        }
  }`
      )
    }`,
  };
}
