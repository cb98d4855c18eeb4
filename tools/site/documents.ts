/** The documentation as pages: guides, notebooks, and the sources that they name. @module */
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { PICTURES } from "../notebooks/pictures.ts";
import type { Findable } from "../../site/find.ts";
import { codeToHTML, renderMarkdown } from "./markdown.ts";
import { notebookPages } from "./notebooks.ts";
import { type Guide, KINDS } from "./guides.ts";
import {
  linkBetween,
  linksFrom,
  type Listed,
  type Page,
  pageHTML,
  pageOf,
  SYMBOLS,
} from "./page.ts";
import { type Section, sectionsOf, withAnchors } from "./sections.ts";
import {
  type DocumentedSymbol,
  documentedSymbols,
  symbolsHTML,
} from "./symbols.ts";

const ROOT = new URL("../../", import.meta.url);

/** The folder of what single tasks came to. */
const TASKS = "docs/results";

/** What else than guides counts in a search. */
const [NOTEBOOK_WEIGHT, SYMBOL_WEIGHT, TYPE_WEIGHT] = [0.8, 0.5, 0.25];

/** What a program exports by a line, and its name. */
const DECLARATION =
  /^export (?:abstract |async )?(?:class|const|function\*?|interface|type) (\w+)/;

/** A document as it was read. */
interface Document extends Listed {
  readonly about: string;
  /** What it counts in a search. */
  readonly weight: number;
  readonly html: string;
  readonly sections: readonly Section[];
}

/** The documentation. */
export interface Documentation {
  /** By their paths in the site, which are those in the repository. */
  readonly files: Map<string, string | Uint8Array>;
  readonly findable: readonly Findable[];
  /** What stands in the list beside every page. */
  readonly documents: readonly Listed[];
}

/**
 * Makes the documentation of what is in the repository.
 *
 * @param sources Programs that have pages; those that documents name are added.
 */
export async function documentation(
  sources: Set<string> = new Set(),
): Promise<Documentation> {
  const documents = await Promise.all(
    Object.entries(KINDS).flatMap(([kind, { guides, weight }]) =>
      guides.map((guide) => readDocument(guide, kind, weight, sources))
    ),
  );
  const tasks = await taskPages(sources);
  const notebooks = await notebookPages(sources);
  const symbols = await documentedSymbols();
  const pages: Page[] = [
    ...[...documents, ...tasks].filter(({ html }) => html !== "").map((
      { page, title, html },
    ) => ({ path: page, title, body: html })),
    ...notebooks.pages,
    {
      path: SYMBOLS,
      title: "Symbols by subject",
      body: withAnchors(symbolsHTML(symbols, "../api/")),
    },
    indexPage(documents),
    ...await Promise.all([...sources].map(sourcePage)),
  ];
  const files = new Map<string, string | Uint8Array>([
    ...notebooks.files,
    ...pages.map((page) => [page.path, pageHTML(page, documents)] as const),
  ]);
  for await (const { name } of Deno.readDir(PICTURES)) {
    const picture = await Deno.readFile(new URL(name, PICTURES));
    files.set(`docs/pictures/${name}`, picture);
  }
  const findable = [
    ...[...documents, ...tasks].flatMap(findableDocument),
    ...notebooks.pages.flatMap(findableNotebook),
    ...symbols.map(findableSymbol),
  ];
  return { files, findable, documents };
}

/** The pages of results of single tasks, to which the first of them leads. */
async function taskPages(sources: Set<string>): Promise<Document[]> {
  const documents: Document[] = [];
  for await (const { name } of Deno.readDir(new URL(TASKS, ROOT))) {
    if (!name.endsWith(".md")) continue;
    const guide = { path: `${TASKS}/${name}`, about: "Results of a task" };
    const { weight } = KINDS["Results"]!;
    documents.push(await readDocument(guide, "Results", weight, sources));
  }
  return documents;
}

