/** The kernels that are replaced on WebGPU, in the order of their registration. @module */
import { activatedKernel } from "../activations.ts";
import { productKernel, reductionKernel } from "../empty_tensors.ts";
import { COPYING } from "../halves.ts";
import { PLACED, placedKernel } from "../place_checks.ts";
import { repeatingKernel } from "../repeated_batches.ts";
import { shapedKernel } from "../result_shapes.ts";
import { stridedSliceKernel } from "../strided_slice.ts";
import {
  BINARY_KERNELS,
  binaryKernel as binaryFloatKernel,
} from "../webgpu/broadcast/binary_kernel.ts";
import { castKernel } from "../webgpu/cast.ts";
import { sumKernel } from "../webgpu/column_sum.ts";
import { cumulativeKernel } from "../webgpu/cumulative.ts";
import { addNKernel } from "../webgpu/elementwise.ts";
import { expKernel } from "../webgpu/exponential.ts";
import {
  OF_ELEMENTS,
  ofVector,
  transposeKernel,
} from "../webgpu/extended/fewest_axes.ts";
import { HOST_ONLY, hostKernel } from "../webgpu/extended/host_only.ts";
import {
  ALONG_AXES_NAMES,
  alongAxes,
  selectKernel,
} from "../webgpu/extended/many_axes.ts";
import {
  BINARY_FUNCTIONS,
  binaryKernel,
  UNARY_FUNCTIONS,
  unaryKernel,
} from "../webgpu/functions/functions.ts";
import { multinomialKernel } from "../webgpu/functions/multinomial.ts";
import {
  maxPool,
  maxPoolGradient,
  maxPoolWithPlaces,
} from "../webgpu/images/max_pool.ts";
import { transformKernel } from "../webgpu/images/transform.ts";
import { cropAndResize } from "../webgpu/indices/crop_and_resize.ts";
import { gatherKernel } from "../webgpu/indices/gather.ts";
import { gatherNd } from "../webgpu/indices/gather_nd.ts";
import {
  type IndexedKernel,
  indexedKernel,
} from "../webgpu/indices/indexed_kernel.ts";
import {
  scatterUpdate,
  sparseToDense,
} from "../webgpu/indices/scatter_update.ts";
import { sparseSegments } from "../webgpu/indices/sparse_segments.ts";
import {
  bincount,
  scatterNd,
  unsortedSegmentSum,
} from "../webgpu/indices/sums.ts";
import { fillKernel } from "../webgpu/integers/integer_arithmetic.ts";
import { copyingKernel } from "../webgpu/integers/integer_copies.ts";
import {
  integerKernel,
  ofFloats,
  withoutIntegers,
} from "../webgpu/integers/integer_kernel.ts";
import { floatArgumentKernel } from "../webgpu/integers/integer_reductions.ts";
import { INTEGER_KERNELS, REFUSED } from "../webgpu/integers/integers.ts";
import { matmulKernel } from "../webgpu/matmul.ts";
import {
  ALL,
  INTEGERS,
  type NumberType,
  PLACES,
  REPEATED,
  type Replacement,
} from "./replacement.ts";

/** The facts on which the choice of WebGPU's kernels depends. */
export interface WebGpuContext {
  /** Whether the adapter computes on the CPU. */
  readonly isSoftware: boolean;
}

/** The types that are not floats. */
const WHOLE: readonly NumberType[] = ["int32", "bool"];

