/** Maxima of windows over images and volumes, as kernels of WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { refer, sizeOf } from "../../kernel_call.ts";
import { runElementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { makeOutput, withOutputs } from "../program.ts";

/** Windows over volumes [batch, depth, height, width, channels]; images have a depth of 1. */
interface Windows {
  readonly outShape: number[];
  /** The sizes of the volumes, of the windows, of their strides, of what is padded, and of the results. */
  readonly integers: Readonly<Record<string, number>>;
}

type Attributes = tf.MaxPool3DAttrs & tf.MaxPoolAttrs;

function windowsOf(shape: number[], attrs: tf.NamedAttrMap): Windows {
  const { filterSize, strides, pad, dimRoundingMode } =
    attrs as unknown as Attributes;
  const given = [filterSize, strides, 1, pad, dimRoundingMode] as const;
  if (shape.length === 4) {
    const info = tf.backend_util.computePool2DInfo(
      shape as tf.Tensor4D["shape"],
      ...given as unknown as [number, number, number, "same"],
    );
    return {
      outShape: info.outShape,
      integers: integersOf(
        [1, info.inHeight, info.inWidth],
        [1, info.filterHeight, info.filterWidth],
        [1, info.strideHeight, info.strideWidth],
        [0, info.padInfo.top, info.padInfo.left],
        [1, info.outHeight, info.outWidth],
        info.inChannels,
      ),
    };
  }
  const info = tf.backend_util.computePool3DInfo(
    shape as tf.Tensor5D["shape"],
    ...given as unknown as [number, number, number, "same"],
  );
  return {
    outShape: info.outShape,
    integers: integersOf(
      [info.inDepth, info.inHeight, info.inWidth],
      [info.filterDepth, info.filterHeight, info.filterWidth],
      [info.strideDepth, info.strideHeight, info.strideWidth],
      [info.padInfo.front, info.padInfo.top, info.padInfo.left],
      [info.outDepth, info.outHeight, info.outWidth],
      info.inChannels,
    ),
  };
}

const AXES = ["depth", "height", "width"] as const;

function integersOf(
  ...[sizes, windows, strides, pads, outputs, channels]: [
    ...[number[], number[], number[], number[], number[]],
    number,
  ]
): Record<string, number> {
  const integers: Record<string, number> = { channels };
  AXES.forEach((axis, i) => {
    integers[axis] = sizes[i]!;
    integers[`${axis}_window`] = windows[i]!;
    integers[`${axis}_stride`] = strides[i]!;
    integers[`${axis}_before`] = pads[i]!;
    integers[`${axis}_outputs`] = outputs[i]!;
  });
  return integers;
}

/** WGSL that declares the place of an element along each axis of an array. */
const placesIn = (suffix: string): string => /* wgsl */ `
  let channel = at % uniforms.channels;
  var rest = at / uniforms.channels;
  let place_width = i32(rest % uniforms.width${suffix});
  rest /= uniforms.width${suffix};
  let place_height = i32(rest % uniforms.height${suffix});
  rest /= uniforms.height${suffix};
  let place_depth = i32(rest % uniforms.depth${suffix});
  let entry = rest / uniforms.depth${suffix};`;

/** WGSL that goes along an axis of a window, inside of the volume. */
const alongWindow = (axis: string): string => /* wgsl */ `
  let start_${axis} = place_${axis} * i32(uniforms.${axis}_stride) -
    i32(uniforms.${axis}_before);
  let end_${axis} = min(start_${axis} + i32(uniforms.${axis}_window),
    i32(uniforms.${axis}));
  for (var ${axis} = max(start_${axis}, 0); ${axis} < end_${axis}; ${axis}++) {`;

/** WGSL that finds the first of the largest numbers of a window, which are not NaN, and its place. */
const LARGEST = /* wgsl */ `${placesIn("_outputs")}
  var largest = -uniforms.infinity;
  var found = 0u;
  var is_empty = true;
${AXES.map(alongWindow).join("\n")}
    let pixel = ((entry * uniforms.depth + u32(depth)) * uniforms.height +
      u32(height)) * uniforms.width + u32(width);
    let here = pixel * uniforms.channels + channel;
    let value = x[here];
    if (value > largest || (is_empty && value == largest)) {
      largest = value;
      found = here;
      is_empty = false;
    }
  } } }`;

const INFINITE = { infinity: Infinity };

/** The largest number of each window. */
function largestOf(
  webgpu: StrictWebGPUBackend,
  x: tf.TensorInfo,
  { outShape, integers }: Windows,
): tf.TensorInfo {
  const y = makeOutput(webgpu, outShape, "float32");
  runElementwise(webgpu, {
    name: "largest_of_windows",
    reads: { x },
    writes: { y },
    width: 1,
    integers,
    floats: INFINITE,
    body: `${LARGEST}
  y[at] = largest;`,
  });
  return y;
}

