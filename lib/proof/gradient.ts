import { shown } from "../base/shown.ts";
import { ofDerivative } from "./degree.ts";
import { PRIME } from "./field.ts";
import { assertMatrix, Matrix } from "./matrix.ts";

/**
 * Returns the exact derivatives of a function of a matrix with respect to each
 * entry.
 *
 * Numbers are kept modulo p², where p acts as an infinitesimal: it is not 0,
 * but its square is. For a polynomial or a fraction of polynomials, Taylor's
 * formula ends after its second term,
 *
 *     f(x + p) = f(x) + p f'(x)   modulo p²,
 *
 * and the difference, divided by p, is the derivative modulo p.
 *
 * @example The derivative of 1 / x is -1 / x²
 * ```ts
 * import { assert } from "@std/assert";
 * import { gradient, Matrix } from "@lionjs/lion/proof";
 *
 * const x = Matrix.of([[5]]);
 * const slope = gradient((x) => Matrix.of([[1]]).over(x), x);
 * assert(slope.equals(Matrix.of([[-1]]).over(25)));
 * ```
 *
 * @param f The function. Its value must be a number, `[1, 1]`, and it must not
 * call `gradient` itself, whose value is known only modulo p.
 * @param x The point at which to differentiate.
 * @returns A matrix of the shape of `x`.
 * @throws {TypeError} If the function's value is not a number.
 */
export function gradient(f: (x: Matrix) => Matrix, x: Matrix): Matrix {
  if (typeof f !== "function") {
    throw new TypeError(`f should be a function of x, got ${shown(f)}`);
  }
  assertMatrix("x", x);
  const here = f(x);
  assertMatrix("what f returns", here);
  if (here.values.length !== 1) {
    throw new TypeError(
      `gradient() needs a function whose value has shape [1, 1], got [${
        here.shape.join(", ")
      }]`,
    );
  }
  const slopes = x.values.map((_, entry) => {
    const step = x.values.map((_, at) => at === entry ? PRIME : 0n);
    const there = f(x.plus(new Matrix(x.shape, step)));
    return there.minus(here).values[0]! / PRIME;
  });
  return new Matrix(x.shape, slopes, ofDerivative(here.degree));
}