/** The kernels that read or write where indices say. */
const INDEXED: Readonly<Record<string, IndexedKernel>> = {
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

export const WEBGPU: readonly Replacement<WebGpuContext>[] = [{
  kernels: Object.keys(COPYING),
  wrong: INTEGERS + ", and some do not compile; they come in halves",
  by: copyingKernel,
}, {
  kernels: ["Transpose"],
  slow:
    "each order of axes is a shader of its own; axes that stay neighbours " +
    "come as one",
  by: transposeKernel,
}, {
  kernels: ["ArgMax", "ArgMin"],
  ours: ["float32"],
  wrong: "of equal numbers, they do not take the first; and of a vector, " +
    "their result has the shape [1]",
  by: floatArgumentKernel,
}, {
  kernels: Object.keys(INTEGER_KERNELS),
  ours: WHOLE,
  wrong: INTEGERS + ", and sums along other axes than the last do not compile",
  by: (stock, name) => {
    const { kernel, values } = INTEGER_KERNELS[name]!;
    return integerKernel(stock, name, kernel, values);
  },
}, {
  kernels: ["Fill"],
  ours: WHOLE,
  wrong: INTEGERS,
  by: fillKernel,
}, {
  kernels: BINARY_KERNELS,
  ours: ["float32"],
  slow:
    "each function, rank and way to broadcast is a shader of its own: a third " +
    "of all that tests of layers compiled",
  by: binaryFloatKernel,
}, {
  kernels: OF_ELEMENTS,
  slow: "each rank is a shader of its own; they get vectors",
  by: ofVector,
}, {
  kernels: ["Mean"],
  wrong: "of integers along other axes than the last it does not compile",
  by: ofFloats,
}, {
  kernels: Object.keys(INDEXED),
  ours: ALL,
  wrong: "they pass over indices that name nothing, or take others for them; " +
    "of counts, weights and several hits of a bin are lost, and of " +
    "binaryOutput they do not compile; of several rows for one place, they " +
    "add some; and crops of no image are what the memory held before",
  by: (stock, name) => indexedKernel(stock, name, INDEXED[name]!),
}, {
  kernels: PLACED.filter((name) => name !== "NonMaxSuppressionV4"),
  wrong: PLACES,
  by: placedKernel,
}, {
  kernels: ["MaxPool", "MaxPool3D"],
  ours: ["float32"],
  wrong: "of numbers below -1e20 the maximum is that",
  by: () => maxPool,
}, {
  kernels: ["MaxPoolWithArgmax"],
  ours: ["float32"],
  wrong:
    "of numbers below -1e20 the maximum is that; and of equal maxima, it " +
    "has the place of the last",
  by: () => maxPoolWithPlaces,
}, {
  kernels: Object.keys(REFUSED),
  refused: WHOLE,
  wrong: INTEGERS,
  by: (stock, name) => withoutIntegers(stock, name, REFUSED[name]),
}, {
  kernels: ["Sum", "Mean", "Prod", "Max", "Min", "All", "Any"],
  wrong: "for empty tensors, they ask for bindings and dispatches of size 0",
  by: reductionKernel,
}, {
  kernels: ["BatchMatMul", "_FusedMatMul"],
  wrong: "for empty tensors, they ask for bindings of size 0",
  by: productKernel,
}, {
  kernels: ["BatchMatMul", "_FusedMatMul"],
  ours: ["float32"],
  slow: "in a training step they took several times as long on a software " +
    "adapter, transposed ones above all; what is faster on a GPU was not " +
    "measured, so that tfjs's stay there",
  when: ({ isSoftware }) => isSoftware,
  by: matmulKernel,
}, {
  kernels: ["BatchMatMul", "_FusedMatMul"],
  wrong: REPEATED + "; or they refuse such batches",
  by: (stock) => repeatingKernel(stock, "webgpu"),
}, {
  kernels: ["Cumsum", "Cumprod"],
  ours: ALL,
  wrong: "reverse ones have the length in their text and not in their cache " +
    "key, so that they are wrong at every length but the first; and all are " +
    "wrong at rank 5",
  by: (_, name) => cumulativeKernel(name),
}, {
  kernels: ["GatherV2"],
  ours: ALL,
  wrong: "it takes zeros where an index is out of range",
  issue: 777,
  by: gatherKernel,
}, {
  kernels: ["Sum"],
  ours: ["float32"],
  slow:
    "it transposes first where columns are added up, as in the gradient of " +
    "a bias",
  by: sumKernel,
}, {
  kernels: ["Cast"],
  ours: WHOLE,
  wrong: "from int32 and bool to float32 it returns the same buffer under " +
    "another name: not only our kernels take that for floats, but tfjs's own " +
    "transpose does not compile",
  by: castKernel,
}, {
  kernels: ["Exp"],
  ours: ["float32"],
  wrong:
    "its relative error grows with the exponent, as WGSL allows: 4e-6 at " +
    "e^-60, where other backends have 6e-8",
  by: expKernel,
}, {
  kernels: UNARY_FUNCTIONS,
  ours: ["float32"],
  wrong: "they lose the digits of small numbers or of large angles, are " +
    "infinite where they should not be, or make 0 of NaN; and the error of " +
    "some is a device's own: 4096 units in the last place of an arc tangent",
  by: unaryKernel,
}, {
  kernels: BINARY_FUNCTIONS,
  ours: ["float32"],
  wrong: "they lose digits as functions of one number do; and 0 to a power " +
    "below 0 is 0, where it should be infinite",
  by: binaryKernel,
}, {
  kernels: ["_FusedMatMul", "FusedConv2D", "FusedDepthwiseConv2D"],
  wrong: "of NaN, relu6 is 0",
  by: (stock) => activatedKernel(stock, "webgpu", ["relu6"]),
}, {
  kernels: ["AddN"],
  wrong: "it binds all tensors at once, where a device binds but eight",
  by: addNKernel,
}, {
  kernels: ["StridedSlice"],
  wrong:
    "where it leaves an axis out, strides do not compile; and it refuses " +
    "what is empty",
  by: stridedSliceKernel,
}, {
  kernels: ["Select"],
  wrong: "of five axes or more it refuses",
  by: selectKernel,
}, {
  kernels: ["Multinomial"],
  ours: ["float32"],
  wrong: "its first draw is class 0 whatever the seed, and others depend on " +
    "one another",
  by: () => multinomialKernel,
}, {
  kernels: ["Transform"],
  ours: ["float32"],
  wrong: "places at a half go to the even one of two neighbours; and one " +
    "transform of several images is that of the first alone",
  by: () => transformKernel,
}, {
  kernels: ["MaxPoolGrad", "MaxPool3DGrad"],
  ours: ["float32"],
  wrong: "of equal maxima they take the last; of windows that are not cubes, " +
    "gradients get lost",
  by: () => maxPoolGradient,
}, {
  kernels: HOST_ONLY,
  cpu: ALL,
  absent: "the operations cannot be called",
  by: hostKernel,
}, {
  kernels: ALONG_AXES_NAMES,
  wrong: "of five axes or more they refuse, do not compile, or wait for the " +
    "device",
  by: alongAxes,
}, {
  kernels: ["Prod"],
  wrong: "of a small tensor on the host, it leaves out the axes to be kept",
  by: shapedKernel,
}, {
  kernels: ["Real", "Imag"],
  wrong: "they have the shape that a complex tensor had when it was made, as " +
    "that of a Fourier transform has one axis more",
  by: shapedKernel,
}];
