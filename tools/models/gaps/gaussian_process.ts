/** Gaussian processes with 36 kernels, of which the likeliest fills a series' gaps. @module */
import {
  observed,
  periodsOf,
  scaled,
  withoutTrend,
} from "../../../models/gaps/series/mod.ts";

/** A correlation by distance. */
type Kernel = (distance: number) => number;

/** The families by the scale of their distances: Matérn's of 1/2 and 3/2, and the smoothest. */
const FAMILIES: readonly ((scale: number) => Kernel)[] = [
  (scale) => (distance) => Math.exp(-distance / scale),
  (scale) => (distance) => {
    const x = Math.sqrt(3) * distance / scale;
    return (1 + x) * Math.exp(-x);
  },
  (scale) => (distance) => Math.exp(-((distance / scale) ** 2) / 2),
];

const SCALES = [3, 10, 40] as const;

/** The noise's variance, as a multiple of the process's. */
const NOISES = [0.01, 0.2] as const;

/** The share of a kernel that has a period, and the periods over which that fades. */
const PERIODIC = { share: 0.7, fades: 6 };

/** The kernels that are tried, with and without a period. */
function kernelsOf(period: number | undefined): Kernel[] {
  const plain = FAMILIES.flatMap((family) => SCALES.map(family));
  if (period === undefined) return plain;
  const wave: Kernel = (distance) =>
    Math.exp(
      -2 * Math.sin(Math.PI * distance / period) ** 2 -
        (distance / (PERIODIC.fades * period)) ** 2 / 2,
    );
  return [
    ...plain,
    ...plain.map((kernel): Kernel => (distance) =>
      PERIODIC.share * wave(distance) + (1 - PERIODIC.share) * kernel(distance)
    ),
  ];
}

/** Fills gaps with the expected values of the likeliest process, its variance the best for it. */
export function byGaussianProcess(
  given: readonly (number | null)[],
): readonly number[] {
  const series = scaled(observed(given));
  const straight = withoutTrend(series);
  const places = [...given.keys()].filter((t) => series.seen[t]);
  const values = Float64Array.from(places, (t) => series.values[t]!);
  let best: { likelihood: number; kernel: Kernel; weights: Float64Array };
  best = { likelihood: -Infinity, kernel: () => 0, weights: values };
  for (const kernel of kernelsOf(periodsOf(straight, 1)[0]?.length)) {
    const correlations = Float64Array.from(
      given,
      (_, distance) => kernel(distance),
    );
    for (const noise of NOISES) {
      const { weights, logDeterminant } = solved(
        places,
        (distance) => correlations[distance]! + (distance === 0 ? noise : 0),
        values,
      );
      const square = weights.reduce((sum, w, i) => sum + w * values[i]!, 0);
      const likelihood = -places.length / 2 * Math.log(square) -
        logDeterminant / 2;
      if (likelihood > best.likelihood) best = { likelihood, kernel, weights };
    }
  }
  return given.map((value, t) =>
    value ?? series.level + series.scale * places.reduce(
            (sum, place, i) =>
              sum + best.weights[i]! * best.kernel(Math.abs(place - t)),
            0,
          )
  );
}

/** Solves K w = values by Cholesky's decomposition. */
function solved(
  places: readonly number[],
  covariance: Kernel,
  values: Float64Array,
): { weights: Float64Array; logDeterminant: number } {
  const size = places.length;
  const lower = new Float64Array(size * size);
  let logDeterminant = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = covariance(places[i]! - places[j]!);
      for (let k = 0; k < j; k++) {
        sum -= lower[i * size + k]! * lower[j * size + k]!;
      }
      lower[i * size + j] = i === j
        ? Math.sqrt(sum)
        : sum / lower[j * size + j]!;
    }
    logDeterminant += 2 * Math.log(lower[i * size + i]!);
  }
  const weights = values.slice();
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) {
      weights[i]! -= lower[i * size + k]! * weights[k]!;
    }
    weights[i]! /= lower[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) {
      weights[i]! -= lower[k * size + i]! * weights[k]!;
    }
    weights[i]! /= lower[i * size + i]!;
  }
  return { weights, logDeterminant };
}
