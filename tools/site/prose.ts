/** Markdown with formulas as HTML, as Jupyter shows it. @module */
import katex from "katex";
import { Marked } from "marked";

/** Code, which may contain dollars, and formulas: `$$…$$` or `$…$`. */
const CODE_OR_FORMULA =
  /(```[^]*?```|`[^`\n]*`|\\\$)|\$\$([^]+?)\$\$|\$((?:\\[^]|[^$\\])+?)\$/g;

/** Stands for a formula while Markdown is read; taken out of what is to be read. */
const PLACEHOLDER = /\uE000(\d+)\uE001/g;

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
  const formulas: string[] = [];
  const text = markdown.replaceAll(/[\uE000\uE001]/g, "\uFFFD").replaceAll(
    CODE_OR_FORMULA,
    (_, code, displayed, inline) => {
      if (code !== undefined) return code;
      formulas.push(
        formulaToHTML(displayed ?? inline, displayed !== undefined),
      );
      return `\uE000${formulas.length - 1}\uE001`;
    },
  );
  const html = marked.parse(text, { async: false });
  return html.replaceAll(PLACEHOLDER, (_, index) => formulas[Number(index)]!);
}

/** HTML of a formula in TeX; throws if there is a mistake in it. */
function formulaToHTML(source: string, displayMode: boolean): string {
  return katex.renderToString(source, { displayMode, strict: "error" });
}
