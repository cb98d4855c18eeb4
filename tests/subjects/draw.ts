/** What cases are made of: sizes, padding, segments, log decays. @module */
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import type { BackendName } from "../../mod.ts";

/** An integer from 1. */
export const upTo = (max: number) => fc.integer({ min: 1, max });

/** Seeds of numbers. */
export const seeds = fc.nat();

/** What an oracle may have to do for a case: half a second. */
export const WORK = 3e6;

/** The longest sequence. */
const LONGEST = 1300;

/** Lengths: mostly short, some of several chunks, a few long. */
export const lengths = (most = LONGEST): fc.Arbitrary<number> =>
  fc.oneof(
    { withCrossShrink: true },
    { weight: 10, arbitrary: upTo(24) },
    { weight: 6, arbitrary: fc.integer({ min: 25, max: 140 }) },
    { weight: 1, arbitrary: fc.integer({ min: 141, max: most }) },
  );

/** Columns of keys, values or channels: mostly few, some of several vectors. */
export const columns: fc.Arbitrary<number> = fc.oneof(
  { withCrossShrink: true },
  { weight: 4, arbitrary: upTo(9) },
  { weight: 1, arbitrary: fc.integer({ min: 10, max: 72 }) },
);

/** Tokens of a chunk, or the kernel's choice. */
export const chunkSizes: fc.Arbitrary<number | null> = fc.oneof(
  { withCrossShrink: true },
  fc.constant(null),
  upTo(16),
  upTo(512),
);

/** Of heads and chunks: a shader is made for each. */
export interface HeadSizes {
  readonly headDim: number;
  readonly valueDim: number;
  readonly chunkSize: number;
}

/** In all tests the same, so that Mesa compiles each shader once. */
const SIZES_OF_SHADERS: readonly HeadSizes[] = [
  { headDim: 6, valueDim: 5, chunkSize: 8 },
  { headDim: 4, valueDim: 3, chunkSize: 16 },
  { headDim: 1, valueDim: 9, chunkSize: 3 },
];

/**
 * Sizes that are made up, from 1 on; on WebGPU a few, since shaders of others take
 * seconds to compile: tests of the kernels there have heads of all sizes.
 *
 * @param backend On which they are computed with.
 * @param most The largest.
 */
export function headSizes(
  backend: BackendName,
  most: HeadSizes,
): fc.Arbitrary<HeadSizes> {
  if (backend === "webgpu") return fc.constantFrom(...SIZES_OF_SHADERS);
  const integer = (max: number) => fc.integer({ min: 1, max });
  return fc.record({
    headDim: integer(most.headDim),
    valueDim: integer(most.valueDim),
    chunkSize: integer(most.chunkSize),
  });
}

/** What a mask is made of. */
export const paddings = fc.option(fc.record({
  kind: fc.constantFrom(
    ...["float32", "int32", "bool", "cast ids", "cast floats"] as const,
  ),
  where: fc.constantFrom(
    ...["anywhere", "anywhere", "the first row", "everywhere"] as const,
  ),
}, { noNullPrototype: true }));

/** Where there is padding, and what a mask has elsewhere. */
export interface Padding {
  readonly kind:
    | "ones"
    | "float32"
    | "int32"
    | "bool"
    | "cast ids"
    | "cast floats";
  /** All but the first token of a row may be padding, or all. */
  readonly where:
    | "after the first"
    | "anywhere"
    | "the first row"
    | "everywhere";
}

/** The numbers of segments. */
export const segmentations = fc.option(
  fc.constantFrom(...["small", "above 2^24", "ends", "any"] as const),
);

/** The numbers of segments: two that take turns, so that each comes back, or others. */
export type Segmentation = "turns" | "small" | "above 2^24" | "ends" | "any";

/** Sizes of rows of tokens. */
export interface Row {
  readonly batch: number;
  readonly length: number;
}

const pick = <T>(random: () => number, of: readonly T[]): T =>
  of[Math.floor(random() * of.length)]!;

/** 1 for tokens and 0 for padding, `[batch, length]`. */
export function keptOf(
  { where }: Padding,
  { batch, length }: Row,
  random: () => number,
): Float32Array {
  return Float32Array.from({ length: batch * length }, (_, i) => {
    const isPadding = random() < 0.3;
    if (where === "everywhere") return 0;
    if (where === "the first row" && i < length) return 0;
    if (where === "after the first" && i % length === 0) return 1;
    return isPadding ? 0 : 1;
  });
}

/** Ids of tokens whose lowest bits are 0, and others; as float32, and below 1. */
const IDS = [1, 2, 255, 256, 512, 1024, 65_536, 2 ** 24, -1, -256, 2 ** 31 - 1];
const FLOATS = [1, 0.5, 1e-3, -0.25, 256, 3e38];

/** What a mask may hold of a token: whatever is not 0, and of floats these too. */
const OF_TOKENS = {
  ones: [1],
  float32: [1, 1, ...FLOATS, NaN, Infinity, -Infinity, 1e-41, -1.4e-45],
  int32: [1, 1, ...IDS],
  bool: [1],
} as const;

