/** Builds the site: static files that any server can send. @module */
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { policyText } from "../../lib/notebook/content_policy.ts";
import { readKept } from "../../bench/measure/read_report.ts";
import { withIdea } from "./idea.ts";
import { keptTimes } from "./kept_times.ts";
import { keptResults, withCurves } from "./curves.ts";
import { documentation } from "./documents.ts";
import {
  ANNOTATED_PROGRAM,
  ANNOTATED_STYLE,
  bundleAnnotated,
} from "./annotated.ts";
import { brokenLinks } from "./links.ts";
import { documentsNav, FORMULA_STYLE } from "./page.ts";
import { plainText } from "./plain_text.ts";
import { SITE_POLICY } from "./policies.ts";
import { DOCUMENTS_PLACE, referencePage } from "./reference.ts";
import { withRepository } from "./repository.ts";
import { WASM, WASM_FILE } from "./wasm_file.ts";

const SOURCE = new URL("../../site/", import.meta.url);

/** Bundled by Deno, with all that they import. */
const PROGRAMS = ["page", "search"] as const;

/**
 * Bundled in pieces, so that what only WebGPU needs is loaded where it is chosen.
 * The second is loaded when somebody wants something filled in.
 */
const WORKERS = ["worker", "diffusion_worker"] as const;

const FIRST_WORKER = `${WORKERS[0]}.js`;

/** The pieces that the first worker imports on WebAssembly, by what their names begin with. */
const FIRST_PIECES = /^(?:cpu_modules|wasm_modules|wasm_kernels|relaxed)-/;

/** A piece that a piece imports: at once, or later, in brackets. */
const IMPORTED = /(?:from|import)\s*(\()?"\.\/([\w-]+\.js)"/g;

/** Bundled too, and loaded when somebody drops data. */
const LATER_PROGRAM = "own_data/trainer";

/** What decodes pictures, of packages of npm; each is loaded for the first picture of its kind. */
const CODECS: Readonly<Record<string, readonly string[]>> = {
  jpeg: [
    "decode.js",
    "utils.js",
    "meta.js",
    "codec/dec/mozjpeg_dec.js",
    "codec/dec/mozjpeg_dec.wasm",
  ],
  png: [
    "decode.js",
    "codec/pkg/squoosh_png.js",
    "codec/pkg/squoosh_png_bg.wasm",
  ],
  webp: [
    "decode.js",
    "utils.js",
    "codec/dec/webp_dec.js",
    "codec/dec/webp_dec.wasm",
  ],
};

/** What pages of the documentation share with each other and with the page to try. */
export const SHARED = [
  "index.html",
  "docs.css",
  "reference.css",
  "reference.js",
  "search.css",
  "search.js",
  "icon.svg",
  FORMULA_STYLE,
] as const;

/** The folder that Deno writes, with links of its own. */
export const ELSEWHERE = ["api/"] as const;

/** Copied as they are. */
const FILES = [
  "index.html",
  "style.css",
  "search.css",
  "icon.svg",
  "service_worker.js",
  "weights/digits.safetensors",
] as const;

/**
 * Copied too, and fetched when somebody asks for what they are of; the notices of the
 * texts that weights were trained on go with them.
 */
const LATER = [
  "weights/infilling.safetensors",
  "weights/LICENSES/postgresql-doc-17.txt",
  "weights/LICENSES/python3.13-doc.txt",
  "weights/LICENSES/sqlite3-doc.txt",
] as const;

/** The weights of models that have packages; fetched later too. */
const OF_PACKAGES = [
  "sudoku/model.safetensors",
  "gaps/model.safetensors",
  "languages/model.safetensors",
  "languages/table.safetensors",
  "punctuation/model.safetensors",
  "punctuation/tokenizer.json",
];

/** Documents that make a long text, for those who have none at hand. */
const GUIDE = ["attention", "choosing", "models", "data"] as const;

/** KaTeX's style, and the fonts that browsers ask for of those that it names. */
const FORMULAS = import.meta.resolve("katex/dist/katex.min.css");
const FONT = /url\((fonts\/[\w-]+\.woff2)\)/g;

/** Made of the kept report. */
const KEPT_TIMES = "kept_times.json";

/** With these, a page may share memory between threads. */
export const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
} as const;

/** What may be loaded and run, in workers too. */
export const POLICY = {
  "content-security-policy": policyText(SITE_POLICY),
} as const;

/**
 * For static hosts that read such a file; elsewhere a service worker isolates
 * pages, and each has a policy of its own.
 */
const HEADERS = `/*
${
  Object.entries({ ...ISOLATION, ...POLICY })
    .map(([name, value]) => `  ${name}: ${value}`).join("\n")
}
`;

