/** What a token reads of its chunk: scores in workgroup memory, and sums that they weigh. @module */
import { type AttendShape, scratchQuads, threadsOf } from "./attend_shape.ts";
import { type MaskSource, type Side, sidesOf } from "./mask.ts";
import { innerQuads, type Role } from "./roles.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import {
  eachTileRow as rows,
  ofRow,
  TILE_ROWS,
} from "../frame/register_tile.ts";
import type { Vectors } from "../frame/vectors.ts";

/** Scores of the block's rows with all tokens of the chunk, weighted by the mask. */
export function scoreChunk(
  role: Role,
  decays: MaskSource,
  shape: AttendShape,
): string {
  const sides = sidesOf(decays);
  const stride = scratchQuads(shape);
  const columnBlocks = shape.largestChunk / 4;
  const rowTiles = shape.blockRows / TILE_ROWS;
  const outside = [
    "column >= count",
    "firstRow + row >= count",
    ...(sides.includes("before") ? [] : ["columnBlock < rowBlock"]),
    ...(sides.includes("after") ? [] : ["columnBlock > rowBlock + 1u"]),
  ];
  const others = repeat(
    4,
    (c) => `read_${role.others.name}(column${c}, quad)`,
    ", ",
  );
  return /* wgsl */ `
  for (var tile = thread; tile < ${rowTiles * columnBlocks}u; tile += ${
    threadsOf(shape)
  }u) {
    let columnBlock = tile % ${columnBlocks}u;
    let row = tile / ${columnBlocks}u * ${TILE_ROWS}u;
    let rowBlock = (firstRow + row) / 4u;
    let column = columnBlock * 4u;
    if (${outside.join(" || ")}) { continue; }
    let token = base + first + firstRow + row;
${rows((r) => `    let row${r} = min(token + ${r}u, last);`)}
${
    repeat(4, (c) =>
      `    let column${c} = min(base + first + column + ${c}u, last);`)
  }
${rows((r) => `    var sum${r} = vec4f();`)}
    for (var quad = 0u; quad < ${innerQuads(role)}; quad++) {
      let columns = transpose(mat4x4f(${others}));
${
    rows((r) =>
      `      sum${r} = accumulate(sum${r}, columns, read_${role.rows.name}(row${r}, quad));`
    )
  }
    }
    let kept = select(vec4f(0.0), vec4f(1.0), column + vec4u(0u, 1u, 2u, 3u) < vec4u(count));
    let at = row * ${stride}u + columnBlock;
${
    repeat(TILE_ROWS / 4, (block) =>
      `    let weights${block} = weights(rowBlock + ${block}u, columnBlock);`)
  }
${
    rows((r) =>
      `    scores[at + ${r * stride}u] = sum${r} * kept * ${
        ofRow("weights", r)
      };`
    )
  }
  }
  workgroupBarrier();`;
}

/** The matrix whose columns are the values of the four tokens of a block. */
function valuesOf({ values }: Role): string {
  const read = repeat(
    4,
    (c) => `read_${values.name}(min(column + ${c}u, last), outputQuad)`,
    ", ",
  );
  return /* wgsl */ `    let column = base + first + block * 4u;
    let columns = mat4x4f(${read});`;
}

/** Blocks of four tokens in the chunk. */
const ALL_BLOCKS = "(count + 3u) / 4u";

/** Adds what the tile's rows read of some blocks to the sums of this name. */
function readBlocks(
  role: Role,
  shape: AttendShape,
  sum: string,
  [from, to]: readonly [string, string],
): string {
  const stride = scratchQuads(shape);
  return /* wgsl */ `
  for (var block = ${from}; block < ${to}; block++) {
${valuesOf(role)}
    let at = rowTile * ${TILE_ROWS * stride}u + block;
${
    rows((r) =>
      `    ${sum}${r} = accumulate(${sum}${r}, columns, scores[at + ${
        r * stride
      }u]);`
    )
  }
  }`;
}

/** Adds what the tile's rows read of their chunk to `sum`. */
export function readChunk(
  role: Role,
  sides: readonly Side[],
  shape: AttendShape,
): string {
  const from = sides.includes("before") ? "0u" : "row / 4u";
  const to = sides.includes("after")
    ? ALL_BLOCKS
    : `min(row / 4u + ${TILE_ROWS / 4}u, ${ALL_BLOCKS})`;
  return readBlocks(role, shape, "sum", [from, to]);
}

/**
 * Adds what the tile's rows read of their chunk to `sum`, as
 * {@linkcode readChunk} does, and keeps apart what the tokens before and those
 * after contribute, since a log decay is on the paths of either only. A token's
 * own score is on no path, and counts for the sum alone.
 */
export function readChunkBySide(
  role: Role,
  sides: readonly Side[],
  shape: AttendShape,
): string {
  const { own } = role.finish as { own: Vectors };
  const ranges = {
    before: ["0u", "row / 4u"],
    after: [`row / 4u + ${TILE_ROWS / 4}u`, ALL_BLOCKS],
  } as const;
  const terms = rows((r) =>
    `  let own${r} = read_${own.name}(row${r}, outputQuad);\n` +
    sides.map((side) =>
      `  terms${r}.${side === "before" ? "x" : "y"} = dot(own${r}, ${side}${r});
  sum${r} += ${side}${r};`
    ).join("\n")
  );
  return /* wgsl */ `
${sides.map((side) => rows((r) => `  var ${side}${r} = vec4f();`)).join("\n")}
${sides.map((side) => readBlocks(role, shape, side, ranges[side])).join("\n")}
${repeat(TILE_ROWS / 4, (block) => blockOnDiagonal(role, sides, shape, block))}
${terms}`;
}

/**
 * Reads a block on the mask's diagonal, where some columns lie before a row
 * and some after.
 */
function blockOnDiagonal(
  role: Role,
  sides: readonly Side[],
  shape: AttendShape,
  blockOfTile: number,
): string {
  const stride = scratchQuads(shape);
  const distance = (r: number, c: number) => blockOfTile * 4 + c - r;
  const part = (
    r: number,
    sum: string,
    isOn: (distance: number) => boolean,
  ) => {
    const on = [0, 1, 2, 3].map((c) => isOn(distance(r, c)) ? 1 : 0);
    if (!on.includes(1)) return "";
    const score = `scores[at + ${r * stride}u] * vec4f(${on.join(", ")})`;
    return `    ${sum}${r} = accumulate(${sum}${r}, columns, ${score});\n`;
  };
  return /* wgsl */ `
  if (row / 4u + ${blockOfTile}u < ${ALL_BLOCKS}) {
    let block = row / 4u + ${blockOfTile}u;
${valuesOf(role)}
    let at = rowTile * ${TILE_ROWS * stride}u + block;
${
    repeat(
      TILE_ROWS,
      (r) =>
        part(r, "sum", (distance) => distance === 0) +
        sides.map((side) =>
          part(
            r,
            side,
            (distance) => side === "before" ? distance < 0 : distance > 0,
          )
        ).join(""),
      "",
    )
  }  }`;
}
