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

export function largestBuffer(limits: GPUSupportedLimits): number {
  return Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
}

/** Some of the sequences, those whose states fit in one buffer. */
export interface Pass {
  readonly firstSequence: number;
  readonly sequences: number;
}

export function passesOver(
  sequences: number,
  bytesOfSequence: number,
  limits: GPUSupportedLimits,
): Pass[] {
  const fitting = Math.min(
    Math.floor(largestBuffer(limits) / Math.max(1, bytesOfSequence)),
    limits.maxComputeWorkgroupsPerDimension,
    sequences,
  );
  const passes: Pass[] = [];
  for (let first = 0; first < sequences; first += fitting) {
    const rest = sequences - first;
    passes.push({ firstSequence: first, sequences: Math.min(fitting, rest) });
  }
  return passes;
}
