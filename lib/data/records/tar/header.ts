/** The blocks of 512 bytes with which members of a tar begin. @module */

export const TAR_BLOCK = 512;

/** The fields of a member's header. */
export interface TarHeader {
  readonly name: string;
  /** Bytes of the member's content. */
  readonly size: number;
  /** POSIX's letter for the kind of member, such as "0" for a file. */
  readonly type: string;
}

/**
 * Parses a header.
 *
 * Source: POSIX.1-2024, pax, section "ustar Interchange Format"; GNU tar's
 * manual for sizes in base 256 and for the names of its own format.
 *
 * @returns The header's fields; `undefined` if it is all zeros, which ends a
 * tar.
 */
export function parseTarHeader(block: Uint8Array): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const [unsigned, signed] = checksums(block);
  const checksum = numberIn(block, 148, 8);
  if (checksum !== unsigned && checksum !== signed) {
    throw new SyntaxError("the checksum of a header does not match");
  }
  const size = numberIn(block, 124, 12);
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new SyntaxError(`a header has the size ${size}`);
  }
  const name = textIn(block, 0, 100);
  // GNU tar has other fields in the place of the prefix.
  const isPosix = textIn(block, 257, 8) === "ustar";
  const prefix = isPosix ? textIn(block, 345, 155) : "";
  const type = block[156]!;
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    size,
    // The oldest format has no types: a folder's name ends with a slash.
    type: type > 0 ? String.fromCharCode(type) : name.endsWith("/") ? "5" : "0",
  };
}

/** The checksum of a header, with blanks in its own field; old tars sum signed bytes. */
function checksums(block: Uint8Array): [unsigned: number, signed: number] {
  let [unsigned, signed] = [8 * 32, 8 * 32];
  for (const [i, byte] of block.entries()) {
    if (i >= 148 && i < 156) continue;
    unsigned += byte;
    signed += byte << 24 >> 24;
  }
  return [unsigned, signed];
}

/** A text that ends with its field, or with a zero before. */
function textIn(block: Uint8Array, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return textOf(end < 0 ? field : field.subarray(0, end));
}

/** A name as text; one that is not UTF-8 has replacement characters. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** A number in octal digits, or in base 256 where the first bit is set. */
function numberIn(block: Uint8Array, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  if (field[0]! & 0x80) {
    return field.subarray(1).reduce(
      (value, byte) => value * 256 + byte,
      // The first byte also holds the sign.
      field[0] === 0xff ? -1 : field[0]! & 0x7f,
    );
  }
  const digits = textIn(block, start, length).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : NaN;
}

/** The records of a PAX header that are used. */
export interface PaxRecords {
  readonly path?: string;
  readonly size?: string;
  /** Whether a file has holes, which are left out. */
  readonly "GNU.sparse.major"?: string;
}

/**
 * Parses the records of a PAX header: `length key=value`, a line feed after each. All
 * but a few are left out, since there may be many, and all are of each member.
 */
export function parsePaxRecords(bytes: Uint8Array): PaxRecords {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    const blank = bytes.indexOf(32, at);
    const length = Number(textOf(bytes.subarray(at, Math.max(at, blank))));
    const end = at + length;
    const equals = bytes.indexOf(61, blank);
    if (
      blank < 0 || !Number.isInteger(length) || end > bytes.length ||
      equals < 0 || equals >= end || bytes[end - 1] !== 10
    ) throw new SyntaxError("a PAX header has a record that is none");
    const key = textOf(bytes.subarray(blank + 1, equals));
    if (key === "path" || key === "size" || key === "GNU.sparse.major") {
      records[key] = textOf(bytes.subarray(equals + 1, end - 1));
    }
    at = end;
  }
  return records;
}
