/**
 * Ways back: from the gradients in a tile's decayed rows to those in its queries
 * or keys, and in the log decays on the way.
 *
 * @module
 */
import { sideRightOf, slotOf } from "../chunkwise/diagonal_layout.ts";
import { eachTileRow as rows, TILE_ROWS } from "../frame/register_tile.ts";
import type { DiagonalChunks } from "../chunkwise/chunk_operands.ts";

/**
 * Takes `part0`, `part1`, …, the gradients in the rows of a tile that have
 * decayed from or until `place`, on whose right the tile lies or not (`isRight`);
 * adds them to `sum0`, … as gradients of the queries or keys, and to
 * `slopes_<side>0`, … as those of the tile's log decays. `total` is what all rows
 * send back.
 *
 * A row's log decay, and all between it and the place, are in its exponent; of a
 * key only those between. So slopes are sums over the rows from the farthest on:
 * nothing cancels.
 *
 * @param of What the rows are.
 * @param chunks Their chunks.
 * @param own A row's query or key, by its token in the chunk.
 */
export function wayBack(
  of: "queries" | "keys",
  { causal }: DiagonalChunks,
  own: (token: string) => string,
): string {
  const paysOwn = of === "queries";
  const onRight = sideRightOf(of);
  const onLeft = onRight === "before" ? "after" : "before";
  const side = `select(${slotOf(onLeft)}u, ${slotOf(onRight)}u, isRight)`;
  const log = (token: string) =>
    `paid(sequence, side, first, ${token}, count, outputQuad)`;
  const farthest = TILE_ROWS - 1;
  // Of the nearest row first.
  const decay = rows((n) => {
    const pay = `    path += ${log(`near${n}`)};`;
    const take = `    way${n} *= exp(path);`;
    return paysOwn ? `${pay}\n${take}` : `${take}\n${pay}`;
  });
  const slope = rows((i) => {
    const n = farthest - i;
    const add = `    total += select(vec4f(), way${n} * ${
      own(`near${n}`)
    }, near${n} < count);`;
    const put = `    let passed${n} = total;`;
    return paysOwn ? `${add}\n${put}` : `${put}\n${add}`;
  });
  const give = (side: "before" | "after", rowOf: (r: number) => number) =>
    rows((r) =>
      `    sum${r} += way${rowOf(r)};` +
      // Nothing comes from the other side of a causal chunk.
      (causal && side === "after"
        ? ""
        : `\n    slopes_${side}${r} += passed${rowOf(r)};`)
    );
  return /* wgsl */ `
    let side = ${side};
    var path = vec4f();
    if (isRight) {
      for (var t = place; t < row; t++) { path += ${log("t")}; }
    } else {
      for (var t = place; t > row + ${TILE_ROWS}u; t--) { path += ${
    log("t - 1u")
  }; }
    }
${
    rows((n) =>
      `    let near${n} = select(row + ${farthest - n}u, row + ${n}u, isRight);
    var way${n} = select(part${farthest - n}, part${n}, isRight);`
    )
  }
${decay}
    var total = vec4f();
${slope}
    if (isRight) {
${give(onRight, (r) => r)}
    } else {
${give(onLeft, (r) => farthest - r)}
    }`;
}
