/** Finding tfjs's WebAssembly binary. @module */
import { nodeModule } from "@lionjs/base/files";

/** The binary that runs with our own module: with SIMD, without tfjs's threads. */
export const WASM_FILE = "tfjs-backend-wasm-simd.wasm";

/** The first bytes of every WebAssembly binary. */
const MAGIC = [0, 0x61, 0x73, 0x6d];

/**
 * Reads tfjs's binary.
 *
 * @param found The folder of tfjs's own script, as far as it is known.
 * @param wasmPath The folder, if it ends in `/`, or the file, if they are
 * elsewhere.
 * @throws {Error} If there is no such file; the message says what should be
 * where.
 */
export async function readWasmFile(
  found: string,
  wasmPath?: string | URL,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = String(wasmPath ?? found);
  const file = path === "" || path.endsWith("/") ? path + WASM_FILE : path;
  const files = nodeModule("node:fs/promises");
  // A single letter is a Windows drive.
  const scheme = /^[a-z][a-z+.-]+(?=:)/i.exec(file)?.[0];
  const isLocal = files && (!scheme || scheme === "file");
  // A worker from a blob: URL has no base for relative URLs.
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
    // Deno's word for what no permission was given for.
    if ((cause as Error).name === "NotCapable") {
      throw new NotAllowed(
        `${WASM_FILE} lies at ${place}, and may not be read: run again with --allow-read`,
        { cause },
      );
    }
    throw new Error(
      `${WASM_FILE} should be at ${place}, but ${(cause as Error).message}; ` +
        "copy it there from node_modules/@tensorflow/tfjs-backend-wasm/dist " +
        "(version 4.22.0), or say where it is: useBackend({ wasmPath }) " +
        "with the path or URL of the file, or of its folder with a / at the end",
      { cause },
    );
  }
  return new Uint8Array(binary);
}

/** An error whose message is all there is to say: a permission that a program lacks. */
export class NotAllowed extends Error {}

/** Downloads a file. */
async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) {
    const { status, statusText } = response;
    throw new Error(`the server answers ${status} ${statusText}`);
  }
  // Servers of single-page applications answer so for every path that they do not
  // know.
  if (response.headers.get("Content-Type")?.startsWith("text/html")) {
    throw new Error("the server answers with a page of HTML");
  }
  return new Uint8Array(await response.arrayBuffer());
}
