/**
 * Changes how a WebAssembly binary declares its memory: tfjs's own declares a
 * plain one, and threads need it shared.
 *
 * Format: https://webassembly.github.io/spec/core/binary/modules.html
 *
 * @module
 */

/** The numbers of the sections that declare memories. */
const IMPORTS = 2;
const MEMORIES = 5;

/** Flags of a memory's limits. */
const HAS_MAXIMUM = 1;
const IS_SHARED = 2;

/** The most pages of a memory: 4 GiB, in pages of 64 KiB. */
const MOST_PAGES = 65_536;

/** Whether threads can share a memory. */
export function isShared({ buffer }: WebAssembly.Memory): boolean {
  return canShareMemory() && buffer instanceof SharedArrayBuffer;
}

/** Whether this host lets threads share memory: pages of a browser must be isolated. */
export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer !== "undefined";
}

/** The binary with its own memory shared, and growing up to 4 GiB. */
export function withSharedMemory(binary: Uint8Array): Uint8Array<ArrayBuffer> {
  const { start, body, end } = sectionOf(binary, MEMORIES);
  // The section's body: one memory, its flags, and its least number of pages.
  const least = number(binary, body + 2).value;
  const limits = [...encode(least), ...encode(MOST_PAGES)];
  const section = [1, HAS_MAXIMUM | IS_SHARED, ...limits];
  const inserted = [MEMORIES, ...encode(section.length), ...section];
  // Byte by byte, half a million of them would take tens of milliseconds.
  const changed = new Uint8Array(
    start + inserted.length + binary.length - end,
  );
  changed.set(binary.subarray(0, start));
  changed.set(inserted, start);
  changed.set(binary.subarray(end), start + inserted.length);
  return changed;
}

/** The binary with the memory that it imports declared as plain. */
export function withPlainMemory(binary: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(binary);
  let { value: imports, next } = number(
    copy,
    sectionOf(copy, IMPORTS).body,
  );
  while (imports-- > 0) {
    // An import begins with two names: the module's and its own.
    for (let name = 0; name < 2; name++) {
      const { value: length, next: text } = number(copy, next);
      next = text + length;
    }
    const kind = copy[next++];
    if (kind === 2) {
      copy[next] = HAS_MAXIMUM;
      return copy;
    }
    // An imported function (kind 0) is followed by the index of its type.
    if (kind !== 0) break;
    next = number(copy, next).next;
  }
  throw new TypeError("the WebAssembly binary imports no memory");
}

interface Section {
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

function sectionOf(binary: Uint8Array, id: number): Section {
  // Sections begin after the magic number and the version, 8 bytes.
  for (let start = 8; start < binary.length;) {
    const { value: length, next: body } = number(binary, start + 1);
    if (binary[start] === id) return { start, body, end: body + length };
    start = body + length;
  }
  throw new TypeError(`the WebAssembly binary has no section ${id}`);
}

/** Reads an unsigned LEB128 number. */
function number(
  bytes: Uint8Array,
  at: number,
): { value: number; next: number } {
  let value = 0;
  for (let shift = 0;; shift += 7) {
    const byte = bytes[at++]!;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return { value, next: at };
  }
}

function encode(value: number): number[] {
  const low = value & 127;
  return value < 128 ? [low] : [low | 128, ...encode(value >>> 7)];
}
