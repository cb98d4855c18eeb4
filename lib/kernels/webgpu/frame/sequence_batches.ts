/** Sequences that a kernel takes at once: those whose states fit in one buffer. @module */
import type { Dims } from "./vectors.ts";

/** Whether vectors are copied to whole quads first. */
export function isPacked(
  columns: "key" | "value",
  dims: Dims,
  half: boolean,
): boolean {
  const count = columns === "key" ? dims.headDim : dims.valueDim;
  return half || count % 4 !== 0;
}

/** Bytes of the largest buffer that shaders of a device can bind. */
export function largestBuffer(limits: GPUSupportedLimits): number {
  return Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
}

/** Sequences that a kernel computes at once, since what they need fits in one buffer. */
export interface SequenceBatch {
  readonly firstSequence: number;
  readonly sequences: number;
}

/** The batches in which a kernel computes sequences that need so many bytes of one buffer each. */
export function sequenceBatches(
  sequences: number,
  bytesOfSequence: number,
  limits: GPUSupportedLimits,
): SequenceBatch[] {
  const fitting = Math.min(
    Math.floor(largestBuffer(limits) / Math.max(1, bytesOfSequence)),
    limits.maxComputeWorkgroupsPerDimension,
    sequences,
  );
  const batches: SequenceBatch[] = [];
  for (let first = 0; first < sequences; first += fitting) {
    const rest = sequences - first;
    batches.push({ firstSequence: first, sequences: Math.min(fitting, rest) });
  }
  return batches;
}
