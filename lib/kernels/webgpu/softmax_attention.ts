/**
 * Softmax attention for WebGPU. The forward pass is one launch; the gradient is
 * three: what each row needs, then dq, then dk and dv, which compute the scores
 * again. No launch binds more than eight buffers, which all devices do.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../backend/gpu_backend.ts";
import {
  SOFTMAX_ATTENTION,
  type SoftmaxAttributes,
} from "../../attention/softmax_attention.ts";
import { type FusedKernel, registerFusedKernel } from "./fused_kernel.ts";
import { makeFloats, runProgram, type Tensors, widthOf } from "./program.ts";
import { ROW_THREADS, rowFunctions, teamsOf } from "./rows.ts";
import {
  addColumns,
  copyRows,
  declareSum,
  eachRow,
  endOfTile,
  laneQuads,
  places,
  reading,
  shareTile,
  tileColumns,
  tiledProgram,
  tileFunctions,
  tileProducts,
  type Tiling,
  writeSum,
  writing,
} from "./score_tiles.ts";
import { repeat } from "./shader.ts";

/** Below all scores, and finite: WGSL has no other. */
const LOWEST = "-3.4e38";

/** Four booleans: which of the tile's columns row r reads, if `limit` is beyond the last. */
const before = (limit: string) => `positions < vec4u(${limit})`;

/** The end of the columns that row r reads. */
const limitOf = (r: number) =>
  `select(uniforms.length, min(uniforms.length, row + ${
    r + 1
  }u), uniforms.causal != 0u)`;

/** The end of the columns that a row of the workgroup reads. */
const endOf = (rows: number) =>
  `select(uniforms.length, min(uniforms.length, first_row + ${rows}u), uniforms.causal != 0u)`;

/** Row r of two vectors of four rows each. */
const ofRow = (name: string, r: number) => `${name}${r >> 2}[${r % 4}]`;

/** What the kernels are given, and what is known of the adapter. */
type Attributes = SoftmaxAttributes & { readonly isSoftware: boolean };

/**
 * Registers the forward and the gradient kernel.
 *
 * @param isSoftware Whether the adapter computes on the CPU.
 */
export function registerSoftmaxAttention(isSoftware: boolean): void {
  const forward: FusedKernel<ForwardInput, SoftmaxAttributes> = (call) =>
    attend({ ...call, attributes: { ...call.attributes, isSoftware } });
  const gradient: FusedKernel<GradientInput, SoftmaxAttributes> = (call) =>
    differentiate({ ...call, attributes: { ...call.attributes, isSoftware } });
  registerFusedKernel(SOFTMAX_ATTENTION, forward);
  registerFusedKernel(`${SOFTMAX_ATTENTION}Grad`, gradient);
}

type ForwardInput = "q" | "k" | "v" | "mask";

/** Raises the maxima of the tile's rows by the scores of all lanes. */
function raiseMaxima({ alone, lanes, rows }: Tiling): string {
  const highestOf = (i: number) =>
    `vec4f(${
      repeat(
        4,
        (n) => `max(pair${4 * i + n}.x, pair${4 * i + n}.y)`,
        ", ",
      )
    })`;
  const pairs = eachRow((r) =>
    `    let pair${r} = max(score${r}.xy, score${r}.zw);`
  );
  if (alone) {
    return /* wgsl */ `${pairs}
${repeat(2, (i) => `    maxima${i} = max(maxima${i}, ${highestOf(i)});`)}`;
  }
  const place = (lane: string, i: number) =>
    `highest[${lane} * ${rows / 4}u + tile_row / 4u + ${i}u]`;
  return /* wgsl */ `${pairs}
${repeat(2, (i) => `    ${place("lane", i)} = ${highestOf(i)};`)}
    workgroupBarrier();
    for (var other = 0u; other < ${lanes}u; other++) {
${repeat(2, (i) => `      maxima${i} = max(maxima${i}, ${place("other", i)});`)}
    }`;
}

