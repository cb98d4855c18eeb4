/**
 * Source of the WebAssembly kernels' loops over the vectors of rows, made of what
 * each does to one vector.
 *
 * A loop takes two vectors at a time, and what is left at last. Loads and stores
 * come in pairs with nothing between them, so that V8 can make one vector of 256
 * bits of two (`--experimental-wasm-revectorize`). The tests are at the loops' ends:
 * after a loop that ends at its beginning, V8 15.0 takes the second vector of a pair
 * to be what it was before the loop, where it unrolls the loop.
 *
 * @module
 */

/** A loop, by what it does to a vector of each of its rows. */
export interface Loop {
  /** What it computes. */
  readonly doc: string;
  /** Its name and parameters: numbers, and then rows, where a row begins. */
  readonly head: string;
  /**
   * What is stored in rows; expressions name vectors of a number, and those that
   * lie in rows.
   */
  readonly writes?: Readonly<Record<string, string>>;
  /** Values that several expressions name. */
  readonly values?: Readonly<Record<string, string>>;
  /** What `sum` becomes. One sum is returned; two are the first lanes of a vector. */
  readonly sums?: readonly string[];
}

/** The numbers with which a loop calls a function of vector_exp.ts. */
const EXP = "least, scale, round, unit, c1, c2, c3, c4, c5";

