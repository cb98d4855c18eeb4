/** A page for each notebook as it ran, and one of all. @module */
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import {
  type Notebook,
  notebookNames,
  NOTEBOOKS,
  parseNotebook,
} from "../notebooks/notebook.ts";
import { COURSE } from "../notebooks/course.ts";
import { thumbnailOf } from "../notebooks/pictures.ts";
import {
  ANNOTATED,
  ANNOTATED_PROGRAM,
  ANNOTATED_STYLE,
  annotatedCellsToHTML,
} from "./annotated.ts";
import { cellToHTML } from "./cell.ts";
import { linksFrom, type Page } from "./page.ts";
import { withAnchors } from "./sections.ts";

/** Pages of notebooks. */
export interface NotebookPages {
  readonly pages: readonly Page[];
  /** The notebooks themselves, and their thumbnails, by their paths in the site. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

/** A notebook with its title. */
interface Entry {
  readonly name: string;
  readonly title: string;
  readonly json: string;
  readonly notebook: Notebook;
}

/**
 * The pages of all notebooks.
 *
 * @param sources The programs that they link to are added.
 */
export async function notebookPages(
  sources: Set<string>,
): Promise<NotebookPages> {
  const entries = await Promise.all((await inCourse()).map(readEntry));
  const files = new Map<string, string | Uint8Array>();
  for (const { name, json, notebook } of entries) {
    files.set(`notebooks/${name}.ipynb`, json);
    const thumbnail = thumbnailOf(notebook.cells);
    if (thumbnail) files.set(`notebooks/${name}.png`, thumbnail);
  }
  const pages = entries.map((entry, index) =>
    notebookPage(entry, [entries[index - 1], entries[index + 1]], sources)
  );
  return { pages: [indexPage(entries, files), ...pages], files };
}

/** The names of all notebooks, in the order of the course. */
async function inCourse(): Promise<string[]> {
  const names = await notebookNames();
  const ordered = COURSE.map(([number]) =>
    names.find((name) => name.startsWith(`${number}_`))
  ).filter((name) => name !== undefined);
  const missing = names.filter((name) => !ordered.includes(name));
  if (missing.length > 0 || ordered.length < COURSE.length) {
    throw new Error(
      `COURSE should have all notebooks and no others; not in it: ${missing}`,
    );
  }
  return ordered;
}

async function readEntry(name: string): Promise<Entry> {
  const json = await Deno.readTextFile(new URL(`${name}.ipynb`, NOTEBOOKS));
  const notebook = parseNotebook(json);
  const title = /^# (.+)$/m.exec(notebook.cells[0]?.source ?? "")?.[1];
  if (title === undefined) {
    throw new Error(`${name} should begin with a heading: # Title`);
  }
  return { name, title, json, notebook };
}

function notebookPage(
  { name, title, notebook }: Entry,
  [before, after]: readonly [Entry | undefined, Entry | undefined],
  sources: Set<string>,
): Page {
  const links = [
    '<a href="index.html">All notebooks</a>',
    before && `<a href="${before.name}.html">← ${escapeHTML(before.title)}</a>`,
    after &&
    `<a href="${after.name}.html">${escapeHTML(after.title)}&nbsp;→</a>`,
    `<a href="${name}.ipynb">Source</a>`,
  ].filter((link) => link !== undefined).join("\n");
  const linkOf = linksFrom(`notebooks/${name}.ipynb`, sources);
  const isAnnotated = name === ANNOTATED;
  const body = withAnchors([
    `<nav aria-label="Notebooks">${links}</nav>`,
    ...isAnnotated
      ? annotatedCellsToHTML(notebook.cells, linkOf)
      : notebook.cells.map((cell) => cellToHTML(cell, linkOf)),
    `<nav aria-label="Where next">${links}</nav>`,
  ].join("\n"));
  const program = { script: ANNOTATED_PROGRAM, style: ANNOTATED_STYLE };
  const path = `notebooks/${name}.html`;
  return { path, title, body, ...isAnnotated && { program } };
}

function indexPage(
  entries: readonly Entry[],
  files: NotebookPages["files"],
): Page {
  const items = entries.map(({ name, title }, index) => {
    const image = files.has(`notebooks/${name}.png`)
      ? `<img class="figure" alt="" src="${name}.png">`
      : "";
    const [number, about] = COURSE[index]!;
    return `<li><a href="${name}.html">${image}<span>${number} ${
      escapeHTML(title)
    }<br><small>${escapeHTML(about)}</small></span></a></li>`;
  });
  const body = `<h1>LION in notebooks</h1>
<p>Each page is a notebook as it ran: its code, outputs and figures, in the order
of a course. To run and change them, open those in the folder
<code>notebooks</code>.</p>
<ol class="notebooks">
${items.join("\n")}
</ol>
<figure><img alt="Two sweeps, one from each end, fill the attention matrix row by row" src="../docs/pictures/sweeps.svg">
<figcaption class="caption">Linear attention in both directions costs two sweeps
over the tokens, each with one state of constant size
(<a href="03_lion_rnn.html">notebook 3</a>).</figcaption></figure>
<figure><img alt="Masks of the true segments, of a gate that learned them, and of one whose gradient was lost" src="../docs/pictures/gate.png">
<figcaption class="caption">A gate finds the segments of a sequence. In the code
released with the paper its gradient is lost, and it stays where it began
(<a href="05_gradients.html">notebook 5</a>).</figcaption></figure>`;
  return { path: "notebooks/index.html", title: "LION in notebooks", body };
}
