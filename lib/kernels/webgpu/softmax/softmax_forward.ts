/**
 * The forward pass of softmax attention: a running maximum and sum for each row, and a
 * running weighted sum of values, scaled down whenever the maximum rises.
 *
 * @module
 */
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import type { Subgroups } from "../../../tfjs/webgpu/subgroups.ts";
import {
  before,
  endOf,
  limitOf,
  shareTile,
  type Tiling,
} from "../score_tiles/score_tiles.ts";
import { eachTileRow, ofRow } from "../frame/register_tile.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { addColumns, writeSum } from "../score_tiles/tile_sums.ts";
import { products, softmaxProgram } from "./softmax_tiles.ts";

/** A number below all scores. It is finite, since WGSL has no infinity. */
export const LOWEST = "-3.4e38";

/** The division of softmax attention's scores among threads. */
export interface Sharing {
  readonly tiling: Tiling;
  /**
   * The adapter's subgroups, if the threads of a row lie in one subgroup and compare
   * their maxima there; undefined if they do so in workgroup memory.
   */
  readonly comparing: Subgroups | undefined;
}

/**
 * WGSL that raises the maxima of a tile's rows to the scores of all the row's threads.
 * It has a barrier, after which no thread still reads the previous block's tiles.
 */
function raiseMaxima(
  { tiling: { threadsPerRow, rows }, comparing }: Sharing,
): string {
  const highestOf = (i: number) =>
    `vec4f(${
      repeat(
        4,
        (n) => `max(pair${4 * i + n}.x, pair${4 * i + n}.y)`,
        ", ",
      )
    })`;
  const pairs = eachTileRow((r) =>
    `    let pair${r} = max(score${r}.xy, score${r}.zw);`
  );
  if (comparing) {
    const distances = [1, 2, 4, 8].filter((distance) =>
      distance < threadsPerRow
    );
    return /* wgsl */ `${pairs}
${repeat(2, (i) => `    var highest${i} = ${highestOf(i)};`)}
${
      distances.map((distance) =>
        repeat(2, (i) =>
          `    highest${i} = max(highest${i}, subgroupShuffleXor(highest${i}, ${distance}u));`)
      ).join("\n")
    }
${repeat(2, (i) => `    maxima${i} = max(maxima${i}, highest${i});`)}
    workgroupBarrier();`;
  }
  const place = (lane: string, i: number) =>
    `highest[${lane} * ${rows / 4}u + tile_row / 4u + ${i}u]`;
  return /* wgsl */ `${pairs}
${repeat(2, (i) => `    ${place("lane", i)} = ${highestOf(i)};`)}
    workgroupBarrier();
    for (var other = 0u; other < ${threadsPerRow}u; other++) {
${repeat(2, (i) => `      maxima${i} = max(maxima${i}, ${place("other", i)});`)}
    }`;
}

/** The program of the forward pass, which writes `y`, `maxima` and `sums`. */
export function forwardProgram(
  { q, k, v, mask, segments }: Tensors,
  writes: Tensors,
  attributes: SoftmaxAttributes,
  sharing: Sharing,
): Program {
  const { tiling, comparing } = sharing;
  const { threadsPerRow, rows } = tiling;
  const masked = mask !== undefined, packed = segments !== undefined;
  const isToken = (token: string) => `mask[entry + (${token} - base)] != 0.0`;
  const segmentOf = (token: string) => `segments[entry + (${token} - base)]`;
  const ofColumns = (of: (token: string) => string) =>
    repeat(4, (c) => of(`column${c}`), ", ");
  const kept = (r: number) =>
    [
      `(${before(limitOf(r))})`,
      ...(masked ? ["tokens"] : []),
      ...(packed ? [`(numbers == vec4f(number${r}))`] : []),
    ].join(" & ");
  const store = (r: number) => {
    const divided = (sum: string) => `${sum} / ${ofRow("total", r)}`;
    const value = (sum: string) =>
      masked
        ? `select(vec4f(), ${divided(sum)}, ${isToken(`row${r}`)})`
        : divided(sum);
    return /* wgsl */ `  if (row + ${r}u <= last) {
${writeSum(tiling, r, { sum: "sum", to: "y", value })}
    if (lane == 0u && layer == 0u) {
      maxima[row${r}] = ${ofRow("maxima", r)};
      sums[row${r}] = ${ofRow("total", r)};
    }
  }`;
  };
  const entry = masked || packed
    ? "  let entry = workgroup / uniforms.blocks / uniforms.heads * uniforms.length;"
    : "";
  const numbers = packed
    ? eachTileRow((r) => `  let number${r} = ${segmentOf(`row${r}`)};`)
    : "";
  return {
    ...softmaxProgram(tiling, attributes, {
      name: "softmax_attention",
      variants: [
        comparing !== undefined && "subgroups",
        masked && "mask",
        packed && "segments",
      ],
      elements: { mask: "f32", segments: "f32", maxima: "f32", sums: "f32" },
      reads: { q: q!, k: k!, v: v!, mask, segments },
      writes,
      vectors: [["q", "k", "v"], ["y"]],
      functions: comparing
        ? "\n"
        : `\nvar<workgroup> highest: array<vec4f, ${
          threadsPerRow * rows / 4
        }>;`,
      sums: ["sum"],
      places: `${entry}\n`,
      open: /* wgsl */ `${
        repeat(2, (i) =>
          `  var maxima${i} = vec4f(${LOWEST});
  var total${i} = vec4f();`)
      }
  let end = ${endOf(rows)};
${numbers}`,
      segmentOf: packed
        ? (position) => `segments[entry + ${position}]`
        : undefined,
      block: /* wgsl */ `${
        packed ? `    let numbers = vec4f(${ofColumns(segmentOf)});` : ""
      }
${masked ? `    let tokens = vec4<bool>(${ofColumns(isToken)});` : ""}
${products(tiling, "score", "q", "k")}
${
        eachTileRow((r) =>
          `    let kept${r} = ${kept(r)};
    score${r} = select(vec4f(${LOWEST}), uniforms.scale * score${r}, kept${r});`
        )
      }
${repeat(2, (i) => `    let old${i} = maxima${i};`)}
${raiseMaxima(sharing)}
${
        repeat(2, (i) =>
          `    let left${i} = exp(old${i} - maxima${i});
    total${i} *= left${i};`)
      }
${
        eachTileRow((r) =>
          `    score${r} = select(vec4f(), exp(score${r} - ${
            ofRow("maxima", r)
          }), kept${r});`
        )
      }
${shareTile(tiling, "score")}
${
        addColumns(tiling, {
          sum: "sum",
          vectors: "v",
          ...(masked ? { isToken } : {}),
          factor: (r) => ofRow("left", r),
          also: (r, weights) =>
            `${ofRow("total", r)} += dot(${weights}, vec4f(1.0));`,
        })
      }`,
      store: eachTileRow(store),
    }),
    directives: comparing?.directive ?? "",
  };
}
