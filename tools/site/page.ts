/** What all pages of the documentation have, and where they are. @module */
import { dirname, join, relative } from "node:path/posix";
import { escapeHTML } from "../../lib/jupyter/html.ts";
import { policyElement } from "../../lib/notebook/content_policy.ts";
import { NIGHT } from "./night.ts";
import { DOCUMENT_POLICY } from "./policies.ts";

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
}

/** A page with what all pages have. */
export function pageHTML({ path, title, body }: Page): string {
  const style = (target: string) =>
    `<link rel="stylesheet" href="${linkBetween(path, target)}">`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
${policyElement(DOCUMENT_POLICY)}
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escapeHTML(title)} · LION</title>
<link rel="icon" href="data:,">
${body.includes('class="katex') ? style(FORMULA_STYLE) : ""}
${style("docs.css")}
<script type="module" src="${linkBetween(path, "search.js")}"></script>
</head>
<body>
${NIGHT}
${headerOf(path)}
<main>
<ol id="found" aria-live="polite" hidden></ol>
${scrollable(body)}
</main>
</body>
</html>
`;
}

/** The ways to the rest of the site, and its search. */
function headerOf(path: string): string {
  const to = (target: string) => linkBetween(path, target);
  return `<header><nav aria-label="Site">
<a href="${to("index.html")}">Try it</a>
<a href="${to("docs/index.html")}">Documentation</a>
<a href="${to("notebooks/index.html")}">Notebooks</a>
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

/** The page of a file of the repository; other files are themselves. */
export function pageOf(path: string): string {
  if (isSource(path)) return `${path}.html`;
  if (path === "notebooks") return `${path}/index.html`;
  return path.replace(/\.(?:md|ipynb)$/, ".html");
}

/** Whether a file of the repository is a program, whose page shows it. */
export function isSource(path: string): boolean {
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
