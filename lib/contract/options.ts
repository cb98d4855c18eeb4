/** Options are checked by name: an unknown one is a mistake, not a wish. @module */
import { distance } from "fastest-levenshtein";

/** Every option of `T`; the compiler refuses a list that misses one. */
export type OptionNames<T> = { readonly [name in keyof T]-?: true };

/**
 * Throws unless `options` is an object that has known options only.
 *
 * `deno run` and notebooks check no types, so that a misspelt option would
 * otherwise leave its default in place without a word.
 *
 * @param owner Whose options they are, as the caller knows it: `lionBlock`, or
 * `train's optimizer`.
 * @param options What came.
 * @param names Every option there is.
 * @param kind What the caller knows them as.
 * @throws {TypeError} If it is no object, or has an option that is not among
 * `names`; the message names the nearest one.
 */
export function assertOptions<T extends object>(
  owner: string,
  options: T,
  names: { readonly [name in keyof T]-?: unknown },
  kind: "option" | "input" = "option",
): void {
  const given: unknown = options;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const type = given === null
      ? "null"
      : Array.isArray(given)
      ? "an array"
      : typeof given;
    const value = typeof given === "string" ? ` ${JSON.stringify(given)}` : "";
    throw new TypeError(
      `${kind}s of ${owner} should be an object such as { ${
        Object.keys(names)[0]
      }: … }, got ${type}${value}`,
    );
  }
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(names, name)) continue;
    const known = Object.keys(names);
    throw new TypeError(
      `${owner} has no ${kind} ${JSON.stringify(name)}; did you mean ${
        JSON.stringify(nearest(name, known))
      }? Its ${kind}s are ${known.join(", ")}`,
    );
  }
}

/** An abbreviation means what it shortens (`lr`); a misspelling, what has most letters in common. */
function nearest(name: string, known: readonly string[]): string {
  const letters = name.toLowerCase();
  const cost = (candidate: string) => {
    const word = candidate.toLowerCase();
    return isAbbreviation(letters, word) ? 0 : distance(letters, word);
  };
  return known.reduce((best, next) => cost(next) < cost(best) ? next : best);
}

/** Whether the letters begin the word and all stand in it, in order. */
function isAbbreviation(letters: string, word: string): boolean {
  let at = 0;
  for (const letter of word) if (letter === letters[at]) at++;
  return letters[0] === word[0] && at === letters.length;
}
