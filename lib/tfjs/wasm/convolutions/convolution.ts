/** Convolutions of images as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { shown } from "@lionjs/base";
import { callKernel, sizeOf } from "../../kernel_call.ts";
import { addressOf } from "../address.ts";
import { cpuKernel } from "../cpu_kernel.ts";
import type { JobRecord, Numbers } from "../job.ts";
import { JOBS } from "../jobs.ts";
import { activateBy, codeOf, matmul, shareOf } from "../matmul.ts";
import {
  type MakeKernel,
  replacing,
  type Running,
  withOutputs,
} from "../outputs.ts";

/** The call of a kernel, whose tensors have channels last. */
interface Call extends Running {
  readonly info: tf.backend_util.Conv2DInfo;
}

/** The attributes of a convolution, whichever of them its kernel has. */
export type Attributes =
  & Pick<tf.Conv2DAttrs, "strides" | "pad" | "dataFormat" | "dimRoundingMode">
  & Partial<Pick<tf.Conv2DAttrs, "dilations">>
  & Partial<tf.Conv2DBackpropInputAttrs & tf.Conv2DBackpropFilterAttrs>
  & Partial<Pick<tf.FusedConv2DAttrs, "activation" | "leakyreluAlpha">>;

/**
 * The kernels `Conv2D`, `FusedConv2D`, `Conv2DBackpropInput` and
 * `Conv2DBackpropFilter` of 32-bit floats, as products of matrices whose patches are
 * laid out block by block; `stock`, if there is one, gets other types.
 */
export const convolutionKernel: MakeKernel = (
  stock: tf.KernelFunc | undefined,
  name,
  host,
) =>
(call) => {
  const wasm = call.backend as BackendWasm;
  const inputs = call.inputs as Record<string, tf.TensorInfo | undefined>;
  const attributes = call.attrs as unknown as Attributes;
  const other = Object.entries(inputs)
    .find(([, x]) => x && x.dtype !== "float32");
  if (other) {
    if (stock) return stock(call);
    throw new TypeError(
      `${name}'s ${other[0]} should be float32, got ${
        other[1]!.dtype
      }; cast it`,
    );
  }
  return withOutputs(wasm, (make) => {
    const kernel = { host, wasm, make };
    return attributes.dataFormat === "NCHW"
      ? withChannelsFirst(kernel, inputs, attributes)
      : withChannelsLast(kernel, inputs, attributes);
  });
};

type Inputs = Readonly<Record<string, tf.TensorInfo | undefined>>;

