/**
 * Replacements of kernels and gradients of TensorFlow.js 4.22.0, with reasons.
 * All of them are registered from these lists.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import "./kernel/tape.ts";
import { cropKernel as cpuCrop, imageByImage } from "./cpu/images.ts";
import {
  bincountKernel as cpuBincount,
  oneHot as cpuOneHot,
  readIndices as readOnCpu,
  scatterKernel as cpuScatter,
  unsortedSegmentSum as cpuSegmentSum,
} from "./cpu/indexed.ts";
import {
  copyingKernel as cpuCopying,
  unaryKernel as cpuUnary,
} from "./cpu/integers.ts";
import { quotientKernel as cpuQuotient } from "./cpu/quotients.ts";
import { activatedKernel } from "./activations.ts";
import { maxPool3dGradient } from "./cpu/max_pool.ts";
import { multinomial } from "./cpu/multinomial.ts";
import { replaceOptimizers } from "./optimizers/tfjs_optimizers.ts";
import { withCountedAxis } from "./cumulative_axis.ts";
import { productKernel, reductionKernel } from "./empty_tensors.ts";
import {
  broadcastGradient,
  cumulativeSumGradient,
  gatherGradient,
  listGradient,
  matmulGradient,
  productGradient,
  resizeGradient,
  softmaxGradient,
  tileGradient,
} from "./gradients.ts";
import {
  averagePoolGradient,
  maxPoolGradient as gradientOfMaxPool,
} from "./pool_gradients.ts";
import { COPYING } from "./halves.ts";
import { INDEXED, indexedKernel } from "./index_checks.ts";
import { PLACED, placedKernel } from "./place_checks.ts";
import { stridedSliceKernel } from "./strided_slice.ts";
import { repeatingKernel } from "./repeated_batches.ts";
import {
  addKernel,
  ELEMENTWISE_KERNELS,
  elementwiseKernel,
  powerKernel,
  selectKernel,
} from "./wasm/elementwise/kernels.ts";
import type { KernelHost } from "./wasm/host.ts";
import { REDUCTIONS } from "./wasm/jobs.ts";

import {
  convolutionKernel,
  depthwiseGradientKernel,
} from "./wasm/convolution.ts";
import { cpuKernel, readIndices as readOnWasm } from "./wasm/cpu_kernel.ts";
import { cropKernel as wasmCrop } from "./wasm/images.ts";
import { castKernel as wasmCast, identity } from "./wasm/identity.ts";
import { depthwiseKernel } from "./wasm/depthwise.ts";
import { matmulKernel as wasmMatmul } from "./wasm/matmul.ts";
import { maxPoolGradient, poolKernel } from "./wasm/pooling.ts";
import {
  cumulateKernel,
  integerMean,
  reduceKernel,
  softmaxKernel,
} from "./wasm/reductions/reduce.ts";
import { gatherKernel, gatherNdKernel } from "./wasm/moves/gather.ts";
import { joinKernel } from "./wasm/moves/join.ts";
import { padKernel } from "./wasm/moves/pad.ts";
import {
  fillKernel as wasmFill,
  likeKernel,
  oneHotKernel,
  tileKernel,
} from "./wasm/moves/repeat.ts";
import {
  scatterNdKernel,
  scatterUpdateKernel,
  segmentSumKernel,
} from "./wasm/moves/scatter.ts";
import {
  sliceKernel,
  splitKernel,
  stridedSliceKernel as wasmStridedSlice,
  unpackKernel,
} from "./wasm/moves/slice.ts";
import { reverseKernel, transposeKernel } from "./wasm/moves/transpose.ts";
import { shapedKernel } from "./result_shapes.ts";
import type { StrictWebGPUBackend } from "./webgpu/gpu_backend.ts";
import { castKernel as gpuCast } from "./webgpu/cast.ts";
import { sumKernel as gpuSum } from "./webgpu/column_sum.ts";
import { cumulativeKernel } from "./webgpu/cumulative.ts";
import { addNKernel } from "./webgpu/elementwise.ts";
import { expKernel } from "./webgpu/exponential.ts";
import { cropAndResize } from "./webgpu/indices/crop_and_resize.ts";
import { gatherKernel as gpuGather } from "./webgpu/indices/gather.ts";
import { gatherNd } from "./webgpu/indices/gather_nd.ts";
import {
  type IndexedKernel,
  indexedKernel as gpuIndexed,
} from "./webgpu/indices/indexed_kernel.ts";
import {
  scatterUpdate,
  sparseToDense,
} from "./webgpu/indices/scatter_update.ts";
import { sparseSegments } from "./webgpu/indices/sparse_segments.ts";
import {
  bincount,
  scatterNd,
  unsortedSegmentSum,
} from "./webgpu/indices/sums.ts";
import {
  BINARY_FUNCTIONS,
  binaryKernel,
  UNARY_FUNCTIONS,
  unaryKernel,
} from "./webgpu/functions/functions.ts";
import { floatArgumentKernel } from "./webgpu/integers/integer_reductions.ts";
import {
  ALONG_AXES_NAMES,
  alongAxes,
  selectKernel as gpuSelect,
} from "./webgpu/extended/many_axes.ts";
import { HOST_ONLY, hostKernel } from "./webgpu/extended/host_only.ts";
import { fillKernel } from "./webgpu/integers/integer_arithmetic.ts";
import { copyingKernel as gpuCopying } from "./webgpu/integers/integer_copies.ts";
import {
  integerKernel,
  ofFloats,
  withoutIntegers,
} from "./webgpu/integers/integer_kernel.ts";
import { INTEGER_KERNELS, REFUSED } from "./webgpu/integers/integers.ts";
import { multinomialKernel } from "./webgpu/functions/multinomial.ts";
import {
  maxPool,
  maxPoolGradient as gpuMaxPoolGradient,
  maxPoolWithPlaces,
} from "./webgpu/images/max_pool.ts";
import { transformKernel } from "./webgpu/images/transform.ts";
import { matmulKernel as gpuMatmul } from "./webgpu/matmul.ts";
// Registers the gradients; ours must come after, and some are made of them.
import "@tensorflow/tfjs-layers";

/** The context that the replacing kernels of each backend need. */
interface Context {
  readonly cpu: undefined;
  /** The host that runs WebAssembly jobs. */
  readonly wasm: KernelHost;
  readonly webgpu: {
    /** Whether the adapter computes on the CPU. */
    readonly isSoftware: boolean;
  };
}

