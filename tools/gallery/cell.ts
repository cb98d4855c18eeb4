/** Cells of notebooks as HTML. @module */
// @ts-types="./highlight.d.ts"
import highlighter from "highlight.js/lib/core";
import typescript from "highlight.js/lib/languages/typescript";
import {
  type Cell,
  type DisplayOutput,
  FOLDED,
  type MimeBundle,
  type Output,
} from "../notebooks/notebook.ts";
import { escapeHTML } from "../../lib/jupyter/html.ts";
import { proseToHTML } from "./prose.ts";

highlighter.registerLanguage("typescript", typescript);

/** HTML of a cell with its outputs. */
export function cellToHTML(cell: Cell): string {
  if (cell.cell_type === "markdown") {
    return `<section>\n${proseToHTML(cell.source)}</section>`;
  }
  const { value } = highlighter.highlight(cell.source, {
    language: "typescript",
  });
  const code = `<pre class="code"><code>${value}</code></pre>`;
  const lines = cell.source.split("\n").length;
  return [
    cell.metadata.tags?.includes(FOLDED)
      ? `<details class="code"><summary>Set-up, ${lines} lines</summary>${code}</details>`
      : code,
    ...cell.outputs.map((output) =>
      outputToHTML(output, PALE.test(cell.source))
    ),
  ].join("\n");
}

/**
 * Figures with a scale of colours in which a pale one is a number like any
 * other, or with words on dark and light: night.ts would turn them around.
 */
const PALE = /colorscale: "(?:RdBu|Reds)"|\(dark\)/;

function outputToHTML(output: Output, isPale: boolean): string {
  if (output.output_type === "stream") return preformatted(output.text);
  if (output.output_type === "error") {
    return preformatted(output.traceback.join("\n"));
  }
  return `<div class="output">${displayToHTML(output, isPale)}</div>`;
}

/** The best representation of a value, as Jupyter would choose. */
function displayToHTML(
  { data, metadata }: DisplayOutput,
  isPale: boolean,
): string {
  const find = (type: string) => data[type] as string | undefined;
  const [html, markdown, svg, latex, png] = [
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "text/latex",
    "image/png",
  ].map(find);
  if (html !== undefined) return html;
  if (markdown !== undefined) return proseToHTML(markdown);
  if (svg !== undefined) return svg;
  if (latex !== undefined) return proseToHTML(latex);
  if (png === undefined) return preformatted(textOf(data));
  const { width } = (metadata["image/png"] ?? {}) as { width?: number };
  return `<img class="${isPale ? "pale" : "figure"}"${
    width ? ` width="${width}"` : ""
  } alt="${escapeHTML(textOf(data))}" src="${pngURL(png)}">`;
}

/** The first figure of cells, or the one of a title, in base64. */
export function figureOf(
  cells: readonly Cell[],
  title?: string,
): string | undefined {
  for (const cell of cells) {
    if (cell.cell_type === "markdown") continue;
    for (const output of cell.outputs) {
      if (!("data" in output)) continue;
      const png = output.data["image/png"];
      if (typeof png !== "string") continue;
      if (title === undefined || textOf(output.data) === `Figure: ${title}`) {
        return png.trim();
      }
    }
  }
  return undefined;
}

/** What stands for a notebook: the figure of the cell with the tag `thumbnail`, or its first. */
export function thumbnailOf(cells: readonly Cell[]): string | undefined {
  const tagged = cells.filter(({ metadata }) =>
    metadata.tags?.includes("thumbnail")
  );
  return figureOf(tagged) ?? figureOf(cells);
}

/** A figure as a page holds it. */
export function pngURL(base64: string): string {
  return `data:image/png;base64,${base64.trim()}`;
}

function textOf(data: MimeBundle): string {
  return `${data["text/plain"] ?? ""}`;
}

function preformatted(text: string): string {
  return `<pre class="output">${escapeHTML(text.trimEnd())}</pre>`;
}
