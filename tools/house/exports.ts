/**
 * The names that each entry of deno.json exports:
 * `deno run -A tools/house/exports.ts` counts them, and lists them after `--names`.
 *
 * @module
 */
import { readCommandLine } from "../command_line.ts";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** What an entry exports. */
export interface EntryExports {
  /** As deno.json names it: `.`, or `./data`. */
  readonly entry: string;
  /** The names of functions, classes and constants. */
  readonly values: readonly string[];
  /** The names of interfaces and type aliases. */
  readonly types: readonly string[];
}

/** The part of `deno doc --json` that is read. */
interface Documented {
  readonly nodes: Readonly<
    Record<string, {
      readonly symbols: readonly {
        readonly name: string;
        readonly declarations: readonly { readonly kind: string }[];
      }[];
    }>
  >;
}

/**
 * The exported names of all entries. A name that two entries export is in both.
 *
 * @throws {Error} If Deno cannot read an entry.
 */
export function exportsOfEntries(): Promise<EntryExports[]> {
  return Promise.all(
    Object.entries(config.exports).map(async ([entry, file]) => {
      // Of several entries, Deno describes a name in one alone.
      const { success, stdout, stderr } = await new Deno.Command(
        Deno.execPath(),
        { args: ["doc", "--json", file], cwd: ROOT, env: { NO_COLOR: "1" } },
      ).output();
      const text = new TextDecoder();
      if (!success) throw new Error(text.decode(stderr));
      const { nodes }: Documented = JSON.parse(text.decode(stdout));
      const symbols = nodes[new URL(file, ROOT).href]!.symbols;
      const [values, types] = [false, true].map((wantsTypes) =>
        symbols.filter(({ declarations }) =>
          wantsTypes ===
            declarations.every(({ kind }) =>
              kind === "interface" || kind === "typeAlias"
            )
        ).map(({ name }) => name).sort()
      );
      return { entry, values: values!, types: types! };
    }),
  );
}

/** All names; one that two entries export counts once. */
export function namesOf(entries: readonly EntryExports[]): Set<string> {
  return new Set(entries.flatMap(({ values, types }) => [...values, ...types]));
}

if (import.meta.main) {
  const { names } = await readCommandLine(
    `Usage: deno run -A tools/house/exports.ts [options]

Counts the names that each entry of deno.json exports.

  --names   list them too
  --help    print this`,
    { names: { type: "boolean", default: false } },
    (values) => values,
  );
  const found = await exportsOfEntries();
  for (const { entry, values, types } of found) {
    console.log(`${entry}: ${values.length} values, ${types.length} types`);
    if (names) console.log(`  ${[...values, ...types].join(", ")}`);
  }
  console.log(`${namesOf(found).size} names`);
}
