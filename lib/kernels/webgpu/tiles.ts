/**
 * The full form: what each token reads of all others, tile by tile of keys, for
 * one of the roles of `roles.ts`.
 *
 * A workgroup has the rows of a tile. With decays it goes from its own tile
 * outwards, to one side and then to the other. What weighs the scores there is a
 * factor for the column, through whatever tiles are between; the factor for the
 * row is left until all of the side are added up. Only in its own tile the mask
 * is made entry by entry. Without decays all columns are alike.
 *
 * @module
 */
import { decayNames, distinct } from "./chunk_states.ts";
import {
  declareDecays,
  declareWeights,
  loadDecays,
  loadWeights,
  maskKey,
  type MaskSource,
  sidesOf,
} from "./mask.ts";
import { outputsOf, type Role, roleKey } from "./roles.ts";
import {
  before,
  copyRows,
  eachRow,
  endOfTile,
  shareTile,
  tileColumns,
  tileFunctions,
  tileProducts,
  type Tiling,
} from "./score_tiles.ts";
import {
  type Binding,
  declare,
  input,
  keyOf,
  type Launch,
  repeat,
  type Shader,
} from "../../tfjs/webgpu/shader.ts";
import { TILE_ROWS } from "./states.ts";
import { DECAYS_OF_TILE, TILE_DECAYS } from "./tile_decays.ts";
import { finishing, innerEnd, isGradient, outputEnd } from "./tile_roles.ts";
import {
  addColumns,
  declareSum,
  dotSum,
  laneQuads,
  moveSum,
} from "./tile_sums.ts";
import { bindingOf, QUADS, readingStored, writing } from "./vectors.ts";

/** What the text depends on. */
export interface TilesSpec {
  /** What is computed. */
  readonly role: Role;
  /** The mask, or `null` if all weights are 1. */
  readonly mask: MaskSource | null;
  /** How the work of a tile is shared out; a tile has at most its rows. */
  readonly tiling: Tiling;
}

/** The shader of a role. */
export function tilesShader(
  { role, mask, tiling }: TilesSpec,
  launch: Launch,
): Shader {
  const { rows, others, values, finish, output } = role;
  const inputs = distinct([
    rows,
    others,
    values,
    ...(finish.kind === "shares" ? [finish.own] : []),
  ]);
  const bindings: Binding[] = [
    ...inputs.map(bindingOf),
    ...decayNames([mask]).map((name) => input(name, "f32")),
    ...(mask
      ? [input(TILE_DECAYS.factors, "vec4f"), input(TILE_DECAYS.through, "f32")]
      : []),
    ...outputsOf(role),
  ];
  const { alone, copies, lanes, quads, threads } = tiling;
  return {
    key: keyOf(
      "tiles",
      roleKey(role),
      maskKey(mask),
      alone && "alone",
      copies && "copies",
      `lanes=${lanes}`,
      `quads=${quads}`,
    ),
    bindings,
    dispatch: [launch.chunks, launch.sequences, 1],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}
${inputs.map(readingStored).join("\n")}
${writing(output)}
${tileFunctions(tiling)}
${isGradient(role) ? lastOfCotangent(role) : ""}
${
        mask
          ? declareDecays(sidesOf(mask), tiling.rows) +
            declareWeights(tiling.rows)
          : ""
      }
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
${places(tiling)}
${mask ? loadOwnTile(mask, tiling) : ""}
${laneQuads(tiling)}
${copyRows(tiling, rows.name, innerEnd(role))}
${declareSum(tiling, "sum")}
${eachRow((r) => `  var weight${r} = 0.0;`)}
${mask ? withMask(role, mask, tiling) : withoutMask(role, tiling)}
${finishing(role, tiling, mask ? "all" : "sum")}
}
`,
  };
}

/** What the column of ones of a value meets in the cotangent of a sum. */
function lastOfCotangent({ rows, others }: Role): string {
  const { name } = rows.columns === "sum" ? rows : others;
  return `fn last_of_${name}(token: u32) -> f32 { return read_${name}(token, problem.valueDim / 4u)[problem.valueDim % 4u]; }`;
}

/** Where a workgroup and a thread are. */
function places({ lanes }: Tiling): string {
  return /* wgsl */ `  let sequence = problem.firstSequence + group.y;
  let base = sequence * problem.length;
  let last = problem.length - 1u;
  let first_row = group.x * problem.chunkSize;
  let row_count = min(problem.chunkSize, problem.length - first_row);
  let layer = 0u;
  let lane = thread % ${lanes}u;
  let tile_row = thread / ${lanes}u * ${TILE_ROWS}u;
  let row = first_row + tile_row;
${eachRow((r) => `  let row${r} = base + min(row + ${r}u, last);`)}`;
}

function loadOwnTile(mask: MaskSource, { rows, threads }: Tiling): string {
  return /* wgsl */ `
  {
    let first = first_row;
    let count = row_count;
${loadDecays(mask, rows, threads)}
${loadWeights(mask, rows, threads)}
  }`;
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

function withoutMask(role: Role, tiling: Tiling): string {
  return /* wgsl */ `
  let end = problem.length;
  for (var first = 0u; first < end; first += ${tiling.columns}u) {
${tileColumns}
${scores(role, tiling)}
    let kept = select(vec4f(), vec4f(1.0), ${before("end")});
${eachRow((r) => `    score${r} *= kept;`)}
${addTile(role, tiling)}
  }`;
}

/** All sides, and then the tile itself. */
function withMask(role: Role, mask: MaskSource, tiling: Tiling): string {
  const shared = role.finish.kind === "shares";
  return /* wgsl */ `${declareSum(tiling, "all")}
