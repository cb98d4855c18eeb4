/** Files of a folder as answers to requests. @module */
import { join, sep } from "node:path";
import { failure } from "./loopback.ts";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  mjs: "text/javascript; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  wasm: "application/wasm",
  woff2: "font/woff2",
};

/** What a folder answers with. */
const INDEX = "index.html";

/**
 * Answers with the file that a path names in a folder, of a folder with its
 * index.html; 404 where there is none, and where the file really lies elsewhere,
 * as a link may.
 *
 * @param folder The path of the folder.
 * @param pathname The path as a URL has it, with what is encoded.
 * @param headers What the answer has beside its type and length.
 */
export async function fileAnswer(
  folder: string,
  pathname: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const parts = partsOf(pathname);
  const found = parts && await locate(folder, parts);
  if (!found) return failure(404, "not found");
  if (found.isDirectory) {
    // Relative links of its index would lead elsewhere from here.
    const name = pathname.split("/").at(-1);
    return failure(307, "it is a folder", { location: `./${name}/` });
  }
  // Read as the client does: whole files of many slow clients would fill the memory.
  const file = await Deno.open(found.path);
  const type = TYPES[found.path.split(".").at(-1)!] ??
    "application/octet-stream";
  return new Response(file.readable, {
    headers: {
      ...headers,
      "content-length": `${(await file.stat()).size}`,
      "content-type": type,
      "x-content-type-options": "nosniff",
    },
  });
}

/**
 * The names in a path, decoded once; none where one of them would lead out of
 * its folder, be taken for several, or be something else to the system.
 */
function partsOf(pathname: string): string[] | undefined {
  const encoded = pathname.split("/").slice(1);
  if (encoded.at(-1) === "") encoded.splice(-1, 1, INDEX);
  try {
    const parts = encoded.map(decodeURIComponent);
    return parts.every(isName) ? parts : undefined;
  } catch (error) {
    // A % that begins no character.
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function isName(part: string): boolean {
  // deno-lint-ignore no-control-regex
  return !["", ".", ".."].includes(part) && !/[/\\\x00]/.test(part);
}

/** Where a file or folder really lies, if that is in the folder. */
async function locate(
  folder: string,
  parts: readonly string[],
): Promise<{ path: string; isDirectory: boolean } | undefined> {
  const root = await Deno.realPath(folder);
  try {
    const path = await Deno.realPath(join(root, ...parts));
    if (!path.startsWith(`${root}${sep}`)) return undefined;
    const { isFile, isDirectory } = await Deno.stat(path);
    // A pipe or a device would never end.
    return isFile || isDirectory ? { path, isDirectory } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether a path cannot be of a file: none is there, or it is too long, a circle of links, or goes on after a file. */
function isMissing(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  return ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"].includes(code) ||
    error instanceof Deno.errors.NotFound;
}
