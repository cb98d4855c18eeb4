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
import {
  input,
  keyOf,
  output,
  repeat,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { maskKey, type MaskSource } from "../chunkwise/mask.ts";
import { declare, type Launch } from "../frame/problem.ts";
import {
  bindingOf,
  QUADS,
  readingStored,
  type Vectors,
  vectorsKey,
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

/** The shader of the forward pass, which writes `y` and `rowSums`. */
export function fullShader(
  { vectors, decays, tiling }: FullSpec,
  launch: Launch,
): Shader {
  const bindings = [
    ...vectors.map(bindingOf),
    ...(decays
      ? [
        input(TILE_DECAYS.factors, "vec4f"),
        input(TILE_DECAYS.through, "f32"),
        input(TILE_DECAYS.mask, "vec4f"),
      ]
      : []),
    output("y", "f32"),
    output("rowSums", "f32"),
  ];
  return {
    key: keyOf(
      "full",
      ...vectors.map(vectorsKey),
      maskKey(decays),
      ...tilingVariants(tiling),
    ),
    bindings,
    dispatch: [launch.chunks, launch.sequences, 1],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}
${vectors.map(readingStored).join("\n")}
${writing({ name: "y", columns: "value" })}
${tileFunctions(tiling)}
@compute @workgroup_size(${tiling.threads})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
${places(tiling)}
${threadQuads(tiling)}
${declareSum(tiling, "sum")}
${eachTileRow((r) => `  var weight${r} = 0.0;`)}
${decays ? withDecays(decays, tiling) : withoutDecays(tiling)}
${finishing(tiling)}
}
`,
  };
}

/**
 * Declares where a workgroup and a thread are: `base`, `first_row`, `row`,
 * `lane`, `row0` and so on.
 */
function places({ threadsPerRow }: Tiling): string {
  return /* wgsl */ `  let base = (problem.firstSequence + group.y) * problem.length;
  let last = problem.length - 1u;
  let first_row = group.x * problem.chunkSize;
  let row_count = min(problem.chunkSize, problem.length - first_row);
  let layer = 0u;
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
  let end = problem.length;
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
    decays.before ? "group.x" : "0u",
    decays.after ? "problem.chunks - 1u - group.x" : "0u",
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
  let skipped = problem.firstSequence * problem.length;
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
    pick("group.x - step", "group.x + step")
  }, group.x, side == ${OWN});
      let start = other * problem.chunkSize;
      let end = min(start + problem.chunkSize, problem.length);
${eachBlock(tiling, "start", weigh)}
      between += ${through}[${DECAYS_OF_TILE}u * (group.y * problem.chunks + other) + ${
    pick("0u", "1u")
  }];
    }
  }`;
}

/** Writes the rows of the tile: sums times the scale, divided by the row sum. */
function finishing(tiling: Tiling): string {
  const value = (r: number) => (sum: string) =>
    `problem.scale * ${sum} / divisor${r}`;
  return /* wgsl */ `
  let normalize = problem.normalize == 1u;
${
    eachTileRow((r) =>
      `  let rowSum${r} = problem.scale * weight${r};
  let divisor${r} = select(1.0, rowSum${r} + problem.epsilon, normalize);
  if (lane == 0u && tile_row + ${r}u < row_count) { rowSums[row${r}] = rowSum${r}; }
  if (tile_row + ${r}u < row_count) {
${writeSum(tiling, r, { sum: "sum", to: "y", value: value(r) })}
  }`
    )
  }`;
}