/** Kernels that are replaced for one reason. */
interface Replaced<Backend extends keyof Context> {
  /** The kernels' names. */
  readonly kernels: readonly string[];
  /** What is wrong with TensorFlow.js's kernels, or what they cost. */
  readonly reason: string;
  /** Whether the kernels are replaced, by the backend's context. @default always */
  readonly when?: (context: Context[Backend]) => boolean;
  /**
   * Makes the kernel, given the previous one: tfjs's, or that of an earlier
   * line.
   */
  readonly kernel: (
    stock: tf.KernelFunc,
    name: string,
    context: Context[Backend],
  ) => tf.KernelFunc;
}

const INTEGERS = "they compute integers as floats, wrongly beyond 2^24";

const words = (text: string): string[] => text.trim().split(/\s+/);

const LEAST_POSITIVE = "they look for a maximum from the least positive " +
  "number on, so that of numbers below it is this one";

/** Kernels of WebAssembly that are wrong for integers. */
const INTEGERS_BY_CPU = words(`
  Abs Acosh Asinh BatchMatMul ClipByValue CropAndResize Expm1 FloorDiv
  FusedBatchNorm IsFinite IsInf IsNan Log1p MaxPool MaxPool3D
  MaxPoolWithArgmax Mod Neg Pow Prelu Reciprocal ResizeNearestNeighbor
  _FusedMatMul
`);

/** Kernels of WebAssembly that are wrong for bools. */
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

const PLACES =
  "they take less than is asked for, or something else, where what is " +
  "asked for is not there";

const FLOAT_QUOTIENTS =
  "the quotient of floats is an integer, so that infinity " +
  "and NaN are lost; and rests of large divisors are rounded to 0";

