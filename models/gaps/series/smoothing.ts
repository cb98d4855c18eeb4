/** Simple ways to fill gaps: lines, and smoothers that fall back to the mean. @module */
import { meanWhere } from "./scaling.ts";

/**
 * A way to fill gaps for places that are seen or not; what is seen stays as it is. The
 * values get it in a second call, since several series may share their places.
 */
export type Interpolation = (
  seen: Uint8Array,
) => (values: Float64Array) => Float64Array;

/** Lines between the values on both sides of a gap; at the ends, the last one seen. */
export const line: Interpolation = (seen) => (values) => {
  const filled = values.slice();
  let last = -1;
  for (let t = 0; t <= values.length; t++) {
    if (t < values.length && !seen[t]) continue;
    const from = last < 0 ? values[t]! : values[last]!;
    const to = t < values.length ? values[t]! : from;
    for (let place = last + 1; place < t; place++) {
      filled[place] = last < 0
        ? to
        : from + (to - from) * (place - last) / (t - last);
    }
    last = t;
  }
  return filled;
};

/**
 * The expected values of a process whose correlation falls exponentially with distance,
 * seen with noise: the smoother of Rauch, Tung and Striebel.
 *
 * @param memory The distance at which the correlation is 1/e.
 * @param noise The noise's variance, as a multiple of the process's.
 */
export function smoother(memory: number, noise: number): Interpolation {
  const rho = Math.exp(-1 / memory);
  return (seen) => {
    const length = seen.length;
    const forward = new Float64Array(length),
      backward = new Float64Array(length);
    for (let t = 0, variance = 1; t < length; t++) {
      variance = rho * rho * variance + 1 - rho * rho;
      if (seen[t]) {
        forward[t] = variance / (variance + noise);
        variance *= 1 - forward[t]!;
      }
      backward[t] = variance * rho / (rho * rho * variance + 1 - rho * rho);
    }
    return (values) => {
      const level = meanWhere(seen, (t) => values[t]!);
      const means = new Float64Array(length);
      let mean = 0;
      for (let t = 0; t < length; t++) {
        mean *= rho;
        if (seen[t]) mean += forward[t]! * (values[t]! - level - mean);
        means[t] = mean;
      }
      const filled = values.slice();
      for (let t = length - 1; t >= 0; t--) {
        // The last mean is the smoothed one already.
        if (t < length - 1) {
          mean = means[t]! + backward[t]! * (mean - rho * means[t]!);
        }
        if (!seen[t]) filled[t] = level + mean;
      }
      return filled;
    };
  };
}
