/** Functions on arrays of bytes that many readers share. @module */

/** A view of the bytes for reading numbers of several bytes. */
export function viewOf(
  { buffer, byteOffset, byteLength }: Uint8Array,
): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Concatenates parts of bytes into a new array. */
export function concatenated(
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of bytes in UTF-8; a byte order mark is kept, as Python's "utf-8" does. */
export function utf8Text(name: string, bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    const advice = "should be text in UTF-8; convert it first";
    throw new SyntaxError(`${name} ${advice}`, { cause });
  }
}

/** The error for a file that is cut or damaged, with the reason. */
export function damaged(
  name: string,
  format: string,
  reason: string,
  cause?: unknown,
): SyntaxError {
  return new SyntaxError(
    `${name} should be ${format}, and whole: ${reason}; download it again`,
    // Consoles show even a cause that is undefined.
    cause === undefined ? {} : { cause },
  );
}
