/**
 * Checks that the rooms of `lib` import in one direction only, and that no files
 * import each other in a circle: by `deno info --json` of all entry points, and
 * by the text of the assembly, which is none of Deno's.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The rooms of `lib`: each imports only those before it. CONTRIBUTING.md says what they are. */
export const FLOORS: readonly string[] = [
  "contract",
  "mpi",
  "proof",
  "operations",
  "attention",
  "family",
  "layers",
  "models",
  "optimizers",
  "io",
  "data",
  "jupyter",
  "progress",
  "training",
  "notebook",
  "tfjs",
  "kernels",
  "backend",
];

/** A file that imports another, types included; both as paths from `lib` on. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

/** The part of `deno info --json` that is read. */
interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

/**
 * All imports among the files of a folder that entry points reach.
 *
 * @param folder Where `lib` is; its last letter is a slash.
 * @param entryPoints Relative to the folder.
 * @throws {Error} If Deno cannot read an entry point, or a module is missing.
 */
export async function importsOf(
  folder: URL,
  entryPoints: readonly string[],
): Promise<Import[]> {
  const lib = new URL("lib/", folder).href;
  const graphs = await Promise.all(
    entryPoints.map((entry) => graphOf(new URL(entry, folder))),
  );
  const found = new Map<string, Import>();
  for (const { specifier: from, dependencies = [] } of graphs.flat()) {
    for (const { code, type } of dependencies) {
      for (const to of [code?.specifier, type?.specifier]) {
        if (!from.startsWith(lib) || !to?.startsWith(lib)) continue;
        found.set(`${from} ${to}`, {
          from: from.slice(lib.length),
          to: to.slice(lib.length),
        });
      }
    }
  }
  return [...found.values()];
}

async function graphOf(entry: URL): Promise<Graph["modules"]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", fileURLToPath(entry)],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  const { modules } = JSON.parse(text.decode(stdout)) as Graph;
  const missing = modules.find(({ error }) => error);
  if (missing) throw new Error(`${missing.specifier}: ${missing.error}`);
  return modules;
}

/**
 * What is wrong with imports, a line each.
 *
 * @param imports As {@linkcode importsOf} finds them.
 * @param floors Rooms in their order.
 */
export function misplacedImports(
  imports: readonly Import[],
  floors: readonly string[] = FLOORS,
): string[] {
  const roomOf = (file: string) => file.split("/")[0]!;
  return imports.flatMap(({ from, to }) => {
    const rooms = [roomOf(from), roomOf(to)] as const;
    const unknown = rooms.find((room) => !floors.includes(room));
    if (unknown) {
      return [
        `lib/${from} → lib/${to}: ${unknown} is not among the floors; give it ` +
        `a place in tools/check_rooms.ts, and in CONTRIBUTING.md`,
      ];
    }
    const [upper, lower] = rooms.map((room) => floors.indexOf(room));
    if (lower! <= upper!) return [];
    return [
      `lib/${from} → lib/${to}: ${rooms[0]} may not import ${
        rooms[1]
      }, which ` +
      `stands on it; move what they share into ${rooms[0]} or before it`,
    ];
  });
}

/**
 * The files that are in circles of imports, or between two circles; types count.
 *
 * @param imports As {@linkcode importsOf} finds them.
 */
export function filesInCircles(imports: readonly Import[]): string[] {
  let left = imports;
  for (;;) {
    const importers = new Set(left.map(({ from }) => from));
    const imported = new Set(left.map(({ to }) => to));
    // What imports nothing, or is imported by nothing, is in no circle.
    const next = left.filter(({ from, to }) =>
      importers.has(to) && imported.has(from)
    );
    if (next.length === left.length) return [...importers].sort();
    left = next;
  }
}

/** The imports among the files of the assembly. */
async function assemblyImports(folder: URL): Promise<Import[]> {
  const found: Import[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(new URL(name, folder));
    for (
      const [, to] of text.matchAll(
        /^(?:import|export|\}).* from "\.\/(\w+)";/gm,
      )
    ) {
      found.push({ from: name, to: `${to}.ts` });
    }
  }
  return found;
}

if (import.meta.main) {
  const { default: config } = await import("../deno.json", {
    with: { type: "json" },
  });
  const imports = await importsOf(
    new URL("..", import.meta.url),
    Object.values(config.exports),
  );
  const wrong = misplacedImports(imports);
  wrong.forEach((line) => console.error(line));
  const assembly = new URL("../lib/kernels/wasm/assembly/", import.meta.url);
  const circles = [
    ...filesInCircles(imports),
    ...filesInCircles(await assemblyImports(assembly)),
  ];
  circles.forEach((file) => console.error(`${file} is in a circle of imports`));
  console.log(
    `${imports.length} imports in lib: ${wrong.length} misplaced, ` +
      `${circles.length} files in circles`,
  );
  if (wrong.length + circles.length > 0) Deno.exit(1);
}
