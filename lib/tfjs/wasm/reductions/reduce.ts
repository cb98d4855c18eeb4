/** Reductions as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../address.ts";
import type { KernelHost } from "../host.ts";
import { REDUCTIONS } from "../jobs.ts";
import { withOutputs } from "../outputs.ts";
import { axesOf, type View, viewOf } from "./view.ts";

/** The kernel of a reduction. */
export type Reduction = typeof REDUCTIONS[number];

/** Multiplications and additions that take as long as reducing an element. */
const OPERATIONS_AN_ELEMENT = 4;

/**
 * A reduction on all threads, of 32-bit floats; of bools where it is whether all or any
 * are true.
 *
 * @param stock The previous kernel, for other types and empty tensors.
 * @param name The kernel's name.
 * @param host Runs it.
 */
export function reduceKernel(
  stock: tf.KernelFunc,
  name: Reduction,
  host: KernelHost,
): tf.KernelFunc {
  const kind = REDUCTIONS.indexOf(name);
  const dtype = name === "All" || name === "Any" ? "bool" : "float32";
  const isPlace = name === "ArgMax" || name === "ArgMin";
  return (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    const size = tf.util.sizeFromShape(x.shape);
    if (x.dtype !== dtype || size === 0) return stock(call);
    const { axis, reductionIndices, keepDims } = call.attrs as unknown as
      & tf.SumAttrs
      & tf.MaxAttrs;
    const axes = axesOf(axis ?? reductionIndices, x.shape);
    if (isPlace && axes.length !== 1) return stock(call);
    const wasm = call.backend as BackendWasm;
    return withOutputs(wasm, (make) => {
      const y = make(
        reducedShape(x.shape, axes, keepDims),
        isPlace ? "int32" : dtype,
      );
      const run = (x: tf.TensorInfo, view: View) =>
        host.run("reduce", {
          kind,
          repeats: view.repeats,
          outer: view.outer,
          reduced: view.reduced,
          inner: view.inner,
          x: addressOf(wasm, x),
          y: addressOf(wasm, y),
        }, { operations: OPERATIONS_AN_ELEMENT * size });
      const view = viewOf(x.shape, axes);
      if (view) run(x, view);
      else runTransposed(wasm, x, axes, run);
      return y;
    });
  };
}

function reducedShape(
  shape: readonly number[],
  axes: readonly number[],
  keepDims: boolean,
): number[] {
  const reduced: number[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    if (!axes.includes(axis)) reduced.push(shape[axis]!);
    else if (keepDims) reduced.push(1);
  }
  return reduced;
}

/** Reduces rows of the transposed tensor. */
function runTransposed(
  wasm: BackendWasm,
  x: tf.TensorInfo,
  axes: readonly number[],
  run: (x: tf.TensorInfo, view: View) => void,
): void {
  const kept = [...x.shape.keys()].filter((axis) => !axes.includes(axis));
  const last = [...x.shape.keys()].filter((axis) => axes.includes(axis));
  const rows = tf.getKernel("Transpose", "wasm")!.kernelFunc({
    inputs: { x },
    backend: wasm,
    attrs: { perm: [...kept, ...last] },
  }) as tf.TensorInfo;
  try {
    const reduced = last.reduce((size, axis) => size * x.shape[axis]!, 1);
    const outer = tf.util.sizeFromShape(x.shape) / reduced;
    run(rows, { repeats: 1, outer, reduced, inner: 1 });
  } finally {
    wasm.disposeData(rows.dataId);
  }
}
