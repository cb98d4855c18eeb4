import {
  assertList,
  assertNamed,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import { escapeHTML } from "./jupyter/html.ts";
import { DISPLAY, type Displayable } from "./jupyter/mime.ts";

/** A row of a table: its cells by column name. */
export type TableRow = Readonly<Record<string, string | number | boolean>>;

/** Options of {@linkcode table}. */
export interface TableOptions {
  /** Significant digits of numbers that are not integers. @default 4 */
  digits?: number | undefined;
}

const OPTIONS = optionsOf<TableOptions>()("digits");

/**
 * Makes a table of rows, to be displayed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DISPLAY, display, table } from "@lionjs/lion/notebook";
 *
 * const times = table([
 *   { form: "full", milliseconds: 7.215, MiB: 82 },
 *   { form: "chunkwise", milliseconds: 0.98712, MiB: 0.2 },
 * ]);
 * await display(times);
 * const { "text/plain": text } = await times[DISPLAY]();
 * assertEquals(
 *   text,
 *   `form       milliseconds  MiB
 * full              7.215   82
 * chunkwise        0.9871  0.2`,
 * );
 * ```
 *
 * @param rows The rows; the table has all their columns, and missing cells are
 * empty.
 * @param options See {@linkcode TableOptions}.
 * @returns The table, to be displayed.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If `digits` is not a whole number from 1 to 21.
 */
export function table(
  rows: readonly TableRow[],
  options: TableOptions = {},
): Displayable {
  assertOptions("table", options, OPTIONS);
  assertList("rows", rows);
  const { digits = 4 } = options;
  if (!(Number.isInteger(digits) && digits >= 1 && digits <= 21)) {
    throw new RangeError(
      `digits should be a whole number from 1 to 21, got ${shown(digits)}`,
    );
  }
  for (const row of rows) {
    assertNamed("each of rows", row);
    for (const [name, cell] of Object.entries(row)) {
      if (CELLS.includes(typeof cell)) continue;
      throw new TypeError(
        `rows' ${name} should be a string, a number or a boolean, got ${
          shown(cell)
        }`,
      );
    }
  }
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names.map((name) => ({
    name,
    isNumeric: rows.every((row) =>
      ["number", "undefined"].includes(typeof row[name])
    ),
    cells: rows.map((row) => cellText(row[name], digits)),
  }));
  return {
    [DISPLAY]: () => ({
      "text/html": htmlOf(columns, rows.length),
      "text/plain": plainOf(columns, rows.length),
    }),
  };
}

/** The types of what a cell shows; it is empty where there is none. */
const CELLS: readonly string[] = ["string", "number", "boolean", "undefined"];

interface Column {
  readonly name: string;
  readonly isNumeric: boolean;
  readonly cells: readonly string[];
}

function cellText(
  cell: string | number | boolean | undefined,
  digits: number,
): string {
  if (typeof cell !== "number" || Number.isInteger(cell)) {
    return `${cell ?? ""}`;
  }
  return `${Number(cell.toPrecision(digits))}`;
}

function htmlOf(columns: readonly Column[], rowCount: number): string {
  const line = (tag: "th" | "td", textOf: (column: Column) => string) =>
    `<tr>${
      columns.map((column) =>
        `<${tag} style="text-align: ${column.isNumeric ? "right" : "left"}">${
          escapeHTML(textOf(column))
        }</${tag}>`
      ).join("")
    }</tr>`;
  const lines = Array.from(
    { length: rowCount },
    (_, row) => line("td", ({ cells }) => cells[row]!),
  );
  return `<table>\n<thead>${line("th", ({ name }) => name)}</thead>\n<tbody>\n${
    lines.join("\n")
  }\n</tbody>\n</table>`;
}

function plainOf(columns: readonly Column[], rowCount: number): string {
  const padded = columns.map(({ name, isNumeric, cells }) => {
    const all = [name, ...cells];
    const width = Math.max(...all.map((cell) => cell.length));
    return all.map((cell) =>
      isNumeric ? cell.padStart(width) : cell.padEnd(width)
    );
  });
  return Array.from(
    { length: rowCount + 1 },
    (_, row) => padded.map((cells) => cells[row]).join("  ").trimEnd(),
  ).join("\n");
}
