/**
 * The columns of a tile, block by block: their scores with the rows, and the
 * vectors that these weigh.
 *
 * Lanes have a block in common, of which each has four columns. A thread that
 * has its rows for itself keeps the scores of a block, and adds up one quad after
 * the other, in registers: on a CPU an array that is indexed by a variable costs
 * more than what is computed with it.
 *
 * @module
 */
import type { Role } from "./roles.ts";
import {
  before,
  eachRow,
  endOfTile,
  shareTile,
  tileColumns,
  tileProducts,
  type Tiling,
} from "./score_tiles.ts";
import { repeat } from "../../tfjs/webgpu/shader.ts";
import { innerEnd, isGradient, outputEnd } from "./tile_roles.ts";
import { addColumns } from "./tile_sums.ts";

/** Quads of columns whose scores a thread for itself keeps: a tile's. */
const OWN_BLOCKS = 16;

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
  const scored = /* wgsl */ `${tileColumns}
${scores(role, tiling)}
    let kept = ${before("end")};
${weigh}`;
  return tiling.alone ? ownBlocks(role, tiling, start, scored) : /* wgsl */ `
  for (var first = ${start}; first < end; first += ${tiling.columns}u) {
${scored}
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
      tile: "score",
      vectors: role.values.name,
      end: outputEnd(role),
      ...(isAttention
        ? {
          also: (r, weights) => `weight${r} += dot(${weights}, vec4f(1.0));`,
        }
        : {}),
    })
  }
${endOfTile(tiling)}`;
}

function ownBlocks(
  role: Role,
  { quads }: Tiling,
  start: string,
  scored: string,
): string {
  const { finish, values } = role;
  const cell = (r: number) => `sum[${r * quads}u + quad]`;
  const vectors = repeat(
    4,
    (c) => `read_${values.name}(base + min(column + ${c}u, last), quad)`,
    ", ",
  );
  return /* wgsl */ `
  for (var first = ${start}; first < end; first += ${4 * OWN_BLOCKS}u) {
    let blocks = min(${OWN_BLOCKS}u, (end - first + 3u) / 4u);
    for (var lane = 0u; lane < blocks; lane++) {
${scored}
${eachRow((r) => `    block${r}[lane] = score${r};`)}
${
    finish.kind === "attention"
      ? eachRow((r) => `    weight${r} += dot(score${r}, vec4f(1.0));`)
      : ""
  }
    }
    for (var quad = 0u; quad < ${outputEnd(role)}; quad++) {
${eachRow((r) => `      var sum${r} = ${cell(r)};`)}
      for (var block = 0u; block < blocks; block++) {
        let column = first + 4u * block;
        let vectors = mat4x4f(${vectors});
${
    eachRow((r) =>
      `        sum${r} = accumulate(sum${r}, vectors, block${r}[block]);`
    )
  }
      }
${eachRow((r) => `      ${cell(r)} = sum${r};`)}
    }
  }`;
}

/** Declares what a thread for itself keeps of a block. */
export function declareBlock({ alone }: Tiling): string {
  return alone
    ? eachRow((r) => `  var block${r}: array<vec4f, ${OWN_BLOCKS}>;`)
    : "";
}
