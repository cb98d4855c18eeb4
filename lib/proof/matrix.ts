import { shown } from "../base/shown.ts";
import {
  assertAllocatable,
  assertList,
  assertPositiveInteger,
} from "../base/values.ts";
import {
  CONSTANT,
  type Degree,
  eitherOf,
  ofInverse,
  ofProduct,
  ofQuotient,
  ofSum,
  ofSumOfMany,
} from "./degree.ts";
import { reciprocal, reduce, residue } from "./field.ts";
import { invert } from "./inverse.ts";
import { assertRange, isSameShape, type Shape, wrongShape } from "./shape.ts";

/** A matrix, or an integer in place of one with a single entry. */
export type Operand = Matrix | number | bigint;

/**
 * A matrix of exact numbers: integers modulo the prime 2⁶¹ − 1, which can be
 * divided. It is immutable, and knows the degrees of its entries as fractions
 * of polynomials in the unknowns.
 *
 * Rows and columns count from 0. A matrix of one entry is a number: `times`
 * multiplies all entries of the other factor by it.
 *
 * @example Associativity, exactly
 * ```ts
 * import { assert } from "@std/assert";
 * import { Matrix } from "@lionjs/lion/proof";
 *
 * const Q = Matrix.of([[1, 2], [3, 4], [5, 6]]);
 * const K = Matrix.of([[2, 0], [1, 1], [0, -3]]);
 * const V = Matrix.of([[1], [10], [100]]);
 * const scores = Q.times(K.transpose());
 * assert(scores.times(V).equals(Q.times(K.transpose().times(V))));
 * // A third is a number too.
 * assert(Matrix.of([[1]]).over(3).times(3).equals(Matrix.eye(1)));
 * ```
 */
export class Matrix {
  /** The numbers of rows and columns. */
  readonly shape: Shape;
  /** The entries row by row, from 0 to below the square of the prime. */
  readonly values: readonly bigint[];
  /** Upper bounds of the degrees of each entry in the unknowns. */
  readonly degree: Degree;

  /**
   * Makes a matrix of integers.
   *
   * @param shape The numbers of rows and columns.
   * @param values Integers, row by row.
   * @param degree The degree of each entry. @default that of a constant
   * @throws {RangeError} If there are no rows or columns.
   * @throws {TypeError} If the number of values does not match the shape.
   */
  constructor(
    shape: Shape,
    values: readonly bigint[],
    degree: Degree = CONSTANT,
  ) {
    assertList("shape", shape);
    const [rows, columns] = shape;
    assertPositiveInteger("the number of rows in shape", rows);
    assertPositiveInteger("the number of columns in shape", columns);
    assertAllocatable({ "shape's rows": rows, columns });
    assertList("values", values);
    const wrong = values.findIndex((value) => typeof value !== "bigint");
    if (wrong >= 0) {
      throw new TypeError(
        `values should be of type bigint, got ${
          shown(values[wrong])
        } at ${wrong}`,
      );
    }
    if (values.length !== rows * columns) {
      throw new TypeError(
        `a matrix of shape [${rows}, ${columns}] should have ${
          rows * columns
        } values, got ${values.length}`,
      );
    }
    this.shape = [rows, columns];
    this.values = values.map(reduce);
    this.degree = degree;
  }

  /** Makes a matrix from rows of integers. */
  static of(rows: readonly (readonly (number | bigint)[])[]): Matrix {
    const columns = rows[0]?.length ?? 0;
    if (rows.some((row) => row.length !== columns)) {
      throw new TypeError("all rows of a matrix should have the same length");
    }
    return new Matrix([rows.length, columns], rows.flat().map(BigInt));
  }

  /** Makes a matrix from a function of row and column. */
  static build(
    rows: number,
    columns: number,
    entry: (row: number, column: number) => Operand,
  ): Matrix {
    const entries = Array.from(
      { length: rows * columns },
      (_, at) => numberOf(entry(Math.floor(at / columns), at % columns)),
    );
    return new Matrix(
      [rows, columns],
      entries.map(({ values }) => values[0]!),
      entries.map(({ degree }) => degree).reduce(eitherOf, CONSTANT),
    );
  }

  /** A matrix of zeros. */
  static zeros(rows: number, columns: number): Matrix {
    return Matrix.build(rows, columns, () => 0);
  }

  /** A matrix of ones. */
  static ones(rows: number, columns: number): Matrix {
    return Matrix.build(rows, columns, () => 1);
  }

