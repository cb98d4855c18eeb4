/** Deno's reference as a part of the site. @module */
import { policyElement } from "../../lib/notebook/content_policy.ts";
import { pageOf, WAYS } from "./page.ts";
import { DOCUMENT_POLICY } from "./policies.ts";

const REPOSITORY = new URL("../../", import.meta.url).href;

/** Where the list of documents comes, once there is one. */
export const DOCUMENTS_PLACE = "<!-- documents -->";

/** Deno's links to files of the machine that has made the pages. */
const SOURCE =
  /<a\s+class="sourceButton"\s+href="(file:[^"]*)"[\s\S]*?<\/a>\s*/g;

/**
 * A page that `deno doc --html` has made, with ways to the rest of the site, and
 * with what it lacks for narrow screens, keys and screen readers.
 *
 * @param html The page.
 * @param root Where the site is, seen from the page, such as "../../".
 * @param name The package's.
 * @param sources The programs that it leads to are added.
 */
export function referencePage(
  html: string,
  root: string,
  name: string,
  sources: Set<string> = new Set(),
): string {
  const links = Object.entries(WAYS).map(([text, path]) =>
    `<a href="${root}${path}">${text}</a>`
  );
  return withSources(withHeading(html), root, sources)
    .replace(
      /<title>(.*?)(?: - default)?(?: -)? lion documentation</,
      "<title>$1 · LION<",
    )
    .replace("<title>lion documentation<", "<title>API · LION<")
    .replaceAll("&#x2F;", "/")
    // The site's search finds symbols too; theirs takes the key S from all boxes.
    .replaceAll(
      /<script src="[^"]*\/?(?:search_index|fuse|search)\.js" defer><\/script>\s*/g,
      "",
    )
    .replace(/<input\s[^>]*id="searchbar"[^>]*>\s*/, "")
    // The rest of the site has no switch: all pages are as the system is.
    .replace(
      /<script src="[^"]*darkmode_toggle\.js"><\/script>/,
      `<script src="${root}reference.js"></script>`,
    )
    .replace(/<button id="theme-toggle"[\s\S]*?<\/button>\s*/, "")
    // It links to parameters of mapped types, which it does not describe.
    .replaceAll(
      / href="#([^"]*)"/g,
      (link, anchor) => html.includes(`id="${anchor}"`) ? link : "",
    )
    .replace("<html>", '<html lang="en">')
    .replace("<head>", () => `<head>\n${policyElement(DOCUMENT_POLICY)}`)
    .replace(
      "</head>",
      `<link rel="icon" href="${root}icon.svg">
<link rel="stylesheet" href="${root}reference.css">
<link rel="stylesheet" href="${root}search.css">
<script type="module" src="${root}search.js"></script></head>`,
    )
    .replace(
      "<body>",
      `<body>\n<nav class="site" aria-label="Site">${links.join("\n")}
<search></search></nav>
<div class="frame">
${DOCUMENTS_PLACE}`,
    )
    .replace("</body>", "</div>\n</body>")
    // The package is the API, and its first entry has no name of its own.
    .replace(/(class="contextLink">)lion(?=<\/a>)/, "$1API")
    .replace(
      /<span class="text-black dark:text-white"><svg[^]*?<\/svg>\s*<\/span>\s*<(?:a|span)[^>]*>\s*default\s*<\/(?:a|span)>/,
      "",
    )
    .replace('<nav id="topnav"', '<nav id="topnav" aria-label="Reference"')
    .replace(
      '<nav class="topSymbols"',
      '<nav class="topSymbols" aria-label="Symbols"',
    )
    .replace(
      '<nav class="documentNavigation"',
      '<nav class="documentNavigation" aria-label="Sections"',
    )
    .replace(
      '<div class="toc"',
      '<div class="toc" role="complementary" aria-label="On this page"',
    )
    // Beside the text, not below its last section.
    .replaceAll(
      /<h3>(?=Usage|Symbols|Document Navigation)/g,
      '<h3 aria-level="2">',
    )
    .replace(">Document Navigation<", ">On this page<")
    // Its lists hold more than items.
    .replace(
      /<ul class="breadcrumbs">[\s\S]*?<\/ul>\s*<\/div>/,
      (crumbs) =>
        crumbs.replaceAll(/<(\/?)ul/g, "<$1div").replaceAll(
          /<(\/?)li>/g,
          "<$1span>",
        ),
    )
    .replaceAll(
      '<button class="copyButton"',
      '<button aria-label="Copy" class="copyButton"',
    )
    // Entry points have the names of their folders.
    .replaceAll(
      /(import \{ [^}]+ \} from &quot;)([a-z.]+)(?=&quot;)/g,
      (_, start: string, entry: string) =>
        `${start}${name}${entry === "." ? "" : `/${entry}`}`,
    )
    .replaceAll(
      /<code>([^<]+)\/(\w+)<\/code>/g,
      (code, start, entry) =>
        start === name
          ? `<a href="${root}api/${entry}/index.html">${code}</a>`
          : code,
    )
    // What is longer than its box scrolls, with keys too.
    .replaceAll(/(<pre[^>]*>\s*)<code/g, '$1<code tabindex="0"')
    .replaceAll("<table>", '<table tabindex="0">');
}

/** A page on which each symbol, but none of its members, leads to its source. */
function withSources(
  html: string,
  root: string,
  sources: Set<string>,
): string {
  const [head, ...symbols] = html.split('<div class="symbolTitle">');
  const linked = symbols.map((symbol) => {
    const [, name = ""] = /<span class="font-bold">(\w+)/.exec(symbol) ?? [];
    let isFirst = true;
    return symbol.replaceAll(SOURCE, (_, encoded: string) => {
      const url = encoded.replaceAll("&#x2F;", "/");
      if (!isFirst || !url.startsWith(REPOSITORY)) return "";
      isFirst = false;
      const path = decodeURI(url.slice(REPOSITORY.length));
      sources.add(path);
      return `<a class="source" href="${root}${
        pageOf(path)
      }#${name}">Source</a>`;
    });
  });
  return [head!.replaceAll(SOURCE, ""), ...linked]
    .join('<div class="symbolTitle">');
}

/** A page whose title is its heading: of a symbol what names it, of others the name of the page. */
function withHeading(html: string): string {
  const symbol =
    /<div class="text-2xl leading-none break-all">([\s\S]*?)<\/div>/;
  if (symbol.test(html)) {
    return html.replace(
      symbol,
      '<h1 class="text-2xl leading-none break-all">$1</h1>',
    );
  }
  const [, title] = /<title>(?:(.*) - )?lion documentation</.exec(html) ?? [];
  return html.replace("<main>", () => `<main><h1>${title ?? "lion"}</h1>`);
}
