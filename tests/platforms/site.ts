/** A site whose folders differ in their headers, and in what they lack. @module */
import { fileURLToPath } from "node:url";
import {
  failure,
  type LocalServer,
  serveLocally,
} from "../../tools/server/loopback.ts";
import { fileAnswer } from "../../tools/server/static_files.ts";
import { ISOLATION } from "../../tools/site/build.ts";

/** The name of tfjs's wasm file. */
export const WASM_FILE = "tfjs-backend-wasm-simd.wasm";

/** Where it lies. */
export const WASM = fileURLToPath(
  new URL(
    WASM_FILE,
    import.meta.resolve(
      "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js",
    ),
  ),
);

/**
 * Serves a folder as several ones: `/isolated/` has the headers that threads
 * need, `/plain/` has none, `/missing/` lacks tfjs's wasm file, and `/single/`
 * answers what it lacks with its page, as sites of a single page do.
 */
export function serve(folder: string): LocalServer {
  return serveLocally(({ url }) => {
    const [, name, path] = new URL(url).pathname
      .match(/^\/([^/]+)(\/.*)$/) ?? [];
    if (!path) return failure(404, "not found");
    const lacksWasm = name === "missing" || name === "single";
    if (lacksWasm && path === `/${WASM_FILE}`) {
      return name === "single"
        ? fileAnswer(folder, "/")
        : failure(404, "not found");
    }
    return fileAnswer(folder, path, name === "isolated" ? ISOLATION : {});
  });
}
