/** Throws unless a value is an integer from `least` to `most`. */
export function assertInteger(
  name: string,
  value: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `${name} should be an integer from ${least} to ${most}, got ${value}`,
  );
}
