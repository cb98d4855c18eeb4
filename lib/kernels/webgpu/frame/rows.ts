/**
 * Programs that add up rows: a team of threads for each row, several teams a
 * workgroup. Neighbours in a team read neighbours in memory, and a sum takes
 * two barriers.
 *
 * @module
 */
import {
  type PackWidth,
  type Program,
  widthOf,
} from "../../../tfjs/webgpu/program.ts";

/** Threads of a workgroup. */
export const ROW_THREADS = 64;
/**
 * Most threads of a team. Four read 64 bytes at a time, whole sectors of a GPU's
 * memory; of more, the sums cost more than the rows on a software adapter.
 */
const LARGEST_TEAM = 4;

/** How the rows of a matrix are shared out over teams of threads. */
export interface Teams {
  /** Numbers of a pack. */
  readonly width: PackWidth;
  /** Rows that a workgroup's teams read at once. */
  readonly atOnce: number;
  /** What {@linkcode rowFunctions} read, by name. */
  readonly integers: Program["integers"];
}

/**
 * Shares out the rows of a matrix.
 *
 * @param rows Number of rows.
 * @param columns Numbers of a row.
 */
export function teamsOf(rows: number, columns: number): Teams {
  const width = widthOf(columns);
  const packs = columns / width;
  let team = 1;
  while (team < Math.min(packs, LARGEST_TEAM)) team *= 2;
  return {
    width,
    atOnce: ROW_THREADS / team,
    integers: { rows, columns, packs, team },
  };
}

/**
 * Functions of the text.
 *
 * `total` adds up the numbers of a pack and `team_sum` what the threads of each
 * team hold. `row_of` is the row of a thread's team, if the workgroup's first is
 * `first`; `packs_of` is the number of its packs, 0 beyond the last row, whose
 * threads must come along to the barriers.
 */
export function rowFunctions(width: PackWidth): string {
  return /* wgsl */ `
var<workgroup> parts: array<vec2f, ${ROW_THREADS}>;

fn row_of(first: u32, local: u32) -> u32 { return first + local / uniforms.team; }

fn packs_of(row: u32) -> u32 {
  return select(0u, uniforms.packs, row < uniforms.rows);
}

fn total(pack: Pack) -> f32 {
  return ${width === 4 ? "dot(pack, Pack(1.0))" : "pack"};
}

fn team_sum(local: u32, part: vec2f) -> vec2f {
  // All have read the sum before this one.
  workgroupBarrier();
  parts[local] = part;
  workgroupBarrier();
  let first = local - local % uniforms.team;
  var sum = vec2f();
  for (var i = 0u; i < uniforms.team; i++) { sum += parts[first + i]; }
  return sum;
}
`;
}