/**
 * The places of the largest numbers of windows.
 *
 * @param within Whether they are counted within each entry of the batch.
 */
function placesOfLargest(
  webgpu: StrictWebGPUBackend,
  x: tf.TensorInfo,
  { outShape, integers }: Windows,
  within: boolean,
): tf.TensorInfo {
  const y = makeOutput(webgpu, outShape, "int32");
  const size = within ? sizeOf(x) / Math.max(1, x.shape[0]!) : sizeOf(x);
  runElementwise(webgpu, {
    name: "places_of_largest",
    reads: { x },
    writes: { y },
    elements: { y: "i32" },
    width: 1,
    integers: { ...integers, size },
    floats: INFINITE,
    body: `${LARGEST}
  y[at] = select(i32(found % uniforms.size), -1, is_empty);`,
  });
  return y;
}

/** The kernel `MaxPool` or `MaxPool3D`. */
export const maxPool: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const webgpu = backend as StrictWebGPUBackend;
  const x = inputs["x"] as tf.TensorInfo;
  const windows = windowsOf(x.shape, attrs!);
  const { height_window, width_window } = windows.integers;
  // As on cpu, even where a padded window lies elsewhere.
  const isSame = x.shape.length === 4 && height_window === 1 &&
    width_window === 1 && tf.util.arraysEqual(x.shape, windows.outShape);
  if (isSame) return refer(webgpu, x);
  return withOutputs(webgpu, () => largestOf(webgpu, x, windows));
};

/** The kernel `MaxPoolWithArgmax`. */
export const maxPoolWithPlaces: tf.KernelFunc = (
  { inputs, backend, attrs },
) => {
  const webgpu = backend as StrictWebGPUBackend;
  const x = inputs["x"] as tf.TensorInfo;
  const windows = windowsOf(x.shape, attrs!);
  const { includeBatchInIndex } = attrs as unknown as tf.MaxPoolWithArgmaxAttrs;
  return withOutputs(webgpu, () => [
    largestOf(webgpu, x, windows),
    placesOfLargest(webgpu, x, windows, !includeBatchInIndex),
  ]);
};

/** WGSL that goes along an axis of the windows that an element is in. */
const alongOutputs = (axis: string): string => /* wgsl */ `
  let last_${axis} = place_${axis} + i32(uniforms.${axis}_before);
  let behind_${axis} = max(last_${axis} - i32(uniforms.${axis}_window), -1) + 1;
  let stride_${axis} = i32(uniforms.${axis}_stride);
  let from_${axis} = (behind_${axis} + stride_${axis} - 1) / stride_${axis};
  let to_${axis} = min(last_${axis} / stride_${axis} + 1,
    i32(uniforms.${axis}_outputs));
  for (var ${axis} = from_${axis}; ${axis} < to_${axis}; ${axis}++) {`;

/**
 * The kernel `MaxPoolGrad` or `MaxPool3DGrad`: each gradient goes to the first of the
 * largest numbers of its window.
 */
export const maxPoolGradient: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const webgpu = backend as StrictWebGPUBackend;
  const { dy, input: x } = inputs as Record<"dy" | "input", tf.TensorInfo>;
  const windows = windowsOf(x.shape, attrs!);
  // tfjs-core's gradient of images does not say how the number of windows was rounded.
  const outShape = dy.shape,
    [width, height, depth = 1] = outShape
      .slice(1, -1).reverse() as [number, number, number?];
  const integers = {
    ...windows.integers,
    ...{ depth_outputs: depth, height_outputs: height, width_outputs: width },
  };
  return withOutputs(webgpu, () => {
    const given = { outShape, integers };
    const places = placesOfLargest(webgpu, x, given, false);
    const dx = makeOutput(webgpu, x.shape, "float32");
    runElementwise(webgpu, {
      name: "max_pool_gradient",
      reads: { dy, places },
      writes: { dx },
      elements: { places: "i32" },
      width: 1,
      integers,
      body: /* wgsl */ `${placesIn("")}
  var sum = 0.0;
${AXES.map(alongOutputs).join("\n")}
    let pixel = ((entry * uniforms.depth_outputs + u32(depth)) *
      uniforms.height_outputs + u32(height)) * uniforms.width_outputs +
      u32(width);
    let window = pixel * uniforms.channels + channel;
    sum += select(0.0, dy[window], u32(places[window]) == at);
  } } }
  dx[at] = sum;`,
    });
    webgpu.disposeData(places.dataId);
    return dx;
  });
};
