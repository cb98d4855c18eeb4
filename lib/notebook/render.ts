import { Buffer } from "node:buffer";
import { display } from "./jupyter/display.ts";
import { escapeHTML } from "./jupyter/html.ts";
import { isNotebook } from "./jupyter/kernel.ts";
import type { MimeBundle } from "./jupyter/mime.ts";
import { plotElement, plotlyScript } from "./plotly_page.ts";
import type { Renderer } from "./renderers.ts";

/** The parts of a figure that renderers use. */
interface Drawn {
  readonly title: string;
  readonly size: { readonly width: number; readonly height: number };
  toJSON(): Parameters<typeof plotElement>[0];
  toImage(options: { format: "svg" }): Promise<string>;
  toImage(): Promise<Uint8Array>;
}

/** Whether this notebook's page has plotly.js. */
let isLoaded = false;

/**
 * Returns a figure in the forms of the given renderers. Interactive forms
 * include a picture, for when scripts are not trusted.
 */
export async function render(
  figure: Drawn,
  renderers: readonly Renderer[],
): Promise<MimeBundle> {
  const bundle: MimeBundle = {
    "text/plain": `Figure: ${figure.title || "untitled"}`,
  };
  if (renderers.includes("png")) {
    bundle["image/png"] = await pngOf(figure);
  } else if (renderers.some(isInteractive)) {
    try {
      bundle["image/png"] = await pngOf(figure);
    } catch (error) {
      // The notebook's page may still draw the figure.
      bundle["text/plain"] += `\n${(error as Error).message}`;
    }
  }
  if (renderers.includes("svg")) {
    bundle["image/svg+xml"] = await figure.toImage({ format: "svg" });
  }
  if (renderers.includes("plotly_mimetype")) {
    bundle["application/vnd.plotly.v1+json"] = figure.toJSON();
  }
  if (renderers.some(isHTML)) {
    if (isNotebook()) {
      await loadPlotly(renderers.includes("notebook") ? "source" : "cdn");
    }
    bundle["text/html"] = plotElement(
      figure.toJSON(),
      pictureOf(figure, bundle["image/png"]),
    );
  }
  return bundle;
}

function isHTML(renderer: Renderer): boolean {
  return renderer === "notebook" || renderer === "notebook_connected";
}

function isInteractive(renderer: Renderer): boolean {
  return renderer === "plotly_mimetype" || isHTML(renderer);
}

async function pngOf(figure: Drawn): Promise<string> {
  return Buffer.from(await figure.toImage()).toString("base64");
}

function pictureOf({ size, title }: Drawn, png: unknown): string {
  if (png === undefined) return "";
  const { width, height } = size;
  return `<img alt="${
    escapeHTML(title)
  }" width="${width}" height="${height}" src="data:image/png;base64,${png}">`;
}

/** Puts plotly.js into the notebook's page, once. */
async function loadPlotly(from: "source" | "cdn"): Promise<void> {
  if (isLoaded) return;
  isLoaded = true;
  await display({ "text/html": plotlyScript(from), "text/plain": "" });
}
