/**
 * Checks the indices of a gather.
 *
 * @param size The size of x's axis.
 * @param axis The index of the axis.
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
    // tfjs's message, followed by what to do.
    `GatherV2: the index value ${wrong} is not in [0, ${size - 1}]; give ` +
      `indices below ${size}, the size of x's axis ${axis}`,
  );
}
