/**
 * Checks that the rooms of `lib`, the folders within a room, and those beside `lib`
 * import in one direction only, that the packages beside `lib` import others by their
 * entries alone, that no files import each other in a circle, and that no folder of
 * `lib` has more files than a reader takes in: by `deno info --json`, and by the text of
 * the assembly, which is none of Deno's.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/**
 * The packages that `lib` holds beside LION's own rooms, with the packages that each
 * may import; LION's rooms may import all.
 */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  base: [],
  tfjs: ["base"],
  data: ["base"],
  datasets: ["base", "data"],
  notebook: ["base"],
  mpi: ["base"],
};

/** The packages of models, which are folders of `models`. */
export const MODELS: readonly string[] = [
  "sudoku",
  "gaps",
  "languages",
  "punctuation",
];

/** The folders of all packages beside `lib`. */
const PACKAGES_BESIDE: readonly string[] = [
  ...MODELS.map((name) => `models/${name}`),
  "tools/recipes",
];

/** The rooms of `lib`: each imports only those before it. docs/architecture.md says what they are. */
const FLOORS: readonly string[] = [
  ...Object.keys(PACKAGES),
  "operations",
  "attention",
  "kernels",
  "family",
  "layers",
  "models",
  "io",
  "hub",
  "onnx",
  "ranks",
  "training",
  "diffusion",
  "backend",
  "tuning",
  "entries",
];

/**
 * The folders within rooms that have an order: each imports only those before it.
 * "" are the files that lie in the room itself.
 */
const FLOORS_WITHIN: Readonly<Record<string, readonly string[]>> = {
  "attention/": ["decays", "forms", "planning", "", "streaming"],
  "data/": ["batches", "bytes", "records", "text", "images", "hub", ""],
  "datasets/": ["corpora", "digits", "tasks", "benchmarks", ""],
  "training/": ["losses", "metrics", "reports", "tasks", ""],
  "data/images/": [
    ...["pictures", "operations", "decoding", "transforms", "datasets"],
    ...["batching", ""],
  ],
  "hub/": ["pretrained", ""],
  "kernels/webgpu/": [
    ...[
      "frame",
      "built",
      "score_tiles",
      "chunkwise",
      "full",
      "softmax",
    ],
    ...["recurrent", "transition", ""],
  ],
  "tfjs/wasm/assembly/": [
    ...["runtime", "math", "reductions", "moves", "elementwise"],
    ...["convolution", "optimizers", ""],
  ],
  "kernels/wasm/assembly/": [
    ...["chunkwise", "full", "recurrent", "transition", "softmax", "scan", ""],
  ],
};

/** What tools, pages and benches have in common, which stands below all of them. */
const MEASURE = "bench/measure";

/**
 * The folders beside `lib`: each imports only those before it. Tests have no place
 * among them, since they import all, and their oracle and random numbers are imported
 * by all: no circle of files is what they must not close.
 */
const BESIDE: readonly string[] = [
  ...["measure", "models", "site", "tools", "bench"],
];

/**
 * The folders of `tools`: each imports only those before it. What lies beside them is
 * programs that use them, and what all have in common.
 */
const TOOLS: readonly string[] = [
  ...["server", "notebooks", "kernels", "own_data", "recipes", "models"],
  ...["tune", "demo", "lab", "site", "house"],
];

/** The most files of a folder. */
const LARGEST_FOLDER = 24;

/** A file that imports another, types included; both as paths from the same folder on. */
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
 * @param root Where `deno.json` is; its last letter is a slash.
 * @param entryPoints Relative to it.
 * @param folder Whose files count, relative to `root`; paths are from there on.
 * @throws {Error} If Deno cannot read an entry point, or a module is missing.
 */
export async function importsOf(
  root: URL,
  entryPoints: readonly string[],
  folder = "lib/",
): Promise<Import[]> {
  const base = new URL(folder, root).href;
  const found = new Map<string, Import>();
  for (
    const { specifier: from, dependencies = [] } of await graphOf(
      root,
      entryPoints,
    )
  ) {
    for (const { code, type } of dependencies) {
      for (const to of [code?.specifier, type?.specifier]) {
        if (!from.startsWith(base) || !to?.startsWith(base)) continue;
        found.set(`${from} ${to}`, {
          from: from.slice(base.length),
          to: to.slice(base.length),
        });
      }
    }
  }
  return [...found.values()];
}

