/**
 * Checks that the rooms of `lib`, and the folders within a room, import in one
 * direction only, that no files import each other in a circle, and that no folder
 * has more files than a reader takes in: by `deno info --json` of all entry points,
 * and by the text of the assembly, which is none of Deno's.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The rooms of `lib`: each imports only those before it. CONTRIBUTING.md says what they are. */
const FLOORS: readonly string[] = [
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
  "hub",
  "jupyter",
  "progress",
  "training",
  "notebook",
  "tfjs",
  "kernels",
  "backend",
];

/**
 * The folders within rooms that have an order: each imports only those before it.
 * "" are the files that lie in the room itself.
 */
const FLOORS_WITHIN: Readonly<Record<string, readonly string[]>> = {
  "attention/": ["decays", "forms", "planning", "ranks", "", "streaming"],
  "data/": [
    ...["batches", "bytes", "records", "text", "images", "corpora", "tasks"],
    ...["benchmarks", ""],
  ],
  "training/": ["losses", "metrics", "reports", ""],
  "data/images/": [
    ...["pictures", "operations", "decoding", "transforms", "datasets"],
    ...["batching", ""],
  ],
  "hub/": ["files", "pretrained", ""],
  "kernels/webgpu/": [
    ...["frame", "layer", "score_tiles", "chunkwise", "full", "softmax"],
    ...["recurrent", "chunk_engine", "diagonal", "delta", "scan", ""],
  ],
  "kernels/wasm/assembly/": [
    ...["runtime", "math", "reductions", "moves", "layer", "convolution"],
    ...["chunkwise", "full", "recurrent", "delta", "softmax", "scan", ""],
  ],
};

/** The most files of a folder. */
const LARGEST_FOLDER = 24;

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
 * @param within The folder in which the rooms are, from `lib` on.
 */
export function misplacedImports(
  imports: readonly Import[],
  floors: readonly string[] = FLOORS,
  within = "",
): string[] {
  const roomOf = (file: string) =>
    file.slice(within.length).replace(/[^/]+$/, "").split("/")[0]!;
  const isWithin = ({ from, to }: Import) =>
    from.startsWith(within) && to.startsWith(within);
  return imports.filter(isWithin).flatMap(({ from, to }) => {
    const rooms = [roomOf(from), roomOf(to)] as const;
    const unknown = rooms.find((room) => !floors.includes(room));
    if (unknown !== undefined) {
      return [
        `lib/${from} → lib/${to}: ${unknown} is not among the floors; give it ` +
        `a place in tools/check_rooms.ts, and in CONTRIBUTING.md`,
      ];
    }
    const [upper, lower] = rooms.map((room) => floors.indexOf(room));
    if (lower! <= upper!) return [];
    const [reader, read] = rooms.map((room) => room || `lib/${within}`);
    return [
      `lib/${from} → lib/${to}: ${reader} may not import ${read}, which ` +
      `stands on it; move what they share into ${reader} or before it`,
    ];
  });
}

/** The folders within one that have too many files, a line each. */
async function crowdedFolders(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const files = entries.filter(({ isFile }) => isFile).length;
  const inner = await Promise.all(
    entries.filter(({ isDirectory }) => isDirectory).map(({ name }) =>
      crowdedFolders(`${folder}/${name}`)
    ),
  );
  const line = `${folder} has ${files} files, more than ${LARGEST_FOLDER}; ` +
    "give those that belong together a folder of their own";
  return [...(files > LARGEST_FOLDER ? [line] : []), ...inner.flat()];
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

/** The imports among the files of the assembly, whose names have no ending there. */
async function assemblyImports(lib: URL): Promise<Import[]> {
  const found: Import[] = [];
  const visit = async (folder: URL) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const file = new URL(name, folder);
      if (isDirectory) {
        await visit(new URL(`${name}/`, folder));
        continue;
      }
      const text = await Deno.readTextFile(file);
      for (
        const [, path] of text.matchAll(
          /^(?:import|export|\}).* from "(\.[^"]+)";/gm,
        )
      ) {
        const to = new URL(`${path}.ts`, file);
        // These are made by tools/kernels/build.ts.
        if (/\/(gemm|loops|jobs|tasks)\.ts$/.test(to.href)) continue;
        const [from, imported] = [file, to].map(({ href }) =>
          href.slice(lib.href.length)
        );
        found.push({ from: from!, to: imported! });
      }
    }
  };
  await visit(new URL("kernels/wasm/assembly/", lib));
  return found;
}

if (import.meta.main) {
  const { default: config } = await import("../deno.json", {
    with: { type: "json" },
  });
  const lib = new URL("../lib/", import.meta.url);
  const imports = await importsOf(
    new URL("..", import.meta.url),
    Object.values(config.exports),
  );
  const ofAssembly = await assemblyImports(lib);
  const wrong = [
    ...misplacedImports(imports),
    ...Object.entries(FLOORS_WITHIN).flatMap(([within, floors]) =>
      misplacedImports([...imports, ...ofAssembly], floors, within)
    ),
    ...await crowdedFolders(fileURLToPath(lib)),
    ...[...filesInCircles(imports), ...filesInCircles(ofAssembly)]
      .map((file) => `${file} is in a circle of imports`),
  ];
  wrong.forEach((line) => console.error(line));
  console.log(
    `${
      imports.length + ofAssembly.length
    } imports in lib, ${wrong.length} wrong`,
  );
  if (wrong.length > 0) Deno.exit(1);
}
