/** Means of integers as a kernel of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { reducedShape } from "../../kernel_call.ts";
import { withOutputs } from "../outputs.ts";
import { axesOf, withView } from "./view.ts";

/** The kernel `Mean` of any type of number, which adds in float64. */
export const integerMean: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const x = inputs["x"] as tf.TensorInfo, wasm = backend as BackendWasm;
  const { axis, keepDims } = attrs as unknown as tf.MeanAttrs;
  const axes = axesOf(axis, x.shape);
  return withOutputs(wasm, (make) => {
    const y = make(reducedShape(x.shape, axes, keepDims));
    withView(wasm, x, axes, (x, { repeats, outer, reduced, inner }) => {
      const values = wasm.typedArrayFromHeap(x);
      const sums = new Float64Array(outer * inner);
      for (let row = 0, at = 0; row < repeats * outer * reduced; row++) {
        const first = Math.floor(row / reduced) % outer * inner;
        for (let i = first; i < first + inner; i++) sums[i]! += values[at++]!;
      }
      const count = repeats * reduced;
      wasm.typedArrayFromHeap(y).set(sums.map((sum) => sum / count));
    });
    return y;
  });
};
