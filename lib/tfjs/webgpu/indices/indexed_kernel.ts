/**
 * Kernels of WebGPU that read or write where indices say.
 *
 * An index that names nothing is a RangeError if the indices have not been sent to the
 * GPU yet, like those of a batch of data. Indices on the GPU cannot be checked without
 * waiting for it: one that names nothing then gives NaN, or -2147483648 for integers,
 * for what it would read; where it would write, all of the result is that. Of bools,
 * which have no such value, it gives false.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { type Call, inputsOf, runOnHost } from "../../host_kernel.ts";
import { checkIndices } from "../../index_checks.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { transferOf } from "../integers/integer_kernel.ts";
import { elementOf, withOutputs } from "../program.ts";
import { repeat } from "../shader.ts";

/** A kernel of the numbers of one type; its indices may be on the GPU. */
export type IndexedKernel = (
  backend: StrictWebGPUBackend,
  call: Call,
) => tf.TensorInfo;

/**
 * A kernel whose indices are checked first. Small tensors that are not on the GPU yet
 * stay on the host, as with tfjs's own kernels; the cpu backend's kernels compute them.
 *
 * @param stock The previous kernel, for strings.
 */
export function indexedKernel(
  stock: tf.KernelFunc,
  name: string,
  own: IndexedKernel,
): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const inputs = inputsOf(call);
    if (inputs.some(({ dtype }) => dtype === "string")) return stock(call);
    checkIndices(name, call, ({ dataId }) => {
      const { values } = webgpu.tensorMap.get(dataId);
      return values as Int32Array | undefined;
    });
    return webgpu.shouldExecuteOnCPU(inputs)
      ? runOnHost(call, name, transferOf(webgpu))
      : withOutputs(webgpu, () => own(webgpu, call));
  };
}

/** The WGSL type of a tensor's numbers. */
export function typeOf({ dtype }: tf.TensorInfo): "f32" | "i32" {
  return dtype === "float32" ? "f32" : "i32";
}

/** WGSL text, and the numbers that it reads. */
export interface Absent {
  /** WGSL of the value for what is not there. */
  readonly text: string;
  readonly floats: Readonly<Record<string, number>>;
}

/** The value for an element that is not there: NaN, or the lowest integer. */
export function absentOf(x: tf.TensorInfo): Absent {
  return typeOf(x) === "f32"
    ? { text: "uniforms.nan", floats: { nan: NaN } }
    : { text: `i32(${-(2 ** 31)})`, floats: {} };
}

/** How a shader finds rows that tuples of indices name. */
export interface Rows {
  /**
   * WGSL that declares the `row` of the tuple whose first index is `first`, and whether
   * it `is_there`.
   */
  readonly text: string;
  readonly integers: Readonly<Record<string, number>>;
  /** The variant of the text, but for the elements of the indices. */
  readonly variant: string;
}

/**
 * Finds the rows of tuples in a buffer `indices`.
 *
 * @param shape The shape of the tensor that has the rows.
 * @param depth Indices in a tuple.
 */
export function rowsOf(shape: readonly number[], depth: number): Rows {
  const strides = tf.util.computeStrides([...shape.slice(0, depth), 1]);
  const integers = strides.map((stride, axis) => ({
    [`size${axis}`]: shape[axis]!,
    [`stride${axis}`]: stride,
  }));
  return {
    text: `  var row = 0u;
  var is_there = true;
${
      repeat(
        depth,
        (i) =>
          `  let index${i} = i32(indices[first + ${i}u]);
  is_there = is_there && index${i} >= 0 && index${i} < i32(uniforms.size${i});
  row += u32(index${i}) * uniforms.stride${i};`,
      )
    }`,
    integers: Object.assign({}, ...integers),
    variant: `depth ${depth}`,
  };
}

/** The element types of tensors, by their names in a text, and the variant that says so. */
export function elementsOf(
  webgpu: StrictWebGPUBackend,
  tensors: Readonly<Record<string, tf.TensorInfo>>,
): { elements: Record<string, "f32" | "i32">; variant: string } {
  const elements = Object.fromEntries(
    Object.entries(tensors).map(([name, x]) => [name, elementOf(webgpu, x)]),
  );
  return { elements, variant: Object.values(elements).join(" ") };
}
