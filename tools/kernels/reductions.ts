/**
 * Source of the WebAssembly kernels' reductions along rows and down columns, made of
 * how each combines two vectors.
 *
 * Rows of floats that are added or multiplied are so in 64 bits. V8 joins pairs of
 * vectors to 256 bits from where they are stored (`--experimental-wasm-revectorize`),
 * so that a loop that stores nothing ends with stores of what it has found.
 *
 * @module
 */
import { REDUCTIONS } from "../../lib/tfjs/wasm/jobs.ts";
import { expandPairs } from "./pairs.ts";

/** A reduction whose results so far are numbers of 64 bits. */
interface Doubled {
  /** The name in the assembly. */
  readonly name: string;
  /** How two vectors are combined, and two numbers. */
  readonly vectors: string;
  readonly numbers: string;
  /** The result of nothing. */
  readonly neutral: number;
}

const DOUBLED: readonly Doubled[] = [
  { name: "sum", vectors: "f64x2.add", numbers: "+", neutral: 0 },
  { name: "product", vectors: "f64x2.mul", numbers: "*", neutral: 1 },
];

/** A reduction that picks an element. */
interface Picked {
  /** The name in the assembly. */
  readonly name: string;
  /** The name of what ignores NaN, and of its place. */
  readonly extreme: string;
  readonly place: string;
  /** How two vectors are combined; the first is kept where one is NaN. */
  readonly vectors: string;
  /** The lanes in which the first vector is preferred to the second. */
  readonly lanes: string;
  /** The result of nothing. */
  readonly neutral: string;
}

const PICKED: readonly Picked[] = [
  {
    name: "max",
    extreme: "greatest",
    place: "placeOfGreatest",
    vectors: "f32x4.pmax",
    lanes: "f32x4.gt",
    neutral: "-Infinity",
  },
  {
    name: "min",
    extreme: "least",
    place: "placeOfLeast",
    vectors: "f32x4.pmin",
    lanes: "f32x4.lt",
    neutral: "Infinity",
  },
];

/** Reductions of bytes, whose result is true where it is not 0. */
const OF_BYTES = [
  { name: "all", vectors: "i8x16.min_u", numbers: "min", neutral: 255 },
  { name: "any", vectors: "i8x16.max_u", numbers: "max", neutral: 0 },
] as const;

/** The upper two of four floats, as the lower two. */
const upper = (x: string) => `i32x4.shuffle(${x}, ${x}, 2, 3, 0, 1)`;

