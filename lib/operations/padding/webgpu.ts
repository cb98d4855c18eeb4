/** Masks of padding, and tensors whose padding is set to zero, for WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  elementwiseKernel,
  type FusedKernel,
  makeFloats,
  registerFusedKernel,
  runElementwise,
  type StrictWebGPUBackend,
  widthOf,
} from "@lionjs/tfjs/webgpu";
import { sizeOf } from "@lionjs/tfjs/kernel";
import { TOKENS, WITHOUT_PADDING } from "./padding.ts";

export function register(): void {
  registerFusedKernel(TOKENS, { forward: tokens });
  registerFusedKernel(WITHOUT_PADDING, { forward: withoutPadding });
}

/** The fields of a program that looks up the mask of a pack of x. */
function maskOf(x: tf.TensorInfo, mask: tf.TensorInfo) {
  const [batch, length] = mask.shape as [number, number];
  const columns = x.shape.at(-1)!;
  const width = widthOf(columns);
  return {
    width,
    elements: { mask: "f32" },
    integers: {
      length,
      columnPacks: columns / width,
      entryPacks: sizeOf(x) / width / Math.max(1, batch),
    },
    functions: IS_TOKEN,
  } as const;
}

const IS_TOKEN = /* wgsl */ `
fn is_token(at: u32) -> bool {
  let entry = at / uniforms.entryPacks;
  let place = at / uniforms.columnPacks % uniforms.length;
  return mask[entry * uniforms.length + place] != 0.0;
}
`;

/**
 * The kernel that turns a mask into 1 for tokens and 0 for padding. It compares bits,
 * since WGSL may compare NaN wrongly and read denormal numbers as 0.
 */
const tokens: FusedKernel<"mask"> = elementwiseKernel(["mask"], ["y"], {
  name: "tokens",
  width: 1,
  elements: { mask: "i32" },
  body: /* wgsl */ `  y[at] = select(1.0, 0.0, (mask[at] & 0x7fffffff) == 0);`,
});

/** The kernel that copies x, with zeros where a token's mask is 0; NaN would survive a product with 0. */
const withoutPadding: FusedKernel<"x" | "mask"> = (
  { backend, inputs: { x, mask } },
) => {
  const y = makeFloats(backend, x.shape);
  runElementwise(backend, {
    ...maskOf(x, mask),
    name: "without_padding",
    reads: { x, mask },
    writes: { y },
    body: "  y[at] = select(Pack(), x[at], is_token(at));",
  });
  return [y];
};

/**
 * Sets the rows of padding to zero, in place.
 *
 * @param x `[batch, …, length, columns]`, which nothing else refers to yet.
 * @param mask `[batch, length]`, 0 at padding.
 */
export function clearPadding(
  backend: StrictWebGPUBackend,
  x: tf.TensorInfo,
  mask: tf.TensorInfo,
): void {
  runElementwise(backend, {
    ...maskOf(x, mask),
    name: "clear_padding",
    reads: { mask },
    writes: { x },
    body: "  if (!is_token(at)) { x[at] = Pack(); }",
  });
}