/** Loops over any count of floats; nothing beyond them is read or written. */
const OF_FLOATS: readonly Loop[] = [
  {
    doc: "target = source; faster than memory.copy where the floats are few.",
    head: "copyRow(source, target)",
    writes: { target: "source" },
  },
  {
    doc: "target = weight · source",
    head: "scaleRow(weight: f32, source, target)",
    writes: { target: "f32x4.mul(weight, source)" },
  },
  {
    doc: "target = target + source",
    head: "addRow(source, target)",
    writes: { target: "f32x4.add(target, source)" },
  },
  {
    doc: "target = target + weight · source",
    head: "addScaledRow(weight: f32, source, target)",
    writes: { target: "multiplyAdd(weight, source, target)" },
  },
  {
    doc: "target = target + a ∘ b",
    head: "addProduct(a, b, target)",
    writes: { target: "multiplyAdd(a, b, target)" },
  },
  {
    doc: "target = a + b + weight · x",
    head: "addWeighted(weight: f32, a, b, x, target)",
    writes: { target: "multiplyAdd(weight, x, f32x4.add(a, b))" },
  },
  {
    doc: "target = a + b",
    head: "addRows(a, b, target)",
    writes: { target: "f32x4.add(a, b)" },
  },
  {
    doc: "The sum of x.",
    head: "sumOf(x)",
    sums: ["f32x4.add(sum, x)"],
  },
  {
    doc: "The sum of the squares of x.",
    head: "sumSquares(x)",
    sums: ["multiplyAdd(x, x, sum)"],
  },
  {
    doc:
      "y = e^(x - largest), of numbers up to the largest; returns their sum.",
    head: "expBelow(largest: f32, x, y)",
    values: { power: `fastExp4(f32x4.sub(x, largest), ${EXP})` },
    writes: { y: "power" },
    sums: ["f32x4.add(sum, power)"],
  },
  {
    doc: "x · y",
    head: "dotFloats(x, y)",
    sums: ["multiplyAdd(x, y, sum)"],
  },
  {
    doc: "dx = y (dy - mean), the gradient of softmax.",
    head: "softmaxGradient(mean: f32, y, dy, dx)",
    writes: { dx: "f32x4.mul(y, f32x4.sub(dy, mean))" },
  },
  {
    doc: "sums = sums + x²",
    head: "addSquares(x, sums)",
    writes: { sums: "f32x4.add(sums, f32x4.mul(x, x))" },
  },
  {
    doc: "y = σ(x)",
    head: "sigmoid(x, y)",
    writes: { y: `fastSigmoid4(x, ${EXP})` },
  },
  {
    doc: "x = SiLU(x), which is x σ(x).",
    head: "silu(x)",
    writes: { x: `f32x4.mul(x, fastSigmoid4(x, ${EXP}))` },
  },
  {
    doc: "x = dy SiLU'(x)",
    head: "siluGradient(x, dy)",
    writes: {
      x: `f32x4.mul(dy, siluDerivative4(x, fastSigmoid4(x, ${EXP}), unit))`,
    },
  },
  {
    doc: "y = max(x, lowest); NaN stays.",
    head: "raise(lowest: f32, x, y)",
    writes: { y: "f32x4.max(x, lowest)" },
  },
  {
    doc:
      "y = x, but no less than the lowest and no more than the highest; NaN stays.",
    head: "clamp(lowest: f32, highest: f32, x, y)",
    writes: { y: "f32x4.min(f32x4.max(x, lowest), highest)" },
  },
  {
    doc:
      "y = inverse · x ∘ scale ∘ gates, with one over the root mean square of x.",
    head: "normalizeGated(inverse: f32, x, scale, gates, y)",
    writes: { y: "f32x4.mul(f32x4.mul(f32x4.mul(x, inverse), scale), gates)" },
  },
  {
    doc: "The sum of the squares of x around its mean.",
    head: "sumSquaresAround(mean: f32, x)",
    values: { centred: "f32x4.sub(x, mean)" },
    sums: ["multiplyAdd(centred, centred, sum)"],
  },
  {
    doc: "y = (x - mean) inverse ∘ scale + offset",
    head: "normalize(mean: f32, inverse: f32, x, scale, offset, y)",
    writes: {
      y: "multiplyAdd(f32x4.mul(f32x4.sub(x, mean), inverse), scale, offset)",
    },
  },
  {
    doc:
      "With n = (x - mean) inverse: dscale += dy ∘ n and doffset += dy; returns " +
      "the sums of dy ∘ scale and of its products with n.",
    head:
      "normalizedSums(mean: f32, inverse: f32, x, dy, scale, dscale, doffset)",
    values: {
      normal: "f32x4.mul(f32x4.sub(x, mean), inverse)",
      scaled: "f32x4.mul(dy, scale)",
    },
    writes: {
      dscale: "multiplyAdd(dy, normal, dscale)",
      doffset: "f32x4.add(doffset, dy)",
    },
    sums: ["f32x4.add(sum, scaled)", "multiplyAdd(scaled, normal, sum)"],
  },
  {
    doc:
      "dx = (dy ∘ scale - along - across n) inverse, with n = (x - mean) inverse.",
    head:
      "normalizeGradient(mean: f32, inverse: f32, along: f32, across: f32, x, dy, scale, dx)",
    values: { normal: "f32x4.mul(f32x4.sub(x, mean), inverse)" },
    writes: {
      dx:
        "f32x4.mul(f32x4.sub(f32x4.sub(f32x4.mul(dy, scale), along), f32x4.mul(normal, across)), inverse)",
    },
  },
  {
    doc: "The sum of e^(x - most).",
    head: "sumExp(most: f32, x)",
    values: { power: `fastExp4(f32x4.sub(x, most), ${EXP})` },
    sums: ["f32x4.add(sum, power)"],
  },
  {
    doc: "dx = weight · e^(x - most) - all",
    head: "crossEntropyGradient(most: f32, weight: f32, all: f32, x, dx)",
    writes: {
      dx:
        `f32x4.sub(f32x4.mul(fastExp4(f32x4.sub(x, most), ${EXP}), weight), all)`,
    },
  },
  {
    doc: "y = x s + ½, with s = σ(x); returns the sum of the squares of y.",
    head: "shiftedSilu(x, s, y)",
    values: { mapped: "shiftedSilu4(x, s)" },
    writes: { y: "mapped" },
    sums: ["multiplyAdd(mapped, mapped, sum)"],
  },
  {
    doc: "The sums of the squares of x s + ½, and of its products with dy.",
    head: "shiftedSiluSums(x, s, dy)",
    values: { mapped: "shiftedSilu4(x, s)" },
    sums: ["multiplyAdd(mapped, mapped, sum)", "multiplyAdd(mapped, dy, sum)"],
  },
  {
    doc: "dx = (dy + along · y) inverse ∘ y', with y = x s + ½.",
    head: "shiftedSiluGradient(along: f32, inverse: f32, x, s, dy, dx)",
    writes: { dx: "shiftedSiluGradient4(x, s, dy, along, inverse)" },
  },
];

