/**
 * What the rows of `simd_tiles.ts` read: block by block, and with decays tile by
 * tile, from their own outwards to one side and to the other.
 *
 * Where what a row reads is multiplied with its own vectors, columns of its tile
 * that are before it are a side of their own, and so are those after it.
 *
 * @module
 */
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import type { Preparation } from "../chunkwise/chunk_operands.ts";
import type { Role } from "../chunkwise/roles.ts";
import {
  addLaneColumns,
  BLOCK,
  blockColumns,
  eachColumn,
  eachLaneRow,
  LANE_ROWS,
  laneProducts,
  laneSums,
  type Simd,
  withColumns,
} from "./simd_blocks.ts";
import {
  DECAYS_OF_TILE,
  factorsOf,
  maskQuads,
  TILE_DECAYS,
} from "./tile_decays.ts";
import { innerEnd, isGradient, outputEnd } from "./tile_roles.ts";

/** Most tokens of a tile. */
export const SIMD_TILE = 64;

/** The sides of the own tile; 0 and 1 are the tiles before it and after it. */
const OWN = 2;
/** Of the own tile only columns before the row, after it, and itself. */
const OWN_PARTS = [OWN, OWN + 1, OWN + 2] as const;

/**
 * Adds what the rows read of the columns from `start` to `end`, block by block.
 *
 * @param factor The factor of a column, by its token.
 * @param weigh Statements that change the scores.
 */
function blocks(
  role: Role,
  simd: Simd,
  { start, factor, weigh }: {
    readonly start: string;
    readonly factor: (token: string) => string;
    readonly weigh: string;
  },
): string {
  const { rows, others, values, finish } = role;
  return /* wgsl */ `
  for (var first = ${start}; first < end; first += ${BLOCK}u) {
${blockColumns(simd, factor)}
${
    laneProducts(simd, {
      scores: "score",
      rows: rows.name,
      columns: others.name,
      end: innerEnd(role),
    })
  }
${isGradient(role) ? addOnes(role, simd) : ""}
${weigh}
${
    finish.kind === "attention"
      ? withColumns(
        simd,
        (_, factor) => factor,
        (c) => `weight += score${c} * x${c};`,
      )
      : ""
  }
${
    addLaneColumns(simd, {
      sum: "sum",
      scores: "score",
      end: outputEnd(role),
      read: (token, factor) => `${factor} * read_${values.name}(${token}, n)`,
    })
  }
  }`;
}

/** Adds to the scores of a gradient what the ones of values meet in cotangents. */
function addOnes({ rows, others }: Role, simd: Simd): string {
  if (rows.columns === "sum") {
    return eachColumn((c) => `    score${c} += ones;`);
  }
  return withColumns(
    simd,
    (token) => `last_of_${others.name}(${token})`,
    (c) => `score${c} += x${c};`,
  );
}

/** Adds to `sum` what the rows read of all columns. */
export function withoutDecays(role: Role, simd: Simd): string {
  return /* wgsl */ `
  let end = problem.length;
${blocks(role, simd, { start: "0u", factor: () => "1.0", weigh: "" })}`;
}

/** Multiplies the scores of a block of the own tile by its mask. */
function weighOwn({ isTransposed }: Preparation, shared: boolean): string {
  // The mask has a row for each token that reads. Transposed that is a column,
  // and its quad the lane's rows; else four rows have a quad each.
  const { token, quad, weights } = isTransposed
    ? {
      token: "first + i",
      quad: `tile_row / ${LANE_ROWS}u`,
      weights: (c: number) => `mask[${c}]`,
    }
    : {
      token: `min(row + i % ${LANE_ROWS}u, last)`,
      quad: `(first - start + i) / 4u`,
      weights: (c: number) =>
        `vec4f(${
          repeat(
            LANE_ROWS,
            (r) => `mask[${LANE_ROWS * (c >> 2) + r}][${c % 4}]`,
            ", ",
          )
        })`,
    };
  const kept = (c: number) => {
    const place = `first + ${c}u`;
    return shared
      ? `(lowest <= vec4u(${place})) & (vec4u(${place}) < highest)`
      : `${place} < end`;
  };
  return /* wgsl */ `
    if (side >= ${OWN}u) {
      var mask: array<vec4f, ${BLOCK}>;
      for (var i = 0u; i < min(${BLOCK}u, ${
    isTransposed ? "end - first" : "(end - first + 3u) / 4u * 4u"
  }); i++) {
        mask[i] = ${TILE_DECAYS.mask}[(base + ${token} - skipped) * ${
    maskQuads(SIMD_TILE)
  }u + ${quad}];
      }
${
    eachColumn((c) =>
      `      score${c} = select(vec4f(), score${c} * ${weights(c)}, ${
        kept(c)
      });`
    )
  }
    }`;
}