/** The tensor of a mask. */
export function maskTensor(
  { kind }: Padding,
  kept: Float32Array,
  [batch, length]: readonly [number, number],
  random: () => number,
): tf.Tensor2D {
  const holding = (of: readonly number[], dtype: keyof typeof OF_TOKENS) => {
    const numbers = kept.map((token) => token === 0 ? 0 : pick(random, of));
    const type = dtype === "ones" ? "float32" : dtype;
    return tf.tensor2d(numbers, [batch, length], type);
  };
  const cast = (of: readonly number[], dtype: "int32" | "float32") =>
    tf.tidy(() => tf.cast(holding(of, dtype), "bool")) as tf.Tensor2D;
  if (kind === "cast ids") return cast(IDS, "int32");
  if (kind === "cast floats") return cast(FLOATS, "float32");
  return holding(OF_TOKENS[kind], kind);
}

/** Numbers among which neighbours are the same float32, and any. */
const NUMBERS: Record<
  Exclude<Segmentation, "turns">,
  readonly number[] | null
> = {
  small: [0, 1],
  "above 2^24": [16_777_216, 16_777_217, -16_777_216, -16_777_217],
  ends: [2147483647, 2147483646, -2147483648, -2147483647],
  any: null,
};

/** Which sequence each token belongs to, `[batch, length]`. */
export function segmentNumbers(
  kind: Segmentation,
  { batch, length }: Row,
  random: () => number,
): Int32Array {
  if (kind === "turns") {
    let number = 0;
    return Int32Array.from({ length: batch * length }, () => {
      if (random() < 0.15) number = 1 - number;
      return number;
    });
  }
  const numbers = NUMBERS[kind];
  const change = pick(random, [0.03, 0.15, 0.15, 1]);
  let number = 0;
  return Int32Array.from({ length: batch * length }, (_, i) => {
    if (i > 0 && random() >= change) return number;
    // The next number, or another one.
    return number = numbers
      ? pick(random, numbers)
      : i > 0 && random() < 0.5
      ? (number + 1) | 0
      : (random() * 2 ** 32) | 0;
  });
}

/** Log decays: mixed, of 1, of 0.5, of e^-60, partly of 0, and ordinary ones. */
export const LOG_DECAYS: readonly ((u: number) => number)[] = [
  (u) => u < 0.2 ? -60 : u < 0.4 ? 0 : Math.log(u),
  () => 0,
  () => Math.log(0.5),
  () => -60,
  (u) => u < 0.5 ? -Infinity : Math.log(u),
  (u) => Math.log(0.8 + 0.2 * u),
];

/** Those that are drawn: beside these some that are hardly numbers. */
const DRAWN_LOG_DECAYS: typeof LOG_DECAYS = [
  ...LOG_DECAYS,
  (u) => u < 0.3 ? -1e30 : u < 0.6 ? -1e-41 : -u,
  () => -1e-41,
  (u) => u < 0.5 ? -60 : -1e-3 * u,
  (u) => -3 * u,
];

/** Log decays of sequences: each of a kind, in turn or drawn. */
export function logDecays(
  sequences: number,
  perSequence: number,
  random: () => number,
  isDrawn: boolean,
): Float32Array {
  const values: number[] = [];
  for (let s = 0; s < sequences; s++) {
    const make = isDrawn
      ? pick(random, DRAWN_LOG_DECAYS)
      : LOG_DECAYS[s % LOG_DECAYS.length]!;
    for (let i = 0; i < perSequence; i++) values.push(make(random()));
  }
  return Float32Array.from(values);
}

/** What padding may hold, and nothing may read. */
export const JUNK = [NaN, Infinity, -Infinity, 3e38];

/** Fills the rows of padding of a `[batch, heads, length, columns]` array. */
export function spoilPadding(
  x: Float32Array,
  mask: Float32Array,
  { batch, heads = 1, length }: Row & { readonly heads?: number },
): void {
  const columns = x.length / (batch * heads * length);
  for (let i = 0; i < x.length; i++) {
    const token = Math.floor(i / columns);
    const entry = Math.floor(token / (heads * length));
    if (mask[entry * length + token % length] !== 0) continue;
    x[i] = JUNK[i % JUNK.length]!;
  }
}

/** Options without those that are `null`. */
export function given<T extends object>(
  options: T,
): { [K in keyof T]: Exclude<T[K], null> } {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== null),
  ) as { [K in keyof T]: Exclude<T[K], null> };
}

/** The same case with sizes halved, the largest first, until it costs no more. */
export function bounded<T extends object>(
  tried: T,
  names: readonly (keyof T)[],
  cost: (tried: T) => number,
  most: number,
): T {
  let smaller = tried;
  while (cost(smaller) > most) {
    const [name] = names.toSorted((a, b) =>
      Number(smaller[b]) - Number(smaller[a])
    );
    if (Number(smaller[name!]) <= 1) break;
    smaller = { ...smaller, [name!]: Math.ceil(Number(smaller[name!]) / 2) };
  }
  return smaller;
}

/** Steps in tfjs operations, one after the other, that a case may have. */
export const STEPS: Readonly<Record<BackendName, number>> = {
  cpu: 400,
  wasm: 400,
  webgpu: 40,
};
