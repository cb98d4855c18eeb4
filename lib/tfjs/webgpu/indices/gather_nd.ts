/** Rows that tuples of indices name, as a kernel of WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../../kernel_call.ts";
import { runElementwise } from "../elementwise.ts";
import { makeOutput } from "../program.ts";
import {
  absentOf,
  elementsOf,
  type IndexedKernel,
  rowsOf,
  typeOf,
} from "./indexed_kernel.ts";

/** The kernel `GatherNd`. */
export const gatherNd: IndexedKernel = (webgpu, { inputs }) => {
  const { params, indices } = inputs as Record<
    "params" | "indices",
    tf.TensorInfo
  >;
  const [shape, , columns] = tf.backend_util
    .prepareAndValidate(params as tf.Tensor, indices as tf.Tensor);
  const y = makeOutput(webgpu, shape, params.dtype);
  if (sizeOf(y) === 0) return y;
  const depth = indices.shape.at(-1)!;
  const rows = rowsOf(params.shape, depth), absent = absentOf(params);
  const reads = { params, ...(depth > 0 && { indices }) };
  const { elements, variant } = elementsOf(webgpu, reads);
  const type = typeOf(params);
  runElementwise(webgpu, {
    name: "gather_nd",
    variants: [rows.variant, variant, type],
    width: 1,
    elements: { ...elements, y: type },
    reads,
    writes: { y },
    integers: { columns, ...rows.integers },
    floats: absent.floats,
    body: /* wgsl */ `  let first = at / uniforms.columns * ${depth}u;
${rows.text}
  var value = ${absent.text};
  if (is_there) {
    value = ${type}(params[row * uniforms.columns + at % uniforms.columns]);
  }
  y[at] = value;`,
  });
  return y;
};
