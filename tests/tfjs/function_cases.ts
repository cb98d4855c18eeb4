/**
 * Functions of each element beside their definitions, on WebGPU: numbers for which
 * they have cases of their own, and drawn ones of all sizes.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { uniform } from "../random.ts";
import {
  BINARY,
  isWithin,
  SPECIAL,
  UNARY,
} from "./wasm/elementwise/references.ts";

/** The least number whose digits WGSL keeps: it may take those below for 0. */
const LEAST_NORMAL = 2 ** -126;

/**
 * Units in the last place that results may be wrong by. Sums and products are rounded
 * once and quotients to 2.5 units, as WGSL says; roots, powers of e and what is made of
 * them have a few roundings more.
 */
const ULPS = { rounded: 0.5, divided: 2.5, composed: 16 } as const;

/** Of 0 and -0, WGSL takes either for the larger one. */
const OF_ANY_ZERO = "Maximum Minimum Relu";

const ROUNDED = "Add Sub Multiply SquaredDifference Prelu LeakyRelu Square";
const DIVIDED = "RealDiv Reciprocal";

/** What WGSL may make of a number: one below the least normal one may count as 0. */
const flushed = (x: number): number =>
  Math.abs(x) < LEAST_NORMAL ? Math.sign(x) * 0 : x;

/** Whether a function of floats on WebGPU may be so, where `wanted` is its value in float64. */
function isRight(
  name: string,
  numbers: readonly number[],
  wanted: number,
  found: number,
): boolean {
  const reference = UNARY[name] ?? BINARY[name]!;
  const [x = 0, y = 0] = numbers;
  if (name === "FloorDiv" && Number.isFinite(wanted)) {
    // Large ones are divided as other numbers are.
    if (Math.abs(found - wanted) <= 2 ** -22 * Math.abs(wanted)) return true;
  }
  if (name === "Mod" && Number.isFinite(wanted)) {
    // Of what is tiny beside y, and of another sign, float64 has 0 for y.
    const off = Math.abs(found - wanted), around = Math.abs(y) - off;
    if (Math.min(off, Math.abs(around)) <= 2 ** -50 * Math.abs(y)) return true;
  }
  if (name === "Pow" && wanted !== 0 && Number.isFinite(found)) {
    // 2^(y log2 x), whose exponent is rounded to so many digits.
    const exponent = Math.abs(y * Math.log2(Math.abs(x)));
    const off = Math.abs(found / wanted - 1);
    if (off <= 2 ** -23 * (16 + 2 * exponent)) return true;
  }
  // tfjs's sigmoid has WGSL's exp, and so does ours for the last powers: its error
  // grows with the exponent.
  const isPower = name === "Sigmoid" || name === "Exp" && Math.abs(x) > 88;
  if (isPower && isWithin(found, wanted, 16 + 2 * Math.abs(x))) return true;
  if (wanted === 0 && found === 0 && OF_ANY_ZERO.includes(name)) return true;
  if (!reference.ulps) return Object.is(found, wanted);
  const ulps = ROUNDED.split(" ").includes(name)
    ? ULPS.rounded
    : DIVIDED.split(" ").includes(name)
    ? ULPS.divided
    : ULPS.composed;
  return isWithin(found, wanted, ulps);
}

const shown = (...numbers: number[]): string =>
  numbers.map((x) => Object.is(x, -0) ? "-0" : String(x)).join(", ");

/** What is wrong with a result of a function of floats on WebGPU, if anything is. */
export function wrongResult(
  name: string,
  numbers: readonly number[],
  found: number,
): string | undefined {
  const { truth } = (UNARY[name] ?? BINARY[name]!) as {
    truth: (...numbers: number[]) => number | boolean;
  };
  // Each operand may count as 0, and the result.
  const [x, ...others] = numbers.map((x) => [x, flushed(x)]);
  const operands = others.length === 0
    ? x!.map((x) => [x])
    : x!.flatMap((x) => others[0]!.map((y) => [x, y]));
  for (const given of operands) {
    const wanted = Number(truth(...given));
    if (isRight(name, given, wanted, found)) return undefined;
    if (Object.is(found, Math.fround(wanted))) return undefined;
    const isTiny = wanted !== 0 && Math.abs(wanted) < LEAST_NORMAL;
    if (isTiny && found === 0) return undefined;
  }
  return `${name}(${shown(...numbers)}) is ${shown(found)}, and should be ${
    shown(Number(truth(...numbers)))
  }`;
}

/** Numbers to try functions with. */
const NUMBERS = [
  ...[0, 1, Infinity, 1e-40, 1e38, 0.5, 1.5, 2.5, 3, 89.2, 100, 1e8, 1e-10],
].flatMap((x) => [x, -x]).concat(NaN).map(Math.fround);

/** Drawn numbers of all sizes. */
function drawn(count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => {
    const size = [1, 4, 100, 4000, 2 ** (80 * (random() - 0.5))];
    const scale = size[Math.floor(size.length * random())]!;
    return Math.fround(scale * (2 * random() - 1));
  });
}

/** Results that are wrong of all functions for the numbers of a seed. */
export async function wrongFunctions(seed: number): Promise<string[]> {
  const random = uniform(seed), wrong: string[] = [];
  // Fewer than 1000, which tfjs may compute on the host.
  const numbers = [...SPECIAL, ...NUMBERS, ...drawn(100 + seed % 4, random)];
  const few = [...NUMBERS, ...drawn(3 + seed % 2, random)];
  const pairs = few.flatMap((x) => few.map((y) => [x, y] as const));
  const check = async (
    name: string,
    operands: readonly (readonly number[])[],
    run: () => tf.Tensor,
  ) => {
    const y = tf.tidy(run);
    const found = await y.data();
    y.dispose();
    operands.forEach((numbers, i) => {
      const what = wrongResult(name, numbers, found[i]!);
      if (what) wrong.push(what);
    });
  };
  for (const [name, { compute }] of Object.entries(UNARY)) {
    const operands = numbers.map((x) => [x]);
    await check(name, operands, () => compute(tf.tensor1d(numbers)));
  }
  for (const [name, { compute }] of Object.entries(BINARY)) {
    const of = (side: 0 | 1) => tf.tensor1d(pairs.map((pair) => pair[side]));
    await check(name, pairs, () => compute(of(0), of(1)));
  }
  return wrong;
}
