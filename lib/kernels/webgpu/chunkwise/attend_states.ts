/** What a token reads of the states that reach its chunk. @module */
import { type MaskSource, type Side, sidesOf } from "./mask.ts";
import { innerQuads, isTransposed, type Role } from "./roles.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { directionsOf, eachChunk } from "./states.ts";
import { eachTileRow as rows, TILE_ROWS } from "../frame/register_tile.ts";

/**
 * Adds what the tile's rows read of the states that reach their chunk to `sum`.
 *
 * @param areApart Whether the states have not travelled, and are those that each chunk
 * wrote; with decays.
 */
export function readStates(
  role: Role,
  decays: MaskSource | null,
  areApart: boolean,
): string {
  if (areApart) return readEachChunk(role, decays!);
  const { rows: readers, states } = role;
  const transposed = isTransposed(role);
  const sides = decays ? sidesOf(decays) : [];
  const directions = directionsOf(decays);
  const names = decays ? sides.map((side) => `${side}State`) : ["sum"];
  // A chunk alone has decays and no states.
  const quads = decays
    ? `select(${innerQuads(role)}, 0u, problem.chunks == 1u)`
    : innerQuads(role);
  const chunk = decays ? " + group.x" : "";
  const columns = names.map((name, direction) => {
    const at = direction === 0 ? "at" : `at + ${direction}u * record_quads()`;
    const read = repeat(
      4,
      (c) => `${states.name}[${at} + ${c}u * stride]`,
      ", ",
    );
    const matrix = `mat4x4f(${read})`;
    return `    let ${name}Columns = ${
      transposed ? `transpose(${matrix})` : matrix
    };`;
  });
  return /* wgsl */ `
  let stride = sum_quads();
  let record = (group.y * problem.chunks${chunk}) * ${directions}u * record_quads();
${
    decays
      ? names.map((name) => rows((r) => `  var ${name}${r} = vec4f();`))
        .join("\n")
      : ""
  }
  for (var quad = 0u; quad < ${quads}; quad++) {
    let at = record + ${
    transposed
      ? "outputQuad * 4u * stride + quad"
      : "quad * 4u * stride + outputQuad"
  };
${columns.join("\n")}
${
    rows((r) =>
      `    let x${r} = read_${readers.name}(row${r}, quad);\n` +
      names.map((name) =>
        `    ${name}${r} = accumulate(${name}${r}, ${name}Columns, x${r});`
      ).join("\n")
    )
  }
  }
${decays === null ? "" : addStates(role, sides)}`;
}

/** Adds what was read of the states on each side to the sums, and to the terms. */
function addStates({ finish }: Role, sides: readonly Side[]): string {
  const term = (side: Side, r: number) =>
    finish.kind === "decayTerms"
      ? `
  terms${r}.${side === "before" ? "z" : "w"} = dot(own${r}, ${side}State${r});`
      : "";
  return rows((r) =>
    sides.map((side) =>
      `  ${side}State${r} *= from_start_${side}[rowTile * ${TILE_ROWS}u + ${r}u];${
        term(side, r)
      }
  sum${r} += ${side}State${r};`
    ).join("\n")
  );
}

/** {@linkcode readStates} of states that each chunk wrote. */
function readEachChunk(role: Role, decays: MaskSource): string {
  const { rows: readers, states } = role;
  const sides = sidesOf(decays);
  const transposed = isTransposed(role);
  const at = transposed
    ? "outputQuad * 4u * stride + quad"
    : "quad * 4u * stride + outputQuad";
  const read = repeat(4, (c) => `${states.name}[at + ${c}u * stride]`, ", ");
  const matrix = `mat4x4f(${read})`;
  const readSide = (side: Side) => /* wgsl */ `
      for (var quad = 0u; quad < ${innerQuads(role)}; quad++) {
        let at = start + ${at};
        let columns = ${transposed ? `transpose(${matrix})` : matrix};
${
    rows((r) =>
      `        ${side}State${r} = accumulate(${side}State${r}, columns, factor * read_${readers.name}(row${r}, quad));`
    )
  }
      }`;
  return /* wgsl */ `
  let stride = sum_quads();
${
    sides.map((side) => rows((r) => `  var ${side}State${r} = vec4f();`))
      .join("\n")
  }
${sides.map((side) => eachChunk(states, side, readSide(side))).join("\n")}
${addStates(role, sides)}`;
}