function doubled({ name, vectors, numbers, neutral }: Doubled): string {
  return `
/** Combines \`count\` floats. */
export function ${name}Row(count: i32, x: usize): f64 {
  let total: f64 = ${neutral};
  if (count >= 8) {
    let a = f64x2.splat(${neutral}), b = a, c = a, d = a;
    for (; count >= 8; count -= 8) {
      a = ${vectors}(a, f64x2.promote_low_f32x4(v128.load64_zero(x)));
      b = ${vectors}(b, f64x2.promote_low_f32x4(v128.load64_zero(x, 8)));
      c = ${vectors}(c, f64x2.promote_low_f32x4(v128.load64_zero(x, 16)));
      d = ${vectors}(d, f64x2.promote_low_f32x4(v128.load64_zero(x, 24)));
      x += 32;
    }
    a = ${vectors}(${vectors}(a, b), ${vectors}(c, d));
    total = f64x2.extract_lane(a, 0) ${numbers} f64x2.extract_lane(a, 1);
  }
  for (; count > 0; count--) {
    total = total ${numbers} <f64> load<f32>(x);
    x += 4;
  }
  return total;
}
/** Combines the floats of each of some rows, which are short or not. */
export function ${name}Rows(
  rows: i32, count: i32, stride: usize, x: usize, result: usize
): void {
  for (; rows > 0; rows--) {
    let total: f64 = ${neutral};
    if (count >= 8) total = ${name}Row(count, x);
    else {
      const end = x + (<usize> count << 2);
      for (let at = x; at < end; at += 4) {
        total = total ${numbers} <f64> load<f32>(at);
      }
    }
    store<f64>(result, total);
    x += stride;
    result += 8;
  }
}
/** Combines \`count\` results with floats, one each. */
export function ${name}Floats(count: i32, x: usize, result: usize): void {
  for (; count >= 4; count -= 4) {
    const a = f64x2.promote_low_f32x4(v128.load64_zero(x));
    const b = f64x2.promote_low_f32x4(v128.load64_zero(x, 8));
    v128.store(result, ${vectors}(v128.load(result), a));
    v128.store(result, ${vectors}(v128.load(result, 16), b), 16);
    x += 16;
    result += 32;
  }
  for (; count > 0; count--) {
    store<f64>(result, load<f64>(result) ${numbers} <f64> load<f32>(x));
    x += 4;
    result += 8;
  }
}
/** Combines \`count\` results with floats, one each, and stores them as floats. */
export function ${name}Down(
  count: i32, x: usize, result: usize, y: usize
): void {
  for (; count >= 4; count -= 4) {
    const a = f64x2.promote_low_f32x4(v128.load64_zero(x));
    const b = f64x2.promote_low_f32x4(v128.load64_zero(x, 8));
    const low = ${vectors}(v128.load(result), a);
    const high = ${vectors}(v128.load(result, 16), b);
    v128.store(result, low);
    v128.store(result, high, 16);
    v128.store(y, floats4(low, high));
    x += 16;
    result += 32;
    y += 16;
  }
  for (; count > 0; count--) {
    const total = load<f64>(result) ${numbers} <f64> load<f32>(x);
    store<f64>(result, total);
    store<f32>(y, <f32> total);
    x += 4;
    result += 8;
    y += 4;
  }
}
/** Combines \`count\` results with others. */
export function ${name}Results(count: i32, x: usize, result: usize): void {
  for (; count >= 2; count -= 2) {
    v128.store(result, ${vectors}(v128.load(result), v128.load(x)));
    x += 16;
    result += 16;
  }
  if (count > 0) {
    store<f64>(result, load<f64>(result) ${numbers} load<f64>(x));
  }
}
${cumulative({ name, vectors, numbers, neutral }, false)}
${cumulative({ name, vectors, numbers, neutral }, true)}`;
}

/** What all elements so far have come to, at each, along a row. */
function cumulative(
  { name, vectors, numbers, neutral }: Doubled,
  backward: boolean,
): string {
  // Lanes of what goes on to the next pair, and of its first moved to the second.
  const [carried, moved] = backward ? ["0, 0", "1, 2"] : ["1, 1", "2, 0"];
  const [first, second] = backward ? ["high", "low"] : ["low", "high"];
  const step = (bytes: number) =>
    backward
      ? `x -= ${bytes};\ny -= ${bytes};`
      : `x += ${bytes};\ny += ${bytes};`;
  const from = backward ? -16 : 0;
  const at = (pointer: string, offset: number) =>
    offset < 0 ? `${pointer} - ${-offset}` : pointer;
  return `
/**
 * y_i = what is \`before\` and all x up to x_i, ${
    backward ? "backward: x and y are where rows end" : "forward"
  }.
 */
export function ${name}${
    backward ? "Backward" : "Forward"
  }(count: i32, before: f64, x: usize, y: usize): void {
  let all = f64x2.splat(before);
  const unit = f64x2.splat(${neutral});
  for (; count >= 4; count -= 4) {
    let low = f64x2.promote_low_f32x4(v128.load64_zero(${at("x", from)}));
    let high = f64x2.promote_low_f32x4(v128.load64_zero(${at("x", from)}, 8));
    low = ${vectors}(low, i64x2.shuffle(low, unit, ${moved}));
    high = ${vectors}(high, i64x2.shuffle(high, unit, ${moved}));
    ${second} = ${vectors}(${second}, i64x2.shuffle(${first}, ${first}, ${carried}));
    low = ${vectors}(all, low);
    high = ${vectors}(all, high);
    all = i64x2.shuffle(${second}, ${second}, ${carried});
    v128.store(${at("y", from)}, floats4(low, high));
    ${step(16)}
  }
  let total = f64x2.extract_lane(all, 0);
  for (; count > 0; count--) {
    total = total ${numbers} <f64> load<f32>(${backward ? "x - 4" : "x"});
    store<f32>(${backward ? "y - 4" : "y"}, <f32> total);
    ${step(4)}
  }
}`;
}

