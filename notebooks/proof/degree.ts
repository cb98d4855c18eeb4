/**
 * How the degrees of fractions of polynomials add up: upper bounds, by the
 * rules for fractions, in which nothing cancels.
 *
 * @module
 */

/** Upper bounds of the total degrees of a fraction of polynomials. */
export interface Degree {
  /** The degree of the numerator. */
  readonly numerator: number;
  /** The degree of the denominator; 0 for a polynomial. */
  readonly denominator: number;
}

/** The degree of a number that does not depend on any unknown. */
export const CONSTANT: Degree = { numerator: 0, denominator: 0 };

export const UNKNOWN: Degree = { numerator: 1, denominator: 0 };

/** The degree of an entry that has one of two degrees: the larger bounds of both. */
export function eitherOf(a: Degree, b: Degree): Degree {
  return {
    numerator: Math.max(a.numerator, b.numerator),
    denominator: Math.max(a.denominator, b.denominator),
  };
}

/** The degree of a sum: a/b + c/d = (ad + cb) / bd. */
export function ofSum(a: Degree, b: Degree): Degree {
  return {
    numerator: differenceOf(a, b),
    denominator: a.denominator + b.denominator,
  };
}

/** The degree of a sum of terms that each have a denominator of their own. */
export function ofSumOfMany(term: Degree, count: number): Degree {
  if (count === 0) return CONSTANT;
  return {
    numerator: term.numerator + (count - 1) * term.denominator,
    denominator: count * term.denominator,
  };
}

/** The degree of a product: a/b · c/d = ac / bd. */
export function ofProduct(a: Degree, b: Degree): Degree {
  return {
    numerator: a.numerator + b.numerator,
    denominator: a.denominator + b.denominator,
  };
}

/** The degree of a quotient: a/b : c/d = ad / bc. */
export function ofQuotient(a: Degree, b: Degree): Degree {
  return {
    numerator: a.numerator + b.denominator,
    denominator: a.denominator + b.numerator,
  };
}

/** The degree of the inverse of a square matrix: cofactors over the determinant. */
export function ofInverse(entry: Degree, size: number): Degree {
  // All entries are brought to one denominator, the product of theirs.
  const common = size ** 2 * entry.denominator;
  const whole = entry.numerator + common - entry.denominator;
  return {
    numerator: common + (size - 1) * whole,
    denominator: size * whole,
  };
}

/** The degree of a derivative: (a/b)' = (a'b - ab') / b². */
export function ofDerivative(a: Degree): Degree {
  return {
    numerator: a.numerator + a.denominator,
    denominator: 2 * a.denominator,
  };
}

/** The degree of the polynomial that is 0 where fractions are equal: a/b - c/d, times bd. */
export function differenceOf(a: Degree, b: Degree): number {
  return Math.max(
    a.numerator + b.denominator,
    b.numerator + a.denominator,
  );
}
