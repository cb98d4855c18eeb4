/** Whether a notebook's times are of the sources as they are. @module */
import type { Notebook } from "./notebook.ts";

const ROOT = new URL("../../", import.meta.url);

/** What is timed, whatever the notebook. The assembly is there as it was built. */
const KERNELS = ["lib/kernels/", "lib/tfjs/wasm/built/"];
const ASSEMBLY = "/wasm/assembly/";

/** Whether a notebook has a cell with the tag `timed`. */
export function isTimed({ cells }: Notebook): boolean {
  return cells.some(({ metadata }) => metadata.tags?.includes("timed"));
}

/**
 * A hash of the sources that a notebook times: the kernels, and what it imports
 * of the repository by path. Comments and spaces change nothing.
 */
export async function fingerprintOf({ cells }: Notebook): Promise<string> {
  const imported = cells
    .filter((cell) => cell.cell_type === "code")
    .flatMap(({ source }) => [...source.matchAll(/from "\.\.\/([^"]+)"/g)])
    .map(([, path]) => path!);
  const kernels = await Promise.all(KERNELS.map(filesIn));
  const paths = [...kernels.flat(), ...imported];
  const sources = await Promise.all(
    [...new Set(paths)].sort().map(async (path) =>
      `${path}\n${codeOf(await Deno.readTextFile(new URL(path, ROOT)))}`
    ),
  );
  const bytes = new TextEncoder().encode(sources.join("\n"));
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(hash).slice(0, 8).toHex();
}

/** A source without comments and spaces. */
function codeOf(source: string): string {
  return source
    .replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "")
    .replaceAll(/\s+/g, "");
}

/** The TypeScript files in a folder and those within. */
async function filesIn(folder: string): Promise<string[]> {
  if (folder.endsWith(ASSEMBLY)) return [];
  const found: string[] = [];
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))
  ) {
    if (isDirectory) found.push(...await filesIn(`${folder}${name}/`));
    else if (name.endsWith(".ts")) found.push(`${folder}${name}`);
  }
  return found;
}
