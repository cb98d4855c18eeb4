/** The gallery: a page for each notebook, and what they share. @module */
import { fileURLToPath } from "node:url";
import katexStyle from "katex/dist/katex.min.css" with { type: "text" };
import {
  type Notebook,
  notebookNames,
  NOTEBOOKS,
  readNotebook,
} from "../notebooks/notebook.ts";
import { escapeHTML } from "../../lib/jupyter/html.ts";
import {
  type ContentPolicy,
  policyElement,
} from "../../lib/notebook/content_policy.ts";
import { cellToHTML, figureOf, pngURL, thumbnailOf } from "./cell.ts";
import { NIGHT } from "./night.ts";
import style from "./style.css" with { type: "text" };
import { sweepsSVG } from "./sweeps.ts";

/**
 * What pages need: no script, whatever outputs of notebooks hold. Formulas,
 * tables and captions have attributes of styles, which no hash can allow.
 */
export const GALLERY_POLICY: ContentPolicy = {
  "style-src": ["'self'", "'unsafe-inline'"],
  "img-src": ["'self'", "data:"],
  "font-src": ["data:"],
};

/** A notebook with its place in the gallery. */
interface Entry {
  readonly name: string;
  readonly title: string;
  readonly notebook: Notebook;
}

/** What the README and the index show: the figures of notebooks by their titles. */
const FIGURES = {
  "gate.png": [
    "05_gradients",
    "A gate learns to find segments, if its gradient arrives",
  ],
  "masks.png": [
    "02_full_attention_and_masks",
    "LION-S: token 6 forgets",
  ],
  "forms.png": ["06_vision", "A forward pass of one picture, in each form"],
} as const;

/** The files of the gallery by their names; none asks for a network. */
export async function galleryFiles(): Promise<
  Map<string, string | Uint8Array>
> {
  const names = await notebookNames();
  const entries = await Promise.all(names.map(async (name) => {
    const notebook = await readNotebook(new URL(`${name}.ipynb`, NOTEBOOKS));
    return { name, title: titleOf(name, notebook), notebook };
  }));
  const files = new Map<string, string | Uint8Array>([
    ["index.html", indexPage(entries)],
    ["sweeps.svg", sweepsSVG()],
    ["style.css", `${style}\n${await withFonts(katexStyle)}\n`],
  ]);
  entries.forEach((entry, index) => {
    const neighbours = [entries[index - 1], entries[index + 1]] as const;
    files.set(`${entry.name}.html`, notebookPage(entry, neighbours));
  });
  for (const [file, [name, title]] of Object.entries(FIGURES)) {
    const entry = entries.find((entry) => entry.name === name);
    const png = figureOf(entry?.notebook.cells ?? [], title);
    if (png === undefined) throw new Error(`${name} has no figure "${title}"`);
    files.set(file, Uint8Array.fromBase64(png));
  }
  return files;
}

/** The first heading of a notebook. */
function titleOf(name: string, { cells }: Notebook): string {
  const title = /^# (.+)$/m.exec(cells[0]?.source ?? "")?.[1];
  if (title === undefined) {
    throw new Error(`${name} should begin with a heading: # Title`);
  }
  return title;
}

function notebookPage(
  { name, title, notebook }: Entry,
  [before, after]: readonly [Entry | undefined, Entry | undefined],
): string {
  const links = [
    '<a href="index.html">All notebooks</a>',
    before && `<a href="${before.name}.html">← ${escapeHTML(before.title)}</a>`,
    after && `<a href="${after.name}.html">${escapeHTML(after.title)} →</a>`,
    `<a href="../../notebooks/${name}.ipynb">Source</a>`,
  ].filter((link) => link !== undefined);
  const navigation = (label: string) =>
    `<nav aria-label="${label}">${links.join("\n")}</nav>`;
  const cells = notebook.cells.map(cellToHTML);
  return page(
    title,
    [navigation("Notebooks"), ...cells, navigation("Where next")].join("\n"),
  );
}

function indexPage(entries: readonly Entry[]): string {
  const items = entries.map(({ name, title, notebook }, index) => {
    const png = thumbnailOf(notebook.cells);
    const image = png === undefined
      ? ""
      : `<img class="figure" alt="" src="${pngURL(png)}">`;
    return `<li><a href="${name}.html">${image}<span>${index + 1}. ${
      escapeHTML(title)
    }</span></a></li>`;
  });
  return page(
    "LION in notebooks",
    `<h1>LION in notebooks</h1>
<p>Each page is a notebook as it ran: its code, outputs and figures. To run and
change them, open those in the folder <code>notebooks</code>.</p>
<figure><img alt="Two sweeps, one from each end, fill the attention matrix row by row" src="sweeps.svg">
<figcaption class="caption">Linear attention in both directions costs two sweeps
over the tokens, each with one state of constant size
(<a href="03_lion_rnn.html">notebook 3</a>).</figcaption></figure>
<figure><img alt="Masks of the true segments, of a gate that learned them, and of one whose gradient was lost" src="gate.png">
<figcaption class="caption">A gate finds the segments of a sequence. In the code
released with the paper its gradient is lost, and it stays where it began
(<a href="05_gradients.html">notebook 5</a>).</figcaption></figure>
<ol class="notebooks">
${items.join("\n")}
</ol>`,
  );
}

function page(title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
${policyElement(GALLERY_POLICY)}
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escapeHTML(title)}</title>
<link rel="stylesheet" href="style.css">
<body>
${NIGHT}
<main>
${body}
</main>
</body>
</html>
`;
}

/** KaTeX's style with its fonts inside: a page may not read them from files. */
async function withFonts(css: string): Promise<string> {
  const folder = import.meta.resolve("katex/dist/katex.min.css");
  const fonts = new Map<string, string>();
  for (const [, font] of css.matchAll(/url\((fonts\/[\w-]+\.woff2)\)/g)) {
    const bytes = await Deno.readFile(fileURLToPath(new URL(font!, folder)));
    fonts.set(font!, `data:font/woff2;base64,${bytes.toBase64()}`);
  }
  return css
    .replaceAll(/,url\(fonts\/[\w-]+\.(?:woff|ttf)\) format\("\w+"\)/g, "")
    .replaceAll(
      /url\((fonts\/[^)]+)\)/g,
      (_, font) => `url(${fonts.get(font)})`,
    );
}
