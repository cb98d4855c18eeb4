/** Kernels of the cpu backend that are exact for integers. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import { copyHalves, fromHalves, halfOf, type Halving } from "../halves.ts";
import { made, valuesOf } from "./values.ts";

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
        (value, i) => fromHalves(value, lower[i]!),
      );
      return made(backend, high!.shape, dtype, values);
    },
    dispose: ({ dataId }) => (backend as MathBackendCPU).disposeData(dataId),
  };
}
