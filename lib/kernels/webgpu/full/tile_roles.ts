/** What tells the roles apart in the tiles of the full form. @module */
import { type Binding, input } from "../../../tfjs/webgpu/shader.ts";
import { distinct } from "../chunkwise/chunk_states.ts";
import type { Preparation } from "../chunkwise/chunk_operands.ts";
import { isTransposed, type Role } from "../chunkwise/roles.ts";
import { eachRow, shareTile, type Tiling } from "../score_tiles/score_tiles.ts";
import { TILE_DECAYS } from "./tile_decays.ts";
import { writeSum } from "../score_tiles/tile_sums.ts";
import { bindingOf, type Vectors } from "../frame/vectors.ts";

/** The vectors that a role reads in tiles. */
export function inputsOfTiles(
  { rows, others, values, finish }: Role,
): Vectors[] {
  return distinct([
    rows,
    others,
    values,
    ...(finish.kind === "shares" ? [finish.own] : []),
  ]);
}

/** All that it reads. */
export function tileBindings(
  role: Role,
  decays: Preparation | null,
): Binding[] {
  return [
    ...inputsOfTiles(role).map(bindingOf),
    ...(decays
      ? [
        input(TILE_DECAYS.factors, "vec4f"),
        input(TILE_DECAYS.through, "f32"),
        input(TILE_DECAYS.mask, "vec4f"),
      ]
      : []),
  ];
}

/** Whether scores are products of cotangents and values, of the keys' gradient or the queries'. */
export function isGradient({ output }: Role): boolean {
  return output.columns === "key";
}

/** Quads of r and o, but for the column of ones. */
export function innerEnd(role: Role): string {
  return isTransposed(role) ? "value_quads()" : "key_quads()";
}

/** Quads of x that are needed, and of z. */
export function outputEnd({ output }: Role): string {
  return `${output.columns}_quads()`;
}

/** Writes the rows of the tile, from their sums. */
export function finishing(role: Role, tiling: Tiling): string {
  const { finish, output } = role;
  const sum = finish.kind === "shares" ? "all" : "sum";
  const write = (value: (r: number) => (sum: string) => string) =>
    eachRow((r) =>
      `  if (tile_row + ${r}u < row_count) {
${writeSum(tiling, r, { sum, to: output.name, value: value(r) })}
  }`
    );
  switch (finish.kind) {
    case "none":
      return write(() => (sum) => sum);
    case "attention":
      return attention(write);
    case "shares":
      return write(() => (sum) => sum) + shares(finish.name, tiling);
  }
}

/** Sums times the scale, divided by the row sum. */
function attention(
  write: (value: (r: number) => (sum: string) => string) => string,
): string {
  return /* wgsl */ `
  let normalize = problem.normalize == 1u;
${
    eachRow((r) =>
      `  let rowSum${r} = problem.scale * weight${r};
  let divisor${r} = select(1.0, rowSum${r} + problem.epsilon, normalize);
  if (lane == 0u && tile_row + ${r}u < row_count) { rowSums[row${r}] = rowSum${r}; }`
    )
  }
${write((r) => (sum) => `problem.scale * ${sum} / divisor${r}`)}`;
}

/** The shares of all lanes, [tile before, tile after, tiles before, tiles after]. */
function shares(name: string, tiling: Tiling): string {
  const { lanes } = tiling;
  return /* wgsl */ `${shareTile(tiling, "share")}
${
    eachRow((r) =>
      `  if (lane == 0u && tile_row + ${r}u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < ${lanes}u; other++) { share += tiles[(tile_row + ${r}u) * ${lanes}u + other]; }
    ${name}[row${r}] = share;
  }`
    )
  }`;
}
