/** Cropped and resized images, as a kernel of WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../../kernel_call.ts";
import { runElementwise } from "../elementwise.ts";
import { makeOutput } from "../program.ts";
import { elementsOf, type IndexedKernel } from "./indexed_kernel.ts";

const FUNCTIONS = /* wgsl */ `
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// The place of a crop's pixel in an image, along an axis of \`size\` pixels, of which the crop has
// \`pixels\`.
fn place_of(first: f32, last: f32, pixel: u32, pixels: u32, size: u32) -> f32 {
  let most = f32(size - 1u);
  if (pixels == 1u) { return 0.5 * (first + last) * most; }
  return first * most +
    f32(pixel) * ((last - first) * (most / f32(pixels - 1u)));
}

fn between(a: f32, b: f32, part: f32) -> f32 { return a + (b - a) * part; }

fn pixel(image: u32, row: u32, column: u32, channel: u32) -> f32 {
  let at = (image * uniforms.height + row) * uniforms.width + column;
  return f32(images[at * uniforms.channels + channel]);
}
`;

const BILINEAR = /* wgsl */ `    let top = u32(row);
    let left = u32(column);
    let bottom = u32(ceil(row));
    let right = u32(ceil(column));
    let from_left = column - f32(left);
    let above = between(
      pixel(image, top, left, channel), pixel(image, top, right, channel),
      from_left,
    );
    let below = between(
      pixel(image, bottom, left, channel),
      pixel(image, bottom, right, channel), from_left,
    );
    value = between(above, below, row - f32(top));`;

const NEAREST = /* wgsl */ `    value = pixel(
      image, u32(floor(row + 0.5)), u32(floor(column + 0.5)), channel,
    );`;

/**
 * The kernel `CropAndResize`. Crops of no image are 0, and those by a corner that is NaN
 * are NaN.
 */
export const cropAndResize: IndexedKernel = (webgpu, { inputs, attrs }) => {
  const { image: images, boxes, boxInd: boxImages } = inputs as Record<
    "image" | "boxes" | "boxInd",
    tf.TensorInfo
  >;
  const { cropSize: [rows, columns], method, extrapolationValue } =
    attrs as unknown as tf.CropAndResizeAttrs;
  const [count, height, width, channels] = images.shape as [
    ...[number, number, number, number],
  ];
  const shape = [boxes.shape[0]!, rows, columns, channels];
  const y = makeOutput(webgpu, shape, "float32");
  if (sizeOf(y) === 0) return y;
  const reads = { images, boxes, box_images: boxImages };
  const { elements, variant } = elementsOf(webgpu, reads);
  runElementwise(webgpu, {
    name: "crop",
    variants: [method, variant],
    width: 1,
    elements: { ...elements, y: "f32" },
    reads,
    writes: { y },
    integers: { count, height, width, channels, rows, columns },
    floats: { outside: extrapolationValue, nan: NaN },
    functions: FUNCTIONS,
    body: /* wgsl */ `  let channel = at % uniforms.channels;
  let x = at / uniforms.channels % uniforms.columns;
  let y_of_crop = at / (uniforms.channels * uniforms.columns) % uniforms.rows;
  let box = at / (uniforms.channels * uniforms.columns * uniforms.rows);
  let named = i32(box_images[box]);
  if (named < 0 || named >= i32(uniforms.count)) {
    y[at] = 0.0;
    return;
  }
  let image = u32(named);
  let row = place_of(
    boxes[4u * box], boxes[4u * box + 2u],
    y_of_crop, uniforms.rows, uniforms.height,
  );
  let column = place_of(
    boxes[4u * box + 1u], boxes[4u * box + 3u],
    x, uniforms.columns, uniforms.width,
  );
  var value = uniforms.outside;
  let is_outside = !is_nan(row) && (row < 0.0 || row > f32(uniforms.height - 1u));
  let is_beside = !is_nan(column) &&
    (column < 0.0 || column > f32(uniforms.width - 1u));
  if (is_outside || is_beside) {
    y[at] = value;
    return;
  }
  if (is_nan(row) || is_nan(column)) {
    value = uniforms.nan;
  } else {
${method === "bilinear" ? BILINEAR : NEAREST}
  }
  y[at] = value;`,
  });
  return y;
};
