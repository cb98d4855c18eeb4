import { DISPLAY, type Displayable } from "../jupyter/mime.ts";

/**
 * Text in Markdown, with formulas between dollar signs.
 *
 * @example
 * ```ts
 * import { display, markdown } from "@lionjs/lion/notebook";
 *
 * await display(markdown("The decay is $\\lambda = 0.5$."));
 * ```
 *
 * @param text Its source.
 * @returns To be displayed.
 */
export function markdown(text: string): Displayable {
  return {
    [DISPLAY]: () => ({ "text/markdown": text, "text/plain": text }),
  };
}

/**
 * A formula in TeX, on a line of its own.
 *
 * @example
 * ```ts
 * import { display, tex } from "@lionjs/lion/notebook";
 *
 * await display(tex(String.raw`y_i = \sum_j M_{ij} (q_i \cdot k_j) v_j`));
 * ```
 *
 * @param source Without dollar signs.
 * @returns To be displayed.
 */
export function tex(source: string): Displayable {
  return {
    [DISPLAY]: () => ({ "text/latex": `$$${source}$$`, "text/plain": source }),
  };
}
