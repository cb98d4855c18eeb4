/** Series without their level and scale, which what is seen tells. @module */

/** A series as numbers: 0 and unseen where it has gaps. */
export interface Observed {
  readonly values: Float64Array;
  /** 1 where a value is seen, else 0. */
  readonly seen: Uint8Array;
}

/** A series whose seen values have the mean 0 and the mean absolute deviation 1. */
export interface Scaled extends Observed {
  /** What was subtracted. */
  readonly level: number;
  /** By what it was divided. */
  readonly scale: number;
}

/** A series with `null` in its gaps as numbers. */
export function observed(series: readonly (number | null)[]): Observed {
  return {
    values: Float64Array.from(series, (value) => value ?? 0),
    seen: Uint8Array.from(series, (value) => value === null ? 0 : 1),
  };
}

/**
 * Scales a series by what is seen of it alone: what stands in a gap must not tell its
 * scale. Equal values keep their scale of 1.
 */
export function scaled({ values, seen }: Observed): Scaled {
  const level = meanWhere(seen, (t) => values[t]!);
  const deviation = meanWhere(seen, (t) => Math.abs(values[t]! - level));
  const scale = deviation > 1e-12 * Math.abs(level) ? deviation : 1;
  return {
    values: values.map((value, t) => seen[t] ? (value - level) / scale : 0),
    ...{ seen, level, scale },
  };
}

/** The mean of a number of all places where a mask is 1; 0 without any. */
export function meanWhere(
  mask: Uint8Array,
  numberAt: (place: number) => number,
): number {
  let sum = 0, count = 0;
  for (let t = 0; t < mask.length; t++) {
    if (!mask[t]) continue;
    sum += numberAt(t);
    count++;
  }
  return count === 0 ? 0 : sum / count;
}