/** The loop of a picked element along a row; NaN is one, or never. */
function pickedRow(
  { name, extreme, vectors, neutral }: Picked,
  seesNaN: boolean,
): string {
  const where = (text: string) => seesNaN ? text : "";
  return `
/**
 * Finds the ${extreme} of \`count\` floats, ${
    seesNaN ? "and NaN before any other" : "which NaN is not"
  }; it needs 128 bytes. What
 * is left beside whole vectors is taken with what is before it.
 */
export function ${
    seesNaN ? name : extreme
  }Row(count: i32, x: usize, lanes: usize): f32 {
  let best = f32x4.splat(${neutral});
  ${where("let isNaN = f32x4.splat(0);")}
  let at: usize = 0;
  const bytes = <usize> count << 2;
  if (count >= 16) {
    let m0 = best, m1 = best, m2 = best, m3 = best;
    ${where("let n0 = isNaN, n1 = isNaN, n2 = isNaN, n3 = isNaN;")}
    const end = bytes & ~63;
    do {
      each4: { const x$i = v128.load(x + at, 16 * $i); }
      each4: { m$i = ${vectors}(m$i, x$i); }
      ${where("each4: { n$i = v128.or(n$i, f32x4.ne(x$i, x$i)); }")}
      at += 64;
    } while (at < end);
    each4: { v128.store(lanes, m$i, 16 * $i); }
    ${where("each4: { v128.store(lanes, n$i, 64 + 16 * $i); }")}
    each4: { best = ${vectors}(best, v128.load(lanes, 16 * $i)); }
    ${
    where("each4: { isNaN = v128.or(isNaN, v128.load(lanes, 64 + 16 * $i)); }")
  }
  }
  for (; at < bytes; at += 16) {
    let next: v128;
    if (count < 4) {
      next = v128.bitselect(loadFirst(x, count), best, firstLanes(count));
    } else next = v128.load(x + min(at, bytes - 16));
    best = ${vectors}(best, next);
    ${where("isNaN = v128.or(isNaN, f32x4.ne(next, next));")}
  }
  ${where("if (v128.any_true(isNaN)) return NaN;")}
  best = ${vectors}(best, ${upper("best")});
  best = ${vectors}(best, i32x4.shuffle(best, best, 1, 0, 3, 2));
  return f32x4.extract_lane(best, 0);
}`;
}

/** The picked elements of columns, so many rows at a time. */
function pickedColumns({ name, vectors }: Picked, rows: number): string {
  const each = Array.from({ length: rows }, (_, i) => i);
  const row = (i: number) => i === 0 ? "x" : `x + ${i} * stride`;
  const fold = (
    terms: readonly string[],
    combine: (a: string, b: string) => string,
  ) => terms.slice(1).reduce(combine, terms[0]!);
  const step = (load: (pointer: string) => string) =>
    each.map((i) => `const r${i}_# = ${load(row(i))};`);
  const best = fold(
    each.map((i) => `r${i}_#`),
    (a, b) => `${vectors}(${a}, ${b})`,
  );
  const isNaN = fold(
    each.map((i) => `f32x4.ne(r${i}_#, r${i}_#)`),
    (a, b) => `v128.or(${a}, ${b})`,
  );
  const lines = (load: (pointer: string) => string) => [
    `const old# = ${load("result")};`,
    ...step(load),
    `const picked# = v128.or(${vectors}(old#, ${best}), ${isNaN});`,
  ];
  const whole = lines((pointer) => `v128.load(${pointer}, 16 * #)`)
    .join("\n").replaceAll("#", "$");
  const first = lines((pointer) => `loadFirst(${pointer}, count)`)
    .join("\n").replaceAll("#", "");
  return `
/** Picks of \`count\` results and ${
    rows === 1 ? "a row" : `${rows} rows`
  } of floats; NaN before any other. */
function ${name}Floats${rows}(
  count: i32, stride: usize, x: usize, result: usize
): void {
  const end = result + (<usize> (count & ~7) << 2);
  if (result < end) do {
    ${whole}
    v128.store(result, picked$, 16 * $);
    x += 32;
    result += 32;
  } while (result < end);
  for (count &= 7; count > 0; count -= 4) {
    ${first}
    storeFirst(result, picked, count);
    x += 16;
    result += 16;
  }
}`;
}

