/** The kernels that are replaced on WebAssembly, in the order of their registration. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { activatedKernel } from "../activations.ts";
import { withCountedAxis } from "../cumulative_axis.ts";
import { reductionKernel } from "../empty_tensors.ts";
import { indexedKernel } from "../index_checks.ts";
import { placedKernel } from "../place_checks.ts";
import {
  convolutionKernel,
  depthwiseGradientKernel,
} from "../wasm/convolution.ts";
import { cpuKernel, readIndices } from "../wasm/cpu_kernel.ts";
import { depthwiseKernel } from "../wasm/depthwise.ts";
import {
  addKernel,
  ELEMENTWISE_KERNELS,
  elementwiseKernel,
  powerKernel,
  selectKernel,
} from "../wasm/elementwise/kernels.ts";
import type { KernelHost } from "../wasm/host.ts";
import { castKernel, identity } from "../wasm/identity.ts";
import { cropKernel } from "../wasm/images.ts";
import { REDUCTIONS } from "../wasm/jobs.ts";
import { matmulKernel } from "../wasm/matmul.ts";
import { gatherKernel, gatherNdKernel } from "../wasm/moves/gather.ts";
import { joinKernel } from "../wasm/moves/join.ts";
import { padKernel } from "../wasm/moves/pad.ts";
import {
  fillKernel,
  likeKernel,
  oneHotKernel,
  tileKernel,
} from "../wasm/moves/repeat.ts";
import {
  scatterNdKernel,
  scatterUpdateKernel,
  segmentSumKernel,
} from "../wasm/moves/scatter.ts";
import {
  sliceKernel,
  splitKernel,
  stridedSliceKernel,
  unpackKernel,
} from "../wasm/moves/slice.ts";
import { reverseKernel, transposeKernel } from "../wasm/moves/transpose.ts";
import { maxPoolGradient, poolKernel } from "../wasm/pooling.ts";
import {
  cumulateKernel,
  integerMean,
  reduceKernel,
  softmaxKernel,
} from "../wasm/reductions/reduce.ts";
import {
  ALL,
  type NumberType,
  PLACES,
  type Replacement,
  words,
} from "./replacement.ts";

/** Kernels that are wrong for integers. */
const INTEGERS_BY_CPU = words(`
  Abs Acosh Asinh BatchMatMul ClipByValue CropAndResize Expm1 FloorDiv
  FusedBatchNorm IsFinite IsInf IsNan Log1p MaxPool MaxPool3D
  MaxPoolWithArgmax Mod Neg Pow Prelu Reciprocal ResizeNearestNeighbor
  _FusedMatMul
`);

/** Kernels that are wrong for bools. */
const BOOLS_BY_CPU = words(`
  Abs Acos Acosh Add AddN All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh
  BatchMatMul Bincount ClipByValue CropAndResize Cumprod Cumsum DenseBincount
  Diag Elu Equal Erf Exp Expm1 FloorDiv FusedBatchNorm Greater
  GreaterEqual IsFinite IsInf IsNan LeakyRelu Less LessEqual Log1p LogicalAnd
  LogicalNot LogicalOr LogicalXor Max MaxPool MaxPool3D MaxPoolWithArgmax
  Maximum Min Minimum Mod Multiply Neg NotEqual Pow Prelu
  Prod RealDiv Reciprocal Relu Relu6 ResizeBilinear Round ScatterNd
  SearchSorted Select Selu Sign Sinh Softplus SparseFillEmptyRows
  SparseSegmentMean SparseSegmentSum SparseToDense Square SquaredDifference
  Step Sub Sum TensorScatterUpdate TopK Unique UnsortedSegmentSum
  _FusedMatMul
`);

/** The types of kernels that are wrong for floats, too. */
const NUMBERS: readonly NumberType[] = ["float32", "int32"];

/** The cpu backend's kernel for some types. */
const byCpu =
  (types: readonly NumberType[]) =>
  (stock: tf.KernelFunc, name: string): tf.KernelFunc =>
    cpuKernel(stock, name, types);