/** Loops over so many bytes, in whole vectors. */
const OF_VECTORS: readonly Loop[] = [
  {
    doc: "y = e^x, of numbers up to 0.",
    head: "exp(x, y)",
    writes: { y: `fastExp4(x, ${EXP})` },
  },
  {
    doc: "target = weight · source",
    head: "scaleVectors(weight: f32, source, target)",
    writes: { target: "f32x4.mul(weight, source)" },
  },
  {
    doc: "target = weight · target + source",
    head: "scaleAndAdd(weight: f32, target, source)",
    writes: { target: "multiplyAdd(target, weight, source)" },
  },
  {
    doc: "target = weights ∘ source",
    head: "multiplyVectors(weights, source, target)",
    writes: { target: "f32x4.mul(weights, source)" },
  },
  {
    doc: "x · y",
    head: "dot(x, y)",
    sums: ["multiplyAdd(x, y, sum)"],
  },
];

/**
 * Loops over matrices of whole vectors, whose rows have a `weight` each and lie
 * behind one another.
 */
const OF_ROWS: readonly Loop[] = [
  {
    doc: "target_i = weight_i source_i",
    head: "scaleRows(source, target)",
    writes: { target: "f32x4.mul(weight, source)" },
  },
  {
    doc: "target_i = target_i + weight_i source_i",
    head: "addScaledRows(source, target)",
    writes: { target: "multiplyAdd(weight, source, target)" },
  },
  {
    doc:
      "target_i = target_i + weight_i source_i; sums_i = weight_i source_i · row_i",
    head: "addScaledRowsAndDot(source, row, target)",
    values: { scaled: "f32x4.mul(weight, source)" },
    writes: { target: "f32x4.add(target, scaled)" },
    sums: ["multiplyAdd(scaled, row, sum)"],
  },
];

/** The name and the parameters of a loop. */
function parse({ head }: Loop) {
  const [name, list] = head.split(/[()]/) as [string, string];
  const parameters = list.split(", ");
  return {
    name,
    numbers: parameters.filter((x) => x.endsWith(": f32"))
      .map((x) => x.split(":")[0]!),
    rows: parameters.filter((x) => !x.includes(":")),
  };
}

/** How a vector is read and written where all of it is the row's. */
const WHOLE = {
  load: (pointer: string, offset: number) =>
    `v128.load(${pointer}${offset > 0 ? `, ${offset}` : ""})`,
  store: (pointer: string, value: string, offset: number) =>
    `v128.store(${pointer}, ${value}${offset > 0 ? `, ${offset}` : ""});`,
};

/** How a vector is read and written of which only `count` floats are the row's. */
const FIRST = {
  load: (pointer: string) => `loadFirst(${pointer}, count)`,
  store: (pointer: string, value: string) =>
    `storeFirst(${pointer}, ${value}, count);`,
};

/** A pattern of any of some names. */
function anyOf(names: readonly string[]): RegExp {
  return new RegExp(`\\b(${names.join("|")})\\b`, "g");
}

