/**
 * The columns of a tile, block by block: their scores with the rows, and the
 * vectors that these weigh. Lanes have a block in common, of which each has four
 * columns.
 *
 * @module
 */
import type { Role } from "../chunkwise/roles.ts";
import {
  before,
  eachRow,
  END_OF_TILE,
  shareTile,
  tileColumns,
  tileProducts,
  type Tiling,
} from "../score_tiles/score_tiles.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { innerEnd, isGradient } from "./tile_roles.ts";
import { addColumns } from "../score_tiles/tile_sums.ts";

/**
 * Goes through the columns from the start to the `end` of the text, and adds
 * what the rows read of them to `sum`.
 *
 * @param weigh Statements that weigh `score0` …, those of the columns `column`
 * and the three after it, and make them 0 but where `kept`.
 */
export function eachBlock(
  role: Role,
  tiling: Tiling,
  start: string,
  weigh: string,
): string {
  return /* wgsl */ `
  for (var first = ${start}; first < end; first += ${tiling.columns}u) {
${tileColumns}
${scores(role, tiling)}
    let kept = ${before("end")};
${weigh}
${addTile(role, tiling)}
  }`;
}

/** What the column of ones of a value meets in the cotangent of a sum. */
export function lastOfCotangent({ rows, others }: Role): string {
  const { name } = rows.columns === "sum" ? rows : others;
  return `fn last_of_${name}(token: u32) -> f32 { return read_${name}(token, problem.valueDim / 4u)[problem.valueDim % 4u]; }`;
}

/** `score0` and so on: the products of the tile's rows with its columns. */
function scores(role: Role, tiling: Tiling): string {
  const products = tileProducts(tiling, {
    sum: "score",
    ofRows: role.rows.name,
    ofColumns: role.others.name,
    end: innerEnd(role),
  });
  if (!isGradient(role)) return products;
  const { rows, others } = role;
  return rows.columns === "sum"
    ? products +
      eachRow((r) => `    score${r} += vec4f(last_of_${rows.name}(row${r}));`)
    : products +
      `    let lasts = vec4f(${
        repeat(4, (c) => `last_of_${others.name}(column${c})`, ", ")
      });
${eachRow((r) => `    score${r} += lasts;`)}`;
}

/** Adds what the rows read of the columns to `sum`. */
function addTile(role: Role, tiling: Tiling): string {
  const isAttention = role.finish.kind === "attention";
  return `${shareTile(tiling, "score")}
${
    addColumns(tiling, {
      sum: "sum",
      vectors: role.values.name,
      ...(isAttention
        ? {
          also: (r, weights) => `weight${r} += dot(${weights}, vec4f(1.0));`,
        }
        : {}),
    })
  }
${END_OF_TILE}`;
}
