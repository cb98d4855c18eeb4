/**
 * The upper halves of the processor's vectors.
 *
 * With `--experimental-wasm-revectorize`, V8 computes on vectors of 256 bits and does
 * not clear their upper halves at the end. On Intel's processors, all code that was
 * compiled for SSE then takes 15 to 50 times as long in the same thread: `Math.exp`,
 * `Math.random`, garbage collection, TensorFlow.js's square roots.
 *
 * @module
 */

const decoder = new TextDecoder();
const text = new Uint8Array(64).fill(65);

/**
 * Clears the upper halves of vectors, in a tenth of a microsecond: hosts read UTF-8 in
 * vectors of the longest kind, by code of a compiler that ends with `vzeroupper`. Copying,
 * filling or hashing bytes does not clear them, and neither does a pause.
 */
export function clearVectors(): void {
  decoder.decode(text);
}