/** The statements for so many vectors of each row, with the steps to the next ones. */
function step(
  loop: Loop,
  vectors: number,
  { load, store }: typeof WHOLE | typeof FIRST,
): string[] {
  const { values = {}, writes = {}, sums = [] } = loop;
  const { rows } = parse(loop);
  const vectorsOf = (statement: (i: number) => string) =>
    Array.from({ length: vectors }, (_, i) => statement(i));
  const eachOf = (
    texts: Readonly<Record<string, string>>,
    statement: (name: string, expression: string, i: number) => string,
  ) =>
    Object.entries(texts).flatMap(([name, text]) =>
      vectorsOf((i) => {
        const names = [...rows, ...Object.keys(values)];
        return statement(name, text.replace(anyOf(names), `$1${i}`), i);
      })
    );
  const all = [values, writes, sums].flatMap((texts) => Object.values(texts));
  const isRead = (row: string) => all.some((text) => anyOf([row]).test(text));
  return [
    ...rows.filter(isRead).flatMap((row) =>
      vectorsOf((i) => `const ${row}${i} = ${load(row, 16 * i)};`)
    ),
    ...eachOf(values, (name, value, i) => `let ${name}${i} = ${value};`),
    ...eachOf(writes, (row, value, i) => `const new_${row}${i} = ${value};`),
    ...eachOf(writes, (row, _, i) => store(row, `new_${row}${i}`, 16 * i)),
    // What a value makes of the zeros beyond a row's end does not count.
    ...(load === FIRST.load && sums.length > 0
      ? Object.keys(values).map((name) =>
        `${name}0 = v128.and(${name}0, firstLanes(count));`
      )
      : []),
    ...eachOf(Object.fromEntries(sums.entries()), (s, value, i) => {
      const sum = `sum${s}_${i}`;
      return `${sum} = ${value.replace(anyOf(["sum"]), sum)};`;
    }),
    ...rows.map((row) => `${row} += ${16 * vectors};`),
  ];
}

/** A loop over pairs of vectors, up to where those of the first row end. */
function pairs(loop: Loop): string {
  const [first] = parse(loop).rows;
  const steps = step(loop, 2, WHOLE).join("\n");
  return `if (${first} < pairs) do {\n${steps}\n} while (${first} < pairs);`;
}

/** The sums of a row, before its loop. */
function openSums({ sums = [] }: Loop): string {
  const zero = "f32x4.splat(0)";
  return sums.map((_, s) => `let sum${s}_0 = ${zero}, sum${s}_1 = ${zero};`)
    .join("\n");
}

/** A sum of a row, after its loop. */
function total(s: number): string {
  return `sum4(f32x4.add(sum${s}_0, sum${s}_1))`;
}

/** The numbers that functions of vector_exp.ts need, which V8 keeps during a loop. */
const OPEN_EXP = `
const least = f32x4.splat(lowest), scale = f32x4.splat(log2e);
const round = f32x4.splat(rounder), unit = f32x4.splat(one);
const c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);`;

/**
 * A loop over rows of a size, of which `rest` does what is left beside pairs of
 * vectors.
 */
function rowSource(loop: Loop, size: string, rest: string): string {
  const { doc, values = {}, writes = {}, sums = [] } = loop;
  const { name, numbers, rows } = parse(loop);
  const parameters = [
    size,
    ...numbers.map((name) => `_${name}: f32`),
    ...rows.map((row) => `${row}: usize`),
  ];
  const usesExp = Object.values({ ...values, ...writes })
    .some((text) => text.includes(EXP));
  return `/** ${doc} */
export function ${name}(${parameters}): ${
    ["void", "f32", "v128"][sums.length]
  } {
${usesExp ? OPEN_EXP : ""}
${numbers.map((name) => `const ${name} = f32x4.splat(_${name});`).join("\n")}
${openSums(loop)}
${rest.replace("PAIRS", pairs(loop))}
${
    [
      "",
      `return ${total(0)};`,
      `return f32x4.replace_lane(f32x4.splat(${total(0)}), 1, ${total(1)});`,
    ][sums.length]
  }
}`;
}

/** The source of a loop over any count of floats. */
export function ofFloats(loop: Loop): string {
  const [first] = parse(loop).rows;
  return rowSource(
    loop,
    "count: i32",
    `const pairs = ${first} + (<usize> (count & ~7) << 2);
PAIRS
for (count &= 7; count > 0; count -= 4) {
${step(loop, 1, FIRST).join("\n")}
}`,
  );
}

