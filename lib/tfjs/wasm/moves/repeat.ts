/** Repeated tensors and numbers as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { assertReps } from "../../place_checks.ts";
import type { KernelHost } from "../host.ts";
import { type MakeKernel, withOutputs } from "../outputs.ts";
import { movingKernel } from "./kernel.ts";
import { move } from "./move.ts";
import { stridesOf } from "./parts.ts";

/** The kernel `Tile`. */
export const tileKernel = movingKernel((call) => {
  const x = call.inputs["x"]!;
  const { reps } = call.attrs as tf.TileAttrs;
  assertReps(reps);
  const shape = x.shape.map((count, axis) => count * reps[axis]!);
  const y = call.make(shape, x.dtype);
  const from = stridesOf(x.shape), to = stridesOf(shape);
  const axes = x.shape.flatMap((count, axis) => [
    { count: reps[axis]!, from: 0, to: count * to[axis]! },
    { count, from: from[axis]!, to: to[axis]! },
  ]);
  call.move([{ x, y, axes }]);
  return y;
});

/** The kernel `Fill`; `stock` makes strings. */
export const fillKernel: MakeKernel = (stock, _name, host) => (call) => {
  const { shape, value, dtype } = call.attrs as unknown as tf.FillAttrs;
  if (typeof value === "string" || dtype === "string") return stock(call);
  const wasm = call.backend as BackendWasm;
  return filled(host, wasm, shape, dtype ?? tf.util.inferDtype(value), value);
};

/** The kernels `ZerosLike` and `OnesLike`; `stock` makes strings. */
export const likeKernel: MakeKernel = (stock, name, host) => (call) => {
  const { shape, dtype } = call.inputs["x"] as tf.TensorInfo;
  if (dtype === "string") return stock(call);
  const wasm = call.backend as BackendWasm;
  return filled(host, wasm, shape, dtype, Number(name === "OnesLike"));
};

/** The kernel `OneHot`, in the requested type; for an index out of range, no entry is "on". */
export const oneHotKernel: MakeKernel =
  (_stock, _name, host) => ({ inputs, backend, attrs }) => {
    const wasm = backend as BackendWasm;
    const indices = inputs["indices"] as tf.TensorInfo;
    const { depth, onValue, offValue, dtype } =
      attrs as unknown as tf.OneHotAttrs;
    const shape = [...indices.shape, depth];
    const output = filled(host, wasm, shape, dtype, offValue);
    const rows = wasm.typedArrayFromHeap(output);
    const all = wasm.typedArrayFromHeap(indices);
    for (let row = 0; row < all.length; row++) {
      const index = all[row]!;
      if (index >= 0 && index < depth) rows[row * depth + index] = onValue;
    }
    return output;
  };

/** Number of elements up to which JavaScript is faster than a job. */
const FEW = 16_384;

/** A tensor of one number. */
export function filled(
  host: KernelHost,
  wasm: BackendWasm,
  shape: number[],
  dtype: tf.DataType,
  value: number,
): tf.TensorInfo {
  const count = tf.util.sizeFromShape(shape);
  if (count <= FEW) {
    const y = wasm.makeOutput(shape, dtype);
    wasm.typedArrayFromHeap(y).fill(value);
    return y;
  }
  return withOutputs(wasm, (make) => {
    const y = make(shape, dtype);
    move(host, wasm, [{ y, axes: [{ count, from: 0, to: 1 }] }], value);
    return y;
  });
}
