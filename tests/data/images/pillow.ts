/** Pillow, with which pictures are made and compared. @module */
import { fileURLToPath } from "node:url";
import { findPython } from "../../../tools/notebooks/jupyter.ts";

const PYTHON = await findPython("PIL, numpy");

if (!PYTHON) {
  console.warn("Pillow and NumPy are not installed; see `deno task setup`");
}

/** Tests that need Pillow are left out where it is not installed. */
export const NO_PILLOW = { ignore: PYTHON === undefined };

/** Runs a program beside this file; returns what it prints as JSON. */
export async function runPillow<T>(
  program: string,
  ...args: readonly string[]
): Promise<T> {
  const { success, stdout, stderr } = await new Deno.Command(PYTHON!, {
    args: [
      fileURLToPath(new URL(program, import.meta.url)),
      ...args,
    ],
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  return JSON.parse(text.decode(stdout));
}

/** Bytes of their hexadecimal digits. */
export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}
