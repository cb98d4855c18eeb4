/**
 * Kernels and gradients of TensorFlow.js 4.22.0 that are wrong or missing, and
 * that LION needs: here are correct ones, registered in their place.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import "../contract/tape.ts";
import { assertIndices } from "./gather_index.ts";
import { replaceKernel } from "./replace_kernel.ts";
import { multiplyEmptyTensors, reduceEmptyTensors } from "./empty_tensors.ts";
// Registers the gradients; corrections must come after.
import "@tensorflow/tfjs-layers";

const corrected = new Set<string>();

/**
 * Puts the correct kernels of a backend in place, once.
 *
 * @param backendName A backend whose kernels are registered.
 */
export function correctKernels(backendName: string): void {
  if (corrected.has(backendName)) return;
  corrected.add(backendName);
  reduceEmptyTensors(backendName);
  if (backendName === "webgpu") {
    multiplyEmptyTensors("webgpu");
    replaceKernel("webgpu", "Cumsum", cumulative("Cumsum"));
    replaceKernel("webgpu", "Cumprod", cumulative("Cumprod"));
    const { kernelFunc } = tf.getKernel("GatherV2", "webgpu")!;
    replaceKernel("webgpu", "GatherV2", checkedGather(kernelFunc));
  }
  if (backendName === "wasm") {
    replaceKernel("wasm", "UnsortedSegmentSum", unsortedSegmentSum);
  }
}

/**
 * tfjs-wasm takes what a failed allocation returns for an address, and writes
 * over what lies there. Here it is an error.
 *
 * @param backend The backend, once it is initialised.
 */
export function guardAllocations(backend: BackendWasm): void {
  // The emscripten module has it, and its type has not.
  const module = backend.wasm as unknown as {
    _malloc: (bytes: number) => number;
    _free: (address: number) => void;
    HEAPU8: Uint8Array;
  };
  // emscripten puts a stub there that replaces itself when it is first called.
  module._free(module._malloc(1));
  const allocate = module._malloc;
  module._malloc = (bytes) => {
    const address = allocate(bytes);
    // Near 4 GiB it also answers with addresses whose end lies beyond.
    const end = (address >>> 0) + bytes;
    if (bytes > 0 && (address === 0 || end > module.HEAPU8.length)) {
      throw new RangeError(
        `WebAssembly has no ${bytes} bytes left of the 4 GiB that it can ` +
          `address; dispose of tensors, use smaller ones, or, for attention, ` +
          `form: "chunkwise"`,
      );
    }
    return address;
  };
}

/**
 * The gradient of a cumulative sum runs the other way along the same axis.
 * tfjs-core's transposes the result when that axis is not the last.
 */
tf.unregisterGradient("Cumsum");
tf.registerGradient({
  kernelName: "Cumsum",
  gradFunc: (dy, _saved, attrs) => {
    const { axis, exclusive, reverse } = attrs as unknown as tf.CumsumAttrs;
    return {
      x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse),
    };
  },
});

/**
 * Where a batch was broadcast, the gradients of its copies add up. tfjs-core's
 * leaves them as they are, in the wrong shape.
 */
tf.unregisterGradient("BatchMatMul");
tf.registerGradient({
  kernelName: "BatchMatMul",
  inputsToSave: ["a", "b"],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as tf.Tensor;
    const [a, b] = saved as [tf.Tensor, tf.Tensor];
    const { transposeA, transposeB } = attrs as unknown as tf.BatchMatMulAttrs;
    const summed = (x: tf.Tensor, like: tf.Tensor) => {
      const axes = tf.broadcast_util.getReductionAxes(like.shape, x.shape);
      return axes.length > 0 ? tf.reshape(tf.sum(x, axes), like.shape) : x;
    };
    return {
      a: () =>
        summed(
          transposeA
            ? tf.matMul(b, dy, transposeB, true)
            : tf.matMul(dy, b, false, !transposeB),
          a,
        ),
      b: () =>
        summed(
          transposeB
            ? tf.matMul(dy, a, true, transposeA)
            : tf.matMul(a, dy, !transposeA, false),
          b,
        ),
    };
  },
});

/**
 * tfjs-webgpu's reverse cumulative sum and product have the length in their
 * text and not in their cache key, so that they are wrong at every length but
 * the first; they are also wrong at rank 5. Here a thread goes along one line,
 * at any rank and axis.
 */
