/** Checks of option values. @module */
import { assertAllocatable, shown } from "@lionjs/base";

/** Throws unless the value is a dropout rate or `undefined`. */
export function assertRate(name: string, rate: number | undefined): void {
  if (rate === undefined) return;
  assertNumber(name, rate);
  if (rate >= 0 && rate < 1) return;
  throw new RangeError(`${name} should be in [0, 1), got ${rate}`);
}

/** Throws unless the value can be added to a variance or is `undefined`. */
export function assertEpsilon(name: string, value: number | undefined): void {
  if (value === undefined) return;
  assertNumber(name, value);
  if (value >= 0 && Math.fround(value) < Infinity) return;
  throw new RangeError(`${name} should be 0 or more and finite, got ${value}`);
}

/** Throws unless the option `embeddingStd` is a standard deviation. */
export function assertEmbeddingStd(
  value: number,
  name = "embeddingStd",
): void {
  assertNumber(name, value);
  if (value > 0 && Math.fround(value) < Infinity) return;
  throw new RangeError(`${name} should be above 0 and finite, got ${value}`);
}

/** Throws unless the value is an integer of `least` or more. */
export function assertCount(
  name: string,
  value: number,
  least: 0 | 1 = 1,
): void {
  assertNumber(name, value);
  if (Number.isInteger(value) && value >= least) {
    return assertAllocatable({ [name]: value });
  }
  throw new RangeError(
    `${name} should be an integer of ${least} or more, got ${value}`,
  );
}

/** Throws unless all values are true, false or `undefined`. */
export function assertBooleans(
  options: Readonly<Record<string, boolean | undefined>>,
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || typeof value === "boolean") continue;
    throw new TypeError(
      `${name} should be true or false, got ${shown(value)}`,
    );
  }
}

export function assertNumber(name: string, value: number): void {
  if (typeof value === "number") return;
  throw new TypeError(
    `${name} should be a number, got ${shown(value)}`,
  );
}

/**
 * Throws if an option is given that other options make meaningless.
 *
 * @param options The options that have no meaning here, as they were given.
 * @param why Why not, after the option's name.
 */
export function assertNotGiven(
  options: Readonly<Record<string, unknown>>,
  why: string,
): void {
  const given = Object.entries(options)
    .find(([, value]) => value !== undefined);
  if (!given) return;
  throw new RangeError(
    `${given[0]} ${why}; leave it out, got ${shown(given[1])}`,
  );
}
