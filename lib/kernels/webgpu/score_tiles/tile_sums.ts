/**
 * Sums over columns, weighted by tiles of scores: the part of them that a
 * thread holds, adds to and writes.
 *
 * @module
 */
import type { Tiling } from "./score_tiles.ts";
import { eachTileRow } from "../frame/register_tile.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";

/** Declares `quad0`, `quad1` and so on, the quads of a row that the thread sums. */
export function threadQuads(
  { threadsPerRow, columnsPerThread }: Tiling,
): string {
  const quads = columnsPerThread / 4;
  return repeat(
    quads,
    (i) =>
      `  let quad${i} = (layer * ${quads}u + ${i}u) * ${threadsPerRow}u + lane;`,
  );
}

/** Declares the thread's part of a sum. */
export function declareSum(
  { columnsPerThread }: Tiling,
  sum: string,
): string {
  return repeat(
    columnsPerThread / 4,
    (i) => eachTileRow((r) => `  var ${sum}${r}_${i} = vec4f();`),
  );
}

/** What is added to a sum of vectors, weighted by scores. */
export interface Addition {
  /** The name of the sum, as {@linkcode declareSum} was given it. */
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
  { threadsPerRow, columnsPerThread }: Tiling,
  addition: Addition,
): string {
  const quads = columnsPerThread / 4;
  const { sum, isToken, factor, also } = addition;
  const token = (c: number) => `token${c}`;
  return /* wgsl */ `
${
    factor
      ? repeat(quads, (i) =>
        eachTileRow((r) => `    ${sum}${r}_${i} *= ${factor(r)};`))
      : ""
  }
    for (var block = 0u; block < min(${threadsPerRow}u, (end - first + 3u) / 4u); block++) {
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
    eachTileRow((r) =>
      /* wgsl */ `      {
        let weights = tiles[(tile_row + ${r}u) * ${threadsPerRow}u + block];
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
  { columnsPerThread }: Tiling,
  r: number,
  { sum, to, value }: {
    readonly sum: string;
    readonly to: string;
    readonly value: (sum: string) => string;
  },
): string {
  return repeat(
    columnsPerThread / 4,
    (i) => `    write_${to}(row${r}, quad${i}, ${value(`${sum}${r}_${i}`)});`,
  );
}
