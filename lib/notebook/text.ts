import { DISPLAY, type Displayable } from "../jupyter/mime.ts";

/**
 * Shows Markdown text, with formulas between dollar signs.
 *
 * @example
 * ```ts
 * import { display, markdown } from "@lionjs/lion/notebook";
 *
 * await display(markdown("The decay is $\\lambda = 0.5$."));
 * ```
 *
 * @param text The Markdown source.
 * @returns The text, to be displayed.
 */
export function markdown(text: string): Displayable {
  return {
    [DISPLAY]: () => ({ "text/markdown": text, "text/plain": text }),
  };
}

/**
 * Shows a TeX formula on a separate line.
 *
 * @example
 * ```ts
 * import { display, tex } from "@lionjs/lion/notebook";
 *
 * await display(tex(String.raw`y_i = \sum_j M_{ij} (q_i \cdot k_j) v_j`));
 * ```
 *
 * @param source The TeX source, without dollar signs.
 * @returns The text, to be displayed.
 */
export function tex(source: string): Displayable {
  return {
    [DISPLAY]: () => ({ "text/latex": `$$${source}$$`, "text/plain": source }),
  };
}
