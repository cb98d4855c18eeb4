/**
 * Codecs of `@jsquash/*`: WebAssembly, in Deno, in Node, and in pages whose import
 * map says where the packages lie.
 *
 * @module
 */
import { nodeModule } from "@lionjs/base/files";
import { importOptional } from "@lionjs/base";
import type { Decoded } from "./channels.ts";
import type { CodecType } from "./image_file.ts";

/** The addresses of a codec's script and of its WebAssembly binary. */
export interface CodecAddress {
  readonly script: string;
  readonly binary: string;
}

interface CodecScript {
  init(
    module: WebAssembly.Module,
    overrides?: { print(): void; printErr(): void },
  ): Promise<unknown>;
  default(bytes: ArrayBuffer): Promise<Decoded>;
}

type Codec = (bytes: Uint8Array) => Promise<Decoded>;

const PACKAGES = {
  JPEG: {
    name: "@jsquash/jpeg",
    script: () => import.meta.resolve("@jsquash/jpeg/decode.js"),
    binary: () =>
      import.meta.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"),
  },
  PNG: {
    name: "@jsquash/png",
    script: () => import.meta.resolve("@jsquash/png/decode.js"),
    binary: () =>
      import.meta.resolve("@jsquash/png/codec/pkg/squoosh_png_bg.wasm"),
  },
  WebP: {
    name: "@jsquash/webp",
    script: () => import.meta.resolve("@jsquash/webp/decode.js"),
    binary: () => import.meta.resolve("@jsquash/webp/codec/dec/webp_dec.wasm"),
  },
} as const;

/** Addresses that a page has handed to its worker, which has no import map. */
let known: Partial<Record<CodecType, CodecAddress>> = {};

/** Takes the addresses of the page that started this worker. */
export function setCodecAddresses(addresses: typeof known): void {
  known = addresses;
}

/** The addresses that a page's import map has; in Deno and Node, workers find packages themselves. */
export function codecAddresses(): Partial<Record<CodecType, CodecAddress>> {
  const found: typeof known = {};
  if (nodeModule("node:process")) return found;
  for (const type of Object.keys(PACKAGES) as CodecType[]) {
    const { script, binary } = PACKAGES[type];
    try {
      found[type] = known[type] ?? { script: script(), binary: binary() };
    } catch {
      // Decoding an image of this type throws the error that names the missing package.
    }
  }
  return found;
}

const codecs = new Map<CodecType, Promise<Codec>>();

export function codecOf(type: CodecType): Promise<Codec> {
  let loaded = codecs.get(type);
  if (!loaded) {
    codecs.set(type, loaded = load(type));
    loaded.catch(() => forgetCodec(type));
  }
  return loaded;
}

/** Loads a codec anew when it is next needed: one that has failed may be broken. */
export function forgetCodec(type: CodecType): void {
  codecs.delete(type);
}

async function load(type: CodecType): Promise<Codec> {
  const { name, script, binary } = PACKAGES[type];
  const { init, default: decode } = await importOptional<CodecScript>(
    "decodeImage",
    name,
    () => known[type]?.script ?? script(),
  );
  // This resolves only if the package is installed.
  const address = known[type]?.binary ?? binary();
  const quiet = { print() {}, printErr() {} }; // its errors are thrown, too
  await init(await WebAssembly.compile(await readBinary(address)), quiet);
  return (bytes) => decode(new Uint8Array(bytes).buffer);
}

async function readBinary(address: string): Promise<BufferSource> {
  const files = nodeModule("node:fs/promises");
  if (files && address.startsWith("file:")) {
    return new Uint8Array(await files.readFile(new URL(address)));
  }
  const response = await fetch(address);
  if (response.ok) return await response.arrayBuffer();
  throw new Error(
    `decodeImage needs ${address}, but the server answers ${response.status} ${response.statusText}; copy it there from npm`,
  );
}
