/** Elements in the memory of the wasm backend. */
export type Elements = Float32Array | Int32Array | Uint8Array;

/** Number of elements from which on a row is copied by one call. */
export const LONG_ROW = 16;

/** Copies `size` elements of `from`, from `start` on, into `to` at `at`. */
export function copyRow(
  to: Elements,
  at: number,
  from: Elements,
  start: number,
  size: number,
): void {
  if (size > LONG_ROW) to.set(from.subarray(start, start + size), at);
  else for (let n = 0; n < size; n++) to[at + n] = from[start + n]!;
}
