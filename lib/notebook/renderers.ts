import process from "node:process";
import { isNotebook } from "../jupyter/kernel.ts";

/** The ways to show a figure, with plotly.py's names. */
const RENDERERS = [
  "plotly_mimetype",
  "notebook",
  "notebook_connected",
  "png",
  "svg",
  "browser",
] as const;

/** A way to show a figure. */
export type Renderer = typeof RENDERERS[number];

let byDefault: string | undefined;

/**
 * The default renderers of figures, as names joined by `+`.
 *
 * - `plotly_mimetype`: plotly's JSON, for VS Code, and for JupyterLab with
 *   plotly's extension.
 * - `notebook`: HTML with plotly.js, which is embedded in the notebook once (2
 *   MB); `notebook_connected` links to it.
 * - `png`, `svg`: a picture. `plotly_mimetype` and `notebook` add a PNG as a
 *   fallback.
 * - `browser`: an HTML file, whose path is printed.
 *
 * Initially the environment variable `PLOTLY_RENDERER`, or else
 * `plotly_mimetype+notebook` in a notebook and `browser` in a script.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { renderers } from "@lionjs/lion/notebook";
 *
 * renderers.default = "png"; // small notebooks
 * assertThrows(
 *   () => { renderers.default = "webgl"; },
 *   RangeError,
 *   "plotly_mimetype, notebook, notebook_connected, png, svg, browser",
 * );
 * ```
 */
export const renderers: { default: string } = {
  get default() {
    return byDefault ?? process.env["PLOTLY_RENDERER"] ??
      (isNotebook() ? "plotly_mimetype+notebook" : "browser");
  },
  set default(names: string) {
    parseRenderers(names);
    byDefault = names;
  },
};

/** The renderers that names joined by `+` stand for. */
export function parseRenderers(names: string): Renderer[] {
  return names.split("+").map((name) => {
    const found = RENDERERS.find((renderer) => renderer === name);
    if (found) return found;
    throw new RangeError(
      `renderer should be of ${
        RENDERERS.join(", ")
      }, joined by "+", got "${name}"`,
    );
  });
}
