/** The kernels that WebGPU computes with integers, and those that it refuses. @module */
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

/** A kernel for integers, and the inputs by whose type it is chosen. */
interface OfIntegers {
  readonly kernel: IntegerKernel;
  /** The inputs whose type decides. @default all of them */
  readonly values?: readonly string[];
}

/** Kernels made by the same function, one for each name. */
function named(
  names: readonly string[],
  kernelOf: (name: string) => IntegerKernel,
): Record<string, OfIntegers> {
  return Object.fromEntries(
    names.map((name) => [name, { kernel: kernelOf(name) }]),
  );
}

/** Our kernels for integers, by tfjs's names. */
export const INTEGER_KERNELS: Readonly<Record<string, OfIntegers>> = {
  ...named(UNARY_NAMES, unaryKernel),
  ...named(BINARY_NAMES, binaryKernel),
  ...named(REDUCTION_NAMES, reductionKernel),
  ...named(["ArgMax", "ArgMin"], argumentKernel),
  AddN: { kernel: addN },
  BatchMatMul: { kernel: matmul },
  OneHot: { kernel: oneHot },
  SearchSorted: { kernel: searchSorted },
  TopK: { kernel: topK },
};

/** The kernels that refuse integers, with the inputs that may not be integers; undefined means all of them. */
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