/** A file of the site, its size, and its size as servers send it. */
export interface Built {
  readonly name: string;
  readonly bytes: number;
  readonly compressed: number;
}

/** The picture that other sites show of the page. */
const PREVIEW = "docs/pictures/gate.png";

/**
 * Builds the site into a folder, in place of what is there.
 *
 * @param address Where it will be, with a slash at its end; without one, other
 * sites do not find the picture of the page to try.
 * @returns The files of the page to try.
 * @throws {Error} If a link of the documentation leads nowhere.
 */
export async function buildSite(
  folder: URL,
  address?: string,
): Promise<Built[]> {
  const files = await buildPage(folder);
  const page = new URL("index.html", folder);
  const html = withRepository(await Deno.readTextFile(page));
  await Deno.writeTextFile(
    page,
    address === undefined ? html : atAddress(html, address),
  );
  await buildDocumentation(folder);
  return files;
}

/** The page to try with its address, in what other sites read of it. */
export function atAddress(html: string, address: string): string {
  const url = escapeHTML(new URL(address).href);
  return html.replace(
    `<meta property="og:image" content="${PREVIEW}">`,
    () =>
      `<meta property="og:url" content="${url}">
    <meta property="og:image" content="${url}${PREVIEW}">`,
  );
}

/**
 * Builds the page to try alone, in place of what is in a folder.
 *
 * @returns Its files that are loaded at first.
 */
export async function buildPage(folder: URL): Promise<Built[]> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(new URL("weights/LICENSES/", folder), { recursive: true });
  for (const name of [...PROGRAMS, LATER_PROGRAM]) await bundle(name, folder);
  await bundleWorkers(folder);
  await copyCodecs(folder);
  for (const name of [...FILES, ...LATER]) {
    await Deno.copyFile(new URL(name, SOURCE), new URL(name, folder));
  }
  const page = new URL("index.html", folder);
  await Deno.writeTextFile(page, await withIdea(await Deno.readTextFile(page)));
  for (const name of OF_PACKAGES) {
    const file = new URL(name, folder);
    await Deno.mkdir(new URL("./", file), { recursive: true });
    const source = new URL(`../../models/${name}`, import.meta.url);
    await Deno.copyFile(source, file);
  }
  await Deno.mkdir(new URL("texts/", folder));
  await Deno.writeTextFile(new URL("texts/guide.txt", folder), await guide());
  await Deno.copyFile(WASM, new URL(WASM_FILE, folder));
  await Deno.writeTextFile(new URL("_headers", folder), HEADERS);
  await Deno.writeTextFile(
    new URL(KEPT_TIMES, folder),
    JSON.stringify(keptTimes(await readKept())),
  );
  const names = [
    ...PROGRAMS.map((name) => `${name}.js`),
    ...await firstPieces(folder),
    ...[...FILES, WASM_FILE, KEPT_TIMES],
  ];
  return await Promise.all(names.map((name) => sizesOf(name, folder)));
}

/** The long text: this library's own guides. */
async function guide(): Promise<string> {
  const texts = await Promise.all(
    GUIDE.map((name) =>
      Deno.readTextFile(new URL(`../../docs/${name}.md`, import.meta.url))
    ),
  );
  return texts.map(plainText).join("\n\n");
}

async function copyCodecs(folder: URL): Promise<void> {
  for (const [name, files] of Object.entries(CODECS)) {
    for (const file of files) {
      const to = new URL(`codecs/${name}/${file}`, folder);
      await Deno.mkdir(new URL(".", to), { recursive: true });
      const from = import.meta.resolve(`@jsquash/${name}/${file}`);
      await Deno.copyFile(new URL(from), to);
    }
  }
}