  /** The identity matrix I. */
  static eye(size: number): Matrix {
    return Matrix.build(size, size, (i, j) => i === j ? 1 : 0);
  }

  /** Stacks matrices with the same number of columns, one below the other. */
  static stack(parts: readonly Matrix[]): Matrix {
    const columns = parts[0]?.shape[1] ?? 0;
    const odd = parts.find(({ shape }) => shape[1] !== columns);
    if (odd) throw wrongShape("stack()", `[…, ${columns}]`, odd.shape);
    return new Matrix(
      [parts.reduce((sum, { shape }) => sum + shape[0], 0), columns],
      parts.flatMap(({ values }) => values),
      parts.map(({ degree }) => degree).reduce(eitherOf, CONSTANT),
    );
  }

  /**
   * The sum A + B.
   *
   * @throws {TypeError} If shapes differ.
   */
  plus(other: Operand): Matrix {
    const b = numberOrMatrix(other);
    if (!isSameShape(b.shape, this.shape)) {
      throw wrongShape("plus()", this.shape, b.shape);
    }
    return this.#each(
      (value, at) => value + b.values[at]!,
      ofSum(this.degree, b.degree),
    );
  }

  /**
   * The difference A − B.
   *
   * @throws {TypeError} If shapes differ.
   */
  minus(other: Operand): Matrix {
    return this.plus(numberOrMatrix(other).#each((value) => -value));
  }

  /**
   * The product AB; a number multiplies all entries of the other factor.
   *
   * @throws {TypeError} Unless B has as many rows as A has columns.
   */
  times(other: Operand): Matrix {
    const b = numberOrMatrix(other);
    if (isNumber(b)) return this.hadamard(b);
    if (isNumber(this)) return b.hadamard(this);
    const [[rows, inner], [height, columns]] = [this.shape, b.shape];
    if (inner !== height) throw wrongShape("times()", `[${inner}, …]`, b.shape);
    const values = Array.from({ length: rows * columns }, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      let sum = 0n;
      for (let n = 0; n < inner; n++) {
        sum += this.values[i * inner + n]! * b.values[n * columns + j]!;
      }
      return sum;
    });
    const term = ofProduct(this.degree, b.degree);
    return new Matrix([rows, columns], values, ofSumOfMany(term, inner));
  }

  /**
   * The product entry by entry, A ∘ B. A row counts for all rows of A, a column
   * for all columns, a number for all entries.
   *
   * @throws {TypeError} If B has none of these shapes.
   */
  hadamard(other: Operand): Matrix {
    const b = numberOrMatrix(other);
    const valueAt = this.#reader("hadamard()", b);
    return this.#each(
      (value, at) => value * valueAt(at),
      ofProduct(this.degree, b.degree),
    );
  }

  /**
   * The quotient entry by entry, A ⊘ B. A row counts for all rows of A, a column
   * for all columns, a number for all entries.
   *
   * @throws {TypeError} If B has none of these shapes.
   * @throws {RangeError} If an entry of B is 0.
   */
  over(other: Operand): Matrix {
    const b = numberOrMatrix(other);
    const valueAt = this.#reader("over()", b.#each(reciprocal));
    return this.#each(
      (value, at) => value * valueAt(at),
      ofQuotient(this.degree, b.degree),
    );
  }

  /**
   * The inverse A⁻¹.
   *
   * @throws {TypeError} If the matrix is not square.
   * @throws {RangeError} If it has no inverse.
   */
  inverse(): Matrix {
    const [size, columns] = this.shape;
    if (size !== columns) {
      throw wrongShape("inverse()", `[${size}, ${size}]`, this.shape);
    }
    const values = invert(this.values, size);
    return new Matrix(this.shape, values, ofInverse(this.degree, size));
  }

  /** The transpose Aᵀ. */
  transpose(): Matrix {
    const [rows, columns] = this.shape;
    return this.#pick([columns, rows], (i, j) => j * columns + i);
  }

  /** The rows in reverse order: JA, with J the reversed identity. */
  reversed(): Matrix {
    const [rows, columns] = this.shape;
    return this.#pick(this.shape, (i, j) => (rows - 1 - i) * columns + j);
  }

  /** The lower triangle: zeros where `column - row > diagonal`. */
  tril(diagonal = 0): Matrix {
    return this.#where((i, j) => j - i <= diagonal);
  }

  /** The upper triangle: zeros where `column - row < diagonal`. */
  triu(diagonal = 0): Matrix {
    return this.#where((i, j) => j - i >= diagonal);
  }

  /** The rows from `start` to before `end`. */
  rows(start: number, end: number): Matrix {
    const [rows, columns] = this.shape;
    assertRange("rows()", start, end, rows);
    const first = start * columns;
    return this.#pick(
      [end - start, columns],
      (i, j) => first + i * columns + j,
    );
  }

  /** The columns from `start` to before `end`. */
  columns(start: number, end: number): Matrix {
    const [rows, columns] = this.shape;
    assertRange("columns()", start, end, columns);
    return this.#pick([rows, end - start], (i, j) => i * columns + start + j);
  }

  /** One row, as a matrix. */
  row(index: number): Matrix {
    return this.rows(index, index + 1);
  }

  /** One column, as a matrix. */
  column(index: number): Matrix {
    return this.columns(index, index + 1);
  }

  /** One entry, as a matrix. */
  at(row: number, column = 0): Matrix {
    return this.row(row).column(column);
  }

  /** This matrix with another one, of as many rows, to its right. */
  beside(other: Matrix): Matrix {
    return Matrix.stack([this.transpose(), other.transpose()]).transpose();
  }

  /** The sums of the rows, `[rows, 1]`. */
  rowSums(): Matrix {
    return this.times(Matrix.ones(this.shape[1], 1));
  }

  /** Whether the other has the same shape and entries. */
  equals(other: Matrix): boolean {
    return isSameShape(other.shape, this.shape) &&
      this.differences(other).length === 0;
  }

  /**
   * The entries that differ from those of the other, as `[row, column]`, row by row.
   *
   * @throws {TypeError} If shapes differ.
   */
  differences(other: Matrix): [row: number, column: number][] {
    if (!isSameShape(other.shape, this.shape)) {
      throw wrongShape("differences()", this.shape, other.shape);
    }
    const [, columns] = this.shape;
    return this.values.flatMap((value, at) =>
      residue(value) === residue(other.values[at]!)
        ? []
        : [[Math.floor(at / columns), at % columns]]
    );
  }

  /** A matrix with a function applied to every entry. */
  #each(
    change: (value: bigint, at: number) => bigint,
    degree = this.degree,
  ): Matrix {
    return new Matrix(this.shape, this.values.map(change), degree);
  }

  /** A matrix of some entries of this one, given by their indices in `values`. */
  #pick(
    shape: Shape,
    placeOf: (row: number, column: number) => number,
  ): Matrix {
    const [rows, columns] = shape;
    const values = Array.from(
      { length: rows * columns },
      (_, at) => this.values[placeOf(Math.floor(at / columns), at % columns)]!,
    );
    return new Matrix(shape, values, this.degree);
  }

  /** The matrix with zeros except where the function holds. */
  #where(isKept: (row: number, column: number) => boolean): Matrix {
    const [, columns] = this.shape;
    return this.#each((value, at) =>
      isKept(Math.floor(at / columns), at % columns) ? value : 0n
    );
  }

  /** Reads a matrix, a row, a column or a number, broadcast to this matrix's shape, by index. */
  #reader(method: string, b: Matrix): (at: number) => bigint {
    const [[rows, columns], [height, width]] = [this.shape, b.shape];
    if (![1, rows].includes(height) || ![1, columns].includes(width)) {
      throw wrongShape(method, `[${rows} or 1, ${columns} or 1]`, b.shape);
    }
    return (at) => {
      const row = height === 1 ? 0 : Math.floor(at / columns);
      const column = width === 1 ? 0 : at % columns;
      return b.values[row * width + column]!;
    };
  }
}

function numberOrMatrix(operand: Operand): Matrix {
  return operand instanceof Matrix ? operand : Matrix.of([[operand]]);
}

function numberOf(operand: Operand): Matrix {
  const number = numberOrMatrix(operand);
  if (!isNumber(number)) throw wrongShape("build()", [1, 1], number.shape);
  return number;
}

function isNumber({ shape }: Matrix): boolean {
  return isSameShape(shape, [1, 1]);
}

/** Throws unless a value is a matrix. */
export function assertMatrix(name: string, value: Matrix): void {
  if (value instanceof Matrix) return;
  throw new TypeError(`${name} should be a Matrix, got ${shown(value)}`);
}
