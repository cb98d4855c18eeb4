/** What the columns of a Parquet file hold. @module */
import type { SchemaTree } from "hyparquet";

/** A column of a Parquet file. */
export interface ParquetColumn {
  /** The column's name. */
  readonly name: string;
  /**
   * Its type: `"string"`, `"bytes"`, `"list"`, `"map"`, `"struct"`, or
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
  return element.type === "INT64" || children.some(holdsBigints);
}
