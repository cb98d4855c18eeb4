import { assertText } from "@lionjs/base";
import { DISPLAY, type Displayable } from "./jupyter/mime.ts";

/**
 * Shows Markdown text, with formulas between dollar signs.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DISPLAY, display, markdown } from "@lionjs/lion/notebook";
 *
 * const sentence = markdown("The decay is $\\lambda = 0.5$.");
 * await display(sentence);
 * const { "text/markdown": source } = await sentence[DISPLAY]();
 * assertEquals(source, "The decay is $\\lambda = 0.5$.");
 * ```
 *
 * @param text The Markdown source.
 * @returns The text, to be displayed.
 * @throws {TypeError} If it is not a string.
 */
export function markdown(text: string): Displayable {
  assertText("text", text);
  return {
    [DISPLAY]: () => ({ "text/markdown": text, "text/plain": text }),
  };
}

/**
 * Shows a TeX formula on a separate line.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DISPLAY, display, tex } from "@lionjs/lion/notebook";
 *
 * const formula = tex(String.raw`y_i = \sum_j M_{ij} (q_i \cdot k_j) v_j`);
 * await display(formula);
 * const { "text/latex": latex } = await formula[DISPLAY]();
 * assertEquals(latex, String.raw`$$y_i = \sum_j M_{ij} (q_i \cdot k_j) v_j$$`);
 * ```
 *
 * @param source The TeX source, without dollar signs.
 * @returns The text, to be displayed.
 * @throws {TypeError} If it is not a string.
 */
export function tex(source: string): Displayable {
  assertText("source", source);
  return {
    [DISPLAY]: () => ({ "text/latex": `$$${source}$$`, "text/plain": source }),
  };
}
