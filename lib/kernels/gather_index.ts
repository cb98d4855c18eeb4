/**
 * Checks what gather is asked for.
 *
 * @param indices The indices.
 * @param size The size of x's axis.
 * @param axis Which one it is.
 * @throws {RangeError} If an index is out of range.
 */
export function assertIndices(
  indices: Int32Array,
  size: number,
  axis: number,
): void {
  const wrong = indices.find((index) => !(index >= 0 && index < size));
  if (wrong === undefined) return;
  throw new RangeError(
    `gather's indices should be at least 0 and below ${size}, the size of x's ` +
      `axis ${axis}, got ${wrong}`,
  );
}
