/** The memory that the records of chunks take, and the batches of sequences whose records fit. @module */
import type { Refusal } from "@lionjs/tfjs/kernel";
import { tooLarge } from "@lionjs/tfjs/kernel";
import {
  type SequenceBatch,
  sequenceBatches,
} from "../frame/sequence_batches.ts";
import { type Layout, recordSizes } from "./layout.ts";

/** Divides sequences into batches whose records of each kind fit in one buffer. */
export function batchesFor(
  layout: Layout,
  sequences: number,
  limits: GPUSupportedLimits,
): SequenceBatch[] {
  return sequenceBatches(sequences, recordBytes(layout).largest, limits);
}

/**
 * Bytes of a sequence's records: those of the buffer that has the most, and those of
 * all kinds together. A gradient has a buffer with two records of `found`.
 */
export function recordBytes(
  layout: Layout,
): { largest: number; all: number } {
  const { directions, chunks } = layout;
  const ofSequence = 4 * directions * chunks;
  const sizes = recordSizes(layout), all = Object.values(sizes);
  return {
    largest: ofSequence * Math.max(...all, 2 * sizes.found),
    all: ofSequence * all.reduce((sum, size) => sum + size),
  };
}

/** Refuses a problem if a sequence's records are too large for a device's buffers. */
export function tooManyRecords(
  layout: Layout,
  limits: GPUSupportedLimits,
): Refusal | undefined {
  const bytes = recordBytes(layout).largest;
  return tooLarge("what the chunks of a sequence hand on takes", bytes, limits);
}
