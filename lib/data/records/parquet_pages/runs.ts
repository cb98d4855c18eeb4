/** Checks of runs in pages: repeated and bit-packed values. @module */

/** Values beyond their number that a last run may have, as padding. */
const PADDING = 8;

/** The values of some runs. */
interface Runs {
  /** Bits of a value. */
  readonly width: number;
  readonly values: number;
  /** The value to count; if it is below 0, no value is counted. */
  readonly wanted: number;
}

/**
 * Reads runs, and throws where a reader that trusts them would not end: at a run
 * of a thousand million values in a page of ten.
 *
 * Source: Apache Parquet, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid".
 *
 * @returns Of the values, how many are the one wanted.
 */
export function checkRuns(
  bytes: Uint8Array,
  start: number,
  end: number,
  { width, values, wanted }: Runs,
): number {
  if (width > 32) throw new Error(`a page has values of ${width} bits`);
  let [at, seen, equal] = [start, 0, 0];
  const byte = () => {
    if (at >= end) throw new Error("a page ends early");
    return bytes[at++]!;
  };
  while (seen < values) {
    let header = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      if (shift > 28) throw new Error("a run has too many values");
      const next = byte();
      header += (next & 127) * 2 ** shift;
      more = next > 127;
    }
    const count = Math.floor(header / 2);
    if (header % 2) {
      const left = Math.min(8 * count, values - seen);
      equal += equalBits(bytes, at, end, { width, values: left, wanted });
      at += count * width;
      seen += left;
      continue;
    }
    let value = 0;
    for (let i = 0; i < Math.ceil(width / 8); i++) value += byte() * 256 ** i;
    if (count > values - seen + PADDING) {
      throw new Error(`a run has ${count} values for ${values - seen}`);
    }
    if (value === wanted) equal += Math.min(count, values - seen);
    seen += count;
  }
  return equal;
}

/** The number of bit-packed values that equal the wanted one. */
function equalBits(
  bytes: Uint8Array,
  start: number,
  end: number,
  { width, values, wanted }: Runs,
): number {
  // Only levels are counted, which have few bits.
  if (wanted < 0) return 0;
  let equal = 0;
  for (let i = 0; i < values; i++) {
    let value = 0;
    for (let bit = 0; bit < width; bit++) {
      const place = i * width + bit;
      const at = start + (place >> 3);
      if (at >= end) throw new Error("a page ends early");
      value |= (bytes[at]! >> (place & 7) & 1) << bit;
    }
    if (value === wanted) equal++;
  }
  return equal;
}
