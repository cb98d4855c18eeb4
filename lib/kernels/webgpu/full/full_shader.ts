/**
 * The full form: what each token reads of all others, tile by tile of keys.
 *
 * A workgroup has the rows of a tile. With decays it goes from its own tile
 * outwards, to one side and then to the other: what weighs the scores there is a
 * factor for the row, one for the column and one for all tiles between. Only in
 * its own tile, the last, the mask is made entry by entry. Without decays all
 * columns are alike.
 *
 * @module
 */
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { maskKey, type MaskSource } from "../chunkwise/mask.ts";
import { type Launch, problemProgram, tensorsOf } from "../frame/problem.ts";
import {
  elementsOf,
  QUADS,
  readingStored,
  type Vectors,
  writing,
} from "../frame/vectors.ts";
import {
  before,
  END_OF_TILE,
  shareTile,
  tileColumns,
  tileFunctions,
  tileProducts,
  type Tiling,
  tilingVariants,
} from "../score_tiles/score_tiles.ts";
import { eachTileRow, ofRow, TILE_ROWS } from "../frame/register_tile.ts";
import {
  addColumns,
  declareSum,
  threadQuads,
  writeSum,
} from "../score_tiles/tile_sums.ts";
import { DECAYS_OF_TILE, maskQuads, TILE_DECAYS } from "./tile_decays.ts";

/** What the text of the shader depends on. */
export interface FullSpec {
  /** The vectors q, k and v. */
  readonly vectors: readonly [Vectors, Vectors, Vectors];
  /** How decays enter, or `null` if there are none. */
  readonly decays: MaskSource | null;
  /** How the work of a tile is shared out; a tile has at most its rows. */
  readonly tiling: Tiling;
}

/** The program of the forward pass, which writes `y` and `rowSums`. */
export function fullProgram(
  { vectors, decays, tiling }: FullSpec,
  launch: Launch,
  tensors: Tensors,
): Program {
  const { factors, through, mask } = TILE_DECAYS;
  return {
    ...problemProgram(launch),
    name: "full",
    variants: [maskKey(decays), ...tilingVariants(tiling)],
    elements: { ...elementsOf(vectors), [factors]: "vec4f", [mask]: "vec4f" },
    reads: tensorsOf([
      ...vectors.map(({ name }) => name),
      ...(decays ? [factors, through, mask] : []),
    ], tensors),
    writes: tensorsOf(["y", "rowSums"], tensors),
    threads: tiling.threads,
    workgroups: [launch.chunks, launch.sequences],
    functions: () =>
      [
        QUADS,
        ...vectors.map((x) => readingStored(x.name, x)),
        writing("y", { name: "y", columns: "value" }),
        tileFunctions(tiling),
      ].join(""),
    body: () =>
      /* wgsl */ `${places(tiling)}
${threadQuads(tiling)}
${declareSum(tiling, "sum")}
${eachTileRow((r) => `  var weight${r} = 0.0;`)}
${decays ? withDecays(decays, tiling) : withoutDecays(tiling)}
${finishing(tiling)}`,
  };
}

/**
 * Declares where a workgroup and a thread are: `base`, `first_row`, `row`,
 * `lane`, `row0` and so on.
 */
function places({ threadsPerRow }: Tiling): string {
  return /* wgsl */ `  let chunk = group.x;
  let sequence = group.y;
  let base = (uniforms.firstSequence + sequence) * uniforms.length;
  let last = uniforms.length - 1u;
  let first_row = chunk * uniforms.chunkSize;
  let row_count = min(uniforms.chunkSize, uniforms.length - first_row);
  let lane = local % ${threadsPerRow}u;
  let tile_row = local / ${threadsPerRow}u * ${TILE_ROWS}u;
  let row = first_row + tile_row;
${eachTileRow((r) => `  let row${r} = base + min(row + ${r}u, last);`)}`;
}

/**
 * Goes through the columns from the start to the `end` of the text, and adds
 * what the rows read of them to `sum`, and the scores to `weight0` and so on.
 * Lanes have a block in common, of which each has four columns.
 *
 * @param weigh Statements that weigh `score0` and so on, those of the columns
 * `column` and the three after it, and make them 0 but where `kept`.
 */
