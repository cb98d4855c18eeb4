/** The headers of pages in Parquet files, in Thrift's compact protocol. @module */

/** The fields of a page's header that are used. */
export interface PageHeader {
  /** The type of page: 0 is data, 2 a dictionary, 3 data of version 2. */
  readonly type: number;
  /**
   * Bytes of the page without its header, decompressed; `compressed` are those
   * in the file.
   */
  readonly uncompressed: number;
  readonly compressed: number;
  /** Number of values, nulls included. */
  readonly values: number;
  /** Number of nulls among the values, which only version 2 has. */
  readonly nulls: number;
  /** Parquet's number for the encoding of the values. */
  readonly encoding: number;
  /** Bytes of definition and repetition levels, in version 2. */
  readonly levelBytes: {
    readonly definition: number;
    readonly repetition: number;
  };
  /** The index after the header, at which the page's content begins. */
  readonly end: number;
}

/** A struct of Thrift: integers and structs by the numbers of their fields. */
type Struct = Map<number, number | Struct>;

/** Types of the compact protocol. */
const [TRUE, FALSE, BYTE, I64, DOUBLE, BINARY, LIST, SET, STRUCT] = [
  ...[1, 2, 3, 6, 7, 8, 9, 10, 12],
];

/** Structs within structs, as a bound of the stack. */
const DEEPEST = 16;

/**
 * Parses the header of a page.
 *
 * Source: Apache Parquet, `parquet.thrift`; Apache Thrift, compact protocol.
 */
export function parsePageHeader(bytes: Uint8Array, start: number): PageHeader {
  const reader = new CompactReader(bytes, start);
  const fields = reader.struct(0);
  const number = (from: Struct, field: number, absent?: number) => {
    const value = from.get(field) ?? absent;
    if (typeof value === "number" && value >= 0) return value;
    throw new Error(`the header of a page has no field ${field}`);
  };
  const type = number(fields, 1);
  // The field of the type's own header: 5 for data, 7 for a dictionary, 8 for
  // data of version 2.
  const own = fields.get([5, 6, 7, 8][type] ?? 0);
  if (!(own instanceof Map)) {
    throw new Error("the header of a page does not say what is in it");
  }
  const isSecond = type === 3;
  return {
    type,
    uncompressed: number(fields, 2),
    compressed: number(fields, 3),
    values: number(own, 1, type === 1 ? 0 : undefined),
    nulls: isSecond ? number(own, 2) : 0,
    encoding: number(own, isSecond ? 4 : 2, type === 1 ? 0 : undefined),
    levelBytes: {
      definition: isSecond ? number(own, 5) : 0,
      repetition: isSecond ? number(own, 6) : 0,
    },
    end: reader.position,
  };
}

class CompactReader {
  position: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.position = position;
  }

  struct(depth: number): Struct {
    if (depth > DEEPEST) throw new Error("the header of a page is too deep");
    const fields: Struct = new Map();
    for (let id = 0;;) {
      const start = this.#byte();
      if ((start & 15) === 0) return fields;
      id = start >> 4 ? id + (start >> 4) : this.#integer();
      const value = this.#value(start & 15, depth);
      if (value !== undefined) fields.set(id, value);
    }
  }

  #value(type: number, depth: number): number | Struct | undefined {
    if (type === TRUE || type === FALSE) return undefined;
    if (type === BYTE) return this.#byte();
    if (type > BYTE! && type <= I64!) return this.#integer();
    if (type === STRUCT) return this.struct(depth + 1);
    if (type === DOUBLE) this.position += 8;
    else if (type === BINARY) {
      const length = this.#varint();
      this.position += length;
    } else if (type === LIST || type === SET) {
      const start = this.#byte();
      const item = start & 15;
      const size = start >> 4 === 15 ? this.#varint() : start >> 4;
      const isBoolean = item === TRUE || item === FALSE;
      for (let i = 0; i < size; i++) {
        this.#value(isBoolean ? BYTE! : item, depth + 1);
        // Each item takes at least a byte.
        if (this.position > this.#bytes.length) this.#byte();
      }
    } else throw new Error(`the header of a page has the type ${type}`);
    return undefined;
  }

  #byte(): number {
    const byte = this.#bytes[this.position++];
    if (byte !== undefined) return byte;
    throw new Error("the header of a page ends early");
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new Error("the header of a page has an integer that does not end");
  }

  /** A signed integer, in zigzag. */
  #integer(): number {
    const value = this.#varint();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  }
}
