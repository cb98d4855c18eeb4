/** The documentation as pages: guides, notebooks, and the sources that they name. @module */
import { dirname, join, relative } from "node:path/posix";
import { escapeHTML } from "../../lib/jupyter/html.ts";
import { policyElement } from "../../lib/notebook/content_policy.ts";
import { NIGHT } from "../gallery/night.ts";
import { GALLERY_POLICY, galleryFiles } from "../gallery/pages.ts";
import { NOTEBOOKS } from "../notebooks/notebook.ts";
import type { Findable } from "../../site/find.ts";
import {
  codeToHTML,
  renderMarkdown,
  type Section,
  textOf,
} from "./markdown.ts";
import { DOCUMENT_POLICY } from "./policies.ts";
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
    '<a href="notebooks/index.html">Notebooks</a>':
      "LION derived step by step, each claim computed",
  },
  "Symbols": {
    '<a href="symbols.html">Symbols by subject</a>':
      "What each is, in a sentence, and where to import it from",
    '<a href="../api/all_symbols.html">Reference</a>':
      "Every symbol, with its signature and an example",
  },
};

const SYMBOLS = "docs/symbols.html";

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
    const markdown = await read(path);
    const { html, title, sections } = renderMarkdown(markdown, (href) => {
      const target = targetOf(href, path);
      if (target === undefined) return href;
      if (isSource(target.path)) sources.add(target.path);
      return linkBetween(page, pageOf(target.path), target.hash);
    });
    files.set(page, pageHTML(page, title, html));
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
  for (const path of sources) {
    const code = codeToHTML(await read(path), "ts");
    const page = pageOf(path);
    const html = `<h1>${path}</h1><pre class="code"><code>${code}</code></pre>`;
    files.set(page, pageHTML(page, path, html));
  }
  for (const [name, content] of await galleryFiles()) {
    const path = `docs/notebooks/${name}`;
    if (typeof content !== "string" || !name.endsWith(".html")) {
      files.set(path, content);
      continue;
    }
    files.set(path, inSite(path, content));
    findable.push(...headingsOf(path, content));
    const [source] = /(?<=href="\.\.\/\.\.\/notebooks\/)[^"]+/.exec(content) ??
      [];
    if (source === undefined) continue;
    files.set(
      `notebooks/${source}`,
      await Deno.readFile(new URL(source, NOTEBOOKS)),
    );
  }
  const symbols = symbolsHTML(await documentedSymbols(), "../api/");
  files.set(SYMBOLS, pageHTML(SYMBOLS, "Symbols by subject", symbols));
  files.set("docs/index.html", indexPage(items));
  return { files, findable };
}

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** Where a link leads in the repository, if it does. */
function targetOf(
  href: string,
  from: string,
): { path: string; hash: string } | undefined {
  if (/^[a-z]+:/.test(href)) return undefined;
  const [path = "", anchor] = href.split("#");
  return {
    path: path === "" ? from : join(dirname(from), path),
    hash: anchor === undefined ? "" : `#${anchor}`,
  };
}

function isSource(path: string): boolean {
  return path.endsWith(".ts");
}

/** The page of a file of the repository; other files are themselves. */
function pageOf(path: string): string {
  if (isSource(path)) return `${path}.html`;
  if (path === "docs/notebooks") return `${path}/index.html`;
  return path.replace(/\.md$/, ".html");
}

function linkBetween(from: string, to: string, hash = ""): string {
  return `${relative(dirname(from), to)}${hash}`;
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
  return pageHTML(
    "docs/index.html",
    "Documentation",
    `<h1>Documentation</h1>\n${lists.join("\n")}`,
  );
}

/** A page with what all pages have. */
function pageHTML(path: string, title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
${policyElement(DOCUMENT_POLICY)}
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escapeHTML(title)} · LION</title>
<link rel="stylesheet" href="${linkBetween(path, "docs/notebooks/style.css")}">
${headOf(path)}
</head>
<body>
${NIGHT}
${headerOf(path)}
<main>
${FOUND}
${scrollable(body)}
</main>
</body>
</html>
`;
}

/** A page of the gallery, with what all pages have. */
function inSite(path: string, html: string): string {
  const linked = html.replaceAll(/(href="[^":]*)\.md\b/g, "$1.html");
  return scrollable(linked)
    .replace(policyElement(GALLERY_POLICY), policyElement(DOCUMENT_POLICY))
    .replace("<body>", () => `${headOf(path)}\n<body>`)
    .replace("<main>", () => `${headerOf(path)}\n<main>\n${FOUND}`);
}

/** What the search has found. */
const FOUND = '<ol id="found" aria-live="polite" hidden></ol>';

function headOf(path: string): string {
  const to = (target: string) => linkBetween(path, target);
  return `<link rel="icon" href="data:,">
<link rel="stylesheet" href="${to("docs.css")}">
<script type="module" src="${to("search.js")}"></script>`;
}

/** The ways to the rest of the site, and its search. */
function headerOf(path: string): string {
  const to = (target: string) => linkBetween(path, target);
  return `<header><nav aria-label="Site">
<a href="${to("index.html")}">Try it</a>
<a href="${to("docs/index.html")}">Documentation</a>
<a href="${to("docs/notebooks/index.html")}">Notebooks</a>
<a href="${to(SYMBOLS)}">API</a>
<search><input id="search" type="search" placeholder="Search" aria-label="Search the documentation"></search>
</nav></header>`;
}

/** Lets keys scroll what may be wider than the page. */
function scrollable(html: string): string {
  return html.replaceAll(
    /<(pre class="\w+"|table|span class="katex-display")>/g,
    '<$1 tabindex="0">',
  );
}
