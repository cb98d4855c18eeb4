/** Markdown with formulas as HTML, as Jupyter shows it. @module */
import katex from "katex";
import { Marked } from "marked";

/**
 * Code, which may contain dollars, and formulas: `$$…$$` or `$…$`, the latter
 * with the mark after it.
 */
const CODE_OR_FORMULA =
  /(```[^]*?```|`[^`\n]*`|\\\$)|\$\$([^]+?)\$\$|\$((?:\\[^]|[^$\\])+?)\$([.,;:!?]?)/g;

/** Stands for a formula while Markdown is read; taken out of what is to be read. */
const PLACEHOLDER = /\uE000(\d+)\uE001/g;

/** A header of a table that is one formula. */
const LONE_HEADER = /<th([^>]*)>\uE000(\d+)\uE001<\/th>/g;

/**
 * HTML of Markdown. Formulas are taken out first, as Jupyter does it: Markdown
 * would find emphasis and table cells in them.
 *
 * @param linkOf Makes of each link what it is where the HTML is shown.
 */
export function proseToHTML(
  markdown: string,
  linkOf = (href: string): string => href,
): string {
  const marked = new Marked({
    walkTokens: (token) => {
      if (token.type === "link") token["href"] = linkOf(token["href"]);
    },
  });
  const formulas: string[] = [], sources: string[] = [];
  const text = markdown.replaceAll(/[\uE000\uE001]/g, "\uFFFD").replaceAll(
    CODE_OR_FORMULA,
    (_, code, displayed, inline, mark) => {
      if (code !== undefined) return code;
      // After a formula a browser may end a line, in one it does not.
      const source = displayed ?? (mark ? `${inline}\\text{${mark}}` : inline);
      sources.push(source);
      formulas.push(formulaToHTML(source, displayed !== undefined));
      return `\uE000${formulas.length - 1}\uE001`;
    },
  );
  const html = withHeaders(marked.parse(text, { async: false }));
  return html
    .replaceAll(
      LONE_HEADER,
      (_, attributes, index) =>
        `<th${attributes}>${headerToHTML(sources[index]!)}</th>`,
    )
    .replaceAll(PLACEHOLDER, (_, index) => formulas[Number(index)]!);
}

/** Tables in which a cell without a word is no header. */
export function withHeaders(html: string): string {
  return html.replaceAll(/<th([^>]*)><\/th>/g, "<td$1></td>");
}

/** HTML of a formula in TeX; throws if there is a mistake in it. */
function formulaToHTML(source: string, displayMode: boolean): string {
  return katex.renderToString(source, { displayMode, strict: "error" });
}

/**
 * HTML of a header that is a formula. For programs that read aloud, formulas are
 * MathML out of sight, and a header without a text in sight has no name.
 */
function headerToHTML(source: string): string {
  return katex.renderToString(source, { output: "html", strict: "error" })
    .replace(' aria-hidden="true"', "");
}