function picked(reduction: Picked): string {
  const { name, place, lanes } = reduction;
  return `
${pickedRow(reduction, true)}
${pickedRow(reduction, false)}
${pickedColumns(reduction, 4)}
${pickedColumns(reduction, 1)}
/** Picks of \`count\` results and rows of floats. */
export function ${name}Columns(
  rows: i32, count: i32, stride: usize, x: usize, result: usize
): void {
  for (; rows >= 4; rows -= 4) {
    ${name}Floats4(count, stride, x, result);
    x += 4 * stride;
  }
  for (; rows > 0; rows--) {
    ${name}Floats1(count, stride, x, result);
    x += stride;
  }
}
/** Picks of \`count\` results and a row of floats, with the rows' places. */
export function ${place}(
  count: i32, row: i32, x: usize, result: usize, places: usize
): void {
  const here = i32x4.splat(row);
  const end = result + (<usize> (count & ~7) << 2);
  if (result < end) do {
    const r$ = v128.load(x, 16 * $);
    const old$ = v128.load(result, 16 * $);
    const place$ = v128.load(places, 16 * $);
    const better$ = ${lanes}(r$, old$);
    const value$ = v128.bitselect(r$, old$, better$);
    const found$ = v128.bitselect(here, place$, better$);
    v128.store(result, value$, 16 * $);
    v128.store(places, found$, 16 * $);
    x += 32;
    result += 32;
    places += 32;
  } while (result < end);
  for (count &= 7; count > 0; count -= 4) {
    const r = loadFirst(x, count), old = loadFirst(result, count);
    const better = ${lanes}(r, old);
    storeFirst(result, v128.bitselect(r, old, better), count);
    const found = v128.bitselect(here, loadFirst(places, count), better);
    storeFirst(places, found, count);
    x += 16;
    result += 16;
    places += 16;
  }
}`;
}

function ofBytes(
  { name, vectors, numbers, neutral }: (typeof OF_BYTES)[number],
): string {
  return `
/** Combines \`count\` bytes. */
export function ${name}Row(count: i32, x: usize): u8 {
  let total: u32 = ${neutral};
  if (count >= 16) {
    let lanes = i8x16.splat(<i8> ${neutral});
    for (; count >= 16; count -= 16) {
      lanes = ${vectors}(lanes, v128.load(x));
      x += 16;
    }
    lanes = ${vectors}(lanes, ${upper("lanes")});
    const left = i64x2.extract_lane(lanes, 0);
    for (let bit = 0; bit < 64; bit += 8) {
      total = ${numbers}(total, <u32> (left >> <i64> bit) & 255);
    }
  }
  for (; count > 0; count--) {
    total = ${numbers}(total, <u32> load<u8>(x));
    x++;
  }
  return <u8> total;
}
/** Combines \`count\` results with bytes, one each. */
export function ${name}Bytes(count: i32, x: usize, result: usize): void {
  for (; count >= 16; count -= 16) {
    v128.store(result, ${vectors}(v128.load(result), v128.load(x)));
    x += 16;
    result += 16;
  }
  for (; count > 0; count--) {
    store<u8>(
      result, <u8> ${numbers}(<u32> load<u8>(result), <u32> load<u8>(x))
    );
    x++;
    result++;
  }
}`;
}

