/**
 * The few functions of `@std/assert` that the tests use, over `node:assert`,
 * so that they run where JSR is not reachable. With `"jsr:@std/assert@^1"` for
 * `@std/assert` in deno.json they run on the real package. It is an import and
 * no link, since Deno warns of links in the deno.json of whoever links to us.
 *
 * @module
 */
import assertModule from "node:assert/strict";

/** An error of an assertion. */
export const AssertionError = assertModule.AssertionError;

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** Throws if `condition` is not truthy. */
export function assert(condition: unknown, message = ""): asserts condition {
  if (!condition) throw new Error(message || "Assertion failed");
}

/** Throws unless the two are deeply equal. */
export function assertEquals<T>(
  actual: T,
  expected: T,
  message = "",
): void {
  if (message) assertModule.deepStrictEqual(actual, expected, message);
  else assertModule.deepStrictEqual(actual, expected);
}

/** Throws unless the two numbers are within `tolerance` of each other. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance = 1e-7,
  message = "",
): void {
  if (Object.is(actual, expected)) return;
  if (Math.abs(actual - expected) <= tolerance) return;
  throw new Error(
    `${
      message ? `${message}: ` : ""
    }expected ${actual} to be within ${tolerance} of ${expected}`,
  );
}

/** Throws unless `actual` is less than `expected`. */
export function assertLess(
  actual: number,
  expected: number,
  message = "",
): void {
  if (!(actual < expected)) {
    throw new Error(
      `${message ? `${message}: ` : ""}expected ${actual} < ${expected}`,
    );
  }
}

/** Throws unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string): void {
  assert(
    actual.includes(expected),
    `expected "${actual}" to include "${expected}"`,
  );
}

function assertError<E extends Error>(
  error: unknown,
  errorClass: ErrorClass<E>,
  part: string,
): E {
  assert(
    error instanceof errorClass,
    `expected ${errorClass.name}, got ${error}`,
  );
  assertStringIncludes(error.message, part);
  return error;
}

/** Throws unless `text` matches `pattern`. */
export function assertMatch(text: string, pattern: RegExp): void {
  assertModule.match(text, pattern);
}

/** Throws unless `run` throws an `errorClass` whose message includes `part`. */
export function assertThrows<E extends Error>(
  run: () => unknown,
  errorClass: ErrorClass<E>,
  part = "",
): E {
  try {
    run();
  } catch (error) {
    return assertError(error, errorClass, part);
  }
  throw new Error("expected a throw");
}

/** As {@linkcode assertThrows}, for a function that returns a promise. */
export async function assertRejects<E extends Error>(
  run: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  part = "",
): Promise<E> {
  try {
    await run();
  } catch (error) {
    return assertError(error, errorClass, part);
  }
  throw new Error("expected a rejection");
}
