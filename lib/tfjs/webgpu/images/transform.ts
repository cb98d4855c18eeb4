/** Transformed images, as a kernel of WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { runElementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { makeOutput, withOutputs } from "../program.ts";

const MODES = ["constant", "reflect", "wrap", "nearest"] as const;

/** WGSL of the place that is taken for one, by the number of the mode, as on cpu. */
const MAPPED = /* wgsl */ `
fn mapped(place: f32, size: u32) -> f32 {
  let length = f32(size);
  let last = length - 1.0;
  var at = place;
  if (uniforms.mode == 1u) {
    let twice = 2.0 * length;
    let within = place - twice * floor(place / twice);
    let back = select(within, twice - within - 1.0, within >= length);
    at = select(back, place, place >= 0.0 && place <= last);
  } else if (uniforms.mode == 2u) {
    let rounds = trunc(abs(place) / max(last, 1.0));
    let up = select(place, place + length * (rounds + 1.0), place < 0.0);
    at = select(up, place - length * rounds, place > last);
  }
  return select(at, clamp(at, 0.0, last), uniforms.mode != 0u);
}
fn pixel(entry: u32, y: f32, x: f32, channel: u32) -> f32 {
  let is_inside = y >= 0.0 && x >= 0.0 &&
    y < f32(uniforms.height) && x < f32(uniforms.width);
  let row = entry * uniforms.height + u32(select(0.0, y, is_inside));
  let at = row * uniforms.width + u32(select(0.0, x, is_inside));
  let value = image[at * uniforms.channels + channel];
  return select(uniforms.fill, value, is_inside);
}
// Rounds to the nearest integer; halves go up.
fn rounded(x: f32) -> f32 {
  return select(floor(x), ceil(x), x - floor(x) >= 0.5);
}
`;

/** The kernel `Transform`, of one transform for all images or one for each. */
export const transformKernel: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const webgpu = backend as StrictWebGPUBackend;
  const { image, transforms } = inputs as Record<
    "image" | "transforms",
    tf.TensorInfo
  >;
  const { interpolation, fillMode, fillValue, outputShape } =
    attrs as unknown as tf.TransformAttrs;
  const [batch, height, width, channels] = image
    .shape as tf.Tensor4D["shape"];
  const [rows, columns] = outputShape ?? [height, width];
  return withOutputs(webgpu, () => {
    const y = makeOutput(webgpu, [batch, rows, columns, channels], "float32");
    runElementwise(webgpu, {
      name: "transform",
      variants: [interpolation],
      reads: { image, transforms },
      writes: { y },
      width: 1,
      integers: {
        ...{ height, width, channels, rows, columns },
        mode: Math.max(0, MODES.indexOf(fillMode)),
        transforms: transforms.shape[0]!,
      },
      floats: { fill: fillValue },
      functions: MAPPED,
      body: /* wgsl */ `  let channel = at % uniforms.channels;
  let at_pixel = at / uniforms.channels;
  let x = f32(at_pixel % uniforms.columns);
  let row = at_pixel / uniforms.columns;
  let y_place = f32(row % uniforms.rows);
  let entry = row / uniforms.rows;
  let first = 8u * (entry % uniforms.transforms);
  let scale = transforms[first + 6u] * x + transforms[first + 7u] * y_place + 1.0;
  let to_x = (transforms[first] * x + transforms[first + 1u] * y_place +
    transforms[first + 2u]) / scale;
  let to_y = (transforms[first + 3u] * x + transforms[first + 4u] * y_place +
    transforms[first + 5u]) / scale;
  let from_x = mapped(to_x, uniforms.width);
  let from_y = mapped(to_y, uniforms.height);
${
        interpolation === "nearest"
          ? "  let value = pixel(entry, rounded(from_y), rounded(from_x), channel);"
          : /* wgsl */ `  let left = floor(from_x);
  let top = floor(from_y);
  let by_x = from_x - left;
  let by_y = from_y - top;
  let above = (1.0 - by_x) * pixel(entry, top, left, channel) +
    by_x * pixel(entry, top, left + 1.0, channel);
  let below = (1.0 - by_x) * pixel(entry, top + 1.0, left, channel) +
    by_x * pixel(entry, top + 1.0, left + 1.0, channel);
  let value = (1.0 - by_y) * above + by_y * below;`
      }
  // A pixel that is infinitely far away lies outside of the image.
  y[at] = select(value, uniforms.fill, scale == 0.0);`,
    });
    return y;
  });
};
