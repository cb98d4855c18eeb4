/**
 * Conversion of float16, by a package where there is no Float16Array, as in Node
 * before version 24.
 *
 * @module
 */
import { getFloat16, setFloat16 } from "@petamoriken/float16";

/** Converts float16 to float32, exactly. */
export function fromFloat16(halves: ArrayBuffer): Float32Array {
  if ("Float16Array" in globalThis) {
    return new Float32Array(new Float16Array(halves));
  }
  const view = new DataView(halves);
  return Float32Array.from(
    { length: view.byteLength / 2 },
    (_, i) => getFloat16(view, 2 * i, true),
  );
}

/** Rounds float32 to the nearest float16, ties to even. */
export function toFloat16(values: Float32Array): ArrayBufferView {
  if ("Float16Array" in globalThis) return new Float16Array(values);
  const view = new DataView(new ArrayBuffer(2 * values.length));
  values.forEach((value, i) => setFloat16(view, 2 * i, value, true));
  return view;
}
