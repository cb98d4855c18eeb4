/** JSON that is nearly what it should be. @module */
import fc from "fast-check";

/** A value of JSON. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** What may stand where something else was expected. */
const VALUES: readonly Json[] = [
  ...[null, true, false, "", "a", "\u0000", "__proto__", "(a+)+$", "("],
  ...[0, 1, -1, 0.5, 2 ** 31, 2 ** 53, 1e308, "1", "../../x"],
  ...[[], {}, [[]], [null], { type: "BPE" }, { a: { b: { c: [] } } }],
];

/** Keys and indices from the whole to a part. */
type Path = readonly (string | number)[];

function pathsIn(value: Json, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const entries = Array.isArray(value)
    ? value.map((item, i) => [i, item] as const)
    : Object.entries(value);
  return [
    path,
    ...entries.flatMap(([key, item]) => pathsIn(item as Json, [...path, key])),
  ];
}

function partAt(value: Json, path: Path): Json {
  return path.reduce<Json>(
    (part, key) => (part as Record<string | number, Json>)[key]!,
    value,
  );
}

/** The value with another part, or without it. */
function changed(value: Json, path: Path, part: Json | undefined): Json {
  const [key, ...rest] = path;
  if (key === undefined) return part ?? null;
  if (Array.isArray(value)) {
    const items = value.flatMap((item: Json, i) =>
      i !== key
        ? [item]
        : rest.length === 0 && part === undefined
        ? []
        : [changed(item, rest, part)]
    );
    return items;
  }
  const entries = Object.entries(value as Record<string, Json>).flatMap((
    [name, item],
  ) =>
    name !== key
      ? [[name, item] as const]
      : rest.length === 0 && part === undefined
      ? []
      : [[name, changed(item, rest, part)] as const]
  );
  return Object.fromEntries(entries);
}

type Edit = (value: Json) => Json;

/** A place; any is as likely as another. */
const fraction = fc.noBias(fc.nat(9999)).map((n) => n / 10_000);

const oneOf = <T>(items: readonly T[], where: number): T =>
  items[Math.floor(where * items.length)]!;

const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(fraction, fc.constantFrom(...VALUES)).map(
    ([where, part]): Edit => (value) =>
      changed(value, oneOf(pathsIn(value), where), part),
  ),
  fraction.map((where): Edit => (value) =>
    changed(value, oneOf(pathsIn(value), where), undefined)
  ),
  // What stands elsewhere in it.
  fc.tuple(fraction, fraction).map(([where, from]): Edit => (value) => {
    const paths = pathsIn(value);
    const part = partAt(value, oneOf(paths, from));
    return changed(value, oneOf(paths, where), part);
  }),
);

/**
 * Values that differ from valid ones in one to three places.
 *
 * @param valid What they are made of.
 */
export function jsonMutants(valid: readonly Json[]): fc.Arbitrary<Json> {
  return fc.tuple(
    fc.constantFrom(...valid),
    fc.array(edits, { minLength: 1, maxLength: 3 }),
  ).map(([value, edits]) => edits.reduce((now, edit) => edit(now), value));
}

/** Texts of such values, of which some are cut off or have another letter. */
export function jsonTexts(valid: readonly Json[]): fc.Arbitrary<string> {
  const texts = jsonMutants(valid).map((value) => JSON.stringify(value));
  return fc.oneof(
    { weight: 4, arbitrary: texts },
    {
      weight: 1,
      arbitrary: fc.tuple(texts, fraction).map(([text, where]) =>
        text.slice(0, Math.floor(where * text.length))
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(texts, fraction, fc.constantFrom(...'{}[]",:0e\0'))
        .map(([text, where, letter]) => {
          const at = Math.floor(where * text.length);
          return text.slice(0, at) + letter + text.slice(at + 1);
        }),
    },
  );
}
