/**
 * Finds one-line comments that cannot be read alone, and counts them by folder:
 * `deno run -A tools/house/fragments.ts lib`.
 *
 * @module
 */
import { extname, join } from "node:path";

/** A comment that a reader understands only with what stands around it. */
export interface Fragment {
  /** The file's path: that of the folder given, and what is below it. */
  readonly file: string;
  /** The comment's line, counted from 1. */
  readonly line: number;
  /** The comment without its marks. */
  readonly text: string;
  /** The kind of fragment. */
  readonly kind: string;
}

/** Pronouns for something that another line names. */
const PRONOUN = "it|its|they|them|their|these|those";
/** Words for something, as a fragment begins with one: "The part that it has". */
const HEAD = String.raw`(?:the )?[\w-]+`;

/** The kinds of fragments, and the expressions that tell them; the first that fits counts. */
const KINDS: readonly (readonly [string, RegExp])[] = [
  [
    "points elsewhere",
    /^(the same|as (above|below|before|many|few)|likewise|otherwise|else|so|such)\b/i,
  ],
  ["begins with a pronoun", /^(it|its|they|their|those|these|others)\b/i],
  [
    "counts what is not named",
    /^(both|each|all|one|none|neither|either|the (others?|first|last|next|rest))( (of (it|its|them|these|those)|have|has|is|are|may|take|that) |\.)/i,
  ],
  ["has no main clause", /^(where|when|if|before|after|as|but|and|or)\b/i],
  [
    "has no main clause",
    /^(of|by|in|on|at|from|with|without|for)\b(?!.*\b(is|are|has|have|matters)\b)/i,
  ],
  [
    "has a pronoun before any name",
    new RegExp(
      `^(?:whether|how|how (?:many|much|far|long|often)|why|(?:${HEAD})(?: of| at| to| from| that| of what)?) (?:${PRONOUN})\\b`,
      "i",
    ),
  ],
  [
    "counts by the line below",
    /\b(so many(?! that)|such (?:a|an) \w+(?! (?:as|that))\b)/i,
  ],
  [
    "has a private word",
    /\b(slope|quads?|pays|paid|told(?! apart)|travels?|joined(?! (?:by|to))|(?:are|is|lies?) apart)\b/i,
  ],
];

/** A text that may go on after a comma, but only with what depends on the part before. */
const NO_MAIN_CLAUSE =
  /^[^,:;]*(, (which|who|and|or|but|so that)\b[^,:;]*)?\.?( @.*)?$/i;

/**
 * The kind of fragment that a comment's text is; `undefined` if it can be read alone.
 *
 * @param isDoc Whether it documents a name. Elsewhere, "What is done twice costs twice"
 * is a sentence.
 */
export function fragmentKind(text: string, isDoc: boolean): string | undefined {
  if (isDoc && /^(what|who|whose)\b/i.test(text)) return "is a relative clause";
  return KINDS.find(([kind, expression]) =>
    expression.test(text) &&
    (kind !== "has no main clause" || NO_MAIN_CLAUSE.test(text))
  )?.[0];
}

/**
 * The fragments among a source's one-line comments: doc comments of a line, and
 * lines of `//` with none above or below.
 */
export function fragmentsOf(source: string, file = ""): Fragment[] {
  const lines = source.split("\n");
  const isPart = (i: number) => /^\s*\/\//.test(lines[i] ?? "");
  return lines.flatMap((content, i) => {
    const doc = /^\s*\/\*\*\s+(.*?)\s*\*\/$/.exec(content)?.[1];
    const other = isPart(i - 1) || isPart(i + 1)
      ? undefined
      : /^\s*\/\/\s*(.*)$/.exec(content)?.[1];
    const text = doc ?? other ?? "";
    const kind = fragmentKind(text, doc !== undefined);
    return kind === undefined ? [] : [{ file, line: i + 1, text, kind }];
  });
}

/** The fragments of all TypeScript and AssemblyScript below a folder, by path. */
export async function fragmentsIn(folder: string): Promise<Fragment[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  const found: Fragment[] = [];
  for (const { name, isDirectory } of entries) {
    const path = join(folder, name);
    if (isDirectory) found.push(...await fragmentsIn(path));
    else if (extname(name) === ".ts") {
      found.push(...fragmentsOf(await Deno.readTextFile(path), path));
    }
  }
  return found;
}

if (import.meta.main) {
  const folders = Deno.args.length > 0 ? Deno.args : ["lib"];
  const found = (await Promise.all(folders.map(fragmentsIn))).flat();
  for (const { file, line, kind, text } of found) {
    console.log(`${file}:${line}: ${kind}: ${text}`);
  }
  const kinds = Map.groupBy(found, ({ kind }) => kind);
  for (const [kind, { length }] of kinds) console.log(`${length} ${kind}`);
  console.log(`${found.length} fragments`);
}
