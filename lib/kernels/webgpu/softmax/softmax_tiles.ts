/**
 * What the three programs in tiles of softmax attention have in common: the tensors
 * that they read, the loop over blocks of columns, and the products of its tiles.
 *
 * @module
 */
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import {
  type Dim,
  endOfSegments,
  places,
  quadsIn,
  reading,
  skipSegments,
  tileColumns,
  tiledProgram,
  tileFunctions,
  tileProducts,
  type Tiling,
  writing,
} from "../score_tiles/score_tiles.ts";
import { declareSum, threadQuads } from "../score_tiles/tile_sums.ts";

/** Vectors with the columns of keys; others have those of values. */
const OF_KEYS: readonly string[] = ["q", "k", "dq", "dk"];

const dimOf = (vectors: string): Dim =>
  OF_KEYS.includes(vectors) ? "headDim" : "valueDim";

interface OwnText extends Pick<Program, "name" | "elements"> {
  readonly reads: Partial<Tensors>;
  readonly writes: Tensors;
  /** Vectors that are read, and those that are written. */
  readonly vectors: readonly [
    reads: readonly string[],
    writes: readonly string[],
  ];
  readonly variants?: Program["variants"];
  /** Declarations beside those of all programs. */
  readonly functions?: string;
  /** Sums that a thread keeps. */
  readonly sums: readonly string[];
  /** Declarations before the sums, in whole lines. */
  readonly places?: string;
  /** Declarations before the loop, `end` among them. */
  readonly open: string;
  /** Where the loop starts, if not with the first column of the segments. */
  readonly start?: string;
  /** The number of the segment at a position; `undefined` if there is but one. */
  readonly segmentOf: ((position: string) => string) | undefined;
  /** What is done with a block of columns, and after all of them. */
  readonly block: string;
  readonly store: string;
}

/** A program that goes through blocks of columns for the rows of a tiling. */
export function softmaxProgram(
  tiling: Tiling,
  attributes: SoftmaxAttributes,
  own: OwnText,
): Program {
  const { q, v } = own.reads;
  const program = tiledProgram(q!, v!, attributes, tiling);
  const { width } = program;
  const [reads, writes] = own.vectors;
  const { name, elements, segmentOf, sums } = own;
  return {
    ...program,
    ...{ name, elements: elements ?? {}, reads: own.reads, writes: own.writes },
    variants: [...program.variants!, ...(own.variants ?? [])],
    functions: /* wgsl */ `${tileFunctions(tiling)}${own.functions ?? ""}
${reads.map((name) => reading(name, dimOf(name), width)).join("\n")}
${writes.map((name) => writing(name, dimOf(name), width)).join("\n")}
`,
    body: /* wgsl */ `${places(tiling)}
${threadQuads(tiling)}
${own.places ?? ""}${sums.map((sum) => declareSum(tiling, sum)).join("\n")}
${own.open}
${segmentOf ? skipSegments(tiling, segmentOf) : "  let start = 0u;"}${
      own.start ?? ""
    }
  for (var first = start; first < end; first += ${tiling.columns}u) {
${segmentOf ? endOfSegments(segmentOf) : ""}
${tileColumns}
${own.block}
  }
${own.store}`,
  };
}

/** Declares `<sum>0` …, the products of the tile's rows of a tensor and its columns of another. */
export function products(
  tiling: Tiling,
  sum: string,
  ofRows: string,
  ofColumns: string,
): string {
  const end = quadsIn(dimOf(ofRows));
  return tileProducts(tiling, { sum, ofRows, ofColumns, end });
}
