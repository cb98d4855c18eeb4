/** Which of the built modules an engine runs. @module */
import { RELAXED, STRICT } from "./module.ts";

/** The fastest binary that this engine runs. */
export async function bestBinary(): Promise<Uint8Array<ArrayBuffer>> {
  const relaxed = await unpacked(RELAXED);
  return WebAssembly.validate(relaxed) ? relaxed : await unpacked(STRICT);
}

/** A binary of `module.ts`, where it is compressed. */
export async function unpacked(
  packed: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const unzip = new DecompressionStream("deflate");
  const binary = new Blob([decodeBase64(packed)]).stream().pipeThrough(unzip);
  return new Uint8Array(await new Response(binary).arrayBuffer());
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as Partial<typeof Uint8Array>;
  // Node has it from 25 on.
  if (fromBase64) return fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}
