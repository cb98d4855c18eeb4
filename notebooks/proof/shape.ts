/** The shape of a matrix: its numbers of rows and columns. */
export type Shape = readonly [rows: number, columns: number];

/** Whether two shapes are the same. */
export function isSameShape(a: Shape, b: Shape): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

/** The error of a method whose argument should have another shape. */
export function wrongShape(
  method: string,
  expected: string | Shape,
  got: Shape,
): TypeError {
  const wanted = typeof expected === "string"
    ? expected
    : `[${expected.join(", ")}]`;
  return new TypeError(
    `${method} needs a matrix of shape ${wanted}, got [${got.join(", ")}]`,
  );
}

/** Throws unless a range of rows or columns lies within the matrix and is not empty. */
export function assertRange(
  method: string,
  start: number,
  end: number,
  count: number,
): void {
  if (0 <= start && start < end && end <= count) return;
  throw new RangeError(
    `${method} should go from 0 or more to at most ${count}, got ` +
      `${start} to ${end}`,
  );
}
