/** Batches of sequences that a kernel computes at once, as many as one buffer has room for. @module */
import { largestBuffer } from "@lionjs/tfjs/kernel";

/** A run of sequences that a kernel computes at once. */
export interface SequenceBatch {
  readonly firstSequence: number;
  readonly sequences: number;
}

/** Divides sequences into batches that fit in one buffer, at `bytesOfSequence` bytes each. */
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