function ofVectors(loop: Loop): string {
  const [first] = parse(loop).rows;
  return rowSource(
    loop,
    "bytes: usize",
    `const pairs = ${first} + (bytes & ~31), end = ${first} + bytes;
PAIRS
if (${first} < end) {
${step(loop, 1, WHOLE).join("\n")}
}`,
  );
}

function ofRows(loop: Loop): string {
  const { doc, sums = [] } = loop;
  const { name, rows } = parse(loop);
  const addresses = ["weights", ...rows, ...(sums.length > 0 ? ["sums"] : [])];
  return `/** ${doc} */
export function ${name}(rows: i32, stride: usize, ${
    addresses.map((name) => `${name}: usize`)
  }): void {
const whole = stride & ~31;
for (let i = 0; i < rows; i++) {
const weight = v128.load32_splat(weights + 4 * i);
${openSums(loop)}
const pairs = ${rows[0]} + whole;
${pairs(loop)}
if (whole < stride) {
${step(loop, 1, WHOLE).join("\n")}
}
${sums.length > 0 ? `store<f32>(sums + 4 * i, ${total(0)});` : ""}
}
}`;
}

/**
 * The products of a row with four others, and the sum of eight rows times a weight
 * each: what is in the cache is read fastest side by side.
 */
function sideBySide(): string {
  const of = (rows: number, text: string, separator = ";\n") =>
    Array.from({ length: rows }, (_, i) => text.replaceAll("#", `${i}`))
      .join(separator);
  return `
/** The products of a row with four others. */
export function dotFour(length: i32, a: usize, ${
    of(4, "b#: usize", ", ")
  }): v128 {
${of(4, "let even# = f32x4.splat(0), odd# = f32x4.splat(0)")}
for (; length >= 8; length -= 8) {
const x0 = v128.load(a), x1 = v128.load(a, 16);
${
    of(
      4,
      `const y# = v128.load(b#), z# = v128.load(b#, 16);
even# = multiplyAdd(x0, y#, even#);
odd# = multiplyAdd(x1, z#, odd#)`,
    )
  }
a += 32;
${of(4, "b# += 32")}
}
for (; length > 0; length -= 4) {
const x = loadFirst(a, length);
${of(4, "even# = multiplyAdd(x, loadFirst(b#, length), even#)")}
a += 16;
${of(4, "b# += 16")}
}
return sums4(${of(4, "f32x4.add(even#, odd#)", ", ")});
}
/** c += Σ_i a_i b_i over eight rows; returns how many columns are left. */
export function addEight(columns: i32, a: usize, step: usize, b: usize, stride: usize, c: usize): i32 {
${of(8, "const a# = v128.load32_splat(a + # * step)")}
${of(8, "let b# = b + # * stride")}
for (; columns >= 8; columns -= 8) {
let even = v128.load(c), odd = v128.load(c, 16);
${
    of(
      8,
      `const x# = v128.load(b#), y# = v128.load(b#, 16);
even = multiplyAdd(a#, x#, even);
odd = multiplyAdd(a#, y#, odd)`,
    )
  }
v128.store(c, even);
v128.store(c, odd, 16);
${of(8, "b# += 32")}
c += 32;
}
return columns;
}`;
}

/** The text of math/loops.ts. */
export function loopsSource(): string {
  return [
    `import { firstLanes, loadFirst, multiplyAdd, storeFirst, sum4, sums4 } from "./simd";`,
    `import { shiftedSilu4, shiftedSiluGradient4 } from "./activations";`,
    `import { a1, a2, a3, a4, a5, log2e, fastSigmoid4, lowest, one, fastExp4, rounder, siluDerivative4 } from "./vector_exp";`,
    ...OF_FLOATS.map(ofFloats),
    ...OF_VECTORS.map(ofVectors),
    ...OF_ROWS.map(ofRows),
    sideBySide(),
  ].join("\n");
}
