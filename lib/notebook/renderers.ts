import process from "node:process";
import { isNotebook } from "./jupyter/kernel.ts";

/** The ways to show a figure, with plotly.py's names. */
const RENDERERS = [
  "plotly_mimetype",
  "notebook",
  "notebook_connected",
  "png",
  "svg",
  "browser",
] as const;

/** The name of a way to show a figure. */
export type Renderer = typeof RENDERERS[number];

/**
 * The renderers of figures that are shown without naming any, joined by `+`: the
 * environment variable `PLOTLY_RENDERER`, as in plotly.py, or else
 * `plotly_mimetype+notebook` in a notebook and `browser` in a script.
 */
export function defaultRenderers(): string {
  return process.env["PLOTLY_RENDERER"] ??
    (isNotebook() ? "plotly_mimetype+notebook" : "browser");
}

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
