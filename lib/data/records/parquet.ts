/** Rows of Parquet files as a dataset. @module */
import { assertInteger, assertOptions, optionsOf, shown } from "@lionjs/base";
import type { BlockDataset } from "../batches/orders.ts";
import { assertPlace } from "../batches/dataset.ts";
import { bytesOf, type ByteSource, nameOf } from "../bytes/bytes_of.ts";
import { Recent } from "../bytes/recent.ts";
import { copied } from "./parquet_values.ts";
import { openParquet, type ParquetFile } from "./parquet_file.ts";
import { describeColumn, type ParquetColumn } from "./parquet_schema.ts";

/** Options of {@linkcode parquet}. */
export interface ParquetOptions {
  /** The columns to read. @default all */
  columns?: readonly string[] | undefined;
  /**
   * Number of row groups to keep in memory.
   * @default as many as fit into 256 MB by the files' metadata, from 2 to 8
   */
  cacheGroups?: number | undefined;
}

const OPTIONS = optionsOf<ParquetOptions>()("columns cacheGroups");

/** Rows that are stored and read together in a Parquet file. */
export interface ParquetGroup {
  /** The file's name in errors. */
  readonly file: string;
  /** Index of the group in its file, from 0. */
  readonly index: number;
  /** Index of the group's first row in the dataset. */
  readonly start: number;
  /** Number of rows in the group. */
  readonly size: number;
}

/** Rows of Parquet files. */
export interface ParquetDataset<R> extends BlockDataset<R> {
  /** The columns that are read. */
  readonly schema: readonly ParquetColumn[];
  /** The first file's metadata, such as `huggingface`: the features. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The row groups, in the order of the rows. */
  readonly groups: readonly ParquetGroup[];
  /** The group of each row, as an index in `groups`. */
  readonly locality: Uint32Array;
  /** Number of groups that stay in memory. */
  readonly localitiesKept: number;
  /** Returns a copy of the row at an index; its whole group is read. */
  get(index: number): Promise<R>;
  /** Iterates over the rows in order, from an index on; each group is read once. */
  rows(from?: number): AsyncIterable<R>;
}

/**
 * Opens Parquet files as one dataset. A row group is read when one of its rows
 * is requested, and stays in memory for others; for training, shuffle with
 * `order: "blocks"`, which reads neighbours together.
 *
 * 64-bit integers become numbers, and throw beyond 2^53; text becomes a string,
 * bytes a Uint8Array, dates a Date, lists an array, and missing values null.
 *
 * Source: Apache Parquet, by hyparquet and hyparquet-compressors, which support
 * all compressions but LZO.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { memoryBytes, parquet } from "@lionjs/lion/data";
 * import { parquetWriteBuffer } from "hyparquet-writer";
 *
 * const file = new Uint8Array(parquetWriteBuffer({
 *   columnData: [
 *     { name: "text", data: ["good", "bad", "so so"], type: "STRING" },
 *     { name: "label", data: [1n, 0n, 2n], type: "INT64" },
 *   ],
 * }));
 * const reviews = await parquet<{ text: string; label: number }>(
 *   memoryBytes(file, "reviews.parquet"),
 * );
 * assertEquals(reviews.size, 3);
 * assertEquals(reviews.schema.map(({ name }) => name), ["text", "label"]);
 * assertEquals(await reviews.get(1), { text: "bad", label: 0 });
 * ```
 *
 * @param files The files, in their order.
 * @param options See {@linkcode ParquetOptions}.
 * @returns The rows.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If there is no file, or no such column.
 * @throws {SyntaxError} If a file is not Parquet, truncated or corrupt, or its
 * columns differ from the first's; the message names it. A damaged row group
 * throws when it is read.
 */
export async function parquet<R = Record<string, unknown>>(
  files: ByteSource | readonly ByteSource[],
  options: ParquetOptions = {},
): Promise<ParquetDataset<R>> {
  assertOptions("parquet", options, OPTIONS);
  const { columns, cacheGroups } = options;
  assertColumns(columns);
  if (cacheGroups !== undefined) assertInteger("cacheGroups", cacheGroups, 1);
  const sources = Array.isArray(files) ? files : [files];
  sources.forEach(nameOf);
  if (sources.length === 0) {
    throw new RangeError("files should not be empty, got none");
  }
  const opened = await openAll(sources);
  const schema = sharedSchema(opened, columns);
  return new Rows(opened, schema, columns, cacheGroups);
}

function assertColumns(columns: unknown): void {
  if (
    columns === undefined ||
    Array.isArray(columns) && columns.length > 0 &&
      columns.every((column) => typeof column === "string")
  ) return;
  throw new TypeError(
    `columns should be the names of at least one column, got ${shown(columns)}`,
  );
}

/** Opens files, a few at a time: they may be far away, and many. */
async function openAll(sources: readonly ByteSource[]): Promise<ParquetFile[]> {
  const opened: ParquetFile[] = [];
  for (let i = 0; i < sources.length; i += 8) {
    opened.push(
      ...await Promise.all(
        sources.slice(i, i + 8).map(async (source) =>
          openParquet(await bytesOf(source))
        ),
      ),
    );
  }
  return opened;
}

