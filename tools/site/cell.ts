/** Cells of notebooks as HTML. @module */
import {
  type Cell,
  type DisplayOutput,
  FOLDED,
  type Output,
} from "../notebooks/notebook.ts";
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { codeToHTML } from "./markdown.ts";
import { proseToHTML } from "./prose.ts";

/**
 * Figures with a scale of colours in which a pale one is a number like any
 * other, with numbers on the colours, or with words on white: night.ts would
 * turn them around.
 */
const PALE = /colorscale: "(?:RdBu|Reds)"|confusionFigure\(|White entries/;

/** The widest picture, in pixels, that can still be read when a phone shrinks it. */
const NARROW = 480;

/** The list of a notebook's sections, which pages have beside the text. */
const CONTENTS = /^\*\*Contents\*\*\n\n(?:- .*(?:\n|$))+/m;

/**
 * HTML of a cell with its outputs.
 *
 * @param linkOf Makes of each link what it is in the site.
 */
export function cellToHTML(
  cell: Cell,
  linkOf?: (href: string) => string,
): string {
  if (cell.cell_type === "markdown") {
    const prose = cell.source.replace(CONTENTS, "");
    return `<section>\n${proseToHTML(prose, linkOf)}</section>`;
  }
  const { source, metadata, outputs } = cell;
  const code = `<pre class="code"><code>${
    codeToHTML(source, "ts")
  }</code></pre>`;
  const count = source.split("\n").length;
  const lines = count === 1 ? "1 line" : `${count} lines`;
  const kind = PALE.test(source) ? "pale" : "figure";
  return [
    metadata.tags?.includes(FOLDED)
      ? `<details class="code"><summary>Code, ${lines}</summary>${code}</details>`
      : code,
    ...outputs.map((output) => outputToHTML(output, kind)),
  ].join("\n");
}

function outputToHTML(output: Output, kind: string): string {
  if (output.output_type === "stream") return preformatted(output.text);
  if (output.output_type === "error") {
    return preformatted(output.traceback.join("\n"));
  }
  return `<div class="output">${displayToHTML(output, kind)}</div>`;
}

/** What is HTML of representations, in the order in which Jupyter prefers them. */
const READERS: Readonly<Record<string, (text: string) => string>> = {
  "text/html": (html) => html,
  "text/markdown": (markdown) => proseToHTML(markdown),
  "image/svg+xml": (svg) => svg,
  "text/latex": (formula) => proseToHTML(formula),
};

function displayToHTML(
  { data, metadata }: DisplayOutput,
  kind: string,
): string {
  for (const [type, toHTML] of Object.entries(READERS)) {
    const text = data[type];
    if (typeof text === "string") return toHTML(text);
  }
  const text = `${data["text/plain"] ?? ""}`;
  const png = data["image/png"];
  if (typeof png !== "string") return preformatted(text);
  const { width } = (metadata["image/png"] ?? {}) as { width?: number };
  const classes = width && width <= NARROW ? `${kind} narrow` : kind;
  const size = width ? ` width="${width}"` : "";
  const image = `<img class="${classes}"${size} alt="${
    escapeHTML(text)
  }" src="data:image/png;base64,${png.trim()}">`;
  return `<div class="picture">${image}</div>`;
}

function preformatted(text: string): string {
  return `<pre class="output">${escapeHTML(text.trimEnd())}</pre>`;
}
