/** Rows of CSV files as a dataset. @module */
import { assertOptions, optionsOf, shown } from "@lionjs/base";
import { datasetOf, type Examples } from "../batches/dataset.ts";
import { type ByteSource, nameOf } from "../bytes/bytes_of.ts";
import { decompressed } from "../bytes/decompressed.ts";
import {
  BadRecordCount,
  type BadRecords,
  type SkipBad,
} from "./bad_records.ts";
import { CsvParser, type CsvRow } from "./csv_parser.ts";

/** Options of {@linkcode csvRows}. */
export interface CsvOptions {
  /**
   * The character between fields.
   * @default a tab for files whose name ends with `.tsv`, else a comma
   */
  delimiter?: string | undefined;
  /**
   * The quotation mark around fields; with `false`, quotes are like any other
   * character, as in GLUE's files.
   * @default '"'
   */
  quote?: '"' | false | undefined;
  /**
   * The columns' names: from the first row (`true`), from this list, or the
   * columns' numbers, from 0 (`false`).
   * @default true
   */
  header?: true | readonly string[] | false | undefined;
  /** The text's encoding, as for `TextDecoder`. @default "utf-8" */
  encoding?: string | undefined;
  /**
   * How a bad row, such as one with too few fields, is handled: by an error
   * that names its line, or by skipping and counting it.
   * @default "fail"
   */
  onBad?: "fail" | SkipBad | undefined;
}

const OPTIONS = optionsOf<CsvOptions>()(
  "delimiter quote header encoding onBad",
);

/** The rows of a table, each an object with its fields by column name. */
export interface CsvRows
  extends Examples<Record<string, string>>, Iterable<Record<string, string>> {
  /** The columns' names. */
  readonly columns: readonly string[];
  /** The skipped rows. */
  readonly bad: BadRecords;
}

/**
 * Reads a table of comma-separated or tab-separated values. It may be
 * compressed by gzip or zstd; blank lines are ignored.
 *
 * Source: RFC 4180, and Python's module csv where that leaves a choice.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { csvRows } from "@lionjs/lion/data";
 *
 * const path = await Deno.makeTempFile({ suffix: ".csv" });
 * await Deno.writeTextFile(path, 'text,label\n"Good, so good",1\nbad,0\n');
 * const rows = await csvRows(path);
 * assertEquals(rows.columns, ["text", "label"]);
 * assertEquals(rows.size, 2);
 * assertEquals(rows.get(0), { text: "Good, so good", label: "1" });
 * assertEquals([...rows].map(({ label }) => label), ["1", "0"]);
 * ```
 *
 * @param path The path, URL or bytes of the file.
 * @param options See {@linkcode CsvOptions}.
 * @returns The rows, in memory.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or there is no row.
 * @throws {SyntaxError} If a row has more or fewer fields than there are
 * columns, a quote is not closed, or the file is truncated or damaged; the
 * message names file and line.
 */
