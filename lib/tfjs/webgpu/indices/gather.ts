/** Lookups as a kernel of WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertIndices } from "@lionjs/base";
import { runElementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { sizeOf } from "../../kernel_call.ts";
import { elementOf, makeOutput, withOutputs } from "../program.ts";

/** The value for an index out of range. */
const LOWEST_INTEGER = -(2 ** 31);

/**
 * The kernel `GatherV2`, which reports an index out of range: with a RangeError if
 * the indices have not been sent to the GPU yet, like those of a batch of data.
 * Indices on the GPU cannot be checked without waiting for it; an index out of range
 * then gives NaN, or -2147483648 for integers.
 *
 * @param stock tfjs's own kernel, for what it computes on the CPU.
 */
export function gatherKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { x, indices } = call.inputs as Record<
      "x" | "indices",
      tf.TensorInfo
    >;
    const { axis, batchDims } = call.attrs as unknown as tf.GatherV2Attrs;
    const webgpu = call.backend as StrictWebGPUBackend;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const size = x.shape[along]!;
    const { values } = webgpu.tensorMap.get(indices.dataId);
    if (values) assertIndices(values as Int32Array, size, along);
    if (webgpu.shouldExecuteOnCPU([x, indices])) return stock(call);
    const { batchSize, outerSize, sliceSize, outputShape } = tf.backend_util
      .segment_util.collectGatherOpShapeInfo(
        x as tf.Tensor,
        indices as tf.Tensor,
        along,
        batchDims,
      );
    const isFloat = x.dtype === "float32";
    if (sizeOf(x) === 0) {
      // No binding can be empty.
      const count = tf.util.sizeFromShape(outputShape);
      const values = isFloat
        ? new Float32Array(count).fill(NaN)
        : new Int32Array(count).fill(LOWEST_INTEGER);
      return webgpu.makeTensorInfo(outputShape, x.dtype, values);
    }
    const type = isFloat ? "f32" : "i32";
    const elements = {
      x: elementOf(webgpu, x),
      indices: elementOf(webgpu, indices),
      y: type,
    } as const;
    return withOutputs(webgpu, () => {
      const y = makeOutput(webgpu, outputShape, x.dtype);
      runElementwise(webgpu, {
        name: "gather",
        variants: [Object.values(elements).join(" ")],
        width: 1,
        elements,
        reads: { x, indices },
        writes: { y },
        integers: {
          places: sizeOf(indices) / batchSize,
          outer: outerSize,
          size,
          slice: sliceSize,
        },
        floats: { nan: NaN },
        body: /* wgsl */ `  let place = at / uniforms.slice % uniforms.places;
  let before = at / uniforms.slice / uniforms.places;
  let batch = before / uniforms.outer;
  let index = i32(indices[batch * uniforms.places + place]);
  var value = ${isFloat ? "uniforms.nan" : `i32(${LOWEST_INTEGER})`};
  if (index >= 0 && index < i32(uniforms.size)) {
    let row = before * uniforms.size + u32(index);
    value = ${type}(x[row * uniforms.slice + at % uniforms.slice]);
  }
  y[at] = value;`,
      });
      return y;
    });
  };
}
