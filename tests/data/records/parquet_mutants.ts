/** Parquet files of every kind of column, damaged in their bytes. @module */
import { assertEquals } from "@std/assert";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { memoryBytes, parquet } from "../../../lib/data/mod.ts";
import type { ParquetColumn } from "../../../lib/data/records/parquet_schema.ts";
import { uniform } from "../../random.ts";

const numbers = Array.from({ length: 12 }, (_, i) => i);
const dates = numbers.map((i) => new Date(1e12 * i));

const COLUMNS: ColumnSource[] = [
  { name: "text", data: numbers.map((i) => `row ${i}`), type: "STRING" },
  { name: "long", data: numbers.map((i) => BigInt(i) - 5n), type: "INT64" },
  { name: "short", data: numbers, type: "INT32" },
  {
    ...{ name: "bytes", type: "BYTE_ARRAY" },
    data: numbers.map((i) => new Uint8Array(8).fill(i)),
  },
  { name: "double", data: numbers.map((i) => i % 3 ? i / 7 : null) },
  { name: "float", data: numbers.map((i) => i / 2), type: "FLOAT" },
  { name: "yes", data: numbers.map((i) => i % 2 === 0), type: "BOOLEAN" },
  { name: "date", data: dates, type: "TIMESTAMP" },
  { name: "json", data: numbers.map((i) => ({ i })), type: "JSON" },
  {
    ...{ name: "uuid", type: "UUID" },
    data: numbers.map((i) => `0000000${i % 9}-0000-0000-0000-000000000000`),
  },
];

const FILES = (["UNCOMPRESSED", "SNAPPY"] as const).map((codec) =>
  new Uint8Array(parquetWriteBuffer({ columnData: COLUMNS, codec }))
);

/** A file in which a few bytes, most of them of its footer, are others. */
function parquetMutant(seed: number): Uint8Array<ArrayBuffer> {
  const random = uniform(seed);
  const file = FILES[seed % FILES.length]!.slice();
  const length = new DataView(file.buffer).getUint32(file.length - 8, true);
  const footer = file.length - 8 - length;
  const count = 1 + Math.floor(3 * random());
  for (let i = 0; i < count; i++) {
    const start = random() < 0.9 ? footer : 4;
    const at = start + Math.floor((file.length - 8 - start) * random());
    // What Thrift writes is small numbers; types and fields are near each other.
    file[at] = random() < 0.5
      ? file[at]! + 2 * Math.floor(4 * random()) - 4
      : Math.floor(256 * random());
  }
  return file;
}

/** What the documentation says of the values of a column, by its type. */
const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  uuid: (value) => typeof value === "string",
  bytes: (value) => value instanceof Uint8Array,
  boolean: (value) => typeof value === "boolean",
  timestamp: (value) => value instanceof Date,
  timestamp_millis: (value) => value instanceof Date,
  timestamp_micros: (value) => value instanceof Date,
  date: (value) => value instanceof Date,
  int96: (value) => value instanceof Date,
  list: Array.isArray,
  ...Object.fromEntries(
    ["int32", "int64", "float", "double", "decimal", "float16"]
      .map((name) => [name, (value: unknown) => typeof value === "number"]),
  ),
};

/** What is wrong with a value of a column, if something is. */
function wrongIn(
  { name, type, optional }: ParquetColumn,
  value: unknown,
): string | undefined {
  if (value === null && optional) return undefined;
  const kind = /^u?int_?\d+$/.test(type) ? "int32" : type;
  const isRight = (KINDS[kind] ?? isPlain)(value);
  return isRight
    ? undefined
    : `${name} of the type ${type} is ${Deno.inspect(value)}`;
}

/**
 * Reads a mutant, and throws where a value is not what its column's type says.
 *
 * @returns Whether it could be read; if not, the reader has named it.
 */
export async function readMutant(seed: number): Promise<boolean> {
  try {
    const rows = await parquet(memoryBytes(parquetMutant(seed), "mutant"));
    for await (const row of rows.rows()) {
      for (const column of rows.schema) {
        assertEquals(wrongIn(column, row[column.name]), undefined, `${seed}`);
      }
    }
    return true;
  } catch (error) {
    const isNamed = error instanceof SyntaxError || error instanceof RangeError;
    if (!isNamed || !error.message.includes("mutant")) throw error;
    return false;
  }
}

/** Whether a value consists of what JSON has, and of bytes and dates. */
function isPlain(value: unknown): boolean {
  if (value === null || value instanceof Uint8Array || value instanceof Date) {
    return true;
  }
  return typeof value === "object"
    ? Object.values(value).every(isPlain)
    : ["string", "number", "boolean"].includes(typeof value);
}