/** The kernel of the cpu backend for the calls that one gets wrong. */
const byCpuWhere =
  (isWrong: (call: Parameters<tf.KernelFunc>[0]) => boolean) =>
  (stock: tf.KernelFunc, name: string): tf.KernelFunc => {
    const cpu = cpuKernel(stock, name, NUMBERS);
    return (call) => isWrong(call) ? cpu(call) : stock(call);
  };

const isOfBools = (name: string): boolean => /^(Logical|All$|Any$)/.test(name);

const LEAST_POSITIVE = "they look for a maximum from the least positive " +
  "number on, so that of numbers below it is this one";

const COPIES_ALL = "it copies all of the tensor first: cut into its tokens, " +
  "that is quadratic";

const ONE_BY_ONE =
  "they compute on one thread, many of them element by element, and some of " +
  "these with the functions of a plain C library";

const NARROW_REDUCTIONS =
  "they use one thread and narrow vectors, and transpose first where the axes " +
  "are not the last";

export const WASM: readonly Replacement<KernelHost>[] = [{
  kernels: ["Sum", "Prod", "Max", "Min", "All", "Any"],
  wrong: "of an empty tensor, they return what the memory held before",
  by: reductionKernel,
}, {
  kernels: ["Cumsum", "Cumprod"],
  wrong:
    "along an axis that is counted from the last one, their results have " +
    "a wrong shape, and they write beyond these; of a number, they never return",
  by: withCountedAxis,
}, {
  kernels: ["Mean"],
  ours: ALL,
  wrong: "it adds integers as floats, which are wrong beyond 2^24; and of " +
    "an empty tensor it returns what the memory held before",
  by: () => integerMean,
}, {
  kernels: ["BatchMatMul", "_FusedMatMul"],
  ours: ["float32"],
  slow:
    "ten to fifty times slower for all but one product of two matrices as " +
    "they lie",
  wrong: "where a tensor is used in two shapes: an operator is kept for the " +
    "second operand under its data id alone",
  by: matmulKernel,
}, {
  kernels: ["GatherV2"],
  ours: ALL,
  slow: "it computes the place of every element by itself, at 60 ns each",
  wrong: "with batchDims it reads other entries' indices, and beyond them",
  issue: 8658,
  by: gatherKernel,
}, {
  kernels: ["GatherNd"],
  ours: ALL,
  wrong: "of an index out of range, it reads what is beyond the tensor; and " +
    "of bools, four bytes where there is one",
  by: gatherNdKernel,
}, {
  kernels: ["Transpose"],
  ours: ALL,
  slow: "it moves element by element, at 4 ns each",
  by: transposeKernel,
}, {
  kernels: ["Reverse"],
  ours: ALL,
  slow: "it computes the place of every element by itself, at 50 ns each",
  by: reverseKernel,
}, {
  kernels: ["Slice"],
  ours: ALL,
  slow: COPIES_ALL,
  by: sliceKernel,
}, {
  kernels: ["SplitV"],
  ours: ALL,
  slow: COPIES_ALL,
  by: splitKernel,
}, {
  kernels: ["Unpack"],
  ours: ALL,
  slow: COPIES_ALL,
  by: unpackKernel,
}, {
  kernels: ["StridedSlice"],
  ours: ALL,
  slow: COPIES_ALL,
  wrong: "it labels integers as floats",
  by: stridedSliceKernel,
}, {
  kernels: ["Concat", "Pack"],
  ours: ALL,
  slow:
    "they copy row by row in JavaScript, at 70 ns each: short rows take a " +
    "hundred times as long as long ones",
  by: joinKernel,
}, {
  kernels: ["PadV2", "MirrorPad"],
  ours: ALL,
  slow: "on one thread alone",
  wrong: "of integers, they read the bits as those of floats, and of bools " +
    "four bytes where there is one",
  by: padKernel,
}, {
  kernels: ["Tile"],
  ours: ALL,
  slow: "it computes the place of every element by itself, at 50 ns each",
  by: tileKernel,
}, {
  kernels: ["Fill"],
  ours: ALL,
  slow: "on one thread alone, at a third of the memory's speed",
  by: fillKernel,
}, {
  kernels: ["ZerosLike", "OnesLike"],
  ours: ALL,
  slow: "on one thread alone, at a third of the memory's speed",
  by: likeKernel,
}, {
  kernels: ["Identity"],
  ours: ALL,
  slow: "it copies the values, so that every tensor that a gradient needs is " +
    "there twice; on cpu and webgpu it only counts a reference",
  by: () => identity,
}, {
  kernels: ["Cast"],
  ours: ALL,
  slow: "it copies the values where a tensor has the type already",
  wrong: "it keeps of a bool what a byte holds, so that 256 and 0.5 are false",
  by: castKernel,
}, {
  kernels: ["OneHot"],
  ours: ALL,
  wrong: "it writes integers whatever type is asked for, so that the ones of " +
    "float32 are 1e-45; and beyond a tensor of bool",
  by: oneHotKernel,
}, {
  kernels: ["CropAndResize"],
  ours: ["float32"],
  wrong: "of an image that is not there, or a corner that is not finite, it " +
    "reads what is beyond the tensor",
  by: cropKernel,
}, {
  kernels: ["Bincount", "DenseBincount", "SparseReshape", "SparseToDense"],
  cpu: NUMBERS,
  wrong: "they do not look at indices, and write beyond their results, or " +
    "count in 32 bits; or they only print that one is wrong",
  by: byCpu(NUMBERS),
}, {
  kernels: ["SparseFillEmptyRows", "SparseSegmentMean", "SparseSegmentSum"],
  wrong: "of fewer values or ids than indices, they read what is beyond " +
    "those; and of less than no rows, they break their module",
  by: (stock, name) => indexedKernel(stock, name, readIndices),
}, {
  kernels: words(`
    BatchToSpaceND NonMaxSuppressionV3 NonMaxSuppressionV4
    NonMaxSuppressionV5 SpaceToBatchND
  `),
  wrong: PLACES,
  by: placedKernel,
}, {
  kernels: INTEGERS_BY_CPU,
  cpu: ["int32"],
  wrong: "of integers, they read the bits as those of floats, or compute " +
    "with floats, which are wrong beyond 2^24, or refuse them",
  by: byCpu(["int32"]),
}, {
  kernels: BOOLS_BY_CPU,
  cpu: ["bool"],
  wrong: "of bools, they read or write four bytes where there is one, and " +
    "so change other tensors",
  by: byCpu(["bool"]),
}, {
  kernels: ELEMENTWISE_KERNELS.filter((name) => !isOfBools(name)),
  ours: ["float32"],
  slow: ONE_BY_ONE,
  by: elementwiseKernel,
}, {
  kernels: ELEMENTWISE_KERNELS.filter(isOfBools),
  ours: ["bool"],
  slow: ONE_BY_ONE,
  by: elementwiseKernel,
}, {
  kernels: ["Pow"],
  ours: ["float32"],
  slow: ONE_BY_ONE,
  by: powerKernel,
}, {
  kernels: ["AddN"],
  ours: ["float32"],
  slow: ONE_BY_ONE,
  by: addKernel,
}, {
  kernels: ["Select"],
  ours: NUMBERS,
  slow: ONE_BY_ONE,
  by: selectKernel,
}, {
  kernels: REDUCTIONS.filter((name) => !isOfBools(name)),
  ours: ["float32"],
  slow: NARROW_REDUCTIONS,
  wrong: "they add float after float: a sum of 2·10⁷ of them is wrong by a " +
    "twentieth",
  by: reduceKernel,
}, {
  kernels: REDUCTIONS.filter(isOfBools),
  ours: ["bool"],
  slow: NARROW_REDUCTIONS,
  by: reduceKernel,
}, {
  kernels: ["Cumsum", "Cumprod"],
  ours: ["float32"],
  slow: NARROW_REDUCTIONS,
  wrong: "they add float after float",
  by: cumulateKernel,
}, {
  kernels: ["Softmax"],
  ours: ["float32"],
  slow: "it uses one thread and narrow vectors",
  by: softmaxKernel,
}, {
  kernels: ["UnsortedSegmentSum"],
  ours: NUMBERS,
  absent: "embeddings have no gradient",
  issue: 8082,
  by: segmentSumKernel,
}, {
  kernels: ["ScatterNd"],
  ours: NUMBERS,
  slow: "on one thread alone",
  wrong: "of an index out of range, it writes beyond its result",
  by: scatterNdKernel,
}, {
  kernels: ["TensorScatterUpdate"],
  ours: NUMBERS,
  slow: "on one thread alone",
  wrong: "of an index out of range, it writes beyond its result",
  by: scatterUpdateKernel,
}, {
  kernels: [
    "Conv2D",
    "Conv2DBackpropFilter",
    "Conv2DBackpropInput",
    "FusedConv2D",
  ],
  ours: ["float32"],
  slow: "on one thread they are several times as slow as products",
  wrong: "they refuse channels first, and biases of one number or four axes",
  absent: "there is no gradient by the filter, so that no convolution can be " +
    "trained",
  by: convolutionKernel,
}, {
  kernels: [
    "DepthwiseConv2dNativeBackpropFilter",
    "DepthwiseConv2dNativeBackpropInput",
  ],
  ours: ["float32"],
  absent: "these convolutions cannot be trained",
  by: depthwiseGradientKernel,
}, {
  kernels: ["DepthwiseConv2dNative", "FusedDepthwiseConv2D"],
  wrong: "where a stride is longer than the filter, they pad wrongly; and " +
    "where a filter does not fit, or tfjs expects fewer outputs, they break " +
    "their module for all later calls",
  by: depthwiseKernel,
}, {
  kernels: ["FusedDepthwiseConv2D"],
  wrong: "of NaN, relu and relu6 are 0",
  by: (stock) => activatedKernel(stock, "wasm", ["relu", "relu6"]),
}, {
  kernels: ["AvgPool", "MaxPool"],
  wrong: "where a window does not fit, or tfjs expects fewer outputs, they " +
    "break their module for all later calls",
  by: poolKernel,
}, {
  kernels: ["MaxPoolGrad"],
  ours: ["float32"],
  wrong: LEAST_POSITIVE + ", and has no gradient",
  by: () => maxPoolGradient,
}, {
  kernels: words(`
    Dilation2D Dilation2DBackpropFilter Dilation2DBackpropInput MaxPool3D
    MaxPool3DGrad MaxPoolWithArgmax
  `),
  cpu: NUMBERS,
  wrong: LEAST_POSITIVE + " or has no gradient",
  by: byCpu(NUMBERS),
}, {
  kernels: ["Conv3DBackpropFilterV2", "Conv3DBackpropInputV2"],
  cpu: NUMBERS,
  wrong: "they leave out most products",
  by: byCpu(NUMBERS),
}, {
  kernels: ["RotateWithOffset"],
  cpu: NUMBERS,
  wrong: "it fills with whole numbers alone",
  by: byCpu(NUMBERS),
}, {
  kernels: words("Einsum RaggedGather RaggedRange RaggedTensorToTensor"),
  cpu: ALL,
  absent: "the operations cannot be called",
  by: byCpu(ALL),
}, {
  kernels: ["Transform"],
  cpu: NUMBERS,
  wrong: "reflected places less than a pixel outside are taken from the " +
    "other end, and a place of -1/2 counts as outside",
  by: byCpuWhere(({ attrs }) => {
    const { interpolation, fillMode } = attrs as unknown as tf.TransformAttrs;
    return fillMode === "reflect" ||
      (fillMode === "constant" && interpolation === "nearest");
  }),
}];
