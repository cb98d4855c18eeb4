/** Documents in Markdown as HTML, with anchors where GitHub has them. @module */
// @ts-types="./highlight.d.ts"
import highlighter from "highlight.js/lib/core";
import typescript from "highlight.js/lib/languages/typescript";
import { Marked } from "marked";
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { withHeaders } from "./prose.ts";
import { type Section, sectionsOf, withAnchors } from "./sections.ts";

highlighter.registerLanguage("typescript", typescript);

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
  const marked = new Marked({
    walkTokens: (token) => {
      if (token.type === "link" || token.type === "image") {
        token["href"] = linkOf(token["href"]);
      }
    },
    renderer: {
      code({ text, lang }) {
        return `<pre class="code"><code>${
          codeToHTML(text, lang)
        }</code></pre>\n`;
      },
    },
  });
  const html = withAnchors(
    withHeaders(marked.parse(markdown, { async: false })),
  );
  const sections = sectionsOf(html);
  return { html, sections, title: sections[0]!.heading };
}

/** Code as HTML, in colours if it is TypeScript. */
export function codeToHTML(code: string, language = ""): string {
  // After the language may stand what `deno test --doc` does with it.
  const [name = ""] = language.split(" ");
  if (name !== "ts") return escapeHTML(code);
  return highlighter.highlight(code, { language: "typescript" }).value;
}
