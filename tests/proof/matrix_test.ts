/** Matrices over the field, their inverse, and gradients. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { drawer, gradient, Matrix } from "../../notebooks/proof/mod.ts";

const A = Matrix.of([[1, 2, 3], [4, 5, 6]]);

/** Fails unless the matrix has these whole numbers as entries. */
function assertEntries(matrix: Matrix, rows: number[][]): void {
  assertEquals(matrix.shape, [rows.length, rows[0]!.length]);
  assert(matrix.equals(Matrix.of(rows)), `${matrix.values}`);
}

Deno.test("parts of a matrix", () => {
  assertEntries(A.transpose(), [[1, 4], [2, 5], [3, 6]]);
  assertEntries(A.reversed(), [[4, 5, 6], [1, 2, 3]]);
  assertEntries(A.row(1), [[4, 5, 6]]);
  assertEntries(A.columns(1, 3), [[2, 3], [5, 6]]);
  assertEntries(A.at(1, 2), [[6]]);
  assertEntries(A.tril(), [[1, 0, 0], [4, 5, 0]]);
  assertEntries(A.tril(-1), [[0, 0, 0], [4, 0, 0]]);
  assertEntries(A.triu(1), [[0, 2, 3], [0, 0, 6]]);
  assertEntries(A.beside(A.columns(0, 1)), [[1, 2, 3, 1], [4, 5, 6, 4]]);
  assertEntries(Matrix.stack([A, A.row(0)]), [[1, 2, 3], [4, 5, 6], [1, 2, 3]]);
  assertEntries(A.rowSums(), [[6], [15]]);
  assertEntries(Matrix.eye(2), [[1, 0], [0, 1]]);
  assertEntries(Matrix.build(2, 2, (i, j) => 10 * i - j), [[0, -1], [10, 9]]);
});

Deno.test("products and quotients; rows, columns and numbers count for all", () => {
  assertEntries(A.times(Matrix.of([[1, 0], [0, 1], [1, 1]])), [[4, 5], [
    10,
    11,
  ]]);
  assertEntries(A.times(-2), [[-2, -4, -6], [-8, -10, -12]]);
  assertEntries(Matrix.of([[3]]).times(A), [[3, 6, 9], [12, 15, 18]]);
  assertEntries(A.hadamard(A), [[1, 4, 9], [16, 25, 36]]);
  assertEntries(A.hadamard(Matrix.of([[1, 0, 2]])), [[1, 0, 6], [4, 0, 12]]);
  assertEntries(A.hadamard(Matrix.of([[2], [1]])), [[2, 4, 6], [4, 5, 6]]);
  assertEntries(A.minus(A.times(2)).plus(A), [[0, 0, 0], [0, 0, 0]]);
  assert(A.over(A.column(1)).hadamard(A.column(1)).equals(A));
  assert(A.over(7).times(7).equals(A));
});

Deno.test("inverse() is one from both sides, also where a pivot is 0", () => {
  const draw = drawer(1);
  const swap = Matrix.of([[0, 1, 0], [0, 0, 1], [1, 0, 0]]);
  for (const x of [draw(1, 1), draw(2, 2), draw(5, 5), swap]) {
    const size = x.shape[0];
    assert(x.times(x.inverse()).equals(Matrix.eye(size)));
    assert(x.inverse().times(x).equals(Matrix.eye(size)));
  }
  const singular = draw(4, 2).times(draw(2, 4));
  assertThrows(() => singular.inverse(), RangeError, "no inverse");
});

Deno.test("errors say which shape is needed, and which came", () => {
  const wrong: [() => unknown, typeof TypeError | typeof RangeError, string][] =
    [
      [
        () => A.plus(A.transpose()),
        TypeError,
        "plus() needs a matrix of shape [2, 3], got [3, 2]",
      ],
      [() => A.plus(1), TypeError, "[2, 3], got [1, 1]"],
      [
        () => A.times(A),
        TypeError,
        "times() needs a matrix of shape [3, …], got [2, 3]",
      ],
      [
        () => A.hadamard(A.transpose()),
        TypeError,
        "[2 or 1, 3 or 1], got [3, 2]",
      ],
      [() => A.over(A.minus(A)), RangeError, "division by 0"],
      [() => A.inverse(), TypeError, "[2, 2], got [2, 3]"],
      [() => A.rows(1, 3), RangeError, "at most 2, got 1 to 3"],
      [() => A.columns(1, 1), RangeError, "got 1 to 1"],
      [() => A.differences(A.row(0)), TypeError, "[2, 3], got [1, 3]"],
      [() => Matrix.of([[1], [1, 2]]), TypeError, "the same length"],
      [() => Matrix.of([]), RangeError, "the number of rows"],
      [() => Matrix.stack([A, A.transpose()]), TypeError, "[…, 3], got [3, 2]"],
      [() => Matrix.build(1, 1, () => A), TypeError, "[1, 1], got [2, 3]"],
      [() => new Matrix([1, 2], [1n]), TypeError, "2 values, got 1"],
      [() => gradient((x) => x, A), TypeError, "[1, 1], got [2, 3]"],
    ];
  for (const [run, kind, message] of wrong) {
    assertThrows(run, kind as ErrorConstructor, message);
  }
});

Deno.test("gradient() is exact for products, quotients and inverses", () => {
  const draw = drawer(2);
  const [x, w] = [draw(3, 3), draw(3, 3)];
  const inner = (a: Matrix, b: Matrix) =>
    a.hadamard(b).rowSums().transpose().rowSums();
  const cube = (x: Matrix) => inner(w, x.hadamard(x).hadamard(x));
  assert(gradient(cube, x).equals(w.hadamard(x).hadamard(x).times(3)));
  // d<w, x⁻¹> = -x⁻ᵀ w x⁻ᵀ
  const y = x.inverse().transpose();
  const ofInverse = gradient((x) => inner(w, x.inverse()), x);
  assert(ofInverse.equals(y.times(w).times(y).times(-1)));
});