function withChannelsLast(
  kernel: Running,
  { x, filter, dy, bias, preluActivationWeights }: Inputs,
  attributes: Attributes,
): tf.TensorInfo {
  const { strides, pad, dimRoundingMode, dilations = 1 } = attributes;
  const shape = (x?.shape ?? attributes.inputShape) as tf.Tensor4D["shape"];
  const ofFilter = filter?.shape ?? attributes.filterShape;
  const info = tf.backend_util.computeConv2DInfo(
    shape,
    ofFilter as tf.Tensor4D["shape"],
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
  assertGeometry(info, attributes);
  const call = { ...kernel, info };
  if (!dy) {
    const y = forward(call, x!, filter!, bias, attributes.activation);
    const kept = { weights: preluActivationWeights, bias: y.missing };
    return finish(kernel, y, kept, attributes);
  }
  const gradient = (dy: tf.TensorInfo) =>
    filter ? inputGradient(call, dy, filter) : filterGradient(call, x!, dy);
  const isWhole = dy.shape.every((size, axis) => size === info.outShape[axis]);
  if (isWhole) return gradient(dy);
  const part = firstPixels(call, dy);
  return replacing(kernel.wasm, part, () => gradient(part));
}

/**
 * Throws unless pixels are counted in whole numbers, pads take nothing away, and the
 * filter fits into the padded images.
 */
export function assertGeometry(
  info: tf.backend_util.Conv2DInfo,
  { strides, pad, dilations }: Attributes,
): void {
  const { top, bottom, left, right } = info.padInfo;
  const steps = [strides, dilations ?? 1].flat();
  const isWhole = steps.every((step) => Number.isInteger(step)) &&
    [top, bottom, left, right].every((x) => Number.isInteger(x) && x >= 0);
  if (isWhole && (info.outHeight < 0 || info.outWidth < 0)) {
    throw new RangeError(
      `a convolution's filter [${info.filterShape}] should fit into its padded images ` +
        `[${info.inShape}], got pad ${shown(pad)}`,
    );
  }
  if (isWhole) return;
  throw new RangeError(
    `a convolution's strides, dilations and pad should be whole numbers from 0 on, ` +
      `got ${shown(strides)}, ${shown(dilations)} and ${shown(pad)}`,
  );
}

/** The first rows and columns of a gradient that has more than there are outputs. */
function firstPixels({ wasm, info }: Call, dy: tf.TensorInfo): tf.TensorInfo {
  const { outShape } = info;
  const isLarger = dy.shape.every((size, axis) =>
    axis === 1 || axis === 2 ? size >= outShape[axis]! : size === outShape[axis]
  );
  if (!isLarger) {
    throw new TypeError(
      `the gradient of a convolution should have its output's shape ` +
        `[${outShape}], got [${dy.shape}]`,
    );
  }
  const slice = { begin: [0, 0, 0, 0], size: outShape };
  return callKernel("wasm", "Slice", wasm, { x: dy }, slice);
}

/** A convolution's result, and what is yet to be done to it. */
interface Sums {
  readonly y: tf.TensorInfo;
  /** A bias that has not been added. */
  readonly missing?: tf.TensorInfo | undefined;
  /** Whether the activation has been applied. */
  readonly isActivated: boolean;
}

function forward(
  call: Call,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  activation = "linear",
): Sums {
  const { info, make } = call;
  const isRow = bias?.shape.at(-1) === info.outChannels &&
    tf.util.sizeFromShape(bias.shape) === info.outChannels;
  const added = isRow ? bias : undefined, missing = isRow ? undefined : bias;
  // An activation that has no code is a kernel of its own, which needs the image's shape.
  const code = missing ? 0 : codeOf(activation), isActivated = code > 0;
  if (isPointwise(info)) {
    const rows = asMatrix(x, info.inChannels);
    const columns = asMatrix(filter, info.outChannels);
    const product = matmul(call, rows, columns, {
      bias: added,
      activation: isActivated ? activation : "linear",
    });
    const y = { ...product, shape: info.outShape };
    return { y, missing, isActivated };
  }
  const y = make(info.outShape);
  const tensors = { x, filter, y, ...(added ? { bias: added } : {}) };
  if (sizeOf(y) > 0) {
    const pixels = info.batchSize * info.outHeight * info.outWidth;
    const division = tasksOf(pixels, info.outChannels, call.host.threads);
    run(call, tensors, { ...division, activation: code });
  }
  return { y, missing, isActivated };
}

/** Whether each pixel is multiplied by itself, so that images are rows already. */
function isPointwise(info: tf.backend_util.Conv2DInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth } = info;
  return filterHeight * filterWidth * strideHeight * strideWidth === 1 &&
    info.outHeight === info.inHeight && info.outWidth === info.inWidth &&
    info.padInfo.top === 0 && info.padInfo.left === 0;
}

/** A tensor's numbers as a matrix whose rows have `columns` of them. */
function asMatrix(x: tf.TensorInfo, columns: number): tf.TensorInfo {
  const rows = tf.util.sizeFromShape(x.shape.slice(0, -1));
  return { ...x, shape: [rows, columns] };
}

/** Adds a bias of another shape and applies an activation, where the job has not. */
function finish(
  { wasm }: Running,
  { y, isActivated }: Sums,
  { weights, bias }: {
    weights?: tf.TensorInfo | undefined;
    bias?: tf.TensorInfo | undefined;
  },
  { activation, leakyreluAlpha }: Attributes,
): tf.TensorInfo {
  if (bias) {
    const inputs = { a: y, b: bias };
    y = replacing(wasm, y, () => callKernel("wasm", "Add", wasm, inputs));
  }
  if (!activation || activation === "linear" || isActivated) return y;
  return activateBy(wasm, y, activation, weights, leakyreluAlpha);
}