/** The kernels of WebGPU that read or write where indices say. */
const INDEXED_OF_GPU: Readonly<Record<string, IndexedKernel>> = {
  Bincount: bincount("Bincount"),
  CropAndResize: cropAndResize,
  DenseBincount: bincount("DenseBincount"),
  GatherNd: gatherNd,
  ScatterNd: scatterNd,
  SparseSegmentMean: sparseSegments("SparseSegmentMean"),
  SparseSegmentSum: sparseSegments("SparseSegmentSum"),
  SparseToDense: sparseToDense,
  TensorScatterUpdate: scatterUpdate,
  UnsortedSegmentSum: unsortedSegmentSum,
};

/** The kernel of the cpu backend, for one that is wrong for floats, too. */
const byCpu = (stock: tf.KernelFunc, name: string): tf.KernelFunc =>
  cpuKernel(stock, name, ["float32", "int32"]);

/** The kernel of the cpu backend for the calls that one gets wrong. */
const byCpuWhere =
  (isWrong: (call: Parameters<tf.KernelFunc>[0]) => boolean) =>
  (stock: tf.KernelFunc, name: string): tf.KernelFunc => {
    const cpu = byCpu(stock, name);
    return (call) => isWrong(call) ? cpu(call) : stock(call);
  };

/** The replaced kernels of each backend, in the order in which they are registered. */
export const REPLACED_KERNELS: {
  readonly [Backend in keyof Context]: readonly Replaced<Backend>[];
} = {
  cpu: [{
    kernels: ["Abs", "Square"],
    reason: INTEGERS,
    kernel: cpuUnary,
  }, {
    kernels: ["DepthToSpace", "ResizeNearestNeighbor"],
    reason: INTEGERS,
    kernel: cpuCopying,
  }, {
    kernels: ["OneHot"],
    reason: INTEGERS,
    kernel: () => cpuOneHot,
  }, {
    kernels: ["UnsortedSegmentSum"],
    reason: INTEGERS,
    kernel: () => cpuSegmentSum,
  }, {
    kernels: ["ScatterNd", "SparseToDense", "TensorScatterUpdate"],
    reason: "the last one writes to its argument; all make a list for each row",
    kernel: cpuScatter,
  }, {
    kernels: ["Bincount", "DenseBincount"],
    reason: "of one dimension, it takes no account of binaryOutput",
    kernel: (_, name) => cpuBincount(name),
  }, {
    kernels: ["CropAndResize"],
    reason:
      "an image before the first one is NaN, where one beyond the last is 0",
    kernel: cpuCrop,
  }, {
    kernels: INDEXED,
    reason: "some look at places in the whole tensor alone, so that an index " +
      "beyond its axis names another row, and some at no index",
    kernel: (stock, name) => indexedKernel(stock, name, readOnCpu),
  }, {
    kernels: PLACED,
    reason: PLACES,
    kernel: placedKernel,
  }, {
    kernels: ["FloorDiv", "Mod"],
    reason: FLOAT_QUOTIENTS,
    kernel: cpuQuotient,
  }, {
    kernels: ["Sum", "Mean", "Prod", "Max", "Min", "All", "Any"],
    reason: "of an empty tensor, they make a mean of 0 and a maximum of NaN",
    kernel: reductionKernel,
  }, {
    kernels: ["Cumsum", "Cumprod"],
    reason: "along an axis that is counted from the last one, their results " +
      "have a wrong shape",
    kernel: withCountedAxis,
  }, {
    kernels: ["BatchMatMul", "_FusedMatMul"],
    reason: "batches that are both repeated are multiplied with wrong ones, " +
      "and some not at all; so are integers and bools of wasm",
    kernel: (stock) => repeatingKernel(stock, "cpu"),
  }, {
    kernels: ["Transform"],
    reason: "it transforms the first image of a batch alone",
    kernel: imageByImage,
  }, {
    kernels: ["MaxPool3DGrad"],
    reason: "of equal maxima it takes the last, where all others take the " +
      "first; and of windows that are not squares, gradients get lost",
    kernel: () => maxPool3dGradient,
  }, {
    kernels: ["Multinomial"],
    reason: "it draws the same in all rows",
    kernel: () => multinomial,
  }, {
    kernels: ["StridedSlice"],
    reason:
      "where it leaves an axis out, strides have the wrong numbers; and " +
      "it refuses what is empty",
    kernel: stridedSliceKernel,
  }],
  wasm: [{
    kernels: ["Sum", "Prod", "Max", "Min", "All", "Any"],
    reason: "of an empty tensor, they return what the memory held before",
    kernel: reductionKernel,
  }, {
    kernels: ["Cumsum", "Cumprod"],
    reason: "like those of cpu, and they write beyond their results; of a " +
      "number, they never return",
    kernel: withCountedAxis,
  }, {
    kernels: ["Mean"],
    reason: "it adds integers as floats, which are wrong beyond 2^24; and of " +
      "an empty tensor it returns what the memory held before",
    kernel: () => integerMean,
  }, {
    kernels: ["BatchMatMul", "_FusedMatMul"],
    reason: "ten to fifty times slower for all but one product of two " +
      "matrices as they lie; and wrong where a tensor is used in two shapes: " +
      "an operator is kept for the second operand under its data id alone",
    kernel: wasmMatmul,
  }, {
    kernels: ["GatherV2"],
    reason:
      "it computes the place of every element by itself, at 60 ns each; " +
      "and with batchDims it reads other entries' indices, and beyond them: " +
      "https://github.com/tensorflow/tfjs/issues/8658",
    kernel: gatherKernel,
  }, {
    kernels: ["GatherNd"],
    reason:
      "of an index out of range, it reads what is beyond the tensor; and " +
      "of bools, four bytes where there is one",
    kernel: gatherNdKernel,
  }, {
    kernels: ["Transpose"],
    reason: "it moves element by element, at 4 ns each",
    kernel: transposeKernel,
  }, {
    kernels: ["Reverse"],
    reason: "like GatherV2, at 50 ns each",
    kernel: reverseKernel,
  }, {
    kernels: ["Slice"],
    reason: "it copies all of the tensor first: cut into its tokens, that is " +
      "quadratic",
    kernel: sliceKernel,
  }, {
    kernels: ["SplitV"],
    reason: "like Slice, of which it is made",
    kernel: splitKernel,
  }, {
    kernels: ["Unpack"],
    reason: "like Slice, of which it is made",
    kernel: unpackKernel,
  }, {
    kernels: ["StridedSlice"],
    reason: "like Slice; and it labels integers as floats",
    kernel: wasmStridedSlice,
  }, {
    kernels: ["Concat", "Pack"],
    reason: "they copy row by row in JavaScript, at 70 ns each: short rows " +
      "take a hundred times as long as long ones",
    kernel: joinKernel,
  }, {
    kernels: ["PadV2", "MirrorPad"],
    reason:
      "on one thread alone; of integers, they read the bits as those of " +
      "floats, and of bools four bytes where there is one",
    kernel: padKernel,
  }, {
    kernels: ["Tile"],
    reason: "it computes the place of every element by itself, at 50 ns each",
    kernel: tileKernel,
  }, {
    kernels: ["Fill"],
    reason: "on one thread alone, at a third of the memory's speed",
    kernel: wasmFill,
  }, {
    kernels: ["ZerosLike", "OnesLike"],
    reason: "like Fill",
    kernel: likeKernel,
  }, {
    kernels: ["Identity"],
    reason:
      "it copies the values, so that every tensor that a gradient needs " +
      "is there twice; on cpu and webgpu it only counts a reference",
    kernel: () => identity,
  }, {
    kernels: ["Cast"],
    reason:
      "like Identity, where a tensor has the type already; and it keeps " +
      "of a bool what a byte holds, so that 256 and 0.5 are false",
    kernel: wasmCast,
  }, {
    kernels: ["OneHot"],
    reason: "it writes integers whatever type is asked for, so that the ones " +
      "of float32 are 1e-45; and beyond a tensor of bool",
    kernel: oneHotKernel,
  }, {
    kernels: ["CropAndResize"],
    reason:
      "of an image that is not there, or a corner that is not finite, it " +
      "reads what is beyond the tensor",
    kernel: wasmCrop,
  }, {
    kernels: ["Bincount", "DenseBincount", "SparseReshape", "SparseToDense"],
    reason: "they do not look at indices, and write beyond their results, or " +
      "count in 32 bits; or they only print that one is wrong",
    kernel: byCpu,
  }, {
    kernels: ["SparseFillEmptyRows", "SparseSegmentMean", "SparseSegmentSum"],
    reason: "of fewer values or ids than indices, they read what is beyond " +
      "those; and of less than no rows, they break their module",
    kernel: (stock, name) => indexedKernel(stock, name, readOnWasm),
  }, {
    kernels: words(`
      BatchToSpaceND NonMaxSuppressionV3 NonMaxSuppressionV4
      NonMaxSuppressionV5 SpaceToBatchND
    `),
    reason: PLACES,
    kernel: placedKernel,
  }, {
    kernels: INTEGERS_BY_CPU,
    reason: "of integers, they read the bits as those of floats, or compute " +
      "with floats, which are wrong beyond 2^24, or refuse them",
    kernel: (stock, name) => cpuKernel(stock, name, ["int32"]),
  }, {
    kernels: BOOLS_BY_CPU,
    reason: "of bools, they read or write four bytes where there is one, and " +
      "so change other tensors",
    kernel: (stock, name) => cpuKernel(stock, name, ["bool"]),
  }, {
    kernels: ELEMENTWISE_KERNELS,
    reason: "of floats, they compute on one thread, many of them element by " +
      "element, and some of these with the functions of a plain C library",
    kernel: elementwiseKernel,
  }, {
    kernels: ["Pow"],
    reason: "like the others of each element",
    kernel: powerKernel,
  }, {
    kernels: ["AddN"],
    reason: "like the others of each element",
    kernel: addKernel,
  }, {
    kernels: ["Select"],
    reason: "like the others of each element",
    kernel: selectKernel,
  }, {
    kernels: REDUCTIONS,
    reason:
      "they use one thread and narrow vectors, and transpose first where " +
      "the axes are not the last; and they add float after float: a sum of " +
      "2·10⁷ of them is wrong by a twentieth",
    kernel: reduceKernel,
  }, {
    kernels: ["Cumsum", "Cumprod"],
    reason: "like reductions",
    kernel: cumulateKernel,
  }, {
    kernels: ["Softmax"],
    reason: "it uses one thread and narrow vectors",
    kernel: softmaxKernel,
  }, {
    kernels: ["UnsortedSegmentSum"],
    reason: "there is none, so that embeddings have no gradient: " +
      "https://github.com/tensorflow/tfjs/issues/8082",
    kernel: segmentSumKernel,
  }, {
    kernels: ["ScatterNd"],
    reason:
      "of an index out of range, it writes beyond its result; and it is " +
      "on one thread alone",
    kernel: scatterNdKernel,
  }, {
    kernels: ["TensorScatterUpdate"],
    reason: "like ScatterNd",
    kernel: scatterUpdateKernel,
  }, {
    kernels: [
      "Conv2D",
      "Conv2DBackpropFilter",
      "Conv2DBackpropInput",
      "FusedConv2D",
    ],
    reason: "on one thread they are several times as slow as products; there " +
      "is no gradient by the filter, so that no convolution can be trained; " +
      "and they refuse channels first, and biases of one number or four axes",
    kernel: convolutionKernel,
  }, {
    kernels: [
      "DepthwiseConv2dNativeBackpropFilter",
      "DepthwiseConv2dNativeBackpropInput",
    ],
    reason: "there are none, so that these convolutions cannot be trained",
    kernel: depthwiseGradientKernel,
  }, {
    kernels: ["DepthwiseConv2dNative", "FusedDepthwiseConv2D"],
    reason: "where a stride is longer than the filter, they pad wrongly; and " +
      "where a filter does not fit, or tfjs expects fewer outputs, they break " +
      "their module for all later calls",
    kernel: depthwiseKernel,
  }, {
    kernels: ["FusedDepthwiseConv2D"],
    reason: "of NaN, relu and relu6 are 0",
    kernel: (stock) => activatedKernel(stock, "wasm", ["relu", "relu6"]),
  }, {
    kernels: ["AvgPool", "MaxPool"],
    reason:
      "where a window does not fit, or tfjs expects fewer outputs, they " +
      "break their module for all later calls",
    kernel: poolKernel,
  }, {
    kernels: ["MaxPoolGrad"],
    reason: LEAST_POSITIVE + ", and has no gradient",
    kernel: () => maxPoolGradient,
  }, {
    kernels: words(`
      Dilation2D Dilation2DBackpropFilter Dilation2DBackpropInput MaxPool3D
      MaxPool3DGrad MaxPoolWithArgmax
    `),
    reason: LEAST_POSITIVE + " or has no gradient",
    kernel: byCpu,
  }, {
    kernels: ["Conv3DBackpropFilterV2", "Conv3DBackpropInputV2"],
    reason: "they leave out most products",
    kernel: byCpu,
  }, {
    kernels: ["RotateWithOffset"],
    reason: "it fills with whole numbers alone",
    kernel: byCpu,
  }, {
    kernels: words("Einsum RaggedGather RaggedRange RaggedTensorToTensor"),
    reason: "there are none",
    kernel: (stock, name) =>
      cpuKernel(stock, name, ["float32", "int32", "bool"]),
  }, {
    kernels: ["Transform"],
    reason: "reflected places less than a pixel outside are taken from the " +
      "other end, and a place of -1/2 counts as outside",
    kernel: byCpuWhere(({ attrs }) => {
      const { interpolation, fillMode } = attrs as unknown as tf.TransformAttrs;
      return fillMode === "reflect" ||
        (fillMode === "constant" && interpolation === "nearest");
    }),
  }],
  webgpu: [{
    kernels: Object.keys(COPYING),
    reason: INTEGERS + ", and some do not compile",
    kernel: gpuCopying,
  }, {
    kernels: ["ArgMax", "ArgMin"],
    reason: "of equal numbers, they do not take the first; and of a vector, " +
      "their result has the shape [1]",
    kernel: floatArgumentKernel,
  }, {
    kernels: Object.keys(INTEGER_KERNELS),
    reason: INTEGERS +
      ", and sums along other axes than the last do not compile",
    kernel: (stock, name) => {
      const { kernel, values } = INTEGER_KERNELS[name]!;
      return integerKernel(stock, name, kernel, values);
    },
  }, {
    kernels: ["Fill"],
    reason: INTEGERS,
    kernel: fillKernel,
  }, {
    kernels: ["Mean"],
    reason: "of integers along other axes than the last it does not compile",
    kernel: ofFloats,
  }, {
    kernels: Object.keys(INDEXED_OF_GPU),
    reason:
      "they pass over indices that name nothing, or take others for them; " +
      "of counts, weights and several hits of a bin are lost, and of " +
      "binaryOutput they do not compile; of several rows for one place, they " +
      "add some; and crops of no image are what the memory held before",
    kernel: (stock, name) => gpuIndexed(stock, name, INDEXED_OF_GPU[name]!),
  }, {
    kernels: PLACED.filter((name) => name !== "NonMaxSuppressionV4"),
    reason: PLACES,
    kernel: placedKernel,
  }, {
    kernels: ["MaxPool", "MaxPool3D"],
    reason: "of numbers below -1e20 the maximum is that",
    kernel: () => maxPool,
  }, {
    kernels: ["MaxPoolWithArgmax"],
    reason: "like MaxPool; and of equal maxima, it has the place of the last",
    kernel: () => maxPoolWithPlaces,
  }, {
    kernels: Object.keys(REFUSED),
    reason: INTEGERS,
    kernel: (stock, name) => withoutIntegers(stock, name, REFUSED[name]),
  }, {
    kernels: ["Sum", "Mean", "Prod", "Max", "Min", "All", "Any"],
    reason: "for empty tensors, they ask for bindings and dispatches of size 0",
    kernel: reductionKernel,
  }, {
    kernels: ["BatchMatMul", "_FusedMatMul"],
    reason: "for empty tensors, they ask for bindings of size 0",
    kernel: productKernel,
  }, {
    kernels: ["BatchMatMul", "_FusedMatMul"],
    reason:
      "in a training step they took several times as long on a software " +
      "adapter, transposed ones above all; what is faster on a GPU was not " +
      "measured, so that tfjs's stay there",
    when: ({ isSoftware }) => isSoftware,
    kernel: gpuMatmul,
  }, {
    kernels: ["BatchMatMul", "_FusedMatMul"],
    reason: "like those of cpu, or they refuse such batches",
    kernel: (stock) => repeatingKernel(stock, "webgpu"),
  }, {
    kernels: ["Cumsum", "Cumprod"],
    reason: "reverse ones have the length in their text and not in their " +
      "cache key, so that they are wrong at every length but the first; and " +
      "all are wrong at rank 5",
    kernel: (_, name) => cumulativeKernel(name),
  }, {
    kernels: ["GatherV2"],
    reason: "it takes zeros where an index is out of range: " +
      "https://github.com/tensorflow/tfjs/issues/777",
    kernel: gpuGather,
  }, {
    kernels: ["Sum"],
    reason: "it transposes first where columns are added up, as in the " +
      "gradient of a bias",
    kernel: gpuSum,
  }, {
    kernels: ["Cast"],
    reason: "from int32 and bool to float32 it returns the same buffer under " +
      "another name: not only our kernels take that for floats, but tfjs's own " +
      "transpose does not compile",
    kernel: gpuCast,
  }, {
    kernels: ["Exp"],
    reason:
      "its relative error grows with the exponent, as WGSL allows: 4e-6 at " +
      "e^-60, where other backends have 6e-8",
    kernel: expKernel,
  }, {
    kernels: UNARY_FUNCTIONS,
    reason:
      "they lose the digits of small numbers or of large angles, are infinite " +
      "where they should not be, or make 0 of NaN; and the error of some is a " +
      "device's own: 4096 units in the last place of an arc tangent",
    kernel: unaryKernel,
  }, {
    kernels: BINARY_FUNCTIONS,
    reason: "like those of one number; and 0 to a power below 0 is 0, where " +
      "it should be infinite",
    kernel: binaryKernel,
  }, {
    kernels: ["_FusedMatMul", "FusedConv2D", "FusedDepthwiseConv2D"],
    reason: "of NaN, relu6 is 0",
    kernel: (stock) => activatedKernel(stock, "webgpu", ["relu6"]),
  }, {
    kernels: ["AddN"],
    reason: "it binds all tensors at once, where a device binds but eight",
    kernel: addNKernel,
  }, {
    kernels: ["StridedSlice"],
    reason: "where it leaves an axis out, strides do not compile; and it " +
      "refuses what is empty",
    kernel: stridedSliceKernel,
  }, {
    kernels: ["Select"],
    reason: "of five axes or more it refuses",
    kernel: gpuSelect,
  }, {
    kernels: ["Multinomial"],
    reason: "its first draw is class 0 whatever the seed, and others depend " +
      "on one another",
    kernel: () => multinomialKernel,
  }, {
    kernels: ["Transform"],
    reason: "places at a half go to the even one of two neighbours; and one " +
      "transform of several images is that of the first alone",
    kernel: () => transformKernel,
  }, {
    kernels: ["MaxPoolGrad", "MaxPool3DGrad"],
    reason: "of equal maxima they take the last; of windows that are not " +
      "cubes, gradients get lost",
    kernel: () => gpuMaxPoolGradient,
  }, {
    kernels: HOST_ONLY,
    reason: "there are none",
    kernel: hostKernel,
  }, {
    kernels: ALONG_AXES_NAMES,
    reason: "like Select, or they do not compile or wait for the device",
    kernel: alongAxes,
  }, {
    kernels: ["Prod"],
    reason: "of a small tensor on the host, it leaves out the axes to be kept",
    kernel: shapedKernel,
  }, {
    kernels: ["Real", "Imag"],
    reason: "they have the shape that a complex tensor had when it was made, " +
      "as that of a Fourier transform has one axis more",
    kernel: shapedKernel,
  }],
};

