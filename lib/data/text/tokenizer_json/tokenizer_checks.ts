/**
 * Checks of the fields of a `tokenizer.json`, whose errors name a field by its
 * path, what it should be, and what it is.
 *
 * @module
 */
import { assertInteger, shown } from "@lionjs/base";

/** A check of a field, which throws unless the value is valid. */
export type Check = (name: string, value: unknown) => void;

/** The checks of an object's fields, by their names. */
export type Fields = Readonly<Record<string, Check>>;

/** An object whose fields are not known yet. */
export type Unchecked = Record<string, unknown>;

/** Throws unless a value is an object. */
export const object: Check = (name, value) => {
  if (!isObject(value)) wrong(name, "an object", value);
};
/** Throws unless a value is `true` or `false`. */
export const boolean: Check = kind(
  "true or false",
  (value) => typeof value === "boolean",
);
/** Throws unless a value is a string. */
export const text: Check = kind(
  "a string",
  (value) => typeof value === "string",
);
/** Throws unless a value is a string that is not empty. */
export const token: Check = kind(
  "a string that is not empty",
  (value) => typeof value === "string" && value !== "",
);
/** Throws unless a value is a finite number. */
export const finite: Check = kind(
  "a finite number",
  (value) => Number.isFinite(value),
);
/** Throws unless a value is a pair of strings. */
export const strings: Check = kind(
  "two strings",
  (value) =>
    Array.isArray(value) && value.length === 2 &&
    value.every((each) => typeof each === "string"),
);
/** Checks the fields of an object. */
export function assertFields(
  name: string,
  owner: Unchecked,
  fields: Fields,
): void {
  for (const [field, check] of Object.entries(fields)) {
    check(`${name}.${field}`, owner[field]);
  }
}

/** Whether a value is an object, and no array. */
export function isObject(value: unknown): value is Unchecked {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Makes a check by a condition, and what it expects in words. */
export function kind(
  expected: string,
  fits: (value: unknown) => boolean,
): Check {
  return (name, value) => {
    if (!fits(value)) wrong(name, expected, value);
  };
}

/** Makes a check for one of some strings. */
export function oneOf(...names: readonly string[]): Check {
  const known = new Set<unknown>(names);
  return kind(`one of ${names.join(", ")}`, (value) => known.has(value));
}

/** Makes a check that allows a missing field or null. */
export function optional(check: Check): Check {
  return (name, value) => {
    if (value !== undefined && value !== null) check(name, value);
  };
}

/** Makes a check for an array, whose every entry passes another check. */
export function list(check: Check): Check {
  return (name, value) => {
    if (!Array.isArray(value)) wrong(name, "an array", value);
    value.forEach((each, i) => check(`${name}[${i}]`, each));
  };
}

/** Makes a check for an integer within bounds. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  return (name, value) => {
    if (typeof value !== "number") wrong(name, "an integer", value);
    assertInteger(name, value, least, most);
  };
}

/** Throws the error about a field that is not what it should be. */
export function wrong(name: string, expected: string, value: unknown): never {
  throw new TypeError(
    `file should be the value of a tokenizer.json: ${name} should be ${expected}, got ${
      shown(value)
    }`,
  );
}
