/**
 * The full form: what each token reads of all others, tile by tile of keys, for
 * one of the roles of `roles.ts`.
 *
 * A workgroup has the rows of a tile. With decays it goes from its own tile
 * outwards, to one side and then to the other: what weighs the scores there is a
 * factor for the row, one for the column and one for all tiles between. Only in
 * its own tile, the last, the mask is made entry by entry. Without decays all
 * columns are alike.
 *
 * @module
 */
import { keyOf, repeat, type Shader } from "../../../tfjs/webgpu/shader.ts";
import { declare, type Launch } from "../frame/problem.ts";
import {
  type Preparation,
  preparationKey,
} from "../chunkwise/chunk_operands.ts";
import { outputsOf, type Role, roleKey } from "../chunkwise/roles.ts";
import {
  eachRow,
  tileFunctions,
  tileProducts,
  type Tiling,
  tilingVariants,
} from "../score_tiles/score_tiles.ts";
import { TILE_ROWS } from "../chunkwise/states.ts";
import { eachBlock, lastOfCotangent } from "./tile_blocks.ts";
import {
  DECAYS_OF_TILE,
  factorsOf,
  maskQuads,
  TILE_DECAYS,
} from "./tile_decays.ts";
import {
  finishing,
  inputsOfTiles,
  isGradient,
  outputEnd,
  tileBindings,
} from "./tile_roles.ts";
import {
  declareSum,
  dotSum,
  laneQuads,
  moveSum,
} from "../score_tiles/tile_sums.ts";
import { QUADS, readingStored, writing } from "../frame/vectors.ts";

/** What the text depends on. */
export interface TilesSpec {
  /** What is computed. */
  readonly role: Role;
  /** How decays enter, or `null` if there are none. */
  readonly decays: Preparation | null;
  /** How the work of a tile is shared out; a tile has at most its rows. */
  readonly tiling: Tiling;
}

/** The shader of a role. */
export function tilesShader(
  { role, decays, tiling }: TilesSpec,
  launch: Launch,
): Shader {
  const { output } = role;
  const bindings = [...tileBindings(role, decays), ...outputsOf(role)];
  const { threads } = tiling;
  return {
    key: keyOf(
      "tiles",
      roleKey(role),
      preparationKey(decays),
      ...tilingVariants(tiling),
    ),
    bindings,
    dispatch: [launch.chunks, launch.sequences, 1],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}
${inputsOfTiles(role).map(readingStored).join("\n")}
${writing(output)}
${tileFunctions(tiling)}
${isGradient(role) ? lastOfCotangent(role) : ""}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
${places(tiling)}
${laneQuads(tiling)}
${declareSum(tiling, "sum")}
${eachRow((r) => `  var weight${r} = 0.0;`)}
${decays ? withDecays(role, decays, tiling) : withoutDecays(role, tiling)}
${finishing(role, tiling)}
}
`,
  };
}

/** Where a workgroup and a thread are. */
function places({ lanes }: Tiling): string {
  return /* wgsl */ `  let base = (problem.firstSequence + group.y) * problem.length;
  let last = problem.length - 1u;
  let first_row = group.x * problem.chunkSize;
  let row_count = min(problem.chunkSize, problem.length - first_row);
  let layer = 0u;
  let lane = local % ${lanes}u;
  let tile_row = local / ${lanes}u * ${TILE_ROWS}u;
  let row = first_row + tile_row;
${eachRow((r) => `  let row${r} = base + min(row + ${r}u, last);`)}`;
}

function withoutDecays(role: Role, tiling: Tiling): string {
  return /* wgsl */ `
  let end = problem.length;
