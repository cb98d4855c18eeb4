/**
 * Blocks of scores on a software adapter, where a thread is a lane of a CPU's
 * vectors.
 *
 * In a loop each lane reads memory by itself, number by number and behind a
 * branch, even what all of them read. So a lane has four rows, and of eight
 * columns each lane reads one, which a shuffle of registers then gives to all. An
 * array that a thread keeps is indexed by constants for nothing, and by anything
 * else again lane by lane.
 *
 * @module
 */
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import type { Subgroups } from "../../../tfjs/webgpu/subgroups.ts";

/** Threads of a workgroup: lanes of a vector. */
export const LANES = 8;
/** Rows of a lane: a vec4f has a number for each. */
export const LANE_ROWS = 4;
/** Rows of a workgroup. */
export const GROUP_ROWS = LANES * LANE_ROWS;
/** Columns of a block: as many scores as a lane keeps. */
export const BLOCK = 32;

/** Quads of a row of which a lane keeps its four. */
const QUADS = [16, 32];

/** How much a lane keeps, and how it hears of the others. */
export interface Simd {
  /** Most quads of a row. */
  readonly quads: number;
  /** How lanes read each other's registers, if they can. */
  readonly subgroups: Subgroups | undefined;
}

/**
 * What lanes keep for heads of these columns.
 *
 * @param dims Columns of q and k, and of v.
 * @param subgroups Those of the device.
 * @returns Nothing if the heads have too many.
 */
export function simdOf(
  dims: readonly number[],
  subgroups: Subgroups | undefined,
): Simd | undefined {
  const most = Math.ceil(Math.max(...dims) / 4);
  const quads = QUADS.find((count) => count >= most);
  return quads === undefined ? undefined : {
    quads,
    subgroups: subgroups?.size === LANES ? subgroups : undefined,
  };
}

/** All of it that a text depends on. */
export function simdKey({ quads, subgroups }: Simd): string {
  return `quads=${quads}${subgroups ? " subgroups" : ""}`;
}

/** What the text begins with. */
export function simdDirective({ subgroups }: Simd): string {
  return subgroups?.directive ?? "";
}

/** A piece of text for each row of a lane. */
export const eachLaneRow = (piece: (r: number) => string): string =>
  repeat(LANE_ROWS, piece);

/** A piece of text for each column of a block. */
export const eachColumn = (piece: (c: number) => string): string =>
  repeat(BLOCK, piece);

/** Columns of a block that a lane reads for all. */
const PARTS = BLOCK / LANES;

/** Columns of a block whose place, and whatever else is needed of them, is declared: the lane's, or all. */
const declared = ({ subgroups }: Simd) => subgroups ? PARTS : BLOCK;

/**
 * Declares `column0` and so on, tokens from `first` on that are before `end`, and
 * `factor0` and so on: 0 where there is no such token, else
 *
 * @param factor the factor of a token.
 */
export function blockColumns(
  simd: Simd,
  factor: (token: string) => string,
): string {
  return repeat(declared(simd), (i) => {
    const place = simd.subgroups
      ? `first + ${LANES * i}u + lane`
      : `first + ${i}u`;
    return /* wgsl */ `    let column${i} = base + min(${place}, end - 1u);
    let factor${i} = select(0.0, ${factor(`column${i}`)}, ${place} < end);`;
  });
}

/**
 * Statements for all columns of a block, eight at a time.
 *
 * Each eight are in a branch that is always taken, which compilers do not know.
 * Without one they put off all that is computed until all columns are read, and
 * keep these in memory.
 *
 * @param read What is needed of a column, by its token and its factor.
 * @param use Statements that have it as `x<c>`.
 */
export function withColumns(
  simd: Simd,
  read: (token: string, factor: string) => string,
  use: (c: number) => string,
): string {
  const readOf = (i: number) => read(`column${i}`, `factor${i}`);
  return repeat(PARTS, (part) =>
    /* wgsl */ `      if (always) {
${simd.subgroups ? `        let of_lane = ${readOf(part)};` : ""}
${
      repeat(LANES, (i) => {
        const c = LANES * part + i;
        const x = simd.subgroups
          ? `subgroupBroadcast(of_lane, ${i}u)`
          : readOf(c);
        return `        let x${c} = ${x};
        ${use(c)}`;
      })
    }
      }`);
}

/** Declares the lane's rows of a tensor, as matrices of which a column has a number of each row. */
export function laneRows({ quads }: Simd, name: string, end: string): string {
  const rows = repeat(LANE_ROWS, (r) => `read_${name}(row${r}, n)`, ", ");
  return /* wgsl */ `
  var own_${name}: array<mat4x4f, ${quads}>;
  for (var n = 0u; n < ${end}; n++) {
    own_${name}[n] = transpose(mat4x4f(${rows}));
  }`;
}

/** Declares `<scores>0` and so on: for each column its products with the lane's rows. */
export function laneProducts(
  simd: Simd,
  { scores, rows, columns, end }: {
    readonly scores: string;
    /** What {@linkcode laneRows} declared. */
    readonly rows: string;
    /** Whose vectors they are multiplied with. */
    readonly columns: string;
    /** Their quads. */
    readonly end: string;
  },
): string {
  return /* wgsl */ `
${eachColumn((c) => `    var ${scores}${c} = vec4f();`)}
    for (var n = 0u; n < ${end}; n++) {
      let rows = own_${rows}[n];
${
    withColumns(
      simd,
      (token) => `read_${columns}(${token}, n)`,
      (c) => `${scores}${c} += rows * x${c};`,
    )
  }
    }`;
}

/** Declares sums of vectors for the lane's rows: matrices of which a column is a row's quad. */
export function laneSums({ quads }: Simd, sum: string): string {
  return `  var ${sum}: array<mat4x4f, ${quads}>;`;
}

/** What is added to a sum. */
export interface LaneAddition {
  /** What {@linkcode laneSums} declared. */
  readonly sum: string;
  /** What weighs the columns. */
  readonly scores: string;
  /** Quads of the vectors. */
  readonly end: string;
  /** Quad n of a column's vector, by its token and its factor. */
  readonly read: (token: string, factor: string) => string;
  /** By what the rows' sums are multiplied before. */
  readonly before?: string;
}

/** Adds the vectors of a block's columns, times their scores, to a sum. */
export function addLaneColumns(
  simd: Simd,
  { sum, scores, end, read, before }: LaneAddition,
): string {
  const start = before
    ? `mat4x4f(${
      repeat(LANE_ROWS, (r) => `${before}[${r}] * ${sum}[n][${r}]`, ", ")
    })`
    : `${sum}[n]`;
  return /* wgsl */ `
    for (var n = 0u; n < ${end}; n++) {
      var sums = ${start};
${
    withColumns(simd, read, (c) =>
      repeat(
        LANE_ROWS,
        (r) => `sums[${r}] += ${scores}${c}[${r}] * x${c};`,
        " ",
      ))
  }
      ${sum}[n] = sums;
    }`;
}
