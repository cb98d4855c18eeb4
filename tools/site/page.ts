/** What all pages of the documentation have, and where they are. @module */
import { dirname, join, relative } from "node:path/posix";
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { policyElement } from "../../lib/notebook/content_policy.ts";
import { NIGHT } from "./night.ts";
import { COMPUTING_POLICY, DOCUMENT_POLICY } from "./policies.ts";
import { repositoryLink } from "./repository.ts";
import { sectionsOf } from "./sections.ts";
import { withColumnNames, withWholeNumbers } from "./tables.ts";

/** The page of all symbols in a sentence each. */
export const SYMBOLS = "docs/symbols.html";

/** The style of formulas, which asks for the fonts beside it. */
export const FORMULA_STYLE = "katex/katex.min.css";

/** A page. */
export interface Page {
  /** Its path in the site. */
  readonly path: string;
  readonly title: string;
  /** Its content in HTML. */
  readonly body: string;
  /** The name of a program beside it, and of the style of what this shows. */
  readonly program?: { readonly script: string; readonly style: string };
}

/** A document in the list that stands beside every page. */
export interface Listed {
  readonly page: string;
  readonly title: string;
  readonly kind: string;
}

/** Sections from which on a page has a list of them. */
const CONTENTS_FROM = 3;

/**
 * A page with what all pages have.
 *
 * @param documents All documents, in their order.
 */
export function pageHTML(
  { path, title, body, program }: Page,
  documents: readonly Listed[] = [],
): string {
  const to = (target: string) => linkBetween(path, target);
  const style = (target: string) =>
    `<link rel="stylesheet" href="${to(target)}">`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
${policyElement(program ? COMPUTING_POLICY : DOCUMENT_POLICY)}
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escapeHTML(title)} · LION</title>
<link rel="icon" href="${to("icon.svg")}">
${body.includes('class="katex') ? style(FORMULA_STYLE) : ""}
${style("docs.css")}
${style("search.css")}
<script type="module" src="${to("search.js")}"></script>
${program ? programOf(program) : ""}
</head>
<body>
${NIGHT}
${headerOf(path)}
<div class="beside">
${documentsNav(path, documents)}
${contentsNav(body)}
<main>
${scrollable(withColumnNames(withWholeNumbers(body)))}
${neighboursNav(path, documents)}
</main>
</div>
</body>
</html>
`;
}

/** What loads the program beside a page. */
function programOf({ script, style }: NonNullable<Page["program"]>): string {
  return `<link rel="stylesheet" href="${style}">
<script type="module" src="${script}"></script>`;
}

/** The ways to the parts of the site, by what they show. */
export const WAYS = {
  "Try it": "index.html",
  "Documentation": "docs/index.html",
  "Notebooks": "notebooks/index.html",
  "API": SYMBOLS,
} as const;

/** The ways to the rest of the site, and the place of its search. */
function headerOf(path: string): string {
  const links = Object.entries(WAYS).map(([text, target]) =>
    linkTo(path, target, text)
  );
  return `<header><nav aria-label="Site">
${links.join("\n")}
${repositoryLink()}
<search></search>
</nav></header>`;
}

/** A link that says if it leads to the page itself. */
function linkTo(path: string, target: string, text: string): string {
  const current = path === target ? ' aria-current="page"' : "";
  return `<a href="${linkBetween(path, target)}"${current}>${
    escapeHTML(text)
  }</a>`;
}

/** All documents, by their kinds. */
export function documentsNav(
  path: string,
  documents: readonly Listed[],
): string {
  if (documents.length === 0) return "";
  const kinds = [...new Set(documents.map(({ kind }) => kind))].map((kind) => {
    const items = documents.filter((document) => document.kind === kind)
      .map(({ page, title }) => `<li>${linkTo(path, page, title)}</li>`);
    return `<p>${escapeHTML(kind)}</p>\n<ul>\n${items.join("\n")}\n</ul>`;
  });
  return `<nav class="documents" aria-label="Documents" tabindex="0"><details>
<summary>All documents</summary>
${kinds.join("\n")}
</details></nav>`;
}

/** The sections of a page that has several. */
function contentsNav(body: string): string {
  const items = sectionsOf(body).filter(({ depth }) => depth === 2)
    .map(({ anchor, heading }) =>
      `<li><a href="#${anchor}">${escapeHTML(heading)}</a></li>`
    );
  if (items.length < CONTENTS_FROM) return "";
  return `<nav class="contents" aria-label="On this page" tabindex="0"><details>
<summary>On this page</summary>
<ul>
${items.join("\n")}
</ul>
</details></nav>`;
}

/** The documents before and after a page. */
function neighboursNav(path: string, documents: readonly Listed[]): string {
  const at = documents.findIndex(({ page }) => page === path);
  if (at < 0) return "";
  const [before, after] = [documents[at - 1], documents[at + 1]];
  const links = [
    before && linkTo(path, before.page, `← ${before.title}`),
    after && linkTo(path, after.page, `${after.title} →`),
  ].filter((link) => link !== undefined);
  return `<nav class="neighbours" aria-label="Documents before and after">
${links.join("\n")}
</nav>`;
}

/** Lets keys scroll what may be wider than the page. */
function scrollable(html: string): string {
  return html.replaceAll(
    /<(pre class="\w+"|table(?: class="stacks")?|div class="picture"|span class="katex-display")>/g,
    '<$1 tabindex="0">',
  );
}

/** The page of a file of the repository; other files are themselves. */
export function pageOf(path: string): string {
  if (isSource(path)) return `${path}.html`;
  if (path === "notebooks") return `${path}/index.html`;
  return path.replace(/\.(?:md|ipynb)$/, ".html");
}

/** Whether a file of the repository is a program, whose page shows it. */
function isSource(path: string): boolean {
  return path.endsWith(".ts");
}

/** A relative link. */
export function linkBetween(from: string, to: string, hash = ""): string {
  return `${relative(dirname(from), to)}${hash}`;
}

/**
 * What links of a file of the repository are in its page.
 *
 * @param sources The programs that they lead to are added.
 */
export function linksFrom(
  file: string,
  sources: Set<string>,
): (href: string) => string {
  return (href) => {
    if (/^[a-z]+:/.test(href)) return href;
    const [path = "", anchor] = href.split("#");
    const target = path === "" ? file : join(dirname(file), path);
    if (isSource(target)) sources.add(target);
    const hash = anchor === undefined ? "" : `#${anchor}`;
    return linkBetween(pageOf(file), pageOf(target), hash);
  };
}