function cumulative(kernelName: "Cumsum" | "Cumprod"): tf.KernelFunc {
  const [operator, neutral] = kernelName === "Cumsum" ? ["+", 0] : ["*", 1];
  return ({ inputs, backend, attrs }) => {
    const x = inputs["x"] as tf.TensorInfo;
    const { axis, exclusive, reverse } = attrs as unknown as tf.CumsumAttrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const count = x.shape[along] ?? 1;
    const stride = tf.util.sizeFromShape(x.shape.slice(along + 1));
    const lines = tf.util.sizeFromShape(x.shape) / Math.max(1, count);
    const type = x.dtype === "float32" ? "f32" : "i32";
    // A cast from integers has renamed them only: x still holds these.
    const take = `total ${operator}= ${type}(x[at]);`;
    const write = "result[at] = total;";
    const program = {
      variableNames: ["x"],
      uniforms: "count : i32, stride : i32, lines : i32,",
      outputShape: x.shape,
      shaderKey: `lion_${kernelName}_${exclusive}_${reverse}`,
      ...threadsFor(lines, x.shape),
      getUserCode: () => /* wgsl */ `
        fn main(line : i32) {
          if (line >= uniforms.lines) { return; }
          let first = line / uniforms.stride * uniforms.stride * uniforms.count
            + line % uniforms.stride;
          var total = ${type}(${neutral});
          for (var step = 0; step < uniforms.count; step++) {
            let i = ${reverse ? "uniforms.count - 1 - step" : "step"};
            let at = first + i * uniforms.stride;
            ${exclusive ? write + take : take + write}
          }
        }
      `,
    };
    return (backend as WebGPUBackend).runWebGPUProgram(
      program,
      [x],
      x.dtype === "float32" ? "float32" : "int32",
      integers(count, stride, lines),
    );
  };
}

/**
 * tfjs-webgpu takes zeros where an index is out of range. Here that is a
 * RangeError if the indices have not been sent to the GPU yet, as those of a
 * batch of data have not. Nobody can look at others without waiting for the
 * GPU: floats are NaN there, and integers -2147483648.
 */
function checkedGather(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { x, indices } = call.inputs as Record<
      "x" | "indices",
      tf.TensorInfo
    >;
    const { axis, batchDims } = call.attrs as unknown as tf.GatherV2Attrs;
    const webgpu = call.backend as WebGPUBackend;
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
    const count = tf.util.sizeFromShape(outputShape);
    if (tf.util.sizeFromShape(x.shape) === 0) {
      // No binding can be empty.
      const values = isFloat
        ? new Float32Array(count).fill(NaN)
        : new Int32Array(count).fill(-(2 ** 31));
      return webgpu.makeTensorInfo(outputShape, x.dtype, values);
    }
    const places = tf.util.sizeFromShape(indices.shape) / batchSize;
    const program = {
      variableNames: ["x", "indices"],
      uniforms:
        "count : i32, places : i32, outer : i32, size : i32, slice : i32,",
      outputShape,
      shaderKey: `lion_gather_${isFloat}`,
      ...threadsFor(count, outputShape),
      getUserCode: () => /* wgsl */ `
        fn main(at : i32) {
          if (at >= uniforms.count) { return; }
          let place = at / uniforms.slice % uniforms.places;
          let before = at / uniforms.slice / uniforms.places;
          let batch = before / uniforms.outer;
          let index = i32(indices[batch * uniforms.places + place]);
          var value = ${isFloat ? "uniforms.NAN" : "i32(-2147483648)"};
          if (index >= 0 && index < uniforms.size) {
            let row = before * uniforms.size + index;
            let source = row * uniforms.slice + at % uniforms.slice;
            value = ${isFloat ? "f32" : "i32"}(x[source]);
          }
          result[at] = value;
        }
      `,
    };
    return webgpu.runWebGPUProgram(
      program,
      [x, indices],
      x.dtype,
      integers(count, places, outerSize, size, sliceSize),
    );
  };
}

/** A thread for each of `count`, whatever the shape of what they write. */
function threadsFor(count: number, shape: readonly number[]) {
  const workgroup = 64;
  return {
    workgroupSize: [workgroup, 1, 1] as [number, number, number],
    dispatchLayout: { x: shape.map((_, i) => i) },
    dispatch: [Math.ceil(count / workgroup), 1, 1] as [number, number, number],
  };
}

/** Uniforms of a program. */
function integers(...values: number[]) {
  return values.map((value) => ({ type: "int32", data: [value] }));
}

/** tfjs-wasm has none, so that embeddings have no gradient there. */
const unsortedSegmentSum: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const { x, segmentIds } = inputs as Record<
    "x" | "segmentIds",
    tf.TensorInfo
  >;
  const { numSegments } = attrs as unknown as tf.UnsortedSegmentSumAttrs;
  const wasm = backend as BackendWasm;
  const [count, ...rest] = x.shape;
  const size = tf.util.sizeFromShape(rest);
  const output = wasm.makeOutput([numSegments, ...rest], x.dtype);
  const sums = wasm.typedArrayFromHeap(output).fill(0);
  const values = wasm.typedArrayFromHeap(x);
  const segments = wasm.typedArrayFromHeap(segmentIds);
  for (let row = 0; row < count!; row++) {
    const segment = segments[row]!;
    // As in TensorFlow, ids out of range are dropped.
    if (segment < 0 || segment >= numSegments) continue;
    for (let i = 0; i < size; i++) {
      sums[segment * size + i]! += values[row * size + i]!;
    }
  }
  return output;
};
