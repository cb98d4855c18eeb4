/**
 * What functions compute of arguments that are in range, as WGSL: the text of both
 * backends' kernels. WebGPU runs it as it is; `tools/kernels` makes vectors of
 * AssemblyScript of it.
 *
 * How arguments get into range, and what is made of NaN and of infinite, huge and tiny
 * numbers, is each backend's own, since their machines differ there: see
 * `webgpu/functions/formulas.ts` and `tools/kernels/elementwise/functions.ts`.
 *
 * Polynomials are those of Cephes (S. L. Moshier, netlib.org/cephes) where nothing else
 * is said.
 *
 * @module
 */

/** WGSL of a polynomial in a variable, from its highest coefficient on, by Horner's rule. */
export function polynomial(
  variable: string,
  coefficients: readonly number[],
): string {
  return coefficients.map((number) => `f32(${number})`)
    .reduce((sum, next) => `(${sum} * ${variable} + ${next})`);
}

/** The names of the functions in WGSL. */
type Name =
  | "power_series"
  | "logarithm_series"
  | "log_of_one_plus"
  | "sine_of_rest"
  | "cosine_series"
  | "tangent_of_rest"
  | "arc_tangent_of_rest"
  | "arc_sine"
  | "error_near"
  | "log_of_error_rest";

/** The functions, a text each. */
export const SERIES: Readonly<Record<Name, string>> = {
  /** e^r = 1 + r + r² times this, for |r| <= ln 2 / 2. */
  power_series: /* wgsl */ `fn power_series(r: f32) -> f32 {
  return ${
    polynomial("r", [
      ...[1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3],
      ...[4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1],
    ])
  };
}`,
  /** log(1 + f) = f - f² / 2 + f³ times this, for 1 + f from √½ to √2. */
  logarithm_series: /* wgsl */ `fn logarithm_series(f: f32) -> f32 {
  return ${
    polynomial("f", [
      ...[7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1],
      ...[-1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1],
      ...[2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1],
    ])
  };
}`,
  /**
   * log(1 + x) of a pack with 0 <= x <= 1, as 2 atanh(x / (2 + x)) by its power series,
   * which ends below the last bit. WGSL's `log` may be off by 5e-7 here, all that there is
   * of a decay close to 1.
   */
  log_of_one_plus: /* wgsl */ `fn log_of_one_plus(x: Pack) -> Pack {
  let ratio = x / (x + 2.0);
  let square = ratio * ratio;
  let series = ${
    polynomial("square", [15, 13, 11, 9, 7, 5, 3, 1].map((n) => 1 / n))
  };
  return (ratio + ratio) * series;
}`,
  /** The sine of |r| <= π/4. */
  sine_of_rest: /* wgsl */ `fn sine_of_rest(r: f32) -> f32 {
  let z = r * r;
  let s = ${
    polynomial("z", [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1])
  };
  return z * s * r + r;
}`,
  /** cos r = 1 - z / 2 + z² times this, with z = r², for |r| <= π/4. */
  cosine_series: /* wgsl */ `fn cosine_series(z: f32) -> f32 {
  return ${
    polynomial("z", [
      ...[2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2],
    ])
  };
}`,
  /** The tangent of |r| <= π/4. */
  tangent_of_rest: /* wgsl */ `fn tangent_of_rest(r: f32) -> f32 {
  let z = r * r;
  let p = ${
    polynomial("z", [
      ...[9.38540185543e-3, 3.11992232697e-3, 2.44301354525e-2],
      ...[5.34112807005e-2, 1.33387994085e-1, 3.33331568548e-1],
    ])
  };
  return p * z * r + r;
}`,
  /** The arc tangent of |t| <= √2 - 1. */
  arc_tangent_of_rest: /* wgsl */ `fn arc_tangent_of_rest(t: f32) -> f32 {
  let z = t * t;
  let p = ${
    polynomial("z", [
      ...[8.05374449538e-2, -1.38776856032e-1],
      ...[1.99777106478e-1, -3.33329491539e-1],
    ])
  };
  return p * z * t + t;
}`,
  /** The arc sine of a size up to 1; above a half, of sqrt((1 - size) / 2). */
  arc_sine: /* wgsl */ `fn arc_sine(size: f32) -> f32 {
  let is_large = size > 0.5;
  let half = (1.0 - size) * 0.5;
  let z = select(size * size, half, is_large);
  let w = select(size, sqrt(half), is_large);
  let p = ${
    polynomial("z", [
      ...[4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2],
      ...[7.4953002686e-2, 1.6666752422e-1],
    ])
  };
  return p * z * w + w;
}`,
  /** The error function of a size below 0.93, given its square. Source: N. Juffa. */
  error_near: /* wgsl */ `fn error_near(size: f32, square: f32) -> f32 {
  let p = ${
    polynomial("square", [
      ...[-5.96761703e-4, 4.99119423e-3, -2.67681349e-2],
      ...[1.12819925e-1, -3.76125336e-1, 1.28379166e-1],
    ])
  };
  return p * size + size;
}`,
  /** log(1 - erf(size)) of a size from 0.92 to 4. Source: N. Juffa. */
  log_of_error_rest: /* wgsl */ `fn log_of_error_rest(size: f32) -> f32 {
  let p = ${
    polynomial("size", [
      ...[-1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2],
      ...[-1.06777877e-1, -6.34846687e-1, -1.28717512e-1],
    ])
  };
  return p * size - size;
}`,
};