async function buildDocumentation(folder: URL): Promise<void> {
  for (const name of ["docs.css", "reference.css", "reference.js"]) {
    await Deno.copyFile(new URL(name, SOURCE), new URL(name, folder));
  }
  const sources = new Set<string>();
  const reference = await buildReference(folder, sources);
  const { files, findable, documents } = await documentation(sources);
  for (const [path, html] of reference) {
    if (html === "") continue;
    const framed = html.replace(
      DOCUMENTS_PLACE,
      () => documentsNav(path, documents),
    );
    reference.set(path, framed);
    await Deno.writeTextFile(new URL(path, folder), framed);
  }
  for (const [path, content] of await resultsFiles(files)) {
    files.set(path, content);
  }
  for (const [path, content] of await formulaFiles()) files.set(path, content);
  for (const [path, content] of files) {
    const file = new URL(path, folder);
    await Deno.mkdir(new URL(".", file), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(file, content);
    else await Deno.writeFile(file, content);
  }
  await Deno.writeTextFile(
    new URL("search.json", folder),
    JSON.stringify(findable),
  );
  const notebooks = new URL("notebooks/", folder);
  await bundleAnnotated(notebooks);
  await Deno.copyFile(
    new URL(ANNOTATED_STYLE, new URL("annotated/", SOURCE)),
    new URL(ANNOTATED_STYLE, notebooks),
  );
  for (const name of [...SHARED, ...LATER]) files.set(name, "");
  for (const name of [ANNOTATED_PROGRAM, ANNOTATED_STYLE]) {
    files.set(`notebooks/${name}`, "");
  }
  for (const name of ["index.html", "style.css", "page.js"]) {
    files.set(name, await Deno.readTextFile(new URL(name, folder)));
  }
  const broken = brokenLinks(new Map([...files, ...reference]));
  if (broken.length > 0) throw new Error(`broken links:\n${broken.join("\n")}`);
}

/** The pages of tasks with their curves, which take seconds to draw. */
async function resultsFiles(
  files: ReadonlyMap<string, string | Uint8Array>,
): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  for (const results of await keptResults()) {
    const page = `docs/results/${results.recipe}.html`;
    const { html, pictures } = await withCurves(`${files.get(page)}`, results);
    made.set(page, html);
    for (const [name, svg] of pictures) made.set(`docs/results/${name}`, svg);
  }
  return made;
}

/** What shows formulas. */
async function formulaFiles(): Promise<Map<string, string | Uint8Array>> {
  const style = await Deno.readTextFile(new URL(FORMULAS));
  const files = new Map<string, string | Uint8Array>([[FORMULA_STYLE, style]]);
  for (const [, font] of style.matchAll(FONT)) {
    const bytes = await Deno.readFile(new URL(font!, FORMULAS));
    files.set(`katex/${font}`, bytes);
  }
  return files;
}

/**
 * Every symbol by Deno itself; returns the files by their paths.
 *
 * @param sources The programs that they lead to are added.
 */
async function buildReference(
  folder: URL,
  sources: Set<string>,
): Promise<Map<string, string>> {
  const [api] = ELSEWHERE;
  const target = fileURLToPath(new URL(api, folder));
  await run("doc", "--html", "--name=lion", `--output=${target}`, ...[
    ...Object.values(config.exports),
  ]);
  return await joinReference(folder, api, sources);
}

/** Makes the pages in a folder of the reference parts of the site. */
async function joinReference(
  site: URL,
  folder: string,
  sources: Set<string>,
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const root = "../".repeat(folder.split("/").length - 1);
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, site))
  ) {
    const path = `${folder}${name}`;
    if (isDirectory) {
      const inside = await joinReference(site, `${path}/`, sources);
      inside.forEach((html, path) => files.set(path, html));
      continue;
    }
    const file = new URL(path, site);
    const html = name.endsWith(".html")
      ? referencePage(
        await Deno.readTextFile(file),
        root,
        config.name,
        sources,
      )
      : "";
    files.set(path, html);
  }
  return files;
}

/** Runs Deno in the repository. */
async function run(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function bundle(name: string, folder: URL): Promise<void> {
  await run(
    ...["bundle", "--quiet", "--minify", "--platform", "browser", "--output"],
    fileURLToPath(new URL(`${name.split("/").at(-1)}.js`, folder)),
    fileURLToPath(new URL(`${name}.ts`, SOURCE)),
  );
}

async function bundleWorkers(folder: URL): Promise<void> {
  await run(
    ...["bundle", "--quiet", "--minify", "--code-splitting"],
    ...["--platform", "browser", "--outdir", fileURLToPath(folder)],
    ...WORKERS.map((name) => fileURLToPath(new URL(`${name}.ts`, SOURCE))),
  );
  // Asked for one after another, each would wait for the one before it.
  const first = new URL(FIRST_WORKER, folder);
  const program = await Deno.readTextFile(first);
  const pieces = (await firstPieces(folder)).slice(1)
    .map((name) => `import"./${name}";`);
  await Deno.writeTextFile(first, program + pieces.join(""));
}

/** The first worker, and the pieces that it imports on WebAssembly. */
async function firstPieces(folder: URL): Promise<string[]> {
  const found = new Set<string>();
  const add = async (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    const program = await Deno.readTextFile(new URL(name, folder));
    for (const [, isLater, piece] of program.matchAll(IMPORTED)) {
      if (!isLater || FIRST_PIECES.test(piece!)) await add(piece!);
    }
  };
  await add(FIRST_WORKER);
  return [...found];
}

async function sizesOf(name: string, folder: URL): Promise<Built> {
  const content = await Deno.readFile(new URL(name, folder));
  const stream = new Blob([content]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const { byteLength } = await new Response(stream).arrayBuffer();
  return { name, bytes: content.length, compressed: byteLength };
}
