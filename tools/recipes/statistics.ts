/** Means of few numbers, and how far they may be off. @module */

/** A mean with its 95 % interval. */
export interface Interval {
  readonly mean: number;
  /** Half of the interval's width; NaN of a single number. */
  readonly half: number;
}

/**
 * The two-sided 95 % quantiles of Student's t for 1, 2, … degrees of freedom.
 *
 * Source: any table of them; NIST/SEMATECH e-Handbook, 1.3.6.7.2.
 */
const T_95 = [
  ...[12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228],
  ...[2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086],
];

/** The quantile; beyond the table, Cornish and Fisher's expansion gives the same digits. */
function quantile(freedom: number): number {
  const n = freedom;
  return T_95[n - 1] ??
    1.95996 + 2.37227 / n + 2.8225 / n ** 2 + 2.556 / n ** 3;
}

/** The mean of numbers. */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/**
 * The mean, and the 95 % interval by Student's t.
 *
 * @throws {RangeError} If there are no numbers.
 */
export function interval(values: readonly number[]): Interval {
  const count = values.length;
  if (count < 1) throw new RangeError("values should be 1 or more, got none");
  const centre = mean(values);
  const squares = values.map((value) => (value - centre) ** 2);
  const deviation = Math.sqrt(squares.reduce((a, b) => a + b, 0) / (count - 1));
  const half = count === 1
    ? NaN
    : quantile(count - 1) * deviation / Math.sqrt(count);
  return { mean: centre, half };
}

/** The interval of the differences of numbers in pairs. */
export function pairedInterval(
  values: readonly number[],
  others: readonly number[],
): Interval {
  if (values.length !== others.length) {
    throw new RangeError(
      `values and others should be pairs, got ${values.length} and ${others.length}`,
    );
  }
  return interval(values.map((value, i) => value - others[i]!));
}
