/** Checking options by name, so that misspelt ones throw. @module */
import { distance } from "fastest-levenshtein";

/** The names of all options of `T`. */
export type OptionNames<T> = { readonly [name in keyof T]-?: true };

/** Names with a blank between each two, or a table of names. */
type Names = string | Readonly<Record<string, true>>;

/** Each of the names; one that a list repeats becomes a name that no option has. */
type EachName<Part> = Part extends `${infer Name} ${infer Rest}`
  ? EachName<Rest> | (Name extends EachName<Rest> ? `${Name} again` : Name)
  : Part extends string ? Part
  : keyof Part;

/** `Part`, if `Parts` name exactly the options of `T`; else a text of what is wrong. */
type CheckedNames<Part, T, Parts extends readonly Names[]> =
  [Exclude<EachName<Part>, keyof T>] extends [never]
    ? [Exclude<keyof T, EachName<Parts[number]>>] extends [never] ? Part
    : `${Exclude<keyof T, EachName<Parts[number]>> & string} is missing`
    : `${Exclude<EachName<Part>, keyof T> & string} is no option`;

/**
 * The table of the options of `T`, as in `optionsOf<SkipBad>()("skip limit")`.
 *
 * Programs that run do not have their types, so the names are written once more;
 * a type error tells which of them is missing, misspelt or repeated.
 */
export function optionsOf<T>() {
  return <const Parts extends readonly [Names, ...Names[]]>(
    ...parts: { [i in keyof Parts]: CheckedNames<Parts[i], T, Parts> }
  ): OptionNames<T> => {
    const names = (parts as readonly Names[]).flatMap((part) =>
      typeof part === "string" ? part.split(" ") : Object.keys(part)
    );
    return Object.fromEntries(
      names.map((name) => [name, true]),
    ) as OptionNames<T>;
  };
}

/** Options completed with defaults, so that each has a value. */
export type Complete<T> = {
  [name in keyof T]-?: Exclude<T[name], undefined>;
};

/**
 * Throws unless `options` is an object with only known options, none of them null.
 *
 * `deno run` and notebooks do not check types, so a misspelt option would
 * otherwise silently leave its default in place.
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
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(names, name)) {
      if (value !== null) continue;
      throw new TypeError(
        `${owner}'s ${name} should have a value, or be left out for its default, got null`,
      );
    }
    const known = Object.keys(names);
    throw new TypeError(
      `${owner} has no ${kind} ${JSON.stringify(name)}${
        didYouMean(name, known)
      } Its ${kind}s are ${known.join(", ")}`,
    );
  }
}

/**
 * `; did you mean "x"?`, or a full stop if no known name resembles the unknown one:
 * one that it shortens (`lr`), or one that it lengthens or shares half of.
 *
 * @param shown How a name is written. @default JSON.stringify
 */
export function didYouMean(
  name: string,
  known: readonly string[],
  shown: (name: string) => string = JSON.stringify,
): string {
  const letters = name.toLowerCase();
  const cost = (candidate: string) => {
    const word = candidate.toLowerCase();
    if (isAbbreviation(letters, word)) return 0;
    const changed = distance(letters, word) /
      Math.max(letters.length, word.length);
    return isAbbreviation(word, letters) ? Math.min(changed, 0.5) : changed;
  };
  const best = known.reduce((a, b) => cost(b) < cost(a) ? b : a);
  return cost(best) > 0.5 ? "." : `; did you mean ${shown(best)}?`;
}

/**
 * Whether letters abbreviate a word: it starts with the first of them and contains
 * all of them in order.
 */
function isAbbreviation(letters: string, word: string): boolean {
  let at = 0;
  for (const letter of word) if (letter === letters[at]) at++;
  return letters[0] === word[0] && at === letters.length;
}
