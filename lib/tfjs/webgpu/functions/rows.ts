/**
 * Programs that sum over rows: a team of threads for each row, several teams per
 * workgroup. Neighbouring threads of a team read neighbouring memory, and a sum
 * takes two barriers.
 *
 * @module
 */
import { type Program, widthOf } from "../program.ts";
import { PACKS } from "./packs.ts";

/** Threads of a workgroup. */
export const ROW_THREADS = 64;
/**
 * Most threads of a team. Four read 64 bytes at a time, whole sectors of a GPU's
 * memory; with more, summing costs more than reading on a software adapter.
 */
const LARGEST_TEAM = 4;

/**
 * The fields of a program with a team for each row of a matrix, in packs as wide as
 * the columns allow.
 */
export function rowProgram(
  rows: number,
  columns: number,
): Pick<Program, "width" | "integers" | "threads"> & {
  readonly workgroups: number;
  readonly functions: string;
} {
  const width = widthOf(columns);
  const packs = columns / width;
  let team = 1;
  while (team < Math.min(packs, LARGEST_TEAM)) team *= 2;
  return {
    width,
    integers: { rows, columns, packs, team },
    threads: ROW_THREADS,
    workgroups: Math.ceil(rows * team / ROW_THREADS),
    functions: PACKS[width] + ROWS,
  };
}

/**
 * WGSL functions for sums over rows: `row_of` is the row of a thread's team, and
 * `packs_of` that row's number of packs, 0 beyond the last row, whose threads must still
 * reach the barriers of `team_sum`, which adds up the parts of each team's threads.
 */
const ROWS = /* wgsl */ `
var<workgroup> parts: array<vec2f, THREADS>;

fn row_of(workgroup: u32, local: u32) -> u32 {
  return workgroup * (THREADS / uniforms.team) + local / uniforms.team;
}

fn packs_of(row: u32) -> u32 {
  return select(0u, uniforms.packs, row < uniforms.rows);
}

fn team_sum(local: u32, part: vec2f) -> vec2f {
  // All threads have read the sum before this one.
  workgroupBarrier();
  parts[local] = part;
  workgroupBarrier();
  let first = local - local % uniforms.team;
  var sum = vec2f();
  for (var i = 0u; i < uniforms.team; i++) { sum += parts[first + i]; }
  return sum;
}
`;
