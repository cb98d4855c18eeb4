/** Builds the site: static files that any server can send. @module */
import { fileURLToPath } from "node:url";

const SOURCE = new URL("../../site/", import.meta.url);

/** Bundled by Deno, with all that they import. */
const PROGRAMS = ["page", "worker"] as const;

/** Copied as they are. */
const FILES = [
  "index.html",
  "style.css",
  "service_worker.js",
  "weights/digits.safetensors",
] as const;

const WASM_FILE = "tfjs-backend-wasm-simd.wasm";
const WASM = new URL(
  WASM_FILE,
  import.meta.resolve(
    "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js",
  ),
);

/** With these, a page may share memory between threads. */
export const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
} as const;

/** For static hosts that read such a file; elsewhere a service worker does it. */
const HEADERS = `/*
${
  Object.entries(ISOLATION).map(([name, value]) => `  ${name}: ${value}`)
    .join("\n")
}
`;

/** A file of the site, its size, and its size as servers send it. */
export interface Built {
  readonly name: string;
  readonly bytes: number;
  readonly compressed: number;
}

/**
 * Builds the site into a folder, in place of what is there.
 *
 * @returns Its files.
 */
export async function buildSite(folder: URL): Promise<Built[]> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(new URL("weights/", folder), { recursive: true });
  for (const name of PROGRAMS) await bundle(name, folder);
  for (const name of FILES) {
    await Deno.copyFile(new URL(name, SOURCE), new URL(name, folder));
  }
  await Deno.copyFile(WASM, new URL(WASM_FILE, folder));
  await Deno.writeTextFile(new URL("_headers", folder), HEADERS);
  const names = [...PROGRAMS.map((name) => `${name}.js`), ...FILES, WASM_FILE];
  return await Promise.all(names.map((name) => sizesOf(name, folder)));
}

async function bundle(name: string, folder: URL): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--minify", "--platform", "browser"],
      ...["--output", fileURLToPath(new URL(`${name}.js`, folder))],
      fileURLToPath(new URL(`${name}.ts`, SOURCE)),
    ],
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function sizesOf(name: string, folder: URL): Promise<Built> {
  const content = await Deno.readFile(new URL(name, folder));
  const stream = new Blob([content]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const { byteLength } = await new Response(stream).arrayBuffer();
  return { name, bytes: content.length, compressed: byteLength };
}
