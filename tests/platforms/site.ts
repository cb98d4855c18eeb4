/** A site whose folders differ in their headers, and in what they lack. @module */
import { ISOLATION } from "../../tools/site/build.ts";

/** The name of tfjs's wasm file. */
export const WASM_FILE = "tfjs-backend-wasm-simd.wasm";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  wasm: "application/wasm",
};

/**
 * Serves a folder as several ones: `/isolated/` has the headers that threads
 * need, `/plain/` has none, `/missing/` lacks tfjs's wasm file, and `/single/`
 * answers what it lacks with its page, as sites of a single page do.
 */
export function serve(folder: string): Deno.HttpServer<Deno.NetAddr> {
  const page = (headers: HeadersInit = {}) =>
    answer(folder, "/index.html", headers);
  return Deno.serve({ port: 0, onListen() {} }, async (request) => {
    const [, name, path] = new URL(request.url).pathname
      .match(/^\/([^/]+)(\/.*)$/) ?? [];
    if (!path) return new Response("not found", { status: 404 });
    if (path === "/") return await page(name === "isolated" ? ISOLATION : {});
    const lacksWasm = name === "missing" || name === "single";
    if (lacksWasm && path === `/${WASM_FILE}`) {
      return name === "single"
        ? await page()
        : new Response("not found", { status: 404 });
    }
    return await answer(folder, path, name === "isolated" ? ISOLATION : {});
  });
}

async function answer(
  folder: string,
  path: string,
  headers: HeadersInit,
): Promise<Response> {
  try {
    const bytes = await Deno.readFile(`${folder}${path}`);
    const type = TYPES[path.split(".").at(-1)!] ?? "application/octet-stream";
    return new Response(bytes, {
      headers: { ...headers, "content-type": type },
    });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return new Response("not found", { status: 404 });
  }
}
