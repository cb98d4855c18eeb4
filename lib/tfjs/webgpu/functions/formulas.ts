/**
 * Functions of floats as WGSL, to the last digits and for all kinds of numbers.
 *
 * WGSL's own may be wrong by 4096 units in the last place (atan2, from which asin and
 * acos are made), lose all digits of what is small (tanh, sinh, asinh, atanh) or of
 * large angles, and differ from device to device. These are made of sums, products,
 * quotients, roots and integers alone. What becomes NaN, infinite or -0 is as in
 * JavaScript; numbers below 2^-126 may count as 0, as WGSL allows.
 *
 * What they compute of arguments in range is in `series.ts`, for both backends.
 *
 * @module
 */
import { polynomial, SERIES } from "../../series.ts";
import { exponential } from "../exponential.ts";

/** A function of WGSL. */
interface Formula {
  /** The functions that this one calls. */
  readonly calls?: readonly string[];
  /** The function's text, in which `uniforms` has `nan` and `infinity`. */
  readonly text: string;
}

/** The first bits of 2/π, after a word of zeros. */
const TWO_OVER_PI = `array<u32, 8>(
    0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
    0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu,
  )`;

/** The bound below which functions such as the sine and e^x - 1 are x. */
const TINY = "2.9802322387695312e-8";

const LN_2 = "0.69314718056";
const HALF_PI = "1.57079632679";
const PI = "3.14159265359";