/** The columns to read, which all files should have. */
function sharedSchema(
  files: readonly ParquetFile[],
  columns: readonly string[] | undefined,
): readonly ParquetColumn[] {
  const [first] = files;
  const wanted = columns ?? first!.schema.map(({ name }) => name);
  const schemas = files.map(({ name: file, schema }) => {
    const columns = new Map(schema.map((column) => [column.name, column]));
    const twice = new Set(
      schema.filter((column) => columns.get(column.name) !== column)
        .map(({ name }) => name),
    );
    return wanted.map((wanted) => {
      const column = columns.get(wanted);
      if (twice.has(wanted)) {
        throw new SyntaxError(
          `${file} should have the column ${
            JSON.stringify(wanted)
          } once, got it twice; read others by columns`,
        );
      }
      // A field of this name would become the row's prototype.
      if (column && namesIn(column).includes("__proto__")) {
        throw new SyntaxError(
          `${file} should have names of columns, got "__proto__"; read others by columns`,
        );
      }
      if (column) return column;
      throw new RangeError(
        `${file} should have the column ${JSON.stringify(wanted)}, got ${
          schema.map(({ name }) => name).join(", ")
        }`,
      );
    });
  });
  const [shared] = schemas;
  schemas.forEach((schema, i) =>
    schema.forEach((column, c) => {
      const [expected, got] = [shared![c]!, column].map(describeColumn);
      if (expected === got) return;
      throw new SyntaxError(
        `${files[i]!.name} should have the columns of ${
          first!.name
        }: ${expected}, got ${got}; open them apart`,
      );
    })
  );
  return shared!;
}

/** The names of a column and of those within. */
function namesIn({ name, fields }: ParquetColumn): string[] {
  return [name, ...fields.flatMap(namesIn)];
}

class Rows<R> implements ParquetDataset<R> {
  readonly size: number;
  readonly schema: readonly ParquetColumn[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly groups: readonly ParquetGroup[];
  readonly localitiesKept: number;
  readonly #files: readonly ParquetFile[];
  readonly #columns: readonly string[] | undefined;
  readonly #kept: Recent<readonly R[]>;
  #locality: Uint32Array | undefined;

  constructor(
    files: readonly ParquetFile[],
    schema: readonly ParquetColumn[],
    columns: readonly string[] | undefined,
    cacheGroups: number | undefined,
  ) {
    let start = 0;
    this.groups = files.flatMap((file) =>
      file.groups.map(({ rows: size }, index) => {
        const group = { file: file.name, index, start, size };
        start += size;
        return group;
      })
    );
    this.#files = files.flatMap((file) => file.groups.map(() => file));
    this.size = start;
    this.schema = schema;
    this.metadata = files[0]!.metadata;
    this.#columns = columns;
    this.localitiesKept = cacheGroups ?? affordable(files, schema);
    this.#kept = new Recent(this.localitiesKept);
  }

  get locality(): Uint32Array {
    if (this.#locality) return this.#locality;
    const locality = new Uint32Array(this.size);
    this.groups.forEach(({ start, size }, i) =>
      locality.fill(i, start, start + size)
    );
    return this.#locality = locality;
  }

  async get(index: number): Promise<R> {
    assertPlace(index, this.size);
    const group = this.#groupOf(index);
    const rows = await this.#rowsOf(group);
    return copied(rows[index - this.groups[group]!.start]!);
  }

  async *rows(from = 0): AsyncGenerator<R> {
    assertInteger("from", from, 0, this.size);
    if (from === this.size) return;
    for (let i = this.#groupOf(from); i < this.groups.length; i++) {
      const rows = await this.#rowsOf(i);
      const { start } = this.groups[i]!;
      for (let row = Math.max(0, from - start); row < rows.length; row++) {
        yield copied(rows[row]!);
      }
    }
  }

  /** The group of a row: the last one that begins there or before. */
  #groupOf(index: number): number {
    let low = 0, high = this.groups.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.groups[middle]!.start <= index) low = middle;
      else high = middle;
    }
    return low;
  }

  #rowsOf(group: number): Promise<readonly R[]> {
    const { index } = this.groups[group]!;
    const file = this.#files[group]!;
    return this.#kept.get(
      group,
      () => file.read(index, this.#columns) as Promise<readonly R[]>,
    );
  }
}

/** The number of row groups that stay in memory: 2 to 8, about 256 MB. */
function affordable(
  files: readonly ParquetFile[],
  schema: readonly ParquetColumn[],
): number {
  const names = new Set(schema.map(({ name }) => name));
  const largest = files.flatMap(({ groups }) => groups).reduce(
    (most, { bytes }) => Math.max(most, bytes(names)),
    1,
  );
  return Math.min(8, Math.max(2, Math.floor(256e6 / largest)));
}
