/** Sequences of which some tokens are given, and their checks. @module */
import { assertInteger, assertList, shown } from "@lionjs/base";
import { integers } from "@lionjs/data/batches";

/** A sequence of which some tokens are given, such as a puzzle's clues or a prompt. */
export interface GivenTokens {
  /** The ids of the tokens. */
  readonly ids: ArrayLike<number>;
  /** Whether each token is given, and thus never hidden. @default false for each */
  readonly given?: ArrayLike<boolean> | undefined;
}

/** Throws unless a value can be the id of the mask. */
export function assertMaskToken(maskToken: number): void {
  assertInteger("maskToken", maskToken, 0, 2 ** 31 - 1);
}

/** Throws unless a value is a list of lists of ids. */
export function assertIds(
  name: string,
  rows: readonly (readonly number[])[],
): void {
  assertList(name, rows);
  rows.forEach((row, i) => assertRow(`${name}[${i}]`, row));
}

/** Throws unless a value is a list of ids. */
function assertRow(name: string, row: ArrayLike<number>): void {
  const wrong = Array.from(integers(name, row)).findIndex((id) => id < 0);
  if (wrong < 0) return;
  throw new RangeError(
    `${name} should be ids of tokens, 0 or more, got ${row[wrong]} at ${wrong}`,
  );
}

/**
 * The places of a sequence that may be hidden: those that are not given.
 *
 * @param name The sequence's, for messages.
 * @throws {TypeError} If ids or given are no lists of such values.
 * @throws {RangeError} If they differ in length, or a token is the mask though it is
 * not given.
 */
export function freePlaces(
  name: string,
  { ids, given }: GivenTokens,
  maskToken: number,
): number[] {
  assertRow(`${name}'s ids`, ids);
  if (given !== undefined) assertGiven(name, given, ids.length);
  const free: number[] = [];
  for (let place = 0; place < ids.length; place++) {
    if (given?.[place]) continue;
    if (ids[place] === maskToken) {
      throw new RangeError(
        `${name}'s ids should hold the mask, ${maskToken}, only where it is given, got it at ${place}`,
      );
    }
    free.push(place);
  }
  return free;
}

function assertGiven(
  name: string,
  given: ArrayLike<boolean>,
  length: number,
): void {
  const size: unknown = Object(given).length;
  if (typeof given === "string" || !Number.isInteger(size)) {
    throw new TypeError(
      `${name}'s given should be true or false for each token, got ${
        shown(given)
      }`,
    );
  }
  if (size !== length) {
    throw new RangeError(
      `${name}'s given should be one for each of its ${length} tokens, got ${size}`,
    );
  }
  const wrong = Array.from(given).findIndex((x) => typeof x !== "boolean");
  if (wrong < 0) return;
  throw new TypeError(
    `${name}'s given should be true or false for each token, got ${
      shown(given[wrong])
    } at ${wrong}`,
  );
}
