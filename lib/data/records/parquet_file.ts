/** One Parquet file: its footer, and its row groups. @module */
import { damaged, importOptional, messageOf } from "@lionjs/base";
import type { FileMetaData, SchemaTree } from "hyparquet";
import type { RandomAccess } from "../bytes/random_access.ts";
import {
  assertStoredAs,
  columnOf,
  holdsBigints,
  leavesOf,
  type ParquetColumn,
} from "./parquet_schema.ts";
import { CheckedReading } from "./parquet_pages/checked_reading.ts";
import { withoutBigints } from "./parquet_values.ts";

/** A Parquet file whose footer was read. */
export interface ParquetFile {
  readonly name: string;
  readonly schema: readonly ParquetColumn[];
  readonly metadata: ReadonlyMap<string, string>;
  /** The row groups: the number of rows of each, and the bytes of some of its columns. */
  readonly groups: readonly {
    readonly rows: number;
    bytes(columns: ReadonlySet<string>): number;
  }[];
  read(
    group: number,
    columns: readonly string[] | undefined,
  ): Promise<Record<string, unknown>[]>;
}

const packages = async () => ({
  hyparquet: await importOptional<typeof import("hyparquet")>(
    "parquet",
    "hyparquet",
    () => import.meta.resolve("hyparquet"),
  ),
  compression: await importOptional<typeof import("hyparquet-compressors")>(
    "parquet",
    "hyparquet-compressors",
    () => import.meta.resolve("hyparquet-compressors"),
  ),
});

export async function openParquet(bytes: RandomAccess): Promise<ParquetFile> {
  const { name } = bytes;
  const { hyparquet, compression } = await packages();
  const { footer, tree } = await readable(bytes, name, async (file) => {
    if (file.byteLength < 12) throw new Error("it is too short");
    const footer = await hyparquet.parquetMetadataAsync(file, {
      geoparquet: false, // what it adds is not used, and it trusts the schema
    });
    const tree = hyparquet.parquetSchema(footer);
    assertFooter(footer, tree);
    return { footer, tree };
  });
  const starts: number[] = [];
  let rows = 0;
  for (const { num_rows } of footer.row_groups) {
    starts.push(rows);
    rows += Number(num_rows);
  }
  return {
    name,
    schema: tree.children.map(columnOf),
    metadata: new Map(
      footer.key_value_metadata?.map(({ key, value = "" }) => [key, value]),
    ),
    groups: footer.row_groups.map((group) => ({
      rows: Number(group.num_rows),
      bytes: (columns) => sizeOf(group, columns),
    })),
    async read(group, columns) {
      const size = Number(footer.row_groups[group]!.num_rows);
      if (size === 0) return [];
      const where = `${name}, row group ${group}`;
      const [rowStart, names] = [starts[group]!, columns && [...columns]];
      const reading = new CheckedReading(
        footer.row_groups[group]!,
        tree,
        columns,
      );
      const rows = await readable(bytes, where, async (file) => {
        const compressors = reading.checking(compression.compressors);
        const rows = await hyparquet.parquetReadObjects({
          ...{ file, metadata: footer, compressors },
          ...{ rowStart, rowEnd: rowStart + size, utf8: false },
          parsers: { stringFromBytes },
          ...(names ? { columns: names } : {}),
        });
        assertWhole(rows, size, tree);
        return rows;
      }, (start, part) => reading.read(start, part));
      const bigints = tree.children.filter((column) =>
        holdsBigints(column) && (columns?.includes(column.element.name) ?? true)
      );
      for (const { element } of bigints) {
        for (const [i, row] of rows.entries()) {
          row[element.name] = withoutBigints(
            row[element.name],
            () => `${where}, row ${i}: ${element.name}`,
          );
        }
      }
      return rows;
    },
  };
}

// hyparquet's own decoder would drop a byte order mark, and replace invalid UTF-8.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes the bytes of a text; `undefined` without bytes. */
function stringFromBytes(bytes: Uint8Array | undefined): string | undefined {
  try {
    return bytes && UTF8.decode(bytes);
  } catch (cause) {
    throw new Error("a text is not UTF-8", { cause });
  }
}

/** Bytes that a row group takes in memory in some columns, as its file says. */
function sizeOf(
  { columns }: FileMetaData["row_groups"][number],
  wanted: ReadonlySet<string>,
): number {
  return columns.reduce((sum, { meta_data }) => {
    if (!meta_data || !wanted.has(meta_data.path_in_schema[0]!)) return sum;
    return sum + Number(meta_data.total_uncompressed_size);
  }, 0);
}

/** Throws unless each row group has a valid number of rows, and the schema's columns. */
function assertFooter({ row_groups }: FileMetaData, tree: SchemaTree): void {
  const leaves = leavesOf(tree);
  for (const { element } of leaves) assertStoredAs(element);
  const columns = leaves.map(({ path, element }) => `${path} ${element.type}`);
  for (const group of row_groups) {
    const rows = Number(group.num_rows);
    if (!Number.isSafeInteger(rows) || rows < 0) {
      throw new Error(`a row group has ${group.num_rows} rows`);
    }
    const own = group.columns.map(({ meta_data }) =>
      `${meta_data?.path_in_schema} ${meta_data?.type}`
    );
    if (own.join() === columns.join()) continue;
    throw new Error(`a row group has the columns ${own} for ${columns}`);
  }
}

/** Throws unless there are `size` rows, and none lacks the value of a required column. */
function assertWhole(
  rows: readonly Record<string, unknown>[],
  size: number,
  tree: SchemaTree,
): void {
  if (rows.length !== size) {
    throw new Error(`it should have ${size} rows, got ${rows.length}`);
  }
  const required = new Set(
    tree.children.filter(({ element }) =>
      element.repetition_type !== "OPTIONAL"
    ).map(({ element }) => element.name),
  );
  for (const [i, row] of rows.entries()) {
    for (const column in row) {
      const value = row[column];
      if (value === undefined || value === null && required.has(column)) {
        throw new Error(`the column ${column} has no value in row ${i}`);
      }
    }
  }
}

/**
 * Runs with bytes as hyparquet reads them. What it throws of damaged ones, such
 * as "Invalid typed array length", gets a name.
 *
 * @param where The name in errors of the part that is read.
 * @param check Throws if a part is damaged.
 */
async function readable<T>(
  bytes: RandomAccess,
  where: string,
  run: (
    file: {
      byteLength: number;
      slice(start: number, end?: number): Promise<ArrayBuffer>;
    },
  ) => Promise<T>,
  check: (start: number, part: ArrayBuffer) => void = () => {},
): Promise<T> {
  let failed: { error: unknown } | undefined;
  const read = async (start: number, end: number) => {
    if (!(start >= 0 && start <= end && end <= bytes.size)) {
      throw new RangeError(`it should lie in the bytes ${start}–${end}`);
    }
    const { buffer } = await bytes.read(start, end - start)
      .catch((error) => {
        failed = { error };
        throw error;
      });
    check(start, buffer);
    return buffer;
  };
  try {
    return await run({
      byteLength: bytes.size,
      slice(start, end = bytes.size) {
        const part = read(start, end);
        // A part that is read ahead and fails may never be awaited.
        part.catch(() => {});
        return part;
      },
    });
  } catch (cause) {
    // An error of reading is thrown as it is; others are of the format.
    if (failed) throw failed.error;
    const reason = messageOf(cause);
    throw damaged(where, "Parquet", reason, cause);
  }
}
