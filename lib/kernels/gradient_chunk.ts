/** Chunks of the gradient, which all forms of attention have in common. @module */

/** The chunks that a backend's chunkwise kernel takes well. */
export interface ChunkLimits {
  /** Tokens below which states cost more than a chunk saves in pairs of tokens. */
  readonly smallest: number;
  /** Tokens of the largest chunk for which there is room. */
  readonly largest: number;
}

/**
 * Tokens of a chunk of the gradient, whatever form went forward. All forms
 * compute the same function, so its gradient is the chunkwise form's, in chunks of
 * √length: these make as many states as a chunk has tokens, which is the least
 * memory.
 *
 * @param length Tokens of a sequence.
 * @param limits Of the backend's chunkwise kernel.
 */
export function gradientChunk(
  length: number,
  { smallest, largest }: ChunkLimits,
): number {
  const balanced = Math.ceil(Math.sqrt(length));
  return Math.min(length, largest, Math.max(smallest, balanced));
}
