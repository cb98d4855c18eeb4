/**
 * Programs that sum over rows: a team of threads for each row, several teams per
 * workgroup. Neighbouring threads of a team read neighbouring memory, and a sum
 * takes two barriers.
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
 * memory; with more, summing costs more than reading on a software adapter.
 */
const LARGEST_TEAM = 4;

/** The division of a matrix's rows among teams of threads. */
export interface Teams {
  /** Numbers in a pack, which a thread loads at once. */
  readonly width: PackWidth;
  /** Rows that a workgroup's teams read at once. */
  readonly atOnce: number;
  /** The uniforms that {@linkcode rowFunctions} read, by name. */
  readonly integers: Program["integers"];
}

/** Divides the rows of a matrix among teams of threads. */
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
 * WGSL functions for sums over rows.
 *
 * `total` adds up the numbers of a pack, and `team_sum` the parts of each team's
 * threads. `row_of` is the row of a thread's team, where the workgroup's first row is
 * `first`; `packs_of` is the row's number of packs, 0 beyond the last row, whose
 * threads must still reach the barriers.
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
