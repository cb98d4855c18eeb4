/** A line through measurements. @module */

/** `constant + slope · at`. */
export interface Line {
  readonly constant: number;
  readonly slope: number;
}

/** A measurement: what was found at a place. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/**
 * The line whose relative errors have the least squares: over sizes that differ
 * a thousandfold, the smallest counts as much as the largest. Neither of its
 * numbers is below 0.
 *
 * @throws {RangeError} If there are not two places.
 */
export function lineThrough(points: readonly Point[]): Line {
  if (new Set(points.map(({ at }) => at)).size < 2) {
    throw new RangeError(
      `points should be at two places or more, got ${points.length} points`,
    );
  }
  // Of 1 and at, both divided by the value, whose combination should be 1.
  let [oneOne, oneAt, atAt, one, all] = [0, 0, 0, 0, 0];
  for (const { at, value } of points) {
    const [x, y] = [1 / value, at / value];
    oneOne += x * x;
    oneAt += x * y;
    atAt += y * y;
    one += x;
    all += y;
  }
  const determinant = oneOne * atAt - oneAt * oneAt;
  const constant = (one * atAt - all * oneAt) / determinant;
  const slope = (all * oneOne - one * oneAt) / determinant;
  if (constant < 0) return { constant: 0, slope: all / atAt };
  if (slope < 0) return { constant: one / oneOne, slope: 0 };
  return { constant, slope };
}
