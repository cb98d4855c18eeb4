/** Where tfjs's WebAssembly binary lies. @module */
import { nodeModule } from "../../contract/node_module.ts";

/** The binary that runs with our own module: with SIMD, without tfjs's threads. */
export const WASM_FILE = "tfjs-backend-wasm-simd.wasm";

/** The first bytes of every WebAssembly binary. */
const MAGIC = [0, 0x61, 0x73, 0x6d];

/**
 * Reads tfjs's binary.
 *
 * @param found The folder in which tfjs's own script lies, as far as it knows.
 * @param wasmPath The folder, if it ends in `/`, or the file, if it is elsewhere.
 * @throws {Error} If there is no such file; the message says what should lie where.
 */
export async function readWasmFile(
  found: string,
  wasmPath?: string | URL,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = String(wasmPath ?? found);
  const file = path === "" || path.endsWith("/") ? path + WASM_FILE : path;
  const files = nodeModule("node:fs/promises");
  // One letter is a drive of Windows.
  const scheme = /^[a-z][a-z+.-]+(?=:)/i.exec(file)?.[0];
  const isLocal = files && (!scheme || scheme === "file");
  // A worker of a blob: URL has no place that a relative one could start from.
  const base = globalThis.location?.href;
  const place = !isLocal && URL.canParse(file, base)
    ? new URL(file, base).href
    : file;
  let binary: Uint8Array;
  try {
    binary = isLocal
      ? await files.readFile(scheme ? new URL(file) : file)
      : await download(place);
    if (!MAGIC.every((byte, i) => binary[i] === byte)) {
      throw new Error("what lies there is no WebAssembly binary");
    }
  } catch (cause) {
    throw new Error(
      `${WASM_FILE} should lie at ${place}, but ${(cause as Error).message}; ` +
        "copy it there from node_modules/@tensorflow/tfjs-backend-wasm/dist " +
        "(version 4.22.0), or say where it lies: useBackend({ wasmPath }) " +
        "with the path or URL of the file, or of its folder with a / at the end",
      { cause },
    );
  }
  return new Uint8Array(binary);
}

/** What a server answers. */
async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) {
    const { status, statusText } = response;
    throw new Error(`the server answers ${status} ${statusText}`);
  }
  // As servers of single-page applications do for every path they do not know.
  if (response.headers.get("Content-Type")?.startsWith("text/html")) {
    throw new Error("the server answers with a page of HTML");
  }
  return new Uint8Array(await response.arrayBuffer());
}
