/** Documents in Markdown as HTML, with anchors where GitHub has them. @module */
// @ts-types="./highlight.d.ts"
import highlighter from "highlight.js/lib/core";
import typescript from "highlight.js/lib/languages/typescript";
import { Marked } from "marked";
import { escapeHTML } from "../../lib/jupyter/html.ts";

highlighter.registerLanguage("typescript", typescript);

/** A part of a document, from a heading to the next. */
export interface Section {
  readonly heading: string;
  /** 1 for the document's title. */
  readonly depth: number;
  /** The heading's id. */
  readonly anchor: string;
  readonly text: string;
}

/** A document as HTML. */
export interface Rendered {
  readonly html: string;
  /** The first heading. */
  readonly title: string;
  readonly sections: readonly Section[];
}

/**
 * Renders a document.
 *
 * @param linkOf Makes of each link what it is in the site.
 */
export function renderMarkdown(
  markdown: string,
  linkOf: (href: string) => string,
): Rendered {
  const sections: { -readonly [key in keyof Section]: Section[key] }[] = [];
  const anchors = new Set<string>();
  const marked = new Marked({
    walkTokens: (token) => {
      if (token.type === "link" || token.type === "image") {
        token["href"] = linkOf(token["href"]);
      }
    },
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        const heading = textOf(html);
        const anchor = newAnchor(heading, anchors);
        sections.push({ heading, depth, anchor, text: "" });
        return `<h${depth} id="${anchor}">${html}</h${depth}>\n`;
      },
      code({ text, lang }) {
        return `<pre class="code"><code>${
          codeToHTML(text, lang)
        }</code></pre>\n`;
      },
    },
  });
  // An empty cell is no header.
  const html = marked.parse(markdown, { async: false })
    .replaceAll(/<th([^>]*)><\/th>/g, "<td$1></td>");
  const parts = html.split(/<h\d id="[^"]*">.*<\/h\d>\n/).slice(1);
  sections.forEach((section, at) => section.text = textOf(parts[at]!));
  return { html, sections, title: sections[0]!.heading };
}

/** Code as HTML, in colours if it is TypeScript. */
export function codeToHTML(code: string, language = ""): string {
  // After the language may stand what `deno test --doc` does with it.
  const [name = ""] = language.split(" ");
  if (name !== "ts") return escapeHTML(code);
  return highlighter.highlight(code, { language: "typescript" }).value;
}

/** HTML without its tags. */
export function textOf(html: string): string {
  return html.replaceAll(/<[^>]*>/g, " ").replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&").replaceAll(/\s+/g, " ").trim();
}

/** The id that GitHub gives a heading; a number tells equal ones apart. */
function newAnchor(heading: string, taken: Set<string>): string {
  const plain = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
  let anchor = plain;
  for (let at = 1; taken.has(anchor); at++) anchor = `${plain}-${at}`;
  taken.add(anchor);
  return anchor;
}
