/**
 * The forward pass of softmax attention on a software adapter. It works like
 * `softmax_forward.ts`, with rows shared out as in `softmax_simd.ts`.
 *
 * @module
 */
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
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
  eachColumn,
  eachLaneRow,
  GROUP_ROWS,
  laneProducts,
  laneRows,
  laneSums,
  type Simd,
  withColumns,
} from "../full/simd_blocks.ts";
import { LOWEST } from "./softmax_forward.ts";
import {
  LIMITS,
  ofRows,
  ofToken,
  PLACES,
  simdProgram,
  SIZES,
  writeRows,
} from "./softmax_simd.ts";

/**
 * Outputs `y`, `maxima` and `sums`.
 *
 * What a row does not read has the lowest score, and is told by it from what it
 * reads: of a row that has read nothing yet that is its maximum too.
 */
export function simdForwardProgram(
  tensors: Tensors,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  simd: Simd,
): Program {
  const { q, k, v, mask, segments } = tensors;
  const program = simdProgram(tensors, attributes, simd);
  const { width } = program;
  const masked = mask !== undefined, packed = segments !== undefined;
  const at = (token: string) => `entry + (${token} - base)`;
  const segmentAt = (position: string) => `segments[entry + ${position}]`;
  const score = (c: number, kept: string) =>
    `score${c} = select(vec4f(${LOWEST}), uniforms.scale * score${c}, ${kept});`;
  const isBefore = (c: number) => `(vec4u(first + ${c}u) < limits)`;
  return {
    ...program,
    name: "softmax_attention_simd",
    variants: [
      ...program.variants!,
      ...(masked ? ["mask"] : []),
      ...(packed ? ["segments"] : []),
    ],
    elements: { mask: "f32", segments: "f32", maxima: "f32", sums: "f32" },
    reads: {
      q: q!,
      k: k!,
      v: v!,
      ...(masked ? { mask } : {}),
      ...(packed ? { segments } : {}),
    },
    writes,
    functions: /* wgsl */ `
${reading("q", "headDim", width)}
${reading("k", "headDim", width)}
${reading("v", "valueDim", width)}
${writing("y", "valueDim", width)}
`,
    body: /* wgsl */ `${PLACES}
${LIMITS}
${
      masked || packed
        ? "  let entry = workgroup / uniforms.blocks / uniforms.heads * uniforms.length;"
        : ""
    }
${laneRows(simd, "q", quadsIn("headDim"))}
${laneSums(simd, "sum")}
  var highest = vec4f(${LOWEST});
  var total = vec4f();
  let end = ${endOf(GROUP_ROWS)};
${
      packed
        ? `  let numbers = ${ofRows((row) => `segments[${at(row)}]`)};
${skipSegments(SIZES, segmentAt)}`
        : "  let start = 0u;"
    }
  for (var first = start; first < end; first += ${BLOCK}u) {
${packed ? endOfSegments(segmentAt) : ""}
${
      blockColumns(
        simd,
        (token) =>
          masked ? `select(0.0, 1.0, mask[${at(token)}] != 0.0)` : "1.0",
      )
    }
${
      laneProducts(simd, {
        scores: "score",
        rows: "q",
        columns: "k",
        end: quadsIn("headDim"),
      })
    }
${
      masked || packed
        ? withColumns(
          simd,
          (token, factor) =>
            `vec2f(${factor}, ${packed ? `segments[${at(token)}]` : "0.0"})`,
          (c) =>
            score(
              c,
              `${isBefore(c)} & vec4<bool>(x${c}.x != 0.0)${
                packed ? ` & (vec4f(x${c}.y) == numbers)` : ""
              }`,
            ),
        )
        : eachColumn((c) => `    ${score(c, isBefore(c))}`)
    }
    let old = highest;
${eachColumn((c) => `    highest = max(highest, score${c});`)}
    let left = exp(old - highest);
    total *= left;
${
      eachColumn((c) =>
        `    score${c} = select(exp(score${c} - highest), vec4f(), score${c} == vec4f(${LOWEST}));
    total += score${c};`
      )
    }
${
      addLaneColumns(simd, {
        sum: "sum",
        scores: "score",
        end: quadsIn("valueDim"),
        read: masked ? ofToken("v") : (token) => `read_v(${token}, n)`,
        before: "left",
      })
    }
  }
${
      masked
        ? `  let tokens = ${ofRows((row) => `mask[${at(row)}]`)} != vec4f();`
        : ""
    }
${
      writeRows(
        "y",
        quadsIn("valueDim"),
        (r) =>
          masked
            ? `select(vec4f(), sum[n][${r}] / total[${r}], tokens[${r}])`
            : `sum[n][${r}] / total[${r}]`,
      )
    }
${
      eachLaneRow((r) =>
        `  if (row + ${r}u <= last) {
    maxima[row${r}] = highest[${r}];
    sums[row${r}] = total[${r}];
  }`
      )
    }`,
  };
}