/** The replaced gradients of tfjs-core, on every backend. */
export const REPLACED_GRADIENTS: readonly {
  /** The gradient, as registered with tfjs. */
  readonly gradient: tf.GradConfig;
  /** What is wrong with tfjs-core's gradient. */
  readonly reason: string;
}[] = [
  {
    reason: "it transposes the result where the axis is not the last",
    gradient: { kernelName: "Cumsum", gradFunc: cumulativeSumGradient },
  },
  {
    reason: "where a batch was broadcast, it has the wrong shape: " +
      "https://github.com/tensorflow/tfjs/issues/8721",
    gradient: {
      kernelName: "BatchMatMul",
      inputsToSave: ["a", "b"],
      gradFunc: matmulGradient,
    },
  },
  {
    reason:
      "it calls methods of tensors that are only there where somebody has " +
      "imported them",
    gradient: {
      kernelName: "Prod",
      inputsToSave: ["x"],
      gradFunc: productGradient,
    },
  },
  ...["AvgPool", "AvgPool3D"].map((name) => ({
    reason:
      "it counts the pixels of padding, which the average does not; and that " +
      "of images does not say how the number of windows was rounded",
    gradient: averagePoolGradient(name),
  })),
  {
    reason: "it does not say how the number of windows was rounded",
    gradient: {
      kernelName: "MaxPool",
      inputsToSave: ["x"],
      outputsToSave: [true],
      gradFunc: gradientOfMaxPool,
    },
  },
  {
    reason:
      "with batchDims, it calls methods of tensors like that of Prod, or has " +
      "the wrong shape",
    gradient: gatherGradient(),
  },
  {
    reason: "of five axes or more there is none",
    gradient: tileGradient(),
  },
  ...["Maximum", "Minimum", "Prelu", "SquaredDifference"].map((name) => ({
    reason: "where an input was broadcast, it has the wrong shape",
    gradient: broadcastGradient(name),
  })),
  ...["ResizeBilinear", "ResizeNearestNeighbor"].map((name) => ({
    reason:
      "it takes no account of halfPixelCenters; on cpu it exchanges axes, or " +
      "reads other images, and of one row with aligned corners never returns",
    gradient: resizeGradient(name),
  })),
  ...["SplitV", "Unpack"].map((name) => ({
    reason: "of a single part, it takes a tensor for a list",
    gradient: listGradient(name),
  })),
  {
    reason: "it is made of four operations where there is a kernel of one",
    gradient: {
      kernelName: "Softmax",
      outputsToSave: [true],
      gradFunc: softmaxGradient,
    },
  },
];

