/** Searching and ordering integers on WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { runElementwise } from "../elementwise.ts";
import type { IntegerKernel } from "./integer_kernel.ts";
import { sizeOf } from "../../kernel_call.ts";
import { makeOutput, runProgram } from "../program.ts";

const THREADS = 64;

/** The kernel `SearchSorted` of integers: a binary search for each value. */
export const searchSorted: IntegerKernel = (webgpu, { inputs, attrs }) => {
  const { sortedSequence, values } = inputs as Record<
    "sortedSequence" | "values",
    tf.TensorInfo
  >;
  const { side } = attrs as unknown as tf.SearchSortedAttrs;
  const y = makeOutput(webgpu, values.shape, "int32");
  const [rows, count] = sortedSequence.shape as [number, number];
  runElementwise(webgpu, {
    name: "integer SearchSorted",
    variants: [side],
    width: 1,
    elements: { sorted: "i32", values: "i32", y: "i32" },
    reads: { sorted: sortedSequence, values },
    writes: { y },
    integers: { count, searched: sizeOf(values) / Math.max(1, rows) },
    body: /* wgsl */ `  let row = at / uniforms.searched * uniforms.count;
  var left = 0u;
  var right = uniforms.count;
  while (left < right) {
    let middle = (left + right) / 2u;
    if (sorted[row + middle] ${side === "left" ? "<" : "<="} values[at]) {
      left = middle + 1u;
    } else {
      right = middle;
    }
  }
  y[at] = i32(left);`,
  });
  return y;
};

/**
 * The kernel `TopK` of integers: each thread counts how many elements of its row come
 * before its own; equal elements keep their order.
 */
export const topK: IntegerKernel = (webgpu, { inputs, attrs }) => {
  const x = inputs["x"] as tf.TensorInfo;
  const { k } = attrs as unknown as tf.TopKAttrs;
  const count = x.shape.at(-1)!;
  const shape = [...x.shape.slice(0, -1), k];
  const values = makeOutput(webgpu, shape, x.dtype);
  const places = makeOutput(webgpu, shape, "int32");
  if (sizeOf(values) === 0) return [values, places];
  const elements = sizeOf(x);
  runProgram(webgpu, {
    name: "integer TopK",
    width: 1,
    elements: { x: "i32", values: "i32", places: "i32" },
    reads: { x },
    writes: { values, places },
    integers: { count, k, elements },
    threads: THREADS,
    workgroups: Math.ceil(elements / THREADS),
    body: /* wgsl */ `  let at = workgroup * ${THREADS}u + local;
  if (at >= uniforms.elements) { return; }
  let own = x[at];
  let row = at / uniforms.count;
  let place = at % uniforms.count;
  var before = 0u;
  for (var i = 0u; i < uniforms.count; i++) {
    let other = x[row * uniforms.count + i];
    before += u32(other > own || (other == own && i < place));
  }
  if (before >= uniforms.k) { return; }
  values[row * uniforms.k + before] = own;
  places[row * uniforms.k + before] = i32(place);`,
  });
  return [values, places];
};