/** The graph of a module that imports all entry points, since Deno takes one. */
async function graphOf(
  root: URL,
  entryPoints: readonly string[],
): Promise<Graph["modules"]> {
  const whole = await Deno.makeTempFile({ suffix: ".ts" });
  const lines = entryPoints.map((entry) =>
    `import "${new URL(entry, root).href}";`
  );
  await Deno.writeTextFile(whole, lines.join("\n"));
  const config = fileURLToPath(new URL("deno.json", root));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--config", config, whole],
    env: { NO_COLOR: "1" },
  }).output();
  await Deno.remove(whole);
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
 * @param within The folder in which the rooms are, from where paths are.
 * @param folder From where paths are, for messages.
 */
export function misplacedImports(
  imports: readonly Import[],
  floors: readonly string[] = FLOORS,
  within = "",
  folder = "lib/",
): string[] {
  const roomOf = (file: string) =>
    file.slice(within.length).replace(/[^/]+$/, "").split("/")[0]!;
  const isWithin = ({ from, to }: Import) =>
    from.startsWith(within) && to.startsWith(within);
  return imports.filter(isWithin).flatMap(({ from, to }) => {
    const line = `${folder}${from} → ${folder}${to}`;
    const rooms = [roomOf(from), roomOf(to)] as const;
    const unknown = rooms.find((room) => !floors.includes(room));
    if (unknown !== undefined) {
      return [
        `${line}: ${unknown} is not among the floors; give it ` +
        `a place in tools/check_rooms.ts, and in docs/architecture.md`,
      ];
    }
    const [upper, lower] = rooms.map((room) => floors.indexOf(room));
    if (lower! <= upper!) return [];
    const [reader, read] = rooms.map((room) => room || `${folder}${within}`);
    return [
      `${line}: ${reader} may not import ${read}, which ` +
      `stands on it; move what they share into ${reader} or before it`,
    ];
  });
}

/**
 * The imports that leave a package for one that it may not import, a line each.
 *
 * @param imports Among the files of `lib`, whose paths are from there on.
 */
export function betweenPackages(
  imports: readonly Import[],
  packages: Readonly<Record<string, readonly string[]>> = PACKAGES,
): string[] {
  return imports.flatMap(({ from, to }) => {
    const [reader, read] = [from, to].map((file) => file.split("/")[0]!);
    const allowed = packages[reader!];
    if (!allowed || read === reader || allowed.includes(read!)) return [];
    return [
      `lib/${from} → lib/${to}: the package lib/${reader} may import ` +
      `${allowed.map((name) => `lib/${name}`).join(" and ") || "no other"}`,
    ];
  });
}

/** What is wrong with imports among files beside `lib`, whose paths are from its parent on. */
export function wrongBeside(found: readonly Import[]): string[] {
  const placeOf = (file: string) => file.replace(MEASURE, "measure");
  const imports = found.map(({ from, to }) => ({
    from: placeOf(from),
    to: placeOf(to),
  }));
  const isOf = (folders: readonly string[]) => ({ from, to }: Import) =>
    [from, to].every((file) => folders.includes(file.split("/")[0]!));
  const isOfFolders = ({ from, to }: Import) =>
    [from, to].every((file) => file.split("/").length > 2);
  return [
    ...misplacedImports(imports.filter(isOf(BESIDE)), BESIDE, "", ""),
    ...misplacedImports(imports.filter(isOfFolders), TOOLS, "tools/", ""),
    ...circles(imports.filter(isOf([...BESIDE, "tests"]))),
  ];
}

/**
 * The imports into or out of the packages beside `lib` that pass by an entry, a line
 * each. Tests may, and data are no entries.
 *
 * @param imports Paths are from the folder of `deno.json` on.
 * @param entries The files that packages export.
 */