/** Adds to `all` what they read of the tiles on each side, the nearest first, and then of the own. */
export function withDecays(
  role: Role,
  decays: Preparation,
  simd: Simd,
): string {
  const { rows, columns, tiles } = factorsOf(decays);
  const shared = role.finish.kind === "shares";
  const ofSide = (before: string, after: string) =>
    `select(${after}, ${before}, side == 0u)`;
  const steps = ofSide(
    decays.sides.includes("before") ? "group.x" : "0u",
    decays.sides.includes("after") ? "problem.chunks - 1u - group.x" : "0u",
  );
  const { factors, through } = TILE_DECAYS;
  const factor = (token: string) => {
    const [before, after] = columns;
    const of = `${factors}[${token} - skipped]`;
    return `select(${
      ofSide(`${of}.${before}`, `${of}.${after}`)
    } * passed, 1.0, is_own)`;
  };
  const readers = ([before, after]: readonly [string, string]) =>
    eachLaneRow((r) =>
      `    let reader${r} = select(${
        ofSide(`of_row${r}.${before}`, `of_row${r}.${after}`)
      }, 1.0, is_own);`
    );
  return /* wgsl */ `
  // Tokens of earlier passes, of which the decays' buffers know nothing.
  let skipped = problem.firstSequence * problem.length;
${eachLaneRow((r) => `  let of_row${r} = ${factors}[row${r} - skipped];`)}
${laneSums(simd, "all")}
${role.finish.kind === "attention" ? "  var all_weight = vec4f();" : ""}
${shared ? declareShares() : ""}
  for (var side = 0u; side <= ${shared ? OWN_PARTS.at(-1) : OWN}u; side++) {
    let is_own = side >= ${OWN}u;
    let steps = select(${steps}, 1u, is_own);
${shared ? ownPart() : ""}
    // Log decay of the tiles between.
    var between = 0.0;
    for (var step = 1u; step <= steps; step++) {
      let other = select(${
    ofSide("group.x - step", "group.x + step")
  }, group.x, is_own);
      let start = other * problem.chunkSize;
      let end = min(start + problem.chunkSize, problem.length);
      let passed = exp(between);
${
    blocks(role, simd, {
      start: "start",
      factor,
      weigh: weighOwn(decays, shared),
    })
  }
      between += ${through}[${DECAYS_OF_TILE}u * (group.y * problem.chunks + other) + ${
    ofSide(...tiles)
  }];
    }
${readers(rows)}
${endOfSide(role)}
  }`;
}

/** Declares the products with the rows' own vectors. */
function declareShares(): string {
  return `${eachLaneRow((r) => `  var share${r} = vec4f();`)}
  let places = row + vec4u(0u, 1u, 2u, 3u);`;
}

/** Which columns are of the side, if it is a part of the own tile. */
function ownPart(): string {
  const [before, after, self] = OWN_PARTS.map((part) => `side == ${part}u`);
  return /* wgsl */ `    let lowest = select(select(vec4u(), places, ${self}), places + 1u, ${after});
    let highest = select(select(vec4u(problem.length), places + 1u, ${self}), places, ${before});`;
}

/** Adds what was read of a side to all, and to the shares what the row's own vectors make of it; of the token itself nothing. */
function endOfSide({ finish, output }: Role): string {
  const [before, after] = OWN_PARTS;
  // In the order of the shares' buffer.
  const sides = [before, after, 0, 1].map((side) => `${side}u`).join(", ");
  return /* wgsl */ `${
    finish.kind === "shares"
      ? `    let of_side = select(vec4f(), vec4f(1.0), vec4u(${sides}) == vec4u(side));`
      : ""
  }
    for (var n = 0u; n < ${output.columns}_quads(); n++) {
${
    eachLaneRow((r) => {
      const share = finish.kind === "shares"
        ? `
      share${r} += dot(read_${finish.own.name}(row${r}, n), sum${r}) * of_side;`
        : "";
      return `      let sum${r} = reader${r} * sum[n][${r}];${share}`;
    })
  }
      all[n] += mat4x4f(${repeat(LANE_ROWS, (r) => `sum${r}`, ", ")});
      sum[n] = mat4x4f();
    }
${
    finish.kind === "attention"
      ? `    all_weight += weight * vec4f(${
        repeat(LANE_ROWS, (r) => `reader${r}`, ", ")
      });
    weight = vec4f();`
      : ""
  }`;
}
