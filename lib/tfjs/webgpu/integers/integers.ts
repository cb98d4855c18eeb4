/** What WebGPU computes with integers, and what it refuses. @module */
import {
  addN,
  BINARY_NAMES,
  binaryKernel,
  oneHot,
  UNARY_NAMES,
  unaryKernel,
} from "./integer_arithmetic.ts";
import type { IntegerKernel } from "./integer_kernel.ts";
import { matmul } from "./integer_matmul.ts";
import {
  argumentKernel,
  REDUCTION_NAMES,
  reductionKernel,
} from "./integer_reductions.ts";
import { searchSorted, topK } from "./integer_search.ts";
import { bincount, scatterNd, unsortedSegmentSum } from "./integer_sums.ts";

/** A kernel for integers. */
interface OfIntegers {
  readonly kernel: IntegerKernel;
  /** The inputs whose type decides. @default all of them */
  readonly values?: readonly string[];
}

/** The same kernel by several names. */
function named(
  names: readonly string[],
  kernelOf: (name: string) => IntegerKernel,
): Record<string, OfIntegers> {
  return Object.fromEntries(
    names.map((name) => [name, { kernel: kernelOf(name) }]),
  );
}

/** Our kernels, by tfjs's names. */
export const INTEGER_KERNELS: Readonly<Record<string, OfIntegers>> = {
  ...named(UNARY_NAMES, unaryKernel),
  ...named(BINARY_NAMES, binaryKernel),
  ...named(REDUCTION_NAMES, reductionKernel),
  ...named(["ArgMax", "ArgMin"], argumentKernel),
  AddN: { kernel: addN },
  BatchMatMul: { kernel: matmul },
  Bincount: { kernel: bincount, values: ["weights"] },
  DenseBincount: { kernel: bincount, values: ["weights"] },
  OneHot: { kernel: oneHot },
  ScatterNd: { kernel: scatterNd, values: ["updates"] },
  SearchSorted: { kernel: searchSorted },
  TopK: { kernel: topK },
  UnsortedSegmentSum: { kernel: unsortedSegmentSum, values: ["x"] },
};

/** Kernels that take no integers, and the inputs that may be none; undefined where that is all. */
export const REFUSED: Readonly<Record<string, readonly string[] | undefined>> =
  {
    Einsum: undefined,
    MaxPool: ["x"],
    MaxPool3D: ["x"],
    MaxPoolWithArgmax: ["x"],
    SparseSegmentMean: ["data"],
    SparseSegmentSum: ["data"],
    _FusedMatMul: ["a", "b"],
  };
