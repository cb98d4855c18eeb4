/** Tables on screens of all widths. @module */
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { textOf } from "./sections.ts";

/** Columns from which on a number and its interval may stand on two lines. */
const MANY = 7;

/** Characters that a line of a table has room for on a phone. */
const PHONE = 40;

/** The gap between two columns, in characters. */
const GAP = 3;

const TABLE = /<table([^>]*)>([^]*?)<\/table>/g;
const ROW = /<tr[^>]*>[^]*?<\/tr>/g;
const CELL = /<(th|td)((?:\s[^>]*)?)>([^]*?)<\/\1>/g;

/** Tables in which numbers are whole on a line, with their units. */
export function withWholeNumbers(html: string): string {
  return html.replaceAll(TABLE, (table) => {
    const isWide = cellsOf(table.match(ROW)?.[0] ?? "").length >= MANY;
    const units = /(?<=\d) (?=%|(?:ms|s|MiB)\b)|(?<=±) (?=\d)/g;
    return table.replaceAll(/<td[^>]*>[^]*?<\/td>/g, (cell) => {
      const whole = cell.replaceAll(units, "\u00a0");
      return isWide ? whole : whole.replaceAll(/(?<=\d) (?=±)/g, "\u00a0");
    });
  });
}

/**
 * Marks tables that are wider than a phone, whose style stacks the cells of a row
 * there: each of their cells carries the name of its column, as `data-column`.
 */
export function withColumnNames(html: string): string {
  return html.replaceAll(
    TABLE,
    (table, attributes: string, content: string) => {
      const rows = content.match(ROW) ?? [];
      const names = cellsOf(rows[0] ?? "");
      if (names.length < 3 || leastWidth(rows) <= PHONE) return table;
      const named = content.replaceAll(ROW, (row) => {
        let at = 0;
        return row.replaceAll(
          CELL,
          (cell, tag: string, own: string, inside: string) => {
            const name = names[at++] ?? "";
            return tag === "th" || at === 1
              ? cell
              : `<td${own} data-column="${escapeHTML(name)}">${inside}</td>`;
          },
        );
      });
      return `<table${attributes} class="stacks">${named}</table>`;
    },
  );
}

/** The width below which the words of a table are cut, in characters. */
function leastWidth(rows: readonly string[]): number {
  const widths: number[] = [];
  for (const row of rows) {
    // Lines do not break at a no-break space, which `textOf` makes an ordinary one.
    const whole = row.replaceAll("\u00a0", "_");
    for (const [at, text] of cellsOf(whole).entries()) {
      const longest = Math.max(...text.split(" ").map(({ length }) => length));
      widths[at] = Math.max(widths[at] ?? 0, longest);
    }
  }
  return widths.reduce((sum, width) => sum + width + GAP, 0);
}

/** The texts of the cells of a row. */
function cellsOf(row: string): string[] {
  return [...row.matchAll(CELL)].map(([, , , inside]) => textOf(inside!));
}
