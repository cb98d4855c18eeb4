/** The documentation as pages: guides, notebooks, and the sources that they name. @module */
import { escapeHTML } from "../../lib/jupyter/html.ts";
import { PICTURES } from "../notebooks/pictures.ts";
import type { Findable } from "../../site/find.ts";
import {
  codeToHTML,
  renderMarkdown,
  type Section,
  textOf,
} from "./markdown.ts";
import { notebookPages } from "./notebooks.ts";
import { linkBetween, linksFrom, pageHTML, pageOf, SYMBOLS } from "./page.ts";
import { documentedSymbols, symbolsHTML } from "./symbols.ts";

const ROOT = new URL("../../", import.meta.url);

/** The documents by subject, and what they are about; pages have their paths. */
const DOCUMENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "Guides": {
    "README.md": "Getting started: what LION is, a first program, limitations",
    "docs/attention.md":
      "The operation, decays, padding, packing, streaming, the family",
    "docs/choosing.md":
      "When to take which form, which decay, and how decays begin",
    "docs/models.md":
      "Image, text and sequence models, what is your own in them, and training",
    "docs/data.md":
      "Images in folders, tables of texts, a corpus, a fine-tuned model: your own",
    "docs/pretrained.md":
      "Models of the Hugging Face hub, folders of models, from softmax to LION",
    "docs/jupyter.md":
      "Notebooks: starting them, training and drawing in cells",
    "docs/platforms.md":
      "Your own Deno project, permissions, Node.js, browsers, twice the speed on a CPU",
    "docs/cluster.md": "Training on several machines, under MPI",
  },
  "How it works": {
    "docs/kernels.md": "Chunks and states, decays, threads and shaders",
    "docs/testing.md": "What is compared with what, how closely, and where",
    "docs/theorems.md": "Each identity with its exact proof, code and tests",
  },
  "What is measured": {
    "docs/paper.md":
      "Each table and figure of the paper: its command, its data, what was trained here",
    "docs/results.md": "What the variants learn on real data, beside softmax",
    "docs/performance.md":
      "The paper's figures on your machine, what each kernel takes, what became slower",
    "bench/RESULTS.md": "Times beside PyTorch, and how to repeat them",
  },
  "The project": {
    "CONTRIBUTING.md": "How the code is laid out, and the rules it follows",
    "docs/releasing.md": "How a version is made and published",
    "SECURITY.md": "What is promised, whom it trusts, how to report",
    "CHANGELOG.md": "What has changed",
  },
};

/** What else the index has under its subjects; links as seen from there. */
const MADE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "How it works": {
    '<a href="../notebooks/index.html">Notebooks</a>':
      "LION derived step by step, each claim computed",
  },
  "Symbols": {
    '<a href="symbols.html">Symbols by subject</a>':
      "What each is, in a sentence, and where to import it from",
    '<a href="../api/all_symbols.html">Reference</a>':
      "Every symbol, with its signature and an example",
  },
};

/** The documentation. */
export interface Documentation {
  /** By their paths in the site, which are those in the repository. */
  readonly files: Map<string, string | Uint8Array>;
  readonly findable: readonly Findable[];
}

/** Makes the documentation of what is in the repository. */
export async function documentation(): Promise<Documentation> {
  const files = new Map<string, string | Uint8Array>();
  const findable: Findable[] = [];
  const sources = new Set<string>();
  const items = new Map<string, string[]>();
  const documents = Object.entries(DOCUMENTS).flatMap(([subject, documents]) =>
    Object.entries(documents).map(([path, about]) => ({ subject, path, about }))
  );
  for (const { subject, path, about } of documents) {
    const page = pageOf(path);
    const { html, title, sections } = renderMarkdown(
      await read(path),
      linksFrom(path, sources),
    );
    files.set(page, pageHTML({ path: page, title, body: html }));
    items.set(subject, [
      ...items.get(subject) ?? [],
      // Others' sections say little by themselves.
      itemOf(page, title, about, path.startsWith("docs/") ? sections : []),
    ]);
    findable.push(...sections.map(({ heading, anchor, text }) => ({
      url: `${page}#${anchor}`,
      title: heading === title ? title : `${title}: ${heading}`,
      text,
    })));
  }
  const notebooks = await notebookPages(sources);
  notebooks.files.forEach((content, path) => files.set(path, content));
  for (const page of notebooks.pages) {
    files.set(page.path, pageHTML(page));
    findable.push(...headingsOf(page.path, page.body));
  }
  for (const source of sources) {
    const code = codeToHTML(await read(source), "ts");
    const path = pageOf(source);
    const body =
      `<h1>${source}</h1><pre class="code"><code>${code}</code></pre>`;
    files.set(path, pageHTML({ path, title: source, body }));
  }
  for await (const { name } of Deno.readDir(PICTURES)) {
    const picture = await Deno.readFile(new URL(name, PICTURES));
    files.set(`docs/pictures/${name}`, picture);
  }
  const symbols = symbolsHTML(await documentedSymbols(), "../api/");
  files.set(
    SYMBOLS,
    pageHTML({ path: SYMBOLS, title: "Symbols by subject", body: symbols }),
  );
  files.set("docs/index.html", indexPage(items));
  return { files, findable };
}

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** The headings of a notebook's page. */
function headingsOf(url: string, html: string): Findable[] {
  const found = html.matchAll(/<h([123])[^>]*>(.*?)<\/h\1>/g);
  return [...found].map(([, , heading]) => ({
    url,
    title: textOf(heading!),
    text: "",
  }));
}

/** A document in the index, with its sections. */
function itemOf(
  page: string,
  title: string,
  about: string,
  sections: readonly Section[],
): string {
  const link = linkBetween("docs/index.html", page);
  const parts = sections.filter(({ depth }) => depth === 2).map((
    { anchor, heading },
  ) => `<a href="${link}#${anchor}">${escapeHTML(heading)}</a>`);
  return `<li><a href="${link}">${escapeHTML(title)}</a><br>${
    escapeHTML(about)
  }${
    parts.length === 0 ? "" : `<span class="parts">${parts.join(" ")}</span>`
  }</li>`;
}

function indexPage(items: ReadonlyMap<string, readonly string[]>): string {
  const subjects = new Set([...Object.keys(DOCUMENTS), ...Object.keys(MADE)]);
  const lists = [...subjects].map((subject) => {
    const made = Object.entries(MADE[subject] ?? {}).map(([link, about]) =>
      `<li>${link}<br>${escapeHTML(about)}</li>`
    );
    const all = [...items.get(subject) ?? [], ...made];
    return `<h2>${subject}</h2>\n<ul class="guides">\n${all.join("\n")}\n</ul>`;
  });
  return pageHTML({
    path: "docs/index.html",
    title: "Documentation",
    body: `<h1>Documentation</h1>\n${lists.join("\n")}`,
  });
}
