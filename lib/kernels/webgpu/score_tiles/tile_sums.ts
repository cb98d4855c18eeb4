/**
 * Sums over columns, weighted by tiles of scores: the part of them that a
 * thread holds, adds to and writes.
 *
 * @module
 */
import { eachRow, type Tiling } from "./score_tiles.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";

/** `quad0`, `quad1`: of a row with so many quads at most, those of a lane. */
export function laneQuads({ lanes, quads }: Tiling): string {
  return repeat(
    quads,
    (i) => `  let quad${i} = (layer * ${quads}u + ${i}u) * ${lanes}u + lane;`,
  );
}

/** Declares the thread's part of a sum. */
export function declareSum({ quads }: Tiling, sum: string): string {
  return repeat(
    quads,
    (i) => eachRow((r) => `  var ${sum}${r}_${i} = vec4f();`),
  );
}

/** What is added to a sum. */
export interface Addition {
  /** As declared. */
  readonly sum: string;
  /** Whose rows are weighed and added. */
  readonly vectors: string;
  /** Tells tokens from padding, of which nothing is added whatever it holds. */
  readonly isToken?: (token: string) => string;
  /** By what the sum of row r is multiplied before. */
  readonly factor?: (r: number) => string;
  /** More to do with the weights of row r. */
  readonly also?: (r: number, weights: string) => string;
}

/** The matrix of four tokens' quads. */
function vectorsOf(
  { vectors, isToken }: Addition,
  token: (c: number) => string,
  quad: string,
): string {
  const vector = (c: number) => {
    const read = `read_${vectors}(${token(c)}, ${quad})`;
    return isToken ? `select(vec4f(), ${read}, is_token${c})` : read;
  };
  return `mat4x4f(${repeat(4, vector, ", ")})`;
}

/** Adds the vectors of the block's columns, times the tiles, to a sum. */
export function addColumns(
  { lanes, quads }: Tiling,
  addition: Addition,
): string {
  const { sum, isToken, factor, also } = addition;
  const token = (c: number) => `token${c}`;
  return /* wgsl */ `
${
    factor
      ? repeat(quads, (i) =>
        eachRow((r) => `    ${sum}${r}_${i} *= ${factor(r)};`))
      : ""
  }
    for (var block = 0u; block < min(${lanes}u, (end - first + 3u) / 4u); block++) {
${
    repeat(4, (c) =>
      `      let ${token(c)} = base + min(first + 4u * block + ${c}u, last);`)
  }
${
    isToken
      ? repeat(4, (c) => `      let is_token${c} = ${isToken(token(c))};`)
      : ""
  }
${
    repeat(quads, (i) =>
      `      let vectors${i} = ${vectorsOf(addition, token, `quad${i}`)};`)
  }
${
    eachRow((r) =>
      /* wgsl */ `      {
        let weights = tiles[(tile_row + ${r}u) * ${lanes}u + block];
${
        repeat(quads, (i) =>
          `        ${sum}${r}_${i} = accumulate(${sum}${r}_${i}, vectors${i}, weights);`)
      }
${
        also
          ? `        ${also(r, "weights")}
`
          : ""
      }      }`
    )
  }
    }`;
}

/** Writes a sum of row r, as `value` makes it, to a tensor. */
export function writeSum(
  { quads }: Tiling,
  r: number,
  { sum, to, value }: {
    readonly sum: string;
    readonly to: string;
    readonly value: (sum: string) => string;
  },
): string {
  return repeat(
    quads,
    (i) => `    write_${to}(row${r}, quad${i}, ${value(`${sum}${r}_${i}`)});`,
  );
}
