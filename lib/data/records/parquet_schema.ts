/** The columns of a Parquet file, and the types of their values. @module */
import type { SchemaTree } from "hyparquet";

/** A column of a Parquet file. */
export interface ParquetColumn {
  /** The column's name. */
  readonly name: string;
  /**
   * The column's type: `"string"`, `"bytes"`, `"list"`, `"map"`, `"struct"`, or
   * Parquet's name for it in lower case, such as `"int64"`, `"float"` or
   * `"timestamp"`.
   */
  readonly type: string;
  /** Whether values may be missing. */
  readonly optional: boolean;
  /** The parts of a list or struct. */
  readonly fields: readonly ParquetColumn[];
}

export function columnOf({ element, children }: SchemaTree): ParquetColumn {
  return {
    name: element.name,
    type: typeOf(element, children.length > 0),
    optional: element.repetition_type === "OPTIONAL",
    fields: children.map(columnOf),
  };
}

function typeOf(
  { type, converted_type, logical_type }: SchemaTree["element"],
  isGroup: boolean,
): string {
  const name = logical_type?.type ?? converted_type;
  if (name === "UTF8" || name === "STRING") return "string";
  if (isGroup) return name?.toLowerCase() ?? "struct";
  // Signs and widths of integers are in the other of the two names.
  if (name && name !== "INTEGER") return name.toLowerCase();
  if (type?.endsWith("BYTE_ARRAY")) return "bytes";
  return (converted_type ?? type ?? "unknown").toLowerCase();
}

/** A column in words, by which those of two files are compared. */
export function describeColumn(
  { name, type, fields }: ParquetColumn,
): string {
  const inner = fields.length > 0
    ? ` { ${fields.map(describeColumn).join(", ")} }`
    : "";
  return `${name} ${type}${inner}`;
}

/** Whether a column's values are bigints, or have some within. */
export function holdsBigints({ element, children }: SchemaTree): boolean {
  return element.type === "INT64" ||
    element.logical_type?.type === "VARIANT" || children.some(holdsBigints);
}

/** The columns that have values, in their order. */
export function leavesOf(tree: SchemaTree): SchemaTree[] {
  const { children } = tree;
  return children.length > 0 ? children.flatMap(leavesOf) : [tree];
}

const BYTES = ["BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"];
const INTEGERS = ["INT32", "INT64"];

/**
 * How the values of each type are stored. The integers of the older names, such as
 * `INT_32` and `UINT_64`, are stored as `INTEGER` is.
 *
 * Source: Apache Parquet, "Logical Types".
 */
const STORED: Readonly<Record<string, readonly string[]>> = {
  STRING: BYTES,
  UTF8: BYTES,
  ENUM: BYTES,
  JSON: BYTES,
  BSON: BYTES,
  GEOMETRY: BYTES,
  GEOGRAPHY: BYTES,
  UUID: ["FIXED_LEN_BYTE_ARRAY"],
  FLOAT16: ["FIXED_LEN_BYTE_ARRAY"],
  INTERVAL: ["FIXED_LEN_BYTE_ARRAY"],
  DECIMAL: [...BYTES, ...INTEGERS],
  INTEGER: INTEGERS,
  DATE: ["INT32"],
  TIME: INTEGERS,
  TIME_MILLIS: ["INT32"],
  TIME_MICROS: ["INT64"],
  TIMESTAMP: ["INT64"],
  TIMESTAMP_MILLIS: ["INT64"],
  TIMESTAMP_MICROS: ["INT64"],
};

/** Throws unless a column is stored as its type says, so that its values are of that type. */
export function assertStoredAs(
  { name, type, converted_type, logical_type }: SchemaTree["element"],
): void {
  for (const given of [converted_type, logical_type?.type]) {
    const kind = given?.replace(/^U?INT_\d+$/, "INTEGER");
    const stored = STORED[kind ?? ""];
    if (!stored || stored.includes(type ?? "")) continue;
    throw new Error(`the column ${name} of the type ${given} is of ${type}`);
  }
}
