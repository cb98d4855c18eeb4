/**
 * Checks of option values: a wrong type is a TypeError, an invalid value a
 * RangeError.
 *
 * @module
 */
import { shown } from "./shown.ts";

/** Throws a TypeError unless a value is a number. */
export function assertNumber(name: string, value: number): void {
  if (typeof value === "number") return;
  throw new TypeError(`${name} should be a number, got ${typeof value}`);
}

export function assertFinite(name: string, value: number): void {
  assertNumber(name, value);
  if (Number.isFinite(value)) return;
  throw new RangeError(`${name} should be finite, got ${value}`);
}

/** Throws unless a value is a number that float32 has too, and does not take as infinite. */
export function assertFloat(name: string, value: number): void {
  assertFinite(name, value);
  if (Number.isFinite(Math.fround(value))) return;
  throw new RangeError(`${name} should be finite, as float32, got ${value}`);
}

/** Throws unless a value can be added to a divisor: finite and >= 0. */
export function assertEpsilon(name: string, value: number): void {
  assertFloat(name, value);
  if (value >= 0) return;
  throw new RangeError(`${name} should be 0 or more, got ${value}`);
}

export function assertPositiveInteger(name: string, value: number): void {
  assertNumber(name, value);
  if (Number.isInteger(value) && value > 0) return;
  throw new RangeError(`${name} should be a positive integer, got ${value}`);
}

/** Throws unless a value is an integer from `least` to `most`. */
export function assertInteger(
  name: string,
  value: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): void {
  assertNumber(name, value);
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `${name} should be an integer from ${least} to ${most}, got ${value}`,
  );
}

/** The most numbers of a list or a tensor that options ask for: 4 GiB of float32. */
const MOST_NUMBERS = 2 ** 30;

/**
 * Throws unless sizes multiply to as many numbers as there may be in one list or
 * tensor: beyond that, memory ends without a word of what has asked for it.
 *
 * @param sizes The sizes by the names of their options.
 */
export function assertAllocatable(
  sizes: Readonly<Record<string, number>>,
): void {
  const all = Object.values(sizes);
  if (all.reduce((product, size) => product * size, 1) <= MOST_NUMBERS) return;
  throw new RangeError(
    `${Object.keys(sizes).join(" · ")} should be at most ${MOST_NUMBERS}, got ${
      all.join(" · ")
    }`,
  );
}

/** Throws unless a value is a share or a probability, from 0 to 1. */
export function assertShare(name: string, value: number): void {
  assertNumber(name, value);
  if (value >= 0 && value <= 1) return;
  throw new RangeError(`${name} should be from 0 to 1, got ${value}`);
}

/** Throws a TypeError unless a value is a string. */
export function assertText(name: string, text: string): void {
  if (typeof text === "string") return;
  throw new TypeError(`${name} should be a string, got ${shown(text)}`);
}

/**
 * Throws unless a value can be the path of a file or folder: `${""}/name` would
 * lie in the root.
 */
export function assertPath(name: string, value: string): void {
  if (typeof value !== "string") {
    throw new TypeError(`${name} should be a path, got ${typeof value}`);
  }
  if (value !== "") return;
  throw new RangeError(
    `${name} should be a path, got ""; "." is the current folder`,
  );
}

/** Throws unless a value is `true` or `false`: `"false"` would count as true. */
export function assertBoolean(name: string, value: boolean): void {
  if (typeof value === "boolean") return;
  throw new TypeError(`${name} should be true or false, got ${shown(value)}`);
}

/** Throws unless a value is one of an option's. */
export function assertOneOf<T>(
  name: string,
  value: T,
  choices: readonly T[],
): void {
  if (choices.includes(value)) return;
  const texts = choices.map(shown);
  throw new RangeError(
    `${name} should be ${texts.slice(0, -1).join(", ")} or ${
      texts.at(-1)
    }, got ${shown(value)}`,
  );
}

/**
 * Throws unless a value is iterable, as an array or a generator is.
 *
 * @param value The value given; a string does not count as an iterable of letters.
 */
export function assertIterable(
  name: string,
  value: Iterable<unknown> | AsyncIterable<unknown>,
): void {
  const given: unknown = value;
  const object = Object(given);
  const goes = object[Symbol.asyncIterator] ?? object[Symbol.iterator];
  if (typeof goes === "function" && typeof given !== "string") return;
  throw new TypeError(
    `${name} should be an array or another iterable, got ${shown(given)}`,
  );
}

export function assertList(name: string, value: readonly unknown[]): void {
  if (Array.isArray(value)) return;
  throw new TypeError(`${name} should be an array, got ${shown(value)}`);
}

/** Throws unless a value is an object of named parts, and no array. */
export function assertNamed(name: string, value: object): void {
  const given: unknown = value;
  if (
    typeof given === "object" && given !== null && !Array.isArray(given)
  ) return;
  throw new TypeError(
    `${name} should be an object such as { name: … }, got ${shown(given)}`,
  );
}

/** Throws unless a value has layers, as models of TensorFlow.js have. */
export function assertModel(
  name: string,
  model: { readonly layers: readonly unknown[] },
): void {
  if (Array.isArray(Object(model).layers)) return;
  throw new TypeError(
    `${name} should be a model, such as lionEncoder makes, got ${shown(model)}`,
  );
}

/**
 * Checks the indices of a gather.
 *
 * @param size The size of x's axis.
 * @param axis The index of the axis.
 * @throws {RangeError} If an index is out of range.
 */
export function assertIndices(
  indices: Int32Array,
  size: number,
  axis: number,
): void {
  const wrong = indices.find((index) => !(index >= 0 && index < size));
  if (wrong === undefined) return;
  throw new RangeError(
    // tfjs's message, followed by what to do.
    `GatherV2: the index value ${wrong} is not in [0, ${size - 1}]; give ` +
      `indices below ${size}, the size of x's axis ${axis}`,
  );
}
