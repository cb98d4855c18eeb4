/** Which of the built modules an engine runs. @module */
import { RELAXED, STRICT } from "./module.ts";

/** The fastest binary that this engine runs. */
export function bestBinary(): Uint8Array<ArrayBuffer> {
  const relaxed = decodeBase64(RELAXED);
  return WebAssembly.validate(relaxed) ? relaxed : decodeBase64(STRICT);
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
