import { reciprocal, reduce, residue } from "./field.ts";

/** The inverse of a square matrix, by elimination on rows [A, I]. */
export function invert(values: readonly bigint[], size: number): bigint[] {
  const rows = Array.from({ length: size }, (_, i) => [
    ...values.slice(i * size, (i + 1) * size),
    ...Array.from({ length: size }, (_, j) => i === j ? 1n : 0n),
  ]);
  for (let n = 0; n < size; n++) {
    const pivot = rows.findIndex((row, i) => i >= n && residue(row[n]!) !== 0n);
    if (pivot < 0) {
      throw new RangeError("the matrix has no inverse modulo 2^61 - 1");
    }
    [rows[n], rows[pivot]] = [rows[pivot]!, rows[n]!];
    const factor = reciprocal(rows[n]![n]!);
    const chosen = rows[n]!.map((value) => reduce(value * factor));
    for (const [i, row] of rows.entries()) {
      rows[i] = i === n
        ? chosen
        : row.map((value, j) => reduce(value - row[n]! * chosen[j]!));
    }
  }
  return rows.flatMap((row) => row.slice(size));
}
