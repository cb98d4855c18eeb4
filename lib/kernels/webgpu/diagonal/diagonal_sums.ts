/** Vectors of a chunk's tokens, weighed by the scores of a tile's rows and added up. @module */
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { eachTileRow as rows } from "../frame/register_tile.ts";

/** What is added to the sums of a tile's rows. */
export interface ScoredSum {
  /** The buffer of the weights, a row for each reader. */
  readonly weights: string;
  /** Whether the tile's rows are sources, whose weights stand in a column. */
  readonly isTransposed: boolean;
  /** The name of the sums. */
  readonly sum: string;
  /** A token's vector, by its place in the chunk. */
  value(token: string): string;
  /** Blocks of four tokens. */
  readonly from: string;
  readonly to: string;
}

/** Blocks of four tokens in the chunk. */
export const ALL_BLOCKS = "(count + 3u) / 4u";

/**
 * Where the weights of a tile stand: as readers each of its rows has a row of
 * scores, as sources all of them have two quads of each reader's.
 */
export function placesOfWeights(isTransposed: boolean): string {
  return isTransposed
    ? /* wgsl */ `  let rowQuad = row / 4u;
  let nextQuad = min(rowQuad + 1u, score_quads() - 1u);`
    : rows((r) =>
      `  let weights${r} = score_row(sequence, first + min(row + ${r}u, count - 1u));`
    );
}

/** Statements that add to the sums, after {@linkcode placesOfWeights}. */
export function addScored(
  { weights, isTransposed, sum, value, from, to }: ScoredSum,
): string {
  const body = isTransposed
    ? repeat(4, (c) =>
      /* wgsl */ `    {
      let token = min(block * 4u + ${c}u, count - 1u);
      let x = select(vec4f(), ${value("token")}, block * 4u + ${c}u < count);
      let at = score_row(sequence, first + token);
      let quads = array<vec4f, 2>(${weights}[at + rowQuad], ${weights}[at + nextQuad]);
${rows((r) => `      ${sum}${r} += quads[${r >> 2}][${r % 4}] * x;`)}
    }`)
    : /* wgsl */ `    let columns = mat4x4f(${
      repeat(4, (c) => value(`min(block * 4u + ${c}u, count - 1u)`), ", ")
    });
${
      rows((r) =>
        `    ${sum}${r} = accumulate(${sum}${r}, columns, ${weights}[weights${r} + block]);`
      )
    }`;
  return /* wgsl */ `
  for (var block = ${from}; block < ${to}; block++) {
${body}
  }`;
}
