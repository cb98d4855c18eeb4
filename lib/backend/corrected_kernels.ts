/**
 * Kernels and gradients of TensorFlow.js 4.22.0 that are wrong or missing, and
 * that LION needs: here are correct ones, registered in their place.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
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
  if (backendName === "webgpu") replaceKernel("Cumsum", "webgpu", () => cumsum);
  if (backendName === "wasm") {
    replaceKernel("BatchMatMul", "wasm", safeMatMul);
    replaceKernel("_FusedMatMul", "wasm", safeMatMul);
    replaceKernel("UnsortedSegmentSum", "wasm", () => unsortedSegmentSum);
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
  if (guarded.has(module)) return;
  guarded.add(module);
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

const guarded = new WeakSet<object>();

function replaceKernel(
  kernelName: string,
  backendName: string,
  make: (stock: tf.KernelFunc) => tf.KernelFunc,
): void {
  const stock = tf.getKernel(kernelName, backendName);
  if (stock) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    ...stock,
    kernelName,
    backendName,
    kernelFunc: make(stock?.kernelFunc as tf.KernelFunc),
  });
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
 * tfjs-webgpu's reverse cumulative sum has the length in its text and not in
 * its cache key, so that it is wrong at every length but the first; it is also
 * wrong at rank 5. Here a thread adds up one line, at any rank and axis.
 */
const cumsum: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const x = inputs["x"] as tf.TensorInfo;
  const { axis, exclusive, reverse } = attrs as unknown as tf.CumsumAttrs;
  const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const count = x.shape[along] ?? 1;
  const stride = tf.util.sizeFromShape(x.shape.slice(along + 1));
  const lines = tf.util.sizeFromShape(x.shape) / Math.max(1, count);
  const workgroup = 64;
  const type = x.dtype === "float32" ? "f32" : "i32";
  const add = "sum += x[at];";
  const write = "result[at] = sum;";
  const program = {
    variableNames: ["x"],
    uniforms: "count : i32, stride : i32, lines : i32,",
    outputShape: x.shape,
    shaderKey: `lion_cumsum_${exclusive}_${reverse}`,
    workgroupSize: [workgroup, 1, 1] as [number, number, number],
    dispatchLayout: { x: x.shape.map((_, i) => i) },
    dispatch: [Math.ceil(lines / workgroup), 1, 1] as [number, number, number],
    getUserCode: () => /* wgsl */ `
      fn main(line : i32) {
        if (line >= uniforms.lines) { return; }
        let first = line / uniforms.stride * uniforms.stride * uniforms.count
          + line % uniforms.stride;
        var sum = ${type}(0);
        for (var step = 0; step < uniforms.count; step++) {
          let i = ${reverse ? "uniforms.count - 1 - step" : "step"};
          let at = first + i * uniforms.stride;
          ${exclusive ? write + add : add + write}
        }
      }
    `,
  };
  return (backend as WebGPUBackend).runWebGPUProgram(
    program,
    [x],
    x.dtype === "float32" ? "float32" : "int32",
    [count, stride, lines].map((value) => ({ type: "int32", data: [value] })),
  );
};

/** Matrix products of at least this many multiplications are worth a copy of their operands. */
const LARGE = 32 ** 3;

/**
 * tfjs-wasm keeps an XNNPACK operator for the second operand of a product,
 * under the operand's data id alone. After a reshape, which shares the id, it
 * multiplies by the old shape and corrupts memory. Here an operand that comes
 * with another shape than the first time is copied.
 *
 * Batched or transposed operands do not reach XNNPACK, and take ten to twenty
 * times as long: here large ones are first split and transposed.
 */
function safeMatMul(stock: tf.KernelFunc): tf.KernelFunc {
  const packedAs = new WeakMap<object, string>();

  const multiply: tf.KernelFunc = (args) => {
    const b = args.inputs["b"]!;
    const shape = String(b.shape);
    const packed = packedAs.get(b.dataId) ?? shape;
    packedAs.set(b.dataId, packed);
    if (packed === shape) return stock(args);
    const wasm = args.backend as BackendWasm;
    const copy = matrixOf(b, wasm, 0, b.shape);
    const product = stock({ ...args, inputs: { ...args.inputs, b: copy } });
    wasm.disposeData(copy.dataId);
    return product;
  };

  return (args) => {
    const { a, b } = args.inputs as Record<"a" | "b", tf.TensorInfo>;
    const { transposeA, transposeB } = args
      .attrs as unknown as tf.BatchMatMulAttrs;
    const [rows, inner] = matrixShape(a, transposeA);
    const [, columns] = matrixShape(b, transposeB);
    const batch = a.shape.slice(0, -2);
    const count = tf.util.sizeFromShape(batch);
    const direct = count === 1 && !transposeA && !transposeB;
    if (
      direct || args.inputs["bias"] || rows * inner * columns < LARGE ||
      !tf.util.arraysEqual(batch, b.shape.slice(0, -2))
    ) {
      return multiply(args);
    }
    const wasm = args.backend as BackendWasm;
    const left = transposeA ? transpose(a, wasm) : a;
    const right = transposeB ? transpose(b, wasm) : b;
    const output = wasm.makeOutput([...batch, rows, columns], "float32");
    for (let i = 0; i < count; i++) {
      const one = matrixOf(left, wasm, i, [rows, inner]);
      const other = matrixOf(right, wasm, i, [inner, columns]);
      const product = stock({
        backend: wasm,
        inputs: { a: one, b: other },
        attrs: { transposeA: false, transposeB: false },
      }) as tf.TensorInfo;
      wasm.typedArrayFromHeap(output).set(
        wasm.typedArrayFromHeap(product),
        i * rows * columns,
      );
      [one, other, product].forEach((x) => wasm.disposeData(x.dataId));
    }
    if (transposeA) wasm.disposeData(left.dataId);
    if (transposeB) wasm.disposeData(right.dataId);
    return output;
  };
}

function matrixShape(
  { shape }: tf.TensorInfo,
  transposed: boolean,
): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

/** A copy of the i-th part of this shape, under a data id of its own. */
function matrixOf(
  x: tf.TensorInfo,
  wasm: BackendWasm,
  i: number,
  shape: number[],
): tf.TensorInfo {
  const size = tf.util.sizeFromShape(shape);
  const copy = wasm.makeOutput(shape, x.dtype);
  // Taken after the allocation, which may move the heap.
  const values = wasm.typedArrayFromHeap(x);
  wasm.typedArrayFromHeap(copy).set(values.subarray(i * size, (i + 1) * size));
  return copy;
}

function transpose(x: tf.TensorInfo, wasm: BackendWasm): tf.TensorInfo {
  const perm = x.shape.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  const { kernelFunc } = tf.getKernel("Transpose", "wasm")!;
  return kernelFunc({
    inputs: { x },
    backend: wasm,
    attrs: { perm },
  }) as tf.TensorInfo;
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
