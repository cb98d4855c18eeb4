/** What cases of several targets have in common: sizes, padding, segments, numbers. @module */
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import type { BackendName } from "../../mod.ts";
import {
  beyond,
  type Deviation,
  deviations,
  type Result,
  type Tolerance,
} from "../comparison.ts";
import { LOG_DECAYS } from "../attention/cases.ts";
import type { Differentiated } from "../float64.ts";
import type { Errors } from "./target.ts";

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

/** What a mask is made of. */
export const paddings = fc.option(fc.record({
  kind: fc.constantFrom(
    ...["float32", "int32", "bool", "cast ids", "cast floats"] as const,
  ),
  where: fc.constantFrom(
    ...["anywhere", "anywhere", "the first row", "everywhere"] as const,
  ),
}, { noNullPrototype: true }));

/** Of a case, `null` where nothing is padding. */
export type Padding = typeof paddings extends fc.Arbitrary<infer T> ? T : never;

/** The numbers of segments. */
export const segmentations = fc.option(
  fc.constantFrom("small", "above 2^24", "ends", "any"),
);

/** Of a case, `null` where each row is one sequence. */
export type Segmentation = typeof segmentations extends fc.Arbitrary<infer T>
  ? T
  : never;

const pick = <T>(random: () => number, of: readonly T[]): T =>
  of[Math.floor(random() * of.length)]!;

/** 1 for tokens and 0 for padding, `[batch, length]`. */
export function keptOf(
  { where }: NonNullable<Padding>,
  { batch, length }: { readonly batch: number; readonly length: number },
  random: () => number,
): Float32Array {
  return Float32Array.from({ length: batch * length }, (_, i) => {
    const isPadding = random() < 0.3;
    if (where === "everywhere") return 0;
    if (where === "the first row" && i < length) return 0;
    return isPadding ? 0 : 1;
  });
}

/** Ids of tokens whose lowest bits are 0, and others; as float32, and below 1. */
const IDS = [1, 2, 255, 256, 512, 1024, 65_536, 2 ** 24, -1, -256, 2 ** 31 - 1];
const FLOATS = [1, 0.5, 1e-3, -0.25, 256, 3e38];

/** What a mask may hold of a token: whatever is not 0, and of floats these too. */
const OF_TOKENS = {
  float32: [1, 1, ...FLOATS, NaN, Infinity, -Infinity, 1e-41, -1.4e-45],
  int32: [1, 1, ...IDS],
  bool: [1],
} as const;

/** The tensor of a mask. */
function maskTensor(
  { kind }: NonNullable<Padding>,
  kept: Float32Array,
  [batch, length]: readonly [number, number],
  random: () => number,
): tf.Tensor2D {
  const holding = (of: readonly number[], dtype: keyof typeof OF_TOKENS) => {
    const numbers = kept.map((token) => token === 0 ? 0 : pick(random, of));
    return tf.tensor2d(numbers, [batch, length], dtype);
  };
  const cast = (of: readonly number[], dtype: "int32" | "float32") =>
    tf.tidy(() => tf.cast(holding(of, dtype), "bool")) as tf.Tensor2D;
  if (kind === "cast ids") return cast(IDS, "int32");
  if (kind === "cast floats") return cast(FLOATS, "float32");
  return holding(OF_TOKENS[kind], kind);
}

/** Numbers among which neighbours are the same float32, and any. */
const NUMBERS: Record<NonNullable<Segmentation>, readonly number[] | null> = {
  small: [0, 1],
  "above 2^24": [16_777_216, 16_777_217, -16_777_216, -16_777_217],
  ends: [2147483647, 2147483646, -2147483648, -2147483647],
  any: null,
};

/** Which sequence each token belongs to, `[batch, length]`. */
export function segmentNumbers(
  kind: NonNullable<Segmentation>,
  { batch, length }: { readonly batch: number; readonly length: number },
  random: () => number,
): Int32Array {
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

/** Kinds of log decays, of which each sequence has one. */
const KINDS_OF_DECAYS: readonly ((u: number) => number)[] = [
  ...LOG_DECAYS,
  (u) => u < 0.3 ? -1e30 : u < 0.6 ? -1e-41 : -u,
  () => -1e-41,
  (u) => u < 0.5 ? -60 : -1e-3 * u,
  (u) => -3 * u,
];

/** Log decays of sequences. */
export function logDecays(
  sequences: number,
  perSequence: number,
  random: () => number,
): Float32Array {
  const values: number[] = [];
  for (let s = 0; s < sequences; s++) {
    const make = pick(random, KINDS_OF_DECAYS);
    for (let i = 0; i < perSequence; i++) values.push(make(random()));
  }
  return Float32Array.from(values);
}

/**
 * Four roundings to float32. Cases of tests are few, and chosen so that their
 * gradients do not cancel; of any shape and any numbers some do, and no sum of
 * terms is nearer than roundings of the terms.
 */
const ROUNDINGS = 4 * 2 ** -24;

/** The largest errors, if none is beyond the tolerance and beyond these roundings. */
export function compared(
  problem: Parameters<typeof deviations>[0],
  actual: Result,
  expected: Differentiated,
  tolerance: Tolerance,
): Errors {
  const share = ROUNDINGS / tolerance.gradient;
  return judged(deviations(problem, actual, expected, share), tolerance);
}

/** The largest errors, if none is beyond the tolerance. */
export function judged(
  found: readonly Deviation[],
  tolerance: Tolerance,
): Errors {
  const lines = beyond(found, tolerance);
  if (lines.length > 0) throw new Error(lines.join("; "));
  return Object.fromEntries(
    found.map(({ name, relative }) => [name, relative]),
  );
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

/** The tensors of padding and segments, where there are such. */
export function tokenTensors(
  { batch, length, padding }: {
    readonly batch: number;
    readonly length: number;
    readonly padding: Padding;
  },
  { mask, segments }: {
    readonly mask?: Float32Array | null | undefined;
    readonly segments?: Int32Array | null | undefined;
  },
  random: () => number,
): { mask: tf.Tensor2D | null; segments: tf.Tensor2D | null } {
  return {
    mask: mask && padding
      ? maskTensor(padding, mask, [batch, length], random)
      : null,
    segments: segments ? tf.tensor2d(segments, [batch, length], "int32") : null,
  };
}