/** Outputs `y`, `maxima` and `sums`. */
const attend: FusedKernel<ForwardInput, Attributes> = (
  { backend, inputs: { q, k, v, mask }, attributes },
) => {
  const { tiling, ...program } = tiledProgram(q, v, attributes);
  const { lanes, rows } = tiling;
  const { width } = program;
  const perToken = q.shape.slice(0, 3);
  const y = makeFloats(backend, v.shape);
  const maxima = makeFloats(backend, perToken);
  const sums = makeFloats(backend, perToken);
  const masked = mask !== undefined;
  const isToken = (token: string) =>
    `mask[first_of_mask + (${token} - base)] != 0.0`;
  const kept = (r: number) => masked ? `(kept${r} & tokens)` : `kept${r}`;
  runProgram(backend, {
    ...program,
    name: "softmax_attention",
    variants: [...program.variants!, ...(masked ? ["mask"] : [])],
    elements: { mask: "f32", maxima: "f32", sums: "f32" },
    reads: { q, k, v, ...(masked ? { mask } : {}) },
    writes: { y, maxima, sums },
    functions: /* wgsl */ `${tileFunctions(tiling)}
${
      tiling.alone
        ? ""
        : `var<workgroup> highest: array<vec4f, ${lanes * rows / 4}>;`
    }
${reading("q", "headDim", width)}
${reading("k", "headDim", width)}
${reading("v", "valueDim", width)}
${writing("y", "valueDim", width)}
`,
    body: /* wgsl */ `${places(tiling)}
${laneQuads(tiling)}
${copyRows(tiling, "q", "headDim")}
${
      masked
        ? "  let first_of_mask = workgroup / uniforms.blocks / uniforms.heads * uniforms.length;"
        : ""
    }
${declareSum(tiling, "sum")}
${
      repeat(
        2,
        (i) =>
          `  var maxima${i} = vec4f(${LOWEST});\n  var total${i} = vec4f();`,
      )
    }
  let end = ${endOf(rows)};
  for (var first = 0u; first < end; first += ${tiling.columns}u) {
${tileColumns}
${
      masked
        ? `    let tokens = vec4<bool>(${
          repeat(4, (c) => isToken(`column${c}`), ", ")
        });`
        : ""
    }
${
      tileProducts(tiling, {
        sum: "score",
        ofRows: "q",
        ofColumns: "k",
        dim: "headDim",
      })
    }
${
      eachRow((r) =>
        `    let kept${r} = ${before(limitOf(r))};
    score${r} = select(vec4f(${LOWEST}), uniforms.scale * score${r}, ${
          kept(r)
        });`
      )
    }
${repeat(2, (i) => `    let old${i} = maxima${i};`)}
${raiseMaxima(tiling)}
${
      repeat(2, (i) =>
        `    let left${i} = exp(old${i} - maxima${i});
    total${i} *= left${i};`)
    }
${
      eachRow((r) =>
        `    score${r} = select(vec4f(), exp(score${r} - ${
          ofRow("maxima", r)
        }), ${kept(r)});`
      )
    }
${shareTile(tiling, "score")}
${
      addColumns(tiling, {
        sum: "sum",
        tile: "score",
        vectors: "v",
        dim: "valueDim",
        ...(masked
          ? { isToken: { of: isToken, own: (c) => `tokens[${c}]` } }
          : {}),
        factor: (r) => ofRow("left", r),
        also: (r, weights) =>
          `${ofRow("total", r)} += dot(${weights}, vec4f(1.0));`,
      })
    }
  }
${
      eachRow((r) => {
        const value = (sum: string) => `${sum} / ${ofRow("total", r)}`;
        const store = writeSum(tiling, r, {
          sum: "sum",
          to: "y",
          value: (sum) =>
            masked
              ? `select(vec4f(), ${value(sum)}, ${isToken(`row${r}`)})`
              : value(sum),
        });
        return `  if (row + ${r}u <= last) {
${store}
    if (lane == 0u && layer == 0u) {
      maxima[row${r}] = ${ofRow("maxima", r)};
      sums[row${r}] = ${ofRow("total", r)};
    }
  }`;
      })
    }`,
  });
  return [y, maxima, sums];
};

type GradientInput =
  | "q"
  | "k"
  | "v"
  | "y"
  | "maxima"
  | "sums"
  | "mask"
  | "dy";

/** Outputs `dq`, `dk` and `dv`. */
const differentiate: FusedKernel<GradientInput, Attributes> = (
  { backend, inputs, attributes },
) => {
  const { q, k, v, dy } = inputs;
  const [dq, dk, dv] = [q, k, v].map(({ shape }) =>
    makeFloats(backend, shape)
  ) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
  const rows = rowsOf(backend, inputs);
  const reads = { q, k, v, dy, rows };
  queryGradient(backend, reads, dq, attributes);
  keyGradients(backend, reads, { dk, dv }, attributes);
  backend.disposeData(rows.dataId);
  return [dq, dk, dv];
};

