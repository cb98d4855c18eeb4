/** Files to read in tests. @module */
import type { BackendName } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

/** Registers a test on the cpu backend; it fails if it leaks a tensor. */
export function onCpu(
  name: string,
  run: (backend: BackendName, t: Deno.TestContext) => Promise<void> | void,
): void {
  onEachBackend(name, run, ["cpu"]);
}

/** The bytes of a safetensors file with this header and data. */
export function safetensors(
  header: string | Uint8Array | Record<string, unknown>,
  data: ArrayLike<number> = [],
): Uint8Array<ArrayBuffer> {
  const json = header instanceof Uint8Array ? header : new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

/** Runs with a folder that is there for as long as it runs. */
export async function withFolder(
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The names of a folder's files, sorted. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name))
    .sort();
}
