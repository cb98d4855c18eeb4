/** A visitor's table of texts. @module */
import { blobBytes, csvRows, jsonLines } from "@lionjs/lion/data";
import type { Columns, FoundTable, PassedOver } from "./calls.ts";

/** A table: what each row has in each column. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  readonly passed: readonly PassedOver[];
}

type Row = Readonly<Record<string, string>>;

/** Reads a table, by what its name ends in. */
export function readTable(file: File): Promise<Table> {
  return /\.(jsonl|ndjson)(\.\w+)?$/i.test(file.name)
    ? readLines(file)
    : readRows(file);
}

async function readRows(file: File): Promise<Table> {
  const rows = await csvRows(blobBytes(file), {
    delimiter: await delimiterOf(file),
    onBad: { skip: true, limit: 1 },
  });
  return {
    columns: rows.columns,
    rows: Array.from({ length: rows.size }, (_, i) => rows.get(i)),
    passed: rows.bad.records,
  };
}

/** Spreadsheets write commas, semicolons or tabs, whatever they call the file. */
async function delimiterOf(file: File): Promise<string> {
  const [first = ""] = (await file.slice(0, 65_536).text()).split(/[\r\n]/);
  const count = (one: string) => first.split(one).length;
  return [",", ";", "\t"].reduce((best, one) =>
    count(one) > count(best) ? one : best
  );
}

async function readLines(file: File): Promise<Table> {
  const rows: Row[] = [];
  const passed: PassedOver[] = [];
  const columns = new Set<string>();
  for (const [i, value] of (await jsonLines(blobBytes(file))).entries()) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      const name = `value ${i + 1} of ${file.name}`;
      passed.push({ name, reason: "not an object" });
      continue;
    }
    const fields = Object.entries(value)
      .filter(([, field]) => typeof field !== "object" || field === null)
      .map(([column, field]) => [column, field === null ? "" : `${field}`]);
    for (const [column] of fields) columns.add(column!);
    rows.push(Object.fromEntries(fields));
  }
  return { columns: [...columns], rows, passed };
}

/** What a page shows of a table. */
export function describeTable(
  { columns, rows, passed }: Table,
): FoundTable {
  return { columns, rows: rows.length, guess: guess(columns, rows), passed };
}

/** The longest texts are texts, and the column with the fewest values has the classes. */
function guess(columns: readonly string[], rows: readonly Row[]): Columns {
  const best = (names: readonly string[], score: (name: string) => number) =>
    names.toSorted((a, b) => score(b) - score(a))[0] ?? "";
  const text = best(
    columns,
    (name) => rows.reduce((sum, row) => sum + (row[name] ?? "").length, 0),
  );
  const label = best(columns.filter((name) => name !== text), (name) => {
    const { size } = new Set(rows.map((row) => row[name]));
    return size < 2 ? -Infinity : -size;
  });
  return { text, label };
}
