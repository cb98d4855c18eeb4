/** The last step of the attention shader: what it writes of the sums of a tile of rows. @module */
import { type AttendShape, threadsOf } from "./attend_shape.ts";
import type { Role } from "./roles.ts";
import { eachTileRow as rows, TILE_ROWS } from "../frame/register_tile.ts";

/** Writes the results of the threads that have a tile. */
export function finishing(
  role: Pick<Role, "finish" | "output">,
  shape: AttendShape,
): string {
  const { finish, output } = role;
  const { blockRows } = shape;
  const writes = (value: (r: number) => string) =>
    rows((r) =>
      `    if (row + ${r}u < count) { write_${output.name}(row${r}, outputQuad, ${
        value(r)
      }); }`
    );
  switch (finish.kind) {
    case "none":
      return /* wgsl */ `
  if (hasTile) {
${writes((r) => `sum${r}`)}
  }`;
    case "attention":
      return /* wgsl */ `
  if (hasTile && outputQuad == quads - 1u) {
    let ones = problem.valueDim % 4u;
${
        rows((r) =>
          `    let total${r} = problem.scale * sum${r}[ones];
    totals[rowTile * ${TILE_ROWS}u + ${r}u] = total${r};
    if (row + ${r}u < count) { rowSums[row${r}] = total${r}; }`
        )
      }
  }
  workgroupBarrier();
  if (hasTile) {
    let normalize = problem.normalize == 1u;
${
        writes((r) => {
          const total = `totals[rowTile * ${TILE_ROWS}u + ${r}u]`;
          return `problem.scale * sum${r} / select(1.0, ${total} + problem.epsilon, normalize)`;
        })
      }
  }`;
    case "decayTerms":
      return /* wgsl */ `
  if (hasTile) {
${writes((r) => `sum${r}`)}
  }
  workgroupBarrier();
  if (hasTile) {
${
        rows((r) =>
          `    scores[(rowTile * ${TILE_ROWS}u + ${r}u) * quads + outputQuad] = terms${r};`
        )
      }
  }
  workgroupBarrier();
  for (var r = thread; r < ${blockRows}u; r += ${threadsOf(shape)}u) {
    if (firstRow + r < count) {
      var terms = vec4f();
      for (var quad = 0u; quad < quads; quad++) { terms += scores[r * quads + quad]; }
      ${finish.name}[base + first + firstRow + r] = terms;
    }
  }`;
  }
}