/** For each token its maximum, 1 / sum, D = dy · y and 1, or 0 for padding. */
function rowsOf(
  backend: StrictWebGPUBackend,
  { y, dy, maxima, sums, mask }: Readonly<
    Record<GradientInput, tf.TensorInfo>
  >,
): tf.TensorInfo {
  const [batch, heads, length, columns] = y.shape as [
    number,
    number,
    number,
    number,
  ];
  const count = batch * heads * length;
  const teams = teamsOf(count, columns);
  const rows = makeFloats(backend, [count, 4]);
  const masked = mask !== undefined;
  runProgram(backend, {
    name: "softmax_rows",
    variants: masked ? ["mask"] : [],
    width: widthOf(columns),
    elements: { maxima: "f32", sums: "f32", mask: "f32", rows: "vec4f" },
    reads: { y, dy, maxima, sums, ...(masked ? { mask } : {}) },
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
    let found = vec4f(maxima[row], 1.0 / sums[row], slope, 1.0);
${
      masked
        ? `    let sequence = row / uniforms.length / uniforms.heads;
    let is_token = mask[sequence * uniforms.length + row % uniforms.length] != 0.0;
    rows[row] = select(vec4f(), found, is_token);`
        : "    rows[row] = found;"
    }
  }`,
  });
  return rows;
}

const isToken = (token: string) => `rows[${token}].w != 0.0`;

/** dq_i = s Σ_j p_ij (dy_i · v_j - D_i) k_j */
function queryGradient(
  backend: StrictWebGPUBackend,
  reads: Tensors,
  dq: tf.TensorInfo,
  attributes: Attributes,
): void {
  const { q, v } = reads as Record<"q" | "v", tf.TensorInfo>;
  const { tiling, ...program } = tiledProgram(q, v, attributes);
  const { width } = program;
  runProgram(backend, {
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
${laneQuads(tiling)}
${copyRows(tiling, "q", "headDim")}
${copyRows(tiling, "dy", "valueDim")}
${eachRow((r) => `  let own${r} = rows[row${r}];`)}
${declareSum(tiling, "sum")}
  let end = ${endOf(tiling.rows)};
  for (var first = 0u; first < end; first += ${tiling.columns}u) {
${tileColumns}
    let tokens = vec4<bool>(${repeat(4, (c) => isToken(`column${c}`), ", ")});
${
      tileProducts(tiling, {
        sum: "score",
        ofRows: "q",
        ofColumns: "k",
        dim: "headDim",
      })
    }
${
      tileProducts(tiling, {
        sum: "slope",
        ofRows: "dy",
        ofColumns: "v",
        dim: "valueDim",
      })
    }
${
      eachRow((r) =>
        `    let weight${r} = exp(uniforms.scale * score${r} - own${r}.x) * own${r}.y;
    slope${r} = select(vec4f(), weight${r} * (slope${r} - own${r}.z), tokens & (${
          before(limitOf(r))
        }));`
      )
    }
${shareTile(tiling, "slope")}
${
      addColumns(tiling, {
        sum: "sum",
        tile: "slope",
        vectors: "k",
        dim: "headDim",
        isToken: { of: isToken, own: (c) => `tokens[${c}]` },
      })
    }
${endOfTile(tiling)}
  }
${
      eachRow((r) =>
        `  if (row + ${r}u <= last) {
${
          writeSum(tiling, r, {
            sum: "sum",
            to: "dq",
            value: (sum) =>
              `select(vec4f(), uniforms.scale * ${sum}, own${r}.w != 0.0)`,
          })
        }
  }`
      )
    }`,
  });
}

/** dv_j = Σ_i p_ij dy_i and dk_j = s Σ_i p_ij (dy_i · v_j - D_i) q_i: rows are keys here. */
function keyGradients(
  backend: StrictWebGPUBackend,
  reads: Tensors,
  writes: Tensors,
  attributes: Attributes,
): void {
  const { q, v } = reads as Record<"q" | "v", tf.TensorInfo>;
  const { tiling, ...program } = tiledProgram(q, v, attributes);
  const { width } = program;
  const ofColumns = (part: string) =>
    `vec4f(${repeat(4, (c) => `other${c}.${part}`, ", ")})`;
  runProgram(backend, {
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
${laneQuads(tiling)}
${copyRows(tiling, "k", "headDim")}
${copyRows(tiling, "v", "valueDim")}
${declareSum(tiling, "key")}
${declareSum(tiling, "value")}
  let end = uniforms.length;
  let start = select(0u, first_row / ${tiling.columns}u * ${tiling.columns}u, uniforms.causal != 0u);
  for (var first = start; first < end; first += ${tiling.columns}u) {
${tileColumns}
${repeat(4, (c) => `    let other${c} = rows[column${c}];`)}
    let maxima = ${ofColumns("x")};
    let shares = ${ofColumns("y")};
    let slopes = ${ofColumns("z")};
    let tokens = (${ofColumns("w")} != vec4f()) & (${
      before("uniforms.length")
    });
${
      tileProducts(tiling, {
        sum: "score",
        ofRows: "k",
        ofColumns: "q",
        dim: "headDim",
      })
    }
${
      tileProducts(tiling, {
        sum: "slope",
        ofRows: "v",
        ofColumns: "dy",
        dim: "valueDim",
      })
    }
${
      eachRow((r) =>
        `    let kept${r} = tokens & (vec4u(select(0u, row + ${r}u, uniforms.causal != 0u)) <= positions);
    score${r} = select(vec4f(), exp(uniforms.scale * score${r} - maxima) * shares, kept${r});
    slope${r} = select(vec4f(), score${r} * (slope${r} - slopes), kept${r});`
      )
    }
${shareTile(tiling, "score")}
${
      addColumns(tiling, {
        sum: "value",
        tile: "score",
        vectors: "dy",
        dim: "valueDim",
        isToken: { of: isToken, own: (c) => `other${c}.w != 0.0` },
      })
    }
${endOfTile(tiling)}
${shareTile(tiling, "slope")}
${
      addColumns(tiling, {
        sum: "key",
        tile: "slope",
        vectors: "q",
        dim: "headDim",
        isToken: { of: isToken, own: (c) => `other${c}.w != 0.0` },
      })
    }
${endOfTile(tiling)}
  }
${
      eachRow((r) =>
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
  });
}
