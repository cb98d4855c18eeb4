/** The kernels that are replaced on the cpu backend, in the order of their registration. @module */
import { cropKernel, imageByImage } from "../cpu/images.ts";
import {
  bincountKernel,
  oneHot,
  readIndices,
  scatterKernel,
  unsortedSegmentSum,
} from "../cpu/indexed.ts";
import { copyingKernel, unaryKernel } from "../cpu/integers.ts";
import { maxPool3dGradient } from "../cpu/max_pool.ts";
import { multinomial } from "../cpu/multinomial.ts";
import { quotientKernel } from "../cpu/quotients.ts";
import { withCountedAxis } from "../cumulative_axis.ts";
import { reductionKernel } from "../empty_tensors.ts";
import { INDEXED, indexedKernel } from "../index_checks.ts";
import { PLACED, placedKernel } from "../place_checks.ts";
import { repeatingKernel } from "../repeated_batches.ts";
import { stridedSliceKernel } from "../strided_slice.ts";
import {
  ALL,
  INTEGERS,
  PLACES,
  REPEATED,
  type Replacement,
} from "./replacement.ts";

export const CPU: readonly Replacement<undefined>[] = [{
  kernels: ["Abs", "Square"],
  ours: ["int32"],
  wrong: INTEGERS,
  by: unaryKernel,
}, {
  kernels: ["DepthToSpace", "ResizeNearestNeighbor"],
  wrong: INTEGERS,
  by: copyingKernel,
}, {
  kernels: ["OneHot"],
  ours: ALL,
  wrong: INTEGERS,
  by: () => oneHot,
}, {
  kernels: ["UnsortedSegmentSum"],
  ours: ALL,
  wrong: INTEGERS,
  by: () => unsortedSegmentSum,
}, {
  kernels: ["ScatterNd", "SparseToDense", "TensorScatterUpdate"],
  ours: ALL,
  slow: "all make a list for each row",
  wrong: "the last one writes to its argument",
  by: scatterKernel,
}, {
  kernels: ["Bincount", "DenseBincount"],
  ours: ALL,
  wrong: "of one dimension, it takes no account of binaryOutput",
  by: (_, name) => bincountKernel(name),
}, {
  kernels: ["CropAndResize"],
  wrong: "an image before the first one is NaN, where one beyond the last is 0",
  by: cropKernel,
}, {
  kernels: INDEXED,
  wrong: "some look at places in the whole tensor alone, so that an index " +
    "beyond its axis names another row, and some at no index",
  by: (stock, name) => indexedKernel(stock, name, readIndices),
}, {
  kernels: PLACED,
  wrong: PLACES,
  by: placedKernel,
}, {
  kernels: ["FloorDiv", "Mod"],
  ours: ["float32"],
  wrong: "the quotient of floats is an integer, so that infinity and NaN are " +
    "lost; and rests of large divisors are rounded to 0",
  by: quotientKernel,
}, {
  kernels: ["Sum", "Mean", "Prod", "Max", "Min", "All", "Any"],
  wrong: "of an empty tensor, they make a mean of 0 and a maximum of NaN",
  by: reductionKernel,
}, {
  kernels: ["Cumsum", "Cumprod"],
  wrong:
    "along an axis that is counted from the last one, their results have " +
    "a wrong shape",
  by: withCountedAxis,
}, {
  kernels: ["BatchMatMul", "_FusedMatMul"],
  wrong: REPEATED + "; so are integers and bools of wasm, which come here",
  by: (stock) => repeatingKernel(stock, "cpu"),
}, {
  kernels: ["Transform"],
  wrong: "it transforms the first image of a batch alone",
  by: imageByImage,
}, {
  kernels: ["MaxPool3DGrad"],
  ours: ["float32"],
  wrong:
    "of equal maxima it takes the last, where all others take the first; " +
    "and of windows that are not squares, gradients get lost",
  by: () => maxPool3dGradient,
}, {
  kernels: ["Multinomial"],
  ours: ["float32"],
  wrong: "it draws the same in all rows",
  by: () => multinomial,
}, {
  kernels: ["StridedSlice"],
  wrong:
    "where it leaves an axis out, strides have the wrong numbers; and it " +
    "refuses what is empty",
  by: stridedSliceKernel,
}];