/** What does not depend on how two vectors are combined. */
const COMMON = `
/** Two and two numbers of 64 bits, as floats. */
// @ts-ignore: decorator
@inline
function floats4(low: v128, high: v128): v128 {
  return i32x4.shuffle(
    f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5
  );
}
/** Stores \`count\` results as floats. */
export function storeFloats(count: i32, result: usize, y: usize): void {
  for (; count >= 4; count -= 4) {
    v128.store(y, floats4(v128.load(result), v128.load(result, 16)));
    result += 32;
    y += 16;
  }
  for (; count > 0; count--) {
    store<f32>(y, <f32> load<f64>(result));
    result += 8;
    y += 4;
  }
}
/** Divides \`count\` results. */
export function divide(count: i32, divisor: f64, result: usize): void {
  const divisors = f64x2.splat(divisor);
  for (; count >= 2; count -= 2) {
    v128.store(result, f64x2.div(v128.load(result), divisors));
    result += 16;
  }
  if (count > 0) store<f64>(result, load<f64>(result) / divisor);
}
/** The place of the first float that is equal to a value; \`count\` of none. */
export function placeOf(count: i32, x: usize, value: f32): i32 {
  const values = f32x4.splat(value);
  let place = 0;
  for (; place + 16 <= count; place += 16) {
    const at = x + (<usize> place << 2);
    const first = v128.or(
      f32x4.eq(v128.load(at), values), f32x4.eq(v128.load(at, 16), values)
    );
    const second = v128.or(
      f32x4.eq(v128.load(at, 32), values), f32x4.eq(v128.load(at, 48), values)
    );
    if (v128.any_true(v128.or(first, second))) break;
  }
  // A bit for each of the next, and one behind them.
  const left = min(count - place, 16);
  let found: i32 = 1 << left;
  x += <usize> place << 2;
  for (let i = 0; i < left; i += 4) {
    const isEqual = f32x4.eq(loadFirst(x, left - i), values);
    const bits = i32x4.bitmask(v128.and(isEqual, firstLanes(left - i)));
    found |= bits << i;
    x += 16;
  }
  return place + ctz(found);
}
/** target = target + the sum of eight rows of floats, added in pairs. */
export function addEightRows(
  count: i32, stride: usize, x: usize, target: usize
): void {
  const a = x, b = x + stride, c = b + stride, d = c + stride;
  const e = d + stride, f = e + stride, g = f + stride, h = g + stride;
  const whole = <usize> (count & ~7) << 2;
  let at: usize = 0;
  if (whole > 0) do {
    const a$ = v128.load(a + at, 16 * $);
    const b$ = v128.load(b + at, 16 * $);
    const c$ = v128.load(c + at, 16 * $);
    const d$ = v128.load(d + at, 16 * $);
    const e$ = v128.load(e + at, 16 * $);
    const f$ = v128.load(f + at, 16 * $);
    const g$ = v128.load(g + at, 16 * $);
    const h$ = v128.load(h + at, 16 * $);
    const t$ = v128.load(target + at, 16 * $);
    const y$ = eight(a$, b$, c$, d$, e$, f$, g$, h$);
    const new$ = f32x4.add(t$, y$);
    v128.store(target + at, new$, 16 * $);
    at += 32;
  } while (at < whole);
  for (count &= 7; count > 0; count -= 4) {
    const y = eight(
      loadFirst(a + at, count), loadFirst(b + at, count),
      loadFirst(c + at, count), loadFirst(d + at, count),
      loadFirst(e + at, count), loadFirst(f + at, count),
      loadFirst(g + at, count), loadFirst(h + at, count)
    );
    const t = loadFirst(target + at, count);
    storeFirst(target + at, f32x4.add(t, y), count);
    at += 16;
  }
}
// @ts-ignore: decorator
@inline
function eight(
  a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128
): v128 {
  return f32x4.add(
    f32x4.add(f32x4.add(a, b), f32x4.add(c, d)),
    f32x4.add(f32x4.add(e, f), f32x4.add(g, h))
  );
}`;

/** The text of reductions/loops.ts. */
export function reductionsSource(): string {
  const constant = (name: string) =>
    name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return expandPairs(
    [
      `import { firstLanes, loadFirst, storeFirst } from "../math/simd";`,
      ...REDUCTIONS.map((name, i) =>
        `export const ${constant(name)}: i32 = ${i};`
      ),
      ...DOUBLED.map(doubled),
      ...PICKED.map(picked),
      ...OF_BYTES.map(ofBytes),
      COMMON,
    ].join("\n") + "\n",
  );
}