export function pastEntries(
  imports: readonly Import[],
  entries: ReadonlySet<string>,
  packages: readonly string[] = PACKAGES_BESIDE,
): string[] {
  const packageOf = (file: string) =>
    [...packages, "lib"].find((folder) => file.startsWith(`${folder}/`));
  return imports.flatMap(({ from, to }) => {
    const [reader, read] = [packageOf(from), packageOf(to)];
    const isWithin = !read || reader === read;
    const isOfOthers = !reader && read === "lib";
    const mayPass = from.startsWith("tests/") || !to.endsWith(".ts");
    if (isWithin || isOfOthers || mayPass || entries.has(to)) return [];
    return [
      `${from} → ${to}: should be imported by an entry of its package's ` +
      "deno.json; export it there, or do without",
    ];
  });
}

/** The files that the packages of the repository export, from its root on. */
async function entriesOf(root: URL): Promise<Set<string>> {
  const folders = Object.keys(PACKAGES).map((name) => `lib/${name}`);
  const configs = ["", ...folders, ...PACKAGES_BESIDE].map(async (folder) => {
    const config = new URL(`${folder && `${folder}/`}deno.json`, root);
    const { exports } = JSON.parse(await Deno.readTextFile(config));
    return Object.values<string>(exports)
      .map((file) => new URL(file, config).href.slice(root.href.length));
  });
  return new Set((await Promise.all(configs)).flat());
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

/** A line for each file in a circle. */
function circles(imports: readonly Import[]): string[] {
  return filesInCircles(imports)
    .map((file) => `${file} is in a circle of imports`);
}

/** All TypeScript files in the folders beside `lib`, and in `tests`. */
async function filesBeside(root: URL): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string) => {
    for await (
      const { name, isDirectory } of Deno.readDir(new URL(folder, root))
    ) {
      if (isDirectory) await visit(`${folder}${name}/`);
      else if (name.endsWith(".ts")) found.push(`${folder}${name}`);
    }
  };
  for (const folder of ["models", "site", "tools", "bench", "tests"]) {
    await visit(`${folder}/`);
  }
  return found;
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
        if (/\/(gemm|loops|queue|jobs|records|tasks)\.ts$/.test(to.href)) {
          continue;
        }
        const [from, imported] = [file, to].map(({ href }) =>
          href.slice(lib.href.length)
        );
        found.push({ from: from!, to: imported! });
      }
    }
  };
  const operations = new URL("operations/", lib);
  const exists = (folder: URL) =>
    Deno.stat(folder).then(() => true, () => false);
  await visit(new URL("tfjs/wasm/assembly/", lib));
  await visit(new URL("kernels/wasm/assembly/", lib));
  for await (const { name, isDirectory } of Deno.readDir(operations)) {
    const assembly = new URL(`${name}/assembly/`, operations);
    if (isDirectory && await exists(assembly)) await visit(assembly);
  }
  return found;
}

if (import.meta.main) {
  const { default: config } = await import("../deno.json", {
    with: { type: "json" },
  });
  const root = new URL("..", import.meta.url);
  const lib = new URL("lib/", root);
  const imports = await importsOf(root, Object.values(config.exports));
  const ofAssembly = await assemblyImports(lib);
  const beside = (await importsOf(root, await filesBeside(root), ""))
    .filter(({ from }) => !from.startsWith("lib/"));
  const wrong = [
    ...misplacedImports([...imports, ...ofAssembly]),
    ...betweenPackages([...imports, ...ofAssembly]),
    ...Object.entries(FLOORS_WITHIN).flatMap(([within, floors]) =>
      misplacedImports([...imports, ...ofAssembly], floors, within)
    ),
    ...await crowdedFolders(fileURLToPath(lib)),
    ...[...circles(imports), ...circles(ofAssembly)],
    ...wrongBeside(beside),
    ...pastEntries(beside, await entriesOf(root)),
  ];
  wrong.forEach((line) => console.error(line));
  console.log(
    `${imports.length + ofAssembly.length} imports in lib, ` +
      `${beside.length} beside it, ${wrong.length} wrong`,
  );
  if (wrong.length > 0) Deno.exit(1);
}