for (const { gradient } of REPLACED_GRADIENTS) {
  tf.unregisterGradient(gradient.kernelName);
  tf.registerGradient(gradient);
}

// A step of theirs runs a dozen kernels for each weight, and holds a copy of all weights
// and of what they keep beside them: Adam of a model with 86 million does not fit.
replaceOptimizers();

const replaced = new Set<string>();

/** The kernels of WebGPU that {@linkcode replaceKernels} registered, by what undoes them where they fail. */
export const UNDONE = new WeakMap<tf.KernelFunc, tf.KernelFunc>();

/** A kernel of several steps, which leaves nothing of the first if a later one fails. */
function undone(kernel: tf.KernelFunc): tf.KernelFunc {
  const own: tf.KernelFunc = (call) =>
    (call.backend as StrictWebGPUBackend).undoing(() => kernel(call));
  UNDONE.set(own, kernel);
  return own;
}

/** Registers a kernel in the place of another one of the same name. */
function register(config: tf.KernelConfig): void {
  const { kernelName, backendName } = config;
  if (tf.getKernel(kernelName, backendName)) {
    tf.unregisterKernel(kernelName, backendName);
  }
  tf.registerKernel(config);
}

/** Replaces a backend's kernels by ours, once. */
export function replaceKernels<Backend extends keyof Context>(
  backend: Backend,
  context: Context[Backend],
): void {
  if (replaced.has(backend)) return;
  replaced.add(backend);
  for (const { kernels, kernel, when } of REPLACED_KERNELS[backend]) {
    if (when && !when(context)) continue;
    for (const name of kernels) {
      const stock = tf.getKernel(name, backend);
      // If tfjs has no such kernel, ours works without it.
      const before = stock?.kernelFunc as tf.KernelFunc;
      register({
        // A stock kernel's setup is also needed if we call its function.
        ...stock,
        kernelName: name,
        backendName: backend,
        kernelFunc: kernel(before, name, context),
      });
    }
  }
  if (backend !== "webgpu") return;
  for (const config of tf.getKernelsForBackend(backend)) {
    register({ ...config, kernelFunc: undone(config.kernelFunc) });
  }
}