function inputGradient(
  call: Call,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
): tf.TensorInfo {
  const { info, make } = call;
  if (isPointwise(info)) {
    const rows = asMatrix(dy, info.outChannels);
    const columns = asMatrix(filter, info.outChannels);
    const dx = matmul(call, rows, columns, { transposeB: true });
    return { ...dx, shape: info.inShape };
  }
  const dx = make(info.inShape);
  if (sizeOf(dx) === 0) return dx;
  if (sizeOf(dy) === 0) {
    call.wasm.typedArrayFromHeap(dx).fill(0);
    return dx;
  }
  // Pixels with one remainder by the strides.
  const pixels = info.batchSize * Math.ceil(info.inHeight / info.strideHeight) *
    Math.ceil(info.inWidth / info.strideWidth);
  const division = tasksOf(pixels, info.inChannels, call.host.threads);
  run(call, { dy, filter, dx }, division);
  return dx;
}

function filterGradient(
  call: Call,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo {
  const { info, make } = call;
  const dfilter = make(info.filterShape);
  if (sizeOf(dfilter) === 0) return dfilter;
  if (sizeOf(dy) === 0) call.wasm.typedArrayFromHeap(dfilter).fill(0);
  else run(call, { x, dy, dfilter }, { rowsPerTask: 0, columnsPerTask: 0 });
  return dfilter;
}

/** Most pixels of a task, whose packed patches stay in the cache. */
const MOST_ROWS = 96;

/** Least pixels of a task, for which packed panels are worth it. */
const LEAST_ROWS = 24;

/** Channels of which a task has one or more blocks; and most of them. */
const COLUMNS = 64, MOST_BLOCKS = 8;

/** The division of a convolution into tasks, so that all threads have work until the end. */
function tasksOf(
  pixels: number,
  channels: number,
  threads: number,
): { rowsPerTask: number; columnsPerTask: number } {
  const blocks = Math.ceil(channels / COLUMNS);
  const least = Math.ceil(pixels / MOST_ROWS);
  // Each thread gets as many parts as the others, unless one part has all pixels, and packs less.
  const parts = least === 1 ? 1 : threads * Math.ceil(least / threads);
  const inColumns = Math.ceil(blocks / MOST_BLOCKS);
  const each = shareOf(
    Math.ceil(blocks / inColumns),
    parts * inColumns,
    threads,
  );
  return {
    // Rows are whole register tiles.
    rowsPerTask: Math.max(LEAST_ROWS, 6 * Math.ceil(pixels / parts / 6)),
    columnsPerTask: COLUMNS * each,
  };
}

/**
 * The kernels `DepthwiseConv2dNativeBackpropInput` and
 * `DepthwiseConv2dNativeBackpropFilter` of 32-bit floats, where each channel has one
 * output; the cpu backend computes all others.
 */
export const depthwiseGradientKernel: MakeKernel = (stock, name, host) => {
  const otherwise = cpuKernel(stock, name, ["float32", "int32"]);
  return (call) => {
    const { x, filter, dy } = call.inputs as Record<string, tf.TensorInfo>;
    const attributes = call.attrs as unknown as Attributes;
    const { strides, dilations = 1, pad, dimRoundingMode } = attributes;
    const info = tf.backend_util.computeConv2DInfo(
      (x?.shape ?? attributes.inputShape) as tf.Tensor4D["shape"],
      (filter?.shape ?? attributes.filterShape) as tf.Tensor4D["shape"],
      strides,
      dilations,
      pad,
      dimRoundingMode,
      true,
    );
    const isPlain = info.outChannels === info.inChannels &&
      [x, filter, dy].every((x) => !x || x.dtype === "float32") &&
      dy!.shape.every((size, axis) => size === info.outShape[axis]);
    if (!isPlain) return otherwise(call);
    assertGeometry(info, attributes);
    const wasm = call.backend as BackendWasm;
    return withOutputs(wasm, (make) => {
      const result = make(filter ? info.inShape : info.filterShape);
      if (sizeOf(result) === 0) return result;
      if (sizeOf(dy!) === 0) wasm.typedArrayFromHeap(result).fill(0);
      else {
        const tensors = filter
          ? { dy: dy!, filter, dx: result }
          : { dy: dy!, x: x!, dfilter: result };
        const division = { rowsPerTask: 0, columnsPerTask: 0 };
        run({ host, wasm, make, info }, tensors, division, "depthwise");
      }
      return result;
    });
  };
};

function run(
  { host, wasm, info }: Call,
  tensors: Partial<
    Record<
      "x" | "filter" | "bias" | "y" | "dy" | "dx" | "dfilter",
      tf.TensorInfo
    >
  >,
  division:
    & Pick<Numbers<typeof JOBS.convolution>, "rowsPerTask" | "columnsPerTask">
    & {
      readonly activation?: number;
    },
  name: "convolution" | "depthwise" = "convolution",
): void {
  const job: Numbers<typeof JOBS.convolution> = {
    activation: 0,
    ...division,
    batch: info.batchSize,
    height: info.inHeight,
    width: info.inWidth,
    channels: info.inChannels,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    filters: info.outChannels,
    kernelHeight: info.filterHeight,
    kernelWidth: info.filterWidth,
    strideY: info.strideHeight,
    strideX: info.strideWidth,
    dilationY: info.dilationHeight,
    dilationX: info.dilationWidth,
    top: info.padInfo.top,
    left: info.padInfo.left,
  };
  const addresses: Partial<JobRecord<typeof JOBS.convolution>> = Object
    .fromEntries(
      Object.entries(tensors).map(([name, x]) => [name, addressOf(wasm, x)]),
    );
  const outputs = tf.util.sizeFromShape(info.outShape);
  const ofOutput = info.filterHeight * info.filterWidth *
    (name === "depthwise" ? 1 : info.inChannels);
  host.run(JOBS[name], { ...job, ...addresses }, {
    operations: 2 * outputs * ofOutput,
  });
}

/**
 * The axes of `[batch, height, width, channels]` in tensors with channels first, and
 * the reverse.
 */
const TO_LAST = [0, 2, 3, 1], TO_FIRST = [0, 3, 1, 2];

/** Computes with channels last, and moves them. */
function withChannelsFirst(
  kernel: Running,
  { bias, preluActivationWeights, ...inputs }: Inputs,
  attributes: Attributes,
): tf.TensorInfo {
  const { wasm } = kernel;
  const { inputShape, pad } = attributes;
  const moved: tf.TensorInfo[] = [];
  const move = (x: tf.TensorInfo, perm: number[]) =>
    callKernel("wasm", "Transpose", wasm, { x }, { perm });
  try {
    const last: Record<string, tf.TensorInfo | undefined> = { ...inputs };
    for (const name of ["x", "dy"]) {
      const x = last[name];
      if (!x) continue;
      moved.push(last[name] = move(x, TO_LAST));
    }
    const result = withChannelsLast(kernel, last, {
      ...attributes,
      activation: "linear",
      ...(inputShape ? { inputShape: permuted(inputShape, TO_LAST) } : {}),
      pad: Array.isArray(pad) ? permuted(pad, TO_LAST) : pad,
    } as Attributes);
    // The gradient in the filter has its layout, which is the same for both.
    if (inputs["x"] && inputs["dy"]) return result;
    moved.push(result);
    const y = move(result, TO_FIRST);
    if (inputs["dy"]) return y;
    const left = { y, isActivated: false };
    const more = {
      bias: bias && alongChannels(bias),
      weights: preluActivationWeights && alongChannels(preluActivationWeights),
    };
    return finish(kernel, left, more, attributes);
  } finally {
    moved.forEach(({ dataId }) => wasm.disposeData(dataId));
  }
}

function permuted<T>(
  values: readonly T[],
  permutation: readonly number[],
): T[] {
  return permutation.map((axis) => values[axis]!);
}

/** A vector shaped as one number for each channel where they come first. */
function alongChannels(x: tf.TensorInfo): tf.TensorInfo {
  return x.shape.length === 1 && x.shape[0] !== 1
    ? { ...x, shape: [x.shape[0]!, 1, 1] }
    : x;
}
