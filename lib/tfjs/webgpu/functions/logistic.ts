/** WGSL functions of packs around the logistic function. @module */

/** WGSL function `sigmoid` of a pack, 1 / (1 + e^-x); no intermediate overflows. */
export const SIGMOID = /* wgsl */ `
fn sigmoid(x: Pack) -> Pack {
  let decayed = exp(-abs(x));
  return select(Pack(1.0), decayed, x < Pack()) / (1.0 + decayed);
}
`;

/**
 * WGSL function: log(1 + x) of a pack with 0 <= x <= 1, as 2 atanh(x / (2 + x)) by its power series, which
 * ends below the last bit. WGSL's `log` may be off by 5e-7 here, all that there
 * is of a decay close to 1.
 */
export const LOG_OF_ONE_PLUS = /* wgsl */ `
fn log_of_one_plus(x: Pack) -> Pack {
  let ratio = x / (2.0 + x);
  let square = ratio * ratio;
  var series = Pack(1.0 / 15.0);
  for (var odd = 13.0; odd > 0.0; odd -= 2.0) {
    series = series * square + 1.0 / odd;
  }
  return 2.0 * ratio * series;
}
`;