/** Reads a document; one that is made of something else has no sections. */
async function readDocument(
  { path, name, about }: Guide,
  kind: string,
  weight: number,
  sources: Set<string>,
): Promise<Document> {
  const base = { kind, weight, about, page: pageOf(path) };
  if (!path.endsWith(".md")) {
    return { ...base, title: name ?? path, html: "", sections: [] };
  }
  const { title, ...rendered } = renderMarkdown(
    await read(path),
    linksFrom(path, sources),
  );
  if (name === undefined) return { ...base, ...rendered, title };
  // A page is headed as the links to it are called.
  const html = rendered.html.replace(
    /(<h1[^>]*>)[^<]*/,
    (_, start: string) => `${start}${escapeHTML(name)}`,
  );
  return { ...base, ...rendered, html, title: name };
}

/** A program as a page, in which each name that it exports can be linked to. */
async function sourcePage(source: string): Promise<Page> {
  const code = withExports(codeToHTML(await read(source), "ts"));
  const body = `<h1>${source}</h1><pre class="code"><code>${code}</code></pre>`;
  return { path: pageOf(source), title: source, body };
}

/** A highlighted program whose exported declarations have their names as ids. */
function withExports(html: string): string {
  const names = new Set<string>();
  return html.replaceAll(
    /^<span (?=class="hljs-keyword">export<).*/gm,
    (line) => {
      const [, name] = DECLARATION.exec(line.replaceAll(/<[^>]*>/g, "")) ?? [];
      // An overload has the name of the one before it.
      if (name === undefined || names.has(name)) return line;
      names.add(name);
      return line.replace("<span", `<span id="${name}"`);
    },
  );
}

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** What is found of a page: its sections. */
function findableOf(
  path: string,
  page: string,
  { heading, anchor, prose, rest }: Section,
  isFirst: boolean,
): Findable {
  return {
    url: `${path}#${anchor}`,
    ...isFirst ? { title: page } : { title: heading, page },
    text: prose,
    rest,
  };
}

function findableDocument(
  { page, title, about, weight, sections }: Document,
): Findable[] {
  if (sections.length === 0) {
    return [{ url: page, title, about, weight, text: "" }];
  }
  return sections.map((section, at) => ({
    ...findableOf(page, title, section, at === 0),
    ...at === 0 ? { about } : {},
    weight,
  }));
}

/** A notebook without its programs and outputs, which would make the index large. */
function findableNotebook({ path, title, body }: Page): Findable[] {
  const prose = body.match(/<section>[^]*?<\/section>/g) ?? [];
  return sectionsOf(prose.join("\n")).map((section, at) => ({
    ...findableOf(path, title, section, at === 0),
    weight: NOTEBOOK_WEIGHT,
  }));
}

function findableSymbol(
  { name, page, sentence, from, isType }: DocumentedSymbol,
): Findable {
  return {
    url: `api/${page}`,
    title: name,
    from,
    text: sentence.replaceAll("`", ""),
    weight: isType ? TYPE_WEIGHT : SYMBOL_WEIGHT,
  };
}

/** The page of all documents, by their kinds. */
function indexPage(documents: readonly Document[]): Page {
  const path = "docs/index.html";
  const lists = Object.keys(KINDS).map((kind) => {
    const items = documents.filter((document) => document.kind === kind)
      .map((document) => itemOf(document, path));
    return `<h2>${kind}</h2>\n<ul class="guides">\n${items.join("\n")}\n</ul>`;
  });
  return {
    path,
    title: "Documentation",
    body: withAnchors(`<h1>Documentation</h1>\n${lists.join("\n")}`),
  };
}

/** A document in the index, with its sections. */
function itemOf(
  { page, title, about, sections }: Document,
  index: string,
): string {
  const link = linkBetween(index, page);
  // Others' sections say little by themselves.
  const parts = page.startsWith("docs/")
    ? sections.filter(({ depth }) => depth === 2).map(({ anchor, heading }) =>
      `<a href="${link}#${anchor}">${escapeHTML(heading)}</a>`
    )
    : [];
  return `<li><a href="${link}">${escapeHTML(title)}</a><br>${
    escapeHTML(about)
  }${
    parts.length === 0 ? "" : `<span class="parts">${parts.join(" ")}</span>`
  }</li>`;
}