${
    eachBlock(
      role,
      tiling,
      "0u",
      eachRow((r) => `    score${r} = select(vec4f(), score${r}, kept);`),
    )
  }`;
}

/** The mask of four rows of the own tile and its four columns: of the transposed one columns are read as rows. */
function ownWeights(
  { isTransposed }: Preparation,
  { rows }: Tiling,
  half: number,
): string {
  const read = (token: string, block: string) =>
    `${TILE_DECAYS.mask}[(${token} - skipped) * ${
      maskQuads(rows)
    }u + ${block}]`;
  if (!isTransposed) {
    const row = (r: number) =>
      read(`row${4 * half + r}`, "(column - start) / 4u");
    return `mat4x4f(${repeat(4, row, ", ")})`;
  }
  const column = (c: number) => read(`column${c}`, `tile_row / 4u + ${half}u`);
  return `transpose(mat4x4f(${repeat(4, column, ", ")}))`;
}

/** The side of the tile's own columns; the others are 0, before it, and 1. */
const OWN = "2u";

/** The tiles on each side, the nearest first, and then the own. */
function withDecays(role: Role, decays: Preparation, tiling: Tiling): string {
  const { rows, columns, tiles } = factorsOf(decays);
  const shared = role.finish.kind === "shares";
  const pick = (before: string, after: string) =>
    `select(${after}, ${before}, side == 0u)`;
  const steps = pick(
    decays.sides.includes("before") ? "group.x" : "0u",
    decays.sides.includes("after") ? "problem.chunks - 1u - group.x" : "0u",
  );
  const { factors, through } = TILE_DECAYS;
  const weigh = /* wgsl */ `
    var weights0 = mat4x4f();
    var weights1 = mat4x4f();
    if (side == ${OWN}) {
${
    repeat(2, (half) =>
      `      weights${half} = ${ownWeights(decays, tiling, half)};`)
  }
    } else {
${repeat(4, (c) => `      let factors${c} = ${factors}[column${c} - skipped];`)}
      let ofColumns = exp(between) * ${
    pick(
      ...columns.map((x) =>
        `vec4f(${repeat(4, (c) => `factors${c}.${x}`, ", ")})`
      ) as [string, string],
    )
  };
${
    repeat(2, (half) =>
      `      weights${half} = mat4x4f(${
        repeat(4, (r) =>
          `reader${4 * half + r} * ofColumns`, ", ")
      });`)
  }
    }
${
    eachRow((r) =>
      `    score${r} = select(vec4f(), score${r} * weights${r >> 2}[${
        r % 4
      }], kept);`
    )
  }
${shared ? ownShares(role, tiling) : ""}`;
  return /* wgsl */ `
  // Tokens of earlier passes, of which the decays' buffers know nothing.
  let skipped = problem.firstSequence * problem.length;
${shared ? declareSum(tiling, "all") : ""}
${shared ? eachRow((r) => `  var share${r} = vec4f();`) : ""}
${eachRow((r) => `  let ofRow${r} = ${factors}[row${r} - skipped];`)}
  for (var side = 0u; side <= ${OWN}; side++) {
    let steps = select(${steps}, 1u, side == ${OWN});
    // Log decay of the tiles between.
    var between = 0.0;
${
    eachRow((r) =>
      `    let reader${r} = ${
        pick(`ofRow${r}.${rows[0]}`, `ofRow${r}.${rows[1]}`)
      };`
    )
  }
    for (var step = 1u; step <= steps; step++) {
      let other = select(${
    pick("group.x - step", "group.x + step")
  }, group.x, side == ${OWN});
      let start = other * problem.chunkSize;
      let end = min(start + problem.chunkSize, problem.length);
${eachBlock(role, tiling, "start", weigh)}
      between += ${through}[${DECAYS_OF_TILE}u * (group.y * problem.chunks + other) + ${
    pick(...tiles)
  }];
    }
${shared ? sideShares(role, tiling) : ""}
  }`;
}

/** What was read of the tiles of a side, times the row's own vectors. */
function sideShares(role: Role, tiling: Tiling): string {
  const { own } = role.finish as { own: { name: string } };
  return /* wgsl */ `
    if (side != ${OWN}) {
${eachRow((r) => `    var product${r} = 0.0;`)}
${
    dotSum(tiling, {
      sum: "sum",
      vectors: own.name,
      end: outputEnd(role),
      to: "product",
    })
  }
${
    eachRow((r) =>
      `    share${r}.z += select(0.0, product${r}, side == 0u);
    share${r}.w += select(product${r}, 0.0, side == 0u);`
    )
  }
    }
${moveSum(tiling, "sum", "all")}`;
}

/** In the own tile: what is read of each column, times the row's own vectors; of the token itself nothing. */
function ownShares(role: Role, tiling: Tiling): string {
  const { own } = role.finish as { own: { name: string } };
  return /* wgsl */ `
    if (side == ${OWN}) {
${
    tileProducts(tiling, {
      sum: "product",
      ofRows: own.name,
      ofColumns: role.values.name,
      end: outputEnd(role),
    })
  }
${
    eachRow((r) =>
      `    product${r} *= score${r};
    share${r}.x += dot(product${r}, select(vec4f(), vec4f(1.0), positions < vec4u(row + ${r}u)));
    share${r}.y += dot(product${r}, select(vec4f(), vec4f(1.0), positions > vec4u(row + ${r}u)));`
    )
  }
    }`;
}