export async function csvRows(
  path: ByteSource,
  options: CsvOptions = {},
): Promise<CsvRows> {
  assertOptions("csvRows", options, OPTIONS);
  const name = nameOf(path);
  const {
    delimiter = /\.tsv(\.\w+)?$/i.test(name) ? "\t" : ",",
    quote = '"',
    header = true,
    encoding = "utf-8",
    onBad = "fail",
  } = options;
  assertDelimiter(delimiter);
  if (quote !== '"' && quote !== false) {
    throw new TypeError(
      `quote should be '"' or false, got ${shown(quote)}`,
    );
  }
  assertHeader(header);
  const decoder = decoderOf(encoding);
  const bad = new BadRecordCount("csvRows", onBad);
  const parser = new CsvParser(delimiter, quote !== false);
  let columns = typeof header === "boolean" ? undefined : [...header];
  const rows: (readonly string[])[] = [];
  const advice = "convert it, or say its encoding";
  for await (const row of parsedRows(path, parser, decoder, advice)) {
    const where = `${name}:${row.line}`;
    if (!columns && header === true) {
      if (row.wrong === undefined) {
        columns = assertNames(where, row.fields);
        continue;
      }
      throw new SyntaxError(
        `${where} should be the names of the columns: ${row.wrong}`,
      );
    }
    // The first row, if it is malformed, does not give the number of columns.
    const count = columns?.length ?? row.fields.length;
    const wrong = row.wrong ??
      (row.fields.length === count
        ? undefined
        : `it has ${row.fields.length} fields for ${count} columns`);
    if (wrong === undefined) {
      columns ??= row.fields.map((_, i) => String(i));
      rows.push(row.fields);
      continue;
    }
    const error = new SyntaxError(
      `${where} should be a row of the table: ${wrong}`,
    );
    bad.addFailure(where, error, rows.length + bad.count + 1);
  }
  if (rows.length === 0) {
    const [first] = bad.records;
    throw new RangeError(
      `${name} should have at least one row, got ${
        first ? `${bad.count} bad: ${first.reason}` : "none"
      }`,
    );
  }
  const table = datasetOf(rows);
  const recordOf = (fields: readonly string[]) => {
    const record: Record<string, string> = {};
    columns!.forEach((column, i) => record[column] = fields[i]!);
    return record;
  };
  return {
    ...{ size: table.size, columns: columns!, bad },
    get: (index) => recordOf(table.get(index)),
    *[Symbol.iterator]() {
      for (const fields of rows) yield recordOf(fields);
    },
  };
}

/**
 * The rows of a file, which may be compressed.
 *
 * @param advice The advice in errors for a file in another encoding.
 */
export async function* parsedRows(
  path: ByteSource,
  parser: CsvParser,
  decoder: TextDecoder,
  advice = "convert it",
): AsyncGenerator<CsvRow> {
  const named = (error: unknown) => {
    const { message } = error as Error;
    const hint = error instanceof TypeError
      ? `its text should be in ${decoder.encoding}; ${advice}`
      : message;
    return new SyntaxError(`${nameOf(path)}:${parser.line} or later: ${hint}`, {
      cause: error,
    });
  };
  const rowsOf = function* (chunk?: Uint8Array): Generator<CsvRow> {
    const isLast = chunk === undefined;
    try {
      yield* parser.rows(decoder.decode(chunk, { stream: !isLast }), isLast);
    } catch (error) {
      throw named(error);
    }
  };
  for await (const chunk of decompressed(path)) yield* rowsOf(chunk);
  yield* rowsOf();
}

function decoderOf(encoding: string): TextDecoder {
  if (typeof encoding !== "string") {
    throw new TypeError(
      `encoding should be a string such as "utf-8", got ${typeof encoding}`,
    );
  }
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch (cause) {
    throw new RangeError(
      `encoding should be one that TextDecoder knows, such as "utf-8" or "latin1", got ${
        shown(encoding)
      }`,
      { cause },
    );
  }
}

function assertDelimiter(delimiter: string): void {
  if (
    typeof delimiter === "string" && delimiter.length === 1 &&
    !/["\r\n]/.test(delimiter)
  ) return;
  throw new RangeError(
    `delimiter should be one character, such as "," or "\\t", got ${
      shown(delimiter)
    }`,
  );
}

function assertHeader(header: true | readonly string[] | false): void {
  if (typeof header === "boolean") return;
  if (
    Array.isArray(header) && header.length > 0 &&
    header.every((name) => typeof name === "string")
  ) {
    assertNames("header", header);
    return;
  }
  throw new TypeError(
    `header should be true, false or the columns' names, got ${shown(header)}`,
  );
}

/** Throws unless column names are unique; returns the names. */
function assertNames(where: string, names: readonly string[]): string[] {
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined || names.includes("__proto__")) {
    throw new SyntaxError(
      `${where} should have a name for each column, got ${
        shown(twice ?? "__proto__")
      }${twice === undefined ? "" : " twice"}; name them by header`,
    );
  }
  return [...names];
}
