/**
 * The full form on a software adapter. It works like `tiles.ts`, except that
 * each workgroup has some rows of a tile, and each of its threads has four of
 * them for itself.
 *
 * @module
 */
import { keyOf, repeat, type Shader } from "../../../tfjs/webgpu/shader.ts";
import {
  type Preparation,
  preparationKey,
} from "../chunkwise/chunk_operands.ts";
import { declare, type Launch } from "../frame/problem.ts";
import { outputsOf, type Role, roleKey } from "../chunkwise/roles.ts";
import {
  eachLaneRow,
  GROUP_ROWS,
  LANE_ROWS,
  laneRows,
  LANES,
  laneSums,
  type Simd,
  simdDirective,
  simdKey,
} from "./simd_blocks.ts";
import { withDecays, withoutDecays } from "./simd_sides.ts";
import { lastOfCotangent } from "./tile_blocks.ts";
import {
  innerEnd,
  inputsOfTiles,
  isGradient,
  outputEnd,
  tileBindings,
} from "./tile_roles.ts";
import { QUADS, readingStored, writing } from "../frame/vectors.ts";

/** What the text depends on. */
export interface SimdTilesSpec {
  /** What is computed. */
  readonly role: Role;
  /** How decays enter, or `null` if there are none. */
  readonly decays: Preparation | null;
  /** What a lane keeps. */
  readonly simd: Simd;
}

/** The shader of a role. */
export function simdTilesShader(
  { role, decays, simd }: SimdTilesSpec,
  launch: Launch,
): Shader {
  const { rows, output } = role;
  const bindings = [...tileBindings(role, decays), ...outputsOf(role)];
  const parts = Math.ceil(launch.chunkSize / GROUP_ROWS);
  return {
    key: keyOf(
      "simd_tiles",
      roleKey(role),
      preparationKey(decays),
      simdKey(simd),
    ),
    bindings,
    dispatch: [launch.chunks, launch.sequences, parts],
    code: () =>
      /* wgsl */ `${simdDirective(simd)}${declare(bindings)}
${QUADS}
${inputsOfTiles(role).map(readingStored).join("\n")}
${writing(output)}
${isGradient(role) ? lastOfCotangent(role) : ""}
@compute @workgroup_size(${LANES})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let always = problem.length > 0u;
  let base = (problem.firstSequence + group.y) * problem.length;
  let last = problem.length - 1u;
  let first_row = group.x * problem.chunkSize;
  let row_count = min(problem.chunkSize, problem.length - first_row);
  let tile_row = (group.z * ${LANES}u + lane) * ${LANE_ROWS}u;
  let row = first_row + tile_row;
${eachLaneRow((r) => `  let row${r} = base + min(row + ${r}u, last);`)}
${laneRows(simd, rows.name, innerEnd(role))}
${
        isGradient(role) && rows.columns === "sum"
          ? `  let ones = vec4f(${
            repeat(LANE_ROWS, (r) => `last_of_${rows.name}(row${r})`, ", ")
          });`
          : ""
      }
${laneSums(simd, "sum")}
${role.finish.kind === "attention" ? "  var weight = vec4f();" : ""}
${decays ? withDecays(role, decays, simd) : withoutDecays(role, simd)}
${finishing(role, decays)}
}
`,
  };
}

/** Writes the rows, from their sums. */
function finishing(role: Role, decays: Preparation | null): string {
  const { finish, output } = role;
  const [sum, weight] = decays ? ["all", "all_weight"] : ["sum", "weight"];
  const value = (r: number) =>
    finish.kind === "attention"
      ? `problem.scale * ${sum}[n][${r}] / divisors[${r}]`
      : `${sum}[n][${r}]`;
  const ofRow = (r: number) => {
    switch (finish.kind) {
      case "attention":
        return `rowSums[row${r}] = row_sums[${r}];`;
      case "shares":
        return `${finish.name}[row${r}] = share${r};`;
      case "none":
        return undefined;
    }
  };
  const writeRow = (r: number, statement: string) =>
    `if (tile_row + ${r}u < row_count) { ${statement} }`;
  return /* wgsl */ `${
    finish.kind === "attention"
      ? `  let row_sums = problem.scale * ${weight};
  let divisors = select(vec4f(1.0), row_sums + problem.epsilon, problem.normalize == 1u);`
      : ""
  }
${
    finish.kind === "none"
      ? ""
      : eachLaneRow((r) => `  ${writeRow(r, ofRow(r)!)}`)
  }
  for (var n = 0u; n < ${outputEnd(role)}; n++) {
${
    eachLaneRow((r) =>
      `    ${writeRow(r, `write_${output.name}(row${r}, n, ${value(r)});`)}`
    )
  }
  }`;
}
