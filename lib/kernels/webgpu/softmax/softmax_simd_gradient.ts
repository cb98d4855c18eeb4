/**
 * The gradient of softmax attention on a software adapter. It works like
 * `softmax_gradient.ts`, with rows shared out as in `softmax_simd.ts`.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import {
  endOf,
  endOfSegments,
  quadsIn,
  reading,
  skipSegments,
  writing,
} from "../score_tiles/score_tiles.ts";
import {
  addLaneColumns,
  BLOCK,
  blockColumns,
  eachLaneRow,
  GROUP_ROWS,
  LANE_ROWS,
  laneProducts,
  laneRows,
  laneSums,
  type Simd,
  withColumns,
} from "../full/simd_blocks.ts";
import { isToken, segmentOf } from "./softmax_gradient.ts";
import {
  LIMITS,
  ofToken,
  PLACES,
  simdProgram,
  SIZES,
  writeRows,
} from "./softmax_simd.ts";

/** Declares what is known of the rows of a gradient. */
const KNOWN = eachLaneRow((r) => `  let own${r} = rows[row${r}];`);

/** A part of what is known of each row. */
const known = (part: string): string =>
  `vec4f(${repeat(LANE_ROWS, (r) => `own${r}.${part}`, ", ")})`;

/** Statements for each block of columns of a gradient, which are tokens or nothing. */
function eachBlock(simd: Simd, statements: string): string {
  return /* wgsl */ `
  for (var first = start; first < end; first += ${BLOCK}u) {
${endOfSegments(segmentOf)}
${blockColumns(simd, (token) => `select(0.0, 1.0, ${isToken(token)})`)}
${statements}
  }`;
}

/** dq_i = s Σ_j p_ij (dy_i · v_j - D_i) k_j */
export function simdQueryGradientProgram(
  reads: Tensors,
  dq: tf.TensorInfo,
  attributes: SoftmaxAttributes,
  simd: Simd,
): Program {
  const program = simdProgram(reads, attributes, simd);
  const { width } = program;
  const statements = /* wgsl */ `
${
    laneProducts(simd, {
      scores: "score",
      rows: "q",
      columns: "k",
      end: quadsIn("headDim"),
    })
  }
${
    laneProducts(simd, {
      scores: "slope",
      rows: "dy",
      columns: "v",
      end: quadsIn("valueDim"),
    })
  }
${
    withColumns(simd, (token) =>
      `rows[${token}].w`, (c) =>
      /* wgsl */ `let weight${c} = exp(uniforms.scale * score${c} - maxima) * shares;
        slope${c} = select(vec4f(), weight${c} * (slope${c} - slopes), (vec4f(x${c}) == numbers) & (vec4u(first + ${c}u) < limits));`)
  }
${
    addLaneColumns(simd, {
      sum: "sum",
      scores: "slope",
      end: quadsIn("headDim"),
      read: ofToken("k"),
    })
  }`;
  return {
    ...program,
    name: "softmax_query_gradient_simd",
    elements: { rows: "vec4f" },
    reads,
    writes: { dq },
    functions: /* wgsl */ `
${reading("q", "headDim", width)}
${reading("k", "headDim", width)}
${reading("v", "valueDim", width)}
${reading("dy", "valueDim", width)}
${writing("dq", "headDim", width)}
`,
    body: /* wgsl */ `${PLACES}
${LIMITS}
${KNOWN}
  let maxima = ${known("x")};
  let shares = ${known("y")};
  let slopes = ${known("z")};
  let numbers = ${known("w")};
${laneRows(simd, "q", quadsIn("headDim"))}
${laneRows(simd, "dy", quadsIn("valueDim"))}
${laneSums(simd, "sum")}
  let end = ${endOf(GROUP_ROWS)};
${skipSegments(SIZES, segmentOf)}
${eachBlock(simd, statements)}
${
      writeRows(
        "dq",
        quadsIn("headDim"),
        (r) =>
          `select(vec4f(), uniforms.scale * sum[n][${r}], own${r}.w > 0.0)`,
      )
    }`,
  };
}

/** dv_j = Σ_i p_ij dy_i and dk_j = s Σ_i p_ij (dy_i · v_j - D_i) q_i: rows are keys here. */
export function simdKeyGradientsProgram(
  reads: Tensors,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  simd: Simd,
): Program {
  const program = simdProgram(reads, attributes, simd);
  const { width } = program;
  const statements = /* wgsl */ `
${
    laneProducts(simd, {
      scores: "score",
      rows: "k",
      columns: "q",
      end: quadsIn("headDim"),
    })
  }
${
    laneProducts(simd, {
      scores: "slope",
      rows: "v",
      columns: "dy",
      end: quadsIn("valueDim"),
    })
  }
${
    withColumns(simd, (token) =>
      `rows[${token}]`, (c) =>
      /* wgsl */ `let kept${c} = (vec4f(x${c}.w) == numbers) & (lowest <= vec4u(first + ${c}u)) & vec4<bool>(first + ${c}u < end);
        score${c} = select(vec4f(), exp(uniforms.scale * score${c} - x${c}.x) * x${c}.y, kept${c});
        slope${c} = select(vec4f(), score${c} * (slope${c} - x${c}.z), kept${c});`)
  }
${
    addLaneColumns(simd, {
      sum: "value",
      scores: "score",
      end: quadsIn("valueDim"),
      read: ofToken("dy"),
    })
  }
${
    addLaneColumns(simd, {
      sum: "key",
      scores: "slope",
      end: quadsIn("headDim"),
      read: ofToken("q"),
    })
  }`;
  const write = (
    to: string,
    dim: "headDim" | "valueDim",
    value: (r: number) => string,
  ) =>
    writeRows(
      to,
      quadsIn(dim),
      (r) => `select(vec4f(), ${value(r)}, own${r}.w > 0.0)`,
    );
  return {
    ...program,
    name: "softmax_key_gradients_simd",
    elements: { rows: "vec4f" },
    reads,
    writes,
    functions: /* wgsl */ `
${reading("q", "headDim", width)}
${reading("k", "headDim", width)}
${reading("v", "valueDim", width)}
${reading("dy", "valueDim", width)}
${writing("dk", "headDim", width)}
${writing("dv", "valueDim", width)}
`,
    body: /* wgsl */ `${PLACES}
${KNOWN}
  let numbers = ${known("w")};
  let lowest = select(vec4u(), places, uniforms.causal != 0u);
${laneRows(simd, "k", quadsIn("headDim"))}
${laneRows(simd, "v", quadsIn("valueDim"))}
${laneSums(simd, "key")}
${laneSums(simd, "value")}
  let end = uniforms.length;
${skipSegments(SIZES, segmentOf)}
  if (uniforms.causal != 0u) { start = first_row / ${BLOCK}u * ${BLOCK}u; }
${eachBlock(simd, statements)}
${write("dk", "headDim", (r) => `uniforms.scale * key[n][${r}]`)}
${write("dv", "valueDim", (r) => `value[n][${r}]`)}`,
  };
}
