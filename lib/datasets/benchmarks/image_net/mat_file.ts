/** The part of MATLAB's files that the devkit of ImageNet is made of. @module */
import { nodeModule } from "@lionjs/base/files";
import { damaged, viewOf } from "@lionjs/base";

/** The types of data elements, by their numbers. */
const MATRIX = 14;
const COMPRESSED = 15;

/** The classes of arrays. */
const STRUCT = 2;
const CHARS = 4;

/** How the values of numeric types are read: bytes of each, and the reader. */
const NUMBERS: Readonly<
  Record<number, [bytes: number, read: (view: DataView, at: number) => number]>
> = {
  1: [1, (view, at) => view.getInt8(at)],
  2: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: [2, (view, at) => view.getUint16(at, true)],
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getUint32(at, true)],
  7: [4, (view, at) => view.getFloat32(at, true)],
  9: [8, (view, at) => view.getFloat64(at, true)],
  16: [1, (view, at) => view.getUint8(at)], // UTF-8, of which ASCII is read
  17: [2, (view, at) => view.getUint16(at, true)], // UTF-16
};

/** The most bytes of all variables: the devkit's have a few megabytes. */
const MOST_BYTES = 2 ** 25;

/** The most bytes of a name, a shape, a text or a number. */
const MOST_BYTES_OF_VALUE = 2 ** 14;

/** Bytes of a file before its variables. */
const HEADER = 128;

/**
 * Reads fields of a variable that is an array of structs.
 *
 * Format: MathWorks, "MAT-File Format", level 5, of little-endian files.
 *
 * @param fields The names of the fields: each is a text, or a number.
 */
export function readMatStructs<Field extends string>(
  name: string,
  bytes: Uint8Array,
  variable: string,
  fields: readonly Field[],
): Record<Field, string | number>[] {
  try {
    assertHeader(bytes);
    for (const matrix of matricesOf(bytes)) {
      const { kind, title, rest, size } = arrayOf(matrix);
      if (title !== variable) continue;
      if (kind !== STRUCT) throw new Error(`${variable} is no struct`);
      return structsOf(rest, size, fields);
    }
    throw new Error(`it has no variable ${variable}`);
  } catch (cause) {
    const { message } = cause as Error;
    throw damaged(name, "a MAT-file of version 5", message, cause);
  }
}

function assertHeader(bytes: Uint8Array): void {
  if (bytes.length < HEADER) throw new Error("it ends early");
  const view = viewOf(bytes);
  const [version, endian] = [124, 126].map((at) => view.getUint16(at, true));
  if (endian !== 0x4d49) throw new Error("it is not little-endian");
  if (version !== 0x0100) {
    throw new Error(`its version is ${(version! >> 8) || "unknown"}`);
  }
}

/** A data element: its type, its bytes, and where the next one begins. */
interface Element {
  readonly type: number;
  readonly data: Uint8Array;
  readonly next: number;
}

/** The element at a place. Small ones have their data within the tag. */
function elementAt(bytes: Uint8Array, at: number): Element {
  if (at + 8 > bytes.length) throw new Error("an element is missing");
  const view = viewOf(bytes);
  const tag = view.getUint32(at, true);
  const small = tag >>> 16;
  if (small > 4) throw new Error("an element has a wrong size");
  const type = tag & 0xffff;
  const size = small || view.getUint32(at + 4, true);
  const start = small ? at + 4 : at + 8;
  if (start + size > bytes.length) throw new Error("it ends early");
  // Elements begin at multiples of 8, but for those after compressed ones.
  const padding = type === COMPRESSED ? 0 : -size & 7;
  return {
    type,
    data: bytes.subarray(start, start + size),
    next: small ? at + 8 : start + size + padding,
  };
}

/** The arrays of a file, decompressed. */
function* matricesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let left = MOST_BYTES;
  for (let at = HEADER; at < bytes.length;) {
    const { type, data, next } = elementAt(bytes, at);
    if (type === MATRIX) yield data;
    if (type === COMPRESSED) {
      const array = inflated(data, left);
      left -= array.length;
      const inner = elementAt(array, 0);
      if (inner.type === MATRIX) yield inner.data;
    }
    at = next;
  }
}

function inflated(data: Uint8Array, maxOutputLength: number): Uint8Array {
  return nodeModule("node:zlib")!.inflateSync(data, { maxOutputLength });
}

/** An array: its class, its name, the number of its items, and what follows. */
interface MatArray {
  readonly kind: number;
  readonly title: string;
  readonly size: number;
  readonly rest: Uint8Array;
}

function arrayOf(matrix: Uint8Array): MatArray {
  const flags = elementAt(matrix, 0);
  const shape = elementAt(matrix, flags.next);
  const title = elementAt(matrix, shape.next);
  return {
    kind: flags.data[0] ?? 0,
    title: textOf(title),
    size: numbersOf(shape).reduce((product, side) => product * side, 1),
    rest: matrix.subarray(title.next),
  };
}

function structsOf<Field extends string>(
  rest: Uint8Array,
  size: number,
  fields: readonly Field[],
): Record<Field, string | number>[] {
  const lengths = elementAt(rest, 0);
  const [length] = numbersOf(lengths);
  const names = elementAt(rest, lengths.next);
  if (!length || length < 1) throw new Error("a struct has no field");
  assertShort(names);
  const all = Array.from(
    { length: names.data.length / length },
    (_, i) => {
      const field = names.data.subarray(i * length, (i + 1) * length);
      const end = field.indexOf(0);
      return latin1(end < 0 ? field : field.subarray(0, end));
    },
  );
  const missing = fields.find((field) => !all.includes(field));
  if (missing !== undefined) {
    throw new Error(`its structs have ${all.join(", ")}, and no ${missing}`);
  }
  const wanted = new Set<string>(fields);
  const structs: Record<Field, string | number>[] = [];
  let at = names.next;
  for (let i = 0; i < size; i++) {
    const struct: Record<string, string | number> = {};
    for (const field of all) {
      const { type, data, next } = elementAt(rest, at);
      if (type !== MATRIX) throw new Error(`${field} is no array`);
      if (wanted.has(field)) struct[field] = valueOf(data, field);
      at = next;
    }
    structs.push(struct);
  }
  return structs;
}

/** The text of an array of characters, or the only number of another one. */
function valueOf(matrix: Uint8Array, field: string): string | number {
  const { kind, size, rest } = arrayOf(matrix);
  const data = elementAt(rest, 0);
  if (kind === CHARS) return textOf(data);
  const [value] = numbersOf(data);
  if (size === 1 && value !== undefined) return value;
  throw new Error(`${field} should be a text or a number`);
}

/** Throws where an element has more than any name, shape, text or number. */
function assertShort({ data }: Element): void {
  if (data.length <= MOST_BYTES_OF_VALUE) return;
  throw new Error(`a value has ${data.length} bytes`);
}

function numbersOf(element: Element): number[] {
  assertShort(element);
  const { type, data } = element;
  const [bytes, read] = NUMBERS[type] ?? [];
  if (!bytes || !read) throw new Error(`the type ${type} is none of numbers`);
  const view = viewOf(data);
  return Array.from(
    { length: Math.floor(data.length / bytes) },
    (_, i) => read(view, i * bytes),
  );
}

function textOf(element: Element): string {
  return String.fromCharCode(...numbersOf(element));
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