function eachBlock(tiling: Tiling, start: string, weigh: string): string {
  return /* wgsl */ `
  for (var first = ${start}; first < end; first += ${tiling.columns}u) {
${tileColumns}
${
    tileProducts(tiling, {
      sum: "score",
      ofRows: "q",
      ofColumns: "k",
      end: "key_quads()",
    })
  }
    let kept = ${before("end")};
${weigh}
${shareTile(tiling, "score")}
${
    addColumns(tiling, {
      sum: "sum",
      vectors: "v",
      also: (r, weights) => `weight${r} += dot(${weights}, vec4f(1.0));`,
    })
  }
${END_OF_TILE}
  }`;
}

function withoutDecays(tiling: Tiling): string {
  const weigh = eachTileRow((r) =>
    `    score${r} = select(vec4f(), score${r}, kept);`
  );
  return /* wgsl */ `
  let end = uniforms.length;
${eachBlock(tiling, "0u", weigh)}`;
}

/** The mask of four rows of the own tile and its four columns. */
function ownWeights({ rows }: Tiling, half: number): string {
  const row = (r: number) =>
    `${TILE_DECAYS.mask}[(row${4 * half + r} - skipped) * ${
      maskQuads(rows)
    }u + (column - start) / 4u]`;
  return `mat4x4f(${repeat(4, row, ", ")})`;
}

/** The side of the tile's own columns; the others are 0, before it, and 1. */
const OWN = "2u";

/** The tiles on each side, the nearest first, and then the own. */
function withDecays(decays: MaskSource, tiling: Tiling): string {
  const pick = (before: string, after: string) =>
    `select(${after}, ${before}, side == 0u)`;
  const steps = pick(
    decays.before ? "chunk" : "0u",
    decays.after ? "uniforms.chunks - 1u - chunk" : "0u",
  );
  const { factors, through } = TILE_DECAYS;
  const ofColumns = (x: string) =>
    `vec4f(${repeat(4, (c) => `factors${c}.${x}`, ", ")})`;
  const readers = (half: number) =>
    repeat(4, (r) => `reader${4 * half + r} * ofColumns`, ", ");
  const weigh = /* wgsl */ `
    var weights0 = mat4x4f();
    var weights1 = mat4x4f();
    if (side == ${OWN}) {
${repeat(2, (half) => `      weights${half} = ${ownWeights(tiling, half)};`)}
    } else {
${repeat(4, (c) => `      let factors${c} = ${factors}[column${c} - skipped];`)}
      let ofColumns = exp(between) * ${pick(ofColumns("y"), ofColumns("w"))};
${repeat(2, (half) => `      weights${half} = mat4x4f(${readers(half)});`)}
    }
${
    eachTileRow((r) =>
      `    score${r} = select(vec4f(), score${r} * ${
        ofRow("weights", r)
      }, kept);`
    )
  }`;
  return /* wgsl */ `
  // Tokens of earlier batches, of which the decays' buffers know nothing.
  let skipped = uniforms.firstSequence * uniforms.length;
${eachTileRow((r) => `  let ofRow${r} = ${factors}[row${r} - skipped];`)}
  for (var side = 0u; side <= ${OWN}; side++) {
    let steps = select(${steps}, 1u, side == ${OWN});
    // Log decay of the tiles between.
    var between = 0.0;
${
    eachTileRow((r) =>
      `    let reader${r} = ${pick(`ofRow${r}.x`, `ofRow${r}.z`)};`
    )
  }
    for (var step = 1u; step <= steps; step++) {
      let other = select(${
    pick("chunk - step", "chunk + step")
  }, chunk, side == ${OWN});
      let start = other * uniforms.chunkSize;
      let end = min(start + uniforms.chunkSize, uniforms.length);
${eachBlock(tiling, "start", weigh)}
      between += ${through}[${DECAYS_OF_TILE}u * (sequence * uniforms.chunks + other) + ${
    pick("0u", "1u")
  }];
    }
  }`;
}

/** Writes the rows of the tile: sums times the scale, divided by the row sum. */
function finishing(tiling: Tiling): string {
  const value = (r: number) => (sum: string) =>
    `uniforms.scale * ${sum} / divisor${r}`;
  return /* wgsl */ `
  let normalize = uniforms.normalize == 1u;
${
    eachTileRow((r) =>
      `  let rowSum${r} = uniforms.scale * weight${r};
  let divisor${r} = select(1.0, rowSum${r} + uniforms.epsilon, normalize);
  if (lane == 0u && tile_row + ${r}u < row_count) { rowSums[row${r}] = rowSum${r}; }
  if (tile_row + ${r}u < row_count) {
${writeSum(tiling, r, { sum: "sum", to: "y", value: value(r) })}
  }`
    )
  }`;
}
