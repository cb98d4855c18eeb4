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

/**
 * The probability of differences as large as those of numbers in pairs, either way,
 * where there is none, by Student's t; 1 of a single pair.
 *
 * Source: Abramowitz and Stegun, 26.7.3 and 26.7.4.
 */
export function pairedProbability(
  values: readonly number[],
  others: readonly number[],
): number {
  const { mean, half } = pairedInterval(values, others);
  const freedom = values.length - 1;
  const t = Math.abs(mean) * quantile(freedom) / half;
  if (!(t > 0)) return 1;
  const angle = Math.atan(t / Math.sqrt(freedom));
  const isOdd = freedom % 2 === 1;
  // cos, cos³ ⋅ 2/3, … or 1, cos² ⋅ 1/2, …, up to the power freedom − 2.
  let term = isOdd ? Math.cos(angle) : 1, sum = 0;
  for (let power = isOdd ? 1 : 0; power <= freedom - 2; power += 2) {
    sum += term;
    term *= Math.cos(angle) ** 2 * (power + 1) / (power + 2);
  }
  const within = isOdd
    ? (angle + Math.sin(angle) * sum) * 2 / Math.PI
    : Math.sin(angle) * sum;
  return 1 - within;
}

/**
 * Probabilities of several comparisons, each as large as it is of all together.
 *
 * Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
 */
export function holm(probabilities: readonly number[]): number[] {
  const count = probabilities.length;
  const order = probabilities.map((_, at) => at)
    .sort((a, b) => probabilities[a]! - probabilities[b]!);
  const adjusted = new Array<number>(count);
  let least = 0;
  order.forEach((at, rank) => {
    least = Math.max(least, (count - rank) * probabilities[at]!);
    adjusted[at] = Math.min(1, least);
  });
  return adjusted;
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
