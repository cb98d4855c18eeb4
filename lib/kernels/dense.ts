/** A dense layer and its gradient, made of the kernels that a backend has. @module */
import * as tf from "@tensorflow/tfjs-core";
import { DENSE } from "../operations/dense.ts";
import { registerKernels } from "../contract/kernel.ts";

/**
 * Registers the layer: one call of the engine, where tfjs-core's operations
 * make twenty, half of them to reshape what need not be.
 *
 * @param backendName A backend with `_FusedMatMul`, `BatchMatMul` and `Sum`.
 */
export function registerDense(backendName: string): void {
  const call = (
    name: string,
    backend: object,
    inputs: tf.NamedTensorInfoMap,
    attrs: tf.NamedAttrMap,
  ) => {
    const { kernelFunc } = tf.getKernel(name, backendName)!;
    return kernelFunc({ inputs, backend, attrs }) as tf.TensorInfo;
  };
  const forward: tf.KernelFunc = ({ inputs, backend }) => {
    const { x, weight, bias } = inputs as Inputs;
    const y = call(
      "_FusedMatMul",
      backend,
      { a: asMatrix(x), b: asMatrix(weight), bias },
      { transposeA: false, transposeB: false, activation: "linear" },
    );
    return { ...y, shape: [...x.shape.slice(0, -1), weight.shape[1]!] };
  };
  const gradient: tf.KernelFunc = ({ inputs, backend }) => {
    const { x, weight, dy } = inputs as Inputs & { dy: tf.TensorInfo };
    const [rows, matrix] = [asMatrix(x), asMatrix(dy)];
    const made: tf.TensorInfo[] = [];
    const product = (
      a: tf.TensorInfo,
      b: tf.TensorInfo,
      transposes: { transposeA: boolean; transposeB: boolean },
      shape: number[],
    ) =>
      made.push({
        ...call("BatchMatMul", backend, { a, b }, transposes),
        shape,
      });
    try {
      product(
        matrix,
        asMatrix(weight),
        { transposeA: false, transposeB: true },
        x.shape,
      );
      product(
        rows,
        matrix,
        { transposeA: true, transposeB: false },
        weight.shape,
      );
      const x2d = { ...dy, shape: matrix.shape.slice(1) };
      const axis = { axis: [0], keepDims: false };
      made.push(call("Sum", backend, { x: x2d }, axis));
      return made;
    } catch (error) {
      // Nobody else knows of them.
      const { disposeData } = backend as tf.KernelBackend;
      made.forEach(({ dataId }) => disposeData.call(backend, dataId));
      throw error;
    }
  };
  registerKernels(backendName, DENSE, { forward, gradient });
}

type Inputs = Record<"x" | "weight" | "bias", tf.TensorInfo>;

/** A tensor of the same numbers, shaped as a batch of one matrix. */
function asMatrix(x: tf.TensorInfo): tf.TensorInfo {
  const columns = x.shape.at(-1)!;
  const rows = tf.util.sizeFromShape(x.shape.slice(0, -1));
  return { ...x, shape: [1, rows, columns] };
}