${eachRow((r) => `  var total${r} = 0.0;`)}
${shared ? eachRow((r) => `  var share${r} = vec4f();`) : ""}
${farTiles(role, mask, tiling)}
${ownTile(role, tiling)}
${moveSum(tiling, { sum: "sum", to: "all", factor: () => "1.0" })}
${eachRow((r) => `  total${r} += weight${r};`)}`;
}

/**
 * Of the factors of a token, and of the log decays of a tile, those that a side
 * needs. In the transposed mask rows are read, and columns read.
 */
function factorsOf(mask: MaskSource) {
  const isTransposed = (mask.before ?? mask.after)!.offset !== 0;
  return isTransposed
    ? { rows: ["w", "y"], columns: ["z", "x"], tiles: [1, 0] }
    : { rows: ["x", "z"], columns: ["y", "w"], tiles: [0, 1] };
}

/** The tiles on each side of the own, the nearest first. */
function farTiles(role: Role, mask: MaskSource, tiling: Tiling): string {
  const { rows, columns, tiles } = factorsOf(mask);
  const [from, to] = [mask.before ? 0 : 1, mask.after ? 2 : 1];
  const pick = (before: string, after: string) =>
    `select(${after}, ${before}, side == 0u)`;
  const { factors, through } = TILE_DECAYS;
  const ofColumn = (c: number) =>
    pick(`factors${c}.${columns[0]}`, `factors${c}.${columns[1]}`);
  return /* wgsl */ `
  for (var side = ${from}u; side < ${to}u; side++) {
    let steps = ${pick("group.x", "problem.chunks - 1u - group.x")};
    // Log decay of the tiles between.
    var between = 0.0;
    for (var step = 1u; step <= steps; step++) {
      let other = ${pick("group.x - step", "group.x + step")};
      let start = other * problem.chunkSize;
      let end = min(start + problem.chunkSize, problem.length);
      for (var first = start; first < end; first += ${tiling.columns}u) {
${tileColumns}
${repeat(4, (c) => `    let factors${c} = ${factors}[column${c}];`)}
    let kept = select(vec4f(), exp(between) * vec4f(${
    repeat(4, ofColumn, ", ")
  }), ${before("end")});
${scores(role, tiling)}
${eachRow((r) => `    score${r} *= kept;`)}
${addTile(role, tiling)}
      }
      between += ${through}[${DECAYS_OF_TILE}u * (sequence * problem.chunks + other) + ${
    pick(`${tiles[0]}u`, `${tiles[1]}u`)
  }];
    }
${
    eachRow((r) =>
      `    let factors${r} = ${factors}[row${r}];
    let reader${r} = ${
        pick(`factors${r}.${rows[0]}`, `factors${r}.${rows[1]}`)
      };
    total${r} += reader${r} * weight${r};
    weight${r} = 0.0;`
    )
  }
${role.finish.kind === "shares" ? farShares(role, tiling) : ""}
${moveSum(tiling, { sum: "sum", to: "all", factor: (r) => `reader${r}` })}
  }`;
}

/** What was read of the tiles of a side, times the row's own vectors. */
function farShares(role: Role, tiling: Tiling): string {
  const { own } = role.finish as { own: { name: string } };
  return /* wgsl */ `
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
      `    product${r} *= reader${r};
    share${r} += select(vec4f(0.0, 0.0, 0.0, product${r}), vec4f(0.0, 0.0, product${r}, 0.0), side == 0u);`
    )
  }`;
}

/** The columns of the tile that the rows are of. */
function ownTile(role: Role, tiling: Tiling): string {
  return /* wgsl */ `
  let end = first_row + row_count;
  for (var first = first_row; first < end; first += ${tiling.columns}u) {
${tileColumns}
${scores(role, tiling)}
    let kept = select(vec4f(), vec4f(1.0), ${before("end")});
    let column_block = min((column - first_row) / 4u, ${tiling.rows / 4 - 1}u);
${
    repeat(
      TILE_ROWS / 4,
      (block) =>
        `    let weights${block} = weights(tile_row / 4u + ${block}u, column_block);`,
    )
  }
${eachRow((r) => `    score${r} *= kept * weights${r >> 2}[${r % 4}];`)}
${role.finish.kind === "shares" ? ownShares(role, tiling) : ""}
${addTile(role, tiling)}
  }`;
}

/** What was read of each column, times the row's own vectors; of the token itself nothing. */
function ownShares(role: Role, tiling: Tiling): string {
  const { own } = role.finish as { own: { name: string } };
  return /* wgsl */ `
${
    tileProducts(tiling, {
      sum: "product",
      ofRows: own.name,
      ofColumns: role.values.name,
      end: outputEnd(role),
      copied: false,
    })
  }
${
    eachRow((r) =>
      `    product${r} *= score${r};
    share${r}.x += dot(product${r}, select(vec4f(), vec4f(1.0), positions < vec4u(row + ${r}u)));
    share${r}.y += dot(product${r}, select(vec4f(), vec4f(1.0), positions > vec4u(row + ${r}u)));`
    )
  }`;
}