const FORMULAS: Readonly<Record<string, Formula>> = {
  ...Object.fromEntries(
    Object.entries(SERIES).map(([name, text]) => [name, { text }]),
  ),
  is_nan: {
    text: /* wgsl */ `fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}`,
  },
  is_infinite: {
    text: /* wgsl */ `fn is_infinite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}`,
  },
  is_negative: {
    text: /* wgsl */ `fn is_negative(x: f32) -> bool {
  return (bitcast<u32>(x) >> 31u) == 1u;
}`,
  },
  // Mesa's software adapter makes wrong numbers of bits that are masked and combined.
  with_sign: {
    calls: ["is_negative"],
    text: /* wgsl */ `fn with_sign(x: f32, other: f32) -> f32 {
  return select(abs(x), -abs(x), is_negative(other));
}`,
  },
  exponential: { text: exponential("f32") },
  // e^x = 2^n (1 + p).
  power_of_e: {
    calls: ["power_series"],
    text: /* wgsl */ `struct Power { n: i32, p: f32 }
fn power_of_e(x: f32) -> Power {
  let n = round(x * 1.44269504);
  let r = (x - n * 0.693359375) + n * 2.12194440e-4;
  let q = power_series(r);
  return Power(i32(n), q * r * r + r);
}
fn two_to(n: i32) -> f32 { return bitcast<f32>((n + 127) << 23u); }`,
  },
  expm1: {
    calls: ["power_of_e"],
    text: /* wgsl */ `fn expm1(x: f32) -> f32 {
  let power = power_of_e(clamp(x, -20.0, 88.72283));
  let half = two_to(power.n - 1);
  let result = half * power.p + (half - 0.5);
  let finite = select(result + result, x, abs(x) < ${TINY});
  return select(finite, uniforms.infinity, x > 88.72283);
}`,
  },
  // e^x / 2, where e^x may be infinite.
  half_of_power: {
    calls: ["power_of_e"],
    text: /* wgsl */ `fn half_of_power(x: f32) -> f32 {
  let power = power_of_e(min(x, 89.415985));
  let quarter = two_to(power.n - 2);
  let half = quarter * power.p + quarter;
  return select(half + half, uniforms.infinity, x > 89.415985);
}`,
  },
  // |x| = 2^exponent e^rest, with e^rest from √½ to √2.
  logarithm_parts: {
    calls: ["logarithm_series"],
    text: /* wgsl */ `struct Logarithm { exponent: f32, rest: f32 }
fn logarithm_parts(x: f32) -> Logarithm {
  let size = bitcast<i32>(x) & 0x7fffffff;
  let is_subnormal = size < 0x00800000;
  let bits = select(size, bitcast<i32>(f32(size)), is_subnormal);
  let n = (bits - 0x3f3504f3) >> 23u;
  let f = bitcast<f32>(bits - (n << 23u)) - 1.0;
  let p = logarithm_series(f);
  let z = f * f;
  let exponent = f32(n) + select(0.0, -149.0, is_subnormal);
  return Logarithm(exponent, f + (z * -0.5 + (p * f) * z));
}`,
  },
  logarithm: {
    calls: ["logarithm_parts", "is_negative"],
    text: /* wgsl */ `fn logarithm(x: f32) -> f32 {
  let parts = logarithm_parts(x);
  let low = parts.rest + parts.exponent * -2.12194440e-4;
  let positive = parts.exponent * 0.693359375 + low;
  let finite = select(positive, uniforms.nan, is_negative(x));
  let is_zero = (bitcast<u32>(x) & 0x7fffffffu) == 0u;
  let usual = select(finite, -uniforms.infinity, is_zero);
  return select(usual, x, bitcast<u32>(x) == 0x7f800000u);
}`,
  },
  // Near 0, 2 atanh(x / (2 + x)) by its power series.
  log1p: {
    calls: ["logarithm"],
    text: /* wgsl */ `fn log1p(x: f32) -> f32 {
  let is_near = x > -0.3 && x < 0.42;
  let near = select(0.0, x, is_near);
  let ratio = near / (2.0 + near);
  let square = ratio * ratio;
  let series = ${polynomial("square", [11, 9, 7, 5, 3].map((n) => 1 / n))};
  let small = 2.0 * (ratio + ratio * (square * series));
  let result = select(logarithm(1.0 + x), small, is_near);
  return select(result, x, abs(x) < ${TINY});
}`,
  },
  // The quarter turns in an angle, which may have any size, and what is left: its
  // integer times the part of 2/π that is not a multiple of four turns, exactly.
  // Source: Payne and Hanek.
  turns_of: {
    text: /* wgsl */ `struct Turns { quarters: u32, rest: f32 }
fn high_of_product(x: u32, y: u32) -> u32 {
  let low = (x & 0xffffu) * (y & 0xffffu);
  let left = (x >> 16u) * (y & 0xffffu) + (low >> 16u);
  let right = (x & 0xffffu) * (y >> 16u) + (left & 0xffffu);
  return (x >> 16u) * (y >> 16u) + (left >> 16u) + (right >> 16u);
}
fn turns_of(size: f32) -> Turns {
  let bits = bitcast<u32>(size);
  let integer = (bits & 0x7fffffu) | 0x800000u;
  var words = ${TWO_OVER_PI};
  // From 1/2 on, less than the largest exponent.
  let first = clamp(bits >> 23u, 126u, 254u) - 120u;
  let at = first >> 5u;
  let by = first & 31u;
  let up = 31u - by;
  let a = (words[at] << by) | ((words[at + 1u] >> 1u) >> up);
  let b = (words[at + 1u] << by) | ((words[at + 2u] >> 1u) >> up);
  let c = (words[at + 2u] << by) | ((words[at + 3u] >> 1u) >> up);
  let low = integer * c;
  let middle_part = integer * b;
  let middle = middle_part + high_of_product(integer, c);
  let carry = select(0u, 1u, middle < middle_part);
  let high = integer * a + high_of_product(integer, b) + carry;
  let quarters = (high + 0x20000000u) >> 30u;
  let rest = high - (quarters << 30u);
  let is_below = (rest >> 31u) == 1u;
  let flip = select(0u, 0xffffffffu, is_below);
  let fraction = f32(rest ^ flip) + (f32(middle ^ flip) +
    f32(low ^ flip) * 2.3283064365386963e-10) * 2.3283064365386963e-10;
  let angle = fraction * 1.4629180792671596e-9;
  let signed = select(angle, -angle, is_below);
  let is_small = size < 0.785398;
  return Turns(select(quarters, 0u, is_small), select(signed, size, is_small));
}`,
  },
  cosine_of_rest: {
    calls: ["cosine_series"],
    text: /* wgsl */ `fn cosine_of_rest(r: f32) -> f32 {
  let z = r * r;
  return (z * z * cosine_series(z) - z * 0.5) + 1.0;
}`,
  },
  sine_after: {
    calls: ["turns_of", "sine_of_rest", "cosine_of_rest", "is_infinite"],
    text: /* wgsl */ `fn sine_after(size: f32, quarters: u32) -> f32 {
  let turns = turns_of(size);
  let all = turns.quarters + quarters;
  let value = select(
    sine_of_rest(turns.rest),
    cosine_of_rest(turns.rest),
    (all & 1u) == 1u,
  );
  let finite = select(value, -value, (all & 2u) == 2u);
  return select(finite, uniforms.nan, is_infinite(size));
}`,
  },
  // atan(y / x) of 0 <= y <= x.
  arc_tangent: {
    calls: ["arc_tangent_of_rest"],
    text: /* wgsl */ `fn arc_tangent(y: f32, x: f32) -> f32 {
  let is_large = y > x * 0.41421356;
  let t = select(y, y - x, is_large) / select(x, y + x, is_large);
  return arc_tangent_of_rest(t) + select(0.0, 0.78539816339, is_large);
}`,
  },
  // The rest of a division of finite numbers, exactly, with the sign of the dividend.
  remainder: {
    calls: ["with_sign"],
    text: /* wgsl */ `fn mantissa(bits: u32) -> u32 {
  return select(bits, (bits & 0x7fffffu) | 0x800000u, bits >= 0x800000u);
}
fn remainder(a: f32, b: f32) -> f32 {
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  let unit = max(y >> 23u, 1u);
  let divisor = mantissa(y);
  var rest = mantissa(x) % divisor;
  for (var left = max(x >> 23u, unit) - unit; left > 0u;) {
    let by = min(left, 8u);
    rest = (rest << by) % divisor;
    left -= by;
  }
  // A mantissa times 2^(unit - 150).
  let bits = bitcast<u32>(f32(rest));
  let exponent = i32(bits >> 23u) + i32(unit) - 150;
  let normal = (bits & 0x7fffffu) | (u32(max(exponent, 0)) << 23u);
  let size = select(rest << min(unit - 1u, 31u), normal, exponent > 0);
  let result = bitcast<f32>(select(size, 0u, rest == 0u));
  return select(with_sign(result, a), a, x < y);
}`,
  },

  Acos: {
    calls: ["arc_sine", "with_sign", "is_negative"],
    text: /* wgsl */ `fn Acos(x: f32) -> f32 {
  let size = abs(x);
  let angle = arc_sine(min(size, 1.0));
  let large = select(2.0 * angle, ${PI} - 2.0 * angle, is_negative(x));
  let result = select(large, ${HALF_PI} - with_sign(angle, x), size <= 0.5);
  return select(result, uniforms.nan, size > 1.0);
}`,
  },
  Acosh: {
    calls: ["log1p"],
    text: /* wgsl */ `fn Acosh(x: f32) -> f32 {
  let is_huge = x > 1.0e9;
  let t = max(x - 1.0, 0.0);
  let root = sqrt(min(t, 1.0e9) * (min(t, 1.0e9) + 2.0));
  let sum = log1p(select(t + root, x, is_huge));
  let result = sum + select(0.0, ${LN_2}, is_huge);
  return select(result, uniforms.nan, x < 1.0);
}`,
  },
  Asin: {
    calls: ["arc_sine", "with_sign"],
    text: /* wgsl */ `fn Asin(x: f32) -> f32 {
  let size = abs(x);
  let angle = arc_sine(min(size, 1.0));
  let result = select(angle, ${HALF_PI} - 2.0 * angle, size > 0.5);
  return select(with_sign(result, x), uniforms.nan, size > 1.0);
}`,
  },
  Asinh: {
    calls: ["log1p", "with_sign"],
    text: /* wgsl */ `fn Asinh(x: f32) -> f32 {
  let size = abs(x);
  let is_huge = size > 1.0e9;
  let square = min(size, 1.0e9) * min(size, 1.0e9);
  let sum = size + square / (sqrt(square + 1.0) + 1.0);
  let result = log1p(select(sum, size, is_huge));
  return with_sign(result + select(0.0, ${LN_2}, is_huge), x);
}`,
  },
  Atan: {
    calls: ["arc_tangent", "with_sign"],
    text: /* wgsl */ `fn Atan(x: f32) -> f32 {
  let size = abs(x);
  let is_steep = size > 1.0;
  let most = clamp(size, 1.0, 1.0e9);
  let angle = arc_tangent(select(size, 1.0, is_steep), most);
  return with_sign(select(angle, ${HALF_PI} - angle, is_steep), x);
}`,
  },
  Atan2: {
    calls: ["arc_tangent", "with_sign", "is_negative", "is_infinite", "is_nan"],
    text: /* wgsl */ `fn Atan2(y: f32, x: f32) -> f32 {
  let low = min(abs(x), abs(y));
  let high = max(abs(x), abs(y));
  // WGSL divides by no number near the largest and the least ones.
  let down = select(1.0, 1.52587890625e-5, high > 1.0e30);
  let scale = select(down, 18446744073709551616.0, high < 1.0e-18);
  let one = select(0.0, 1.0, is_infinite(low));
  let least = select(low * scale, one, is_infinite(high));
  let most = select(high * scale, 1.0, is_infinite(high) || high == 0.0);
  let angle = arc_tangent(least, most);
  let steep = select(angle, ${HALF_PI} - angle, abs(y) > abs(x));
  let result = with_sign(select(steep, ${PI} - steep, is_negative(x)), y);
  return select(result, uniforms.nan, is_nan(x) || is_nan(y));
}`,
  },
  Atanh: {
    calls: ["log1p", "with_sign"],
    text: /* wgsl */ `fn Atanh(x: f32) -> f32 {
  let size = abs(x);
  let below = select(size, 0.0, size >= 1.0);
  let finite = 0.5 * log1p(2.0 * below / (1.0 - below));
  let result = select(finite, uniforms.infinity, size == 1.0);
  return select(with_sign(result, x), uniforms.nan, size > 1.0);
}`,
  },
  Cos: {
    calls: ["sine_after"],
    text: "fn Cos(x: f32) -> f32 { return sine_after(abs(x), 1u); }",
  },
  Cosh: {
    calls: ["half_of_power", "is_infinite"],
    text: /* wgsl */ `fn Cosh(x: f32) -> f32 {
  let half = half_of_power(abs(x));
  return select(half + 0.25 / half, half, is_infinite(half));
}`,
  },
  Elu: {
    calls: ["expm1"],
    text: "fn Elu(x: f32) -> f32 { return select(expm1(x), x, x >= 0.0); }",
  },
  Erf: {
    calls: ["power_of_e", "error_near", "log_of_error_rest", "with_sign"],
    text: /* wgsl */ `fn Erf(x: f32) -> f32 {
  let size = abs(x);
  let z = min(size, 1.0) * min(size, 1.0);
  let near = error_near(size, z);
  let power = power_of_e(log_of_error_rest(min(size, 4.0)));
  let scale = two_to(power.n);
  let beyond = 1.0 - (scale * power.p + scale);
  return with_sign(select(beyond, near, size < 0.927734375), x);
}`,
  },
  Expm1: {
    calls: ["expm1"],
    text: "fn Expm1(x: f32) -> f32 { return expm1(x); }",
  },
  // As integers, like tfjs's. Where there is no quotient it is 0, as on cpu.
  FloorDiv: {
    calls: ["Mod", "is_infinite", "is_nan"],
    text: /* wgsl */ `fn FloorDiv(a: f32, b: f32) -> f32 {
  let quotient = a / b;
  // Rounding may raise a quotient to the next integer; from here on all are even.
  let is_small = abs(quotient) < 4194304.0 && !is_infinite(b);
  let exact = round((a - Mod(a, select(1.0, b, is_small))) / b);
  let result = select(floor(quotient), exact, is_small);
  return select(result, uniforms.nan, is_nan(a) || is_nan(b));
}`,
  },
  Log: {
    calls: ["logarithm"],
    text: "fn Log(x: f32) -> f32 { return logarithm(x); }",
  },
  Log1p: {
    calls: ["log1p"],
    text: "fn Log1p(x: f32) -> f32 { return log1p(x); }",
  },
  Mod: {
    calls: ["remainder", "is_infinite", "is_nan"],
    text: /* wgsl */ `fn Mod(a: f32, b: f32) -> f32 {
  let is_none = is_nan(a) || is_infinite(a) || is_nan(b) ||
    (bitcast<u32>(b) & 0x7fffffffu) == 0u;
  let is_alike = (a < 0.0) == (b < 0.0);
  let rest = remainder(a, select(b, 1.0, is_none || is_infinite(b)));
  let is_whole = (bitcast<u32>(rest) & 0x7fffffffu) == 0u;
  let other = select(rest + b, with_sign(rest, b), is_whole);
  let finite = select(other, rest, is_alike);
  let beside = select(b, a, is_alike || a == 0.0);
  let result = select(finite, beside, is_infinite(b));
  return select(result, uniforms.nan, is_none);
}`,
  },
  Pow: {
    calls: [
      ...["logarithm_parts", "power_of_e"],
      ...["is_nan", "is_infinite", "is_negative"],
    ],
    text: /* wgsl */ `fn Pow(a: f32, b: f32) -> f32 {
  let size = abs(a);
  let bits = bitcast<u32>(a) & 0x7fffffffu;
  let is_integer = floor(b) == b;
  let is_odd = is_integer && abs(b) < 16777216.0 &&
    (i32(select(0.0, b, is_integer && abs(b) < 16777216.0)) & 1) == 1;
  // 2^(b log2 |a|), exactly where |a| is a power of two.
  let parts = logarithm_parts(a);
  // Beyond this exponent, all powers but those of 1 are 0 or infinite.
  let exponent = clamp(b, -4294967296.0, 4294967296.0);
  let whole = exponent * parts.exponent;
  let fraction = exponent * (parts.rest * 1.44269504);
  let n = clamp(round(whole + fraction), -160.0, 160.0);
  let rest = clamp((whole - n) + fraction, -1.0, 1.0);
  let power = power_of_e(rest * ${LN_2});
  let first = (i32(n) + power.n) / 2;
  let scaled = (1.0 + power.p) * two_to(first);
  let finite = scaled * two_to(i32(n) + power.n - first);
  let is_extreme = bits == 0u || is_infinite(size);
  let extreme = select(
    0.0,
    uniforms.infinity,
    is_infinite(size) == (b > 0.0),
  );
  let of_size = select(finite, extreme, is_extreme);
  let signed = select(of_size, -of_size, is_odd && is_negative(a));
  let steep = select(0.0, uniforms.infinity, (size > 1.0) == (b > 0.0));
  let limit = select(steep, uniforms.nan, size == 1.0);
  let result = select(signed, limit, is_infinite(b));
  let is_none = is_nan(a) || is_nan(b) ||
    (a < 0.0 && !is_integer && !is_infinite(a));
  let usual = select(result, uniforms.nan, is_none);
  return select(usual, 1.0, (bitcast<u32>(b) & 0x7fffffffu) == 0u);
}`,
  },
  Relu6: {
    text: "fn Relu6(x: f32) -> f32 { return clamp(x, 0.0, 6.0); }",
  },
  Selu: {
    calls: ["expm1"],
    text: /* wgsl */ `fn Selu(x: f32) -> f32 {
  return select(1.75809934085 * expm1(x), 1.05070098736 * x, x >= 0.0);
}`,
  },
  Sin: {
    calls: ["sine_after", "with_sign", "is_negative"],
    text: /* wgsl */ `fn Sin(x: f32) -> f32 {
  let sine = sine_after(abs(x), 0u);
  return select(select(sine, -sine, is_negative(x)), x, abs(x) < ${TINY});
}`,
  },
  Sinh: {
    calls: ["expm1", "half_of_power", "with_sign"],
    text: /* wgsl */ `fn Sinh(x: f32) -> f32 {
  let size = abs(x);
  let e = expm1(min(size, 80.0));
  let small = 0.5 * (e + e / (e + 1.0));
  return with_sign(select(small, half_of_power(size), size > 80.0), x);
}`,
  },
  Softplus: {
    calls: ["exponential", "log1p"],
    text: /* wgsl */ `fn Softplus(x: f32) -> f32 {
  return max(x, 0.0) + log1p(exponential(-abs(x)));
}`,
  },
  Tan: {
    calls: ["turns_of", "tangent_of_rest", "is_infinite", "is_negative"],
    text: /* wgsl */ `fn Tan(x: f32) -> f32 {
  let turns = turns_of(abs(x));
  let tangent = tangent_of_rest(turns.rest);
  let value = select(tangent, -1.0 / tangent, (turns.quarters & 1u) == 1u);
  let finite = select(value, -value, is_negative(x));
  let result = select(finite, uniforms.nan, is_infinite(x));
  return select(result, x, abs(x) < ${TINY});
}`,
  },
  Tanh: {
    calls: ["expm1", "with_sign"],
    text: /* wgsl */ `fn Tanh(x: f32) -> f32 {
  let e = expm1(2.0 * min(abs(x), 10.0));
  return with_sign(e / (e + 2.0), x);
}`,
  },
};

/** The text of functions, each after those that it calls. */
export function textOf(...names: string[]): string {
  const found = new Set<string>();
  const visit = (name: string) => {
    FORMULAS[name]!.calls?.forEach(visit);
    found.add(name);
  };
  names.forEach(visit);
  return [...found].map((name) => FORMULAS[name]!.text).join("\n");
}
