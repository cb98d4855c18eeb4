/**
 * The rank of a matrix: the number of pivots of Gaussian elimination above
 * rounding noise. Each pivot is the largest remaining entry.
 *
 * @param rows The matrix, which is not changed.
 * @param tolerance What counts as 0, relative to the largest entry.
 * @default 1e-5
 * @returns The rank, from 0 to the smaller of both sizes.
 */
export function matrixRank(
  rows: readonly (readonly number[])[],
  tolerance = 1e-5,
): number {
  const rest = rows.map((row) => [...row]);
  let [found, largest] = [0, 0];
  while (true) {
    let [at, column, pivot] = [0, 0, 0];
    rest.forEach((row, i) =>
      row.forEach((value, j) => {
        if (Math.abs(value) > Math.abs(pivot)) {
          [at, column, pivot] = [i, j, value];
        }
      })
    );
    largest ||= Math.abs(pivot);
    if (Math.abs(pivot) <= tolerance * largest) return found;
    const [pivotRow] = rest.splice(at, 1);
    for (const row of rest) {
      const factor = row[column]! / pivot;
      row.forEach((value, j) => row[j] = value - factor * pivotRow![j]!);
    }
    found++;
  }
}
