/** Kernels of the cpu backend that are exact for integers. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import { copyHalves, halfOf, type Halving, joined } from "../halves.ts";
import type { Values } from "../host_kernel.ts";

function valuesOf(backend: unknown, { dataId }: tf.TensorInfo): Values {
  return (backend as MathBackendCPU).data.get(dataId).values as Values;
}

function made(
  backend: unknown,
  shape: number[],
  dtype: tf.DataType,
  values: Values,
): tf.TensorInfo {
  return (backend as MathBackendCPU).makeTensorInfo(shape, dtype, values);
}

/** An array of zeros for a shape, in the array type of a dtype. */
function zeros(shape: readonly number[], dtype: tf.DataType): Values {
  const size = tf.util.sizeFromShape([...shape]);
  return tf.util.getTypedArrayFromDType(dtype as "float32", size);
}

/** The functions of one integer, by kernel name. */
const UNARY: Readonly<Record<string, (value: number) => number>> = {
  Abs: Math.abs,
  Square: (value) => value * value,
};

/** The kernels `Abs` and `Square` of integers; `stock` computes those of floats. */
export function unaryKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  return (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    if (x.dtype !== "int32") return stock(call);
    const values = valuesOf(call.backend, x).map(UNARY[name]!);
    return made(call.backend, x.shape, "int32", values);
  };
}

/** The kernels `DepthToSpace` and `ResizeNearestNeighbor`, exact for integers. */
export function copyingKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  return (call) => {
    const [x] = Object.values(call.inputs) as tf.TensorInfo[];
    return x!.dtype === "int32"
      ? copyHalves(stock, name, call, halvingOf(call.backend))
      : stock(call);
  };
}

function halvingOf(backend: unknown): Halving {
  return {
    half: (x, half) =>
      made(
        backend,
        x.shape,
        "float32",
        Float32Array.from(valuesOf(backend, x), (value) => halfOf(value, half)),
      ),
    join([high, low], dtype) {
      const lower = valuesOf(backend, low!);
      const values = Int32Array.from(
        valuesOf(backend, high!),
        (value, i) => joined(value, lower[i]!),
      );
      return made(backend, high!.shape, dtype, values);
    },
    dispose: ({ dataId }) => (backend as MathBackendCPU).disposeData(dataId),
  };
}

/** The kernel `OneHot`, in the requested type; for an index out of range, no entry is "on". */
export const oneHot: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const indices = inputs["indices"] as tf.TensorInfo;
  const { depth, onValue, offValue, dtype } =
    attrs as unknown as tf.OneHotAttrs;
  const shape = [...indices.shape, depth];
  const values = zeros(shape, dtype).fill(offValue);
  valuesOf(backend, indices).forEach((index, row) => {
    if (index >= 0 && index < depth) values[row * depth + index] = onValue;
  });
  return made(backend, shape, dtype, values);
};

/**
 * The kernel `UnsortedSegmentSum`, in the type of its argument; as in TensorFlow, ids out
 * of range are dropped.
 */
export const unsortedSegmentSum: tf.KernelFunc = (
  { inputs, backend, attrs },
) => {
  const { x, segmentIds } = inputs as Record<
    "x" | "segmentIds",
    tf.TensorInfo
  >;
  const { numSegments } = attrs as unknown as tf.UnsortedSegmentSumAttrs;
  const shape = [numSegments, ...x.shape.slice(1)];
  const sums = zeros(shape, x.dtype), rows = valuesOf(backend, x);
  const size = sums.length / numSegments;
  valuesOf(backend, segmentIds).forEach((id, row) => {
    if (id < 0 || id >= numSegments) return;
    for (let i = 0; i < size; i++) {
      sums[id * size + i]! += rows[row * size + i]!;
    }
  });
  return made(backend, shape, x.dtype, sums);
};
