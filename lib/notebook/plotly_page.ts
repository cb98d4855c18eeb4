// Importing something of a package installs it: its files can be resolved.
import plotly from "plotly.js-dist-min/package.json" with { type: "json" };
import { gzipSync } from "node:zlib";
import { escapeHTML } from "./html.ts";

/** What plotly.js draws: traces, and what is around them. */
export interface Plot {
  readonly data: readonly Record<string, unknown>[];
  readonly layout: Readonly<Record<string, unknown>>;
}

/** The source of plotly.js. */
export function plotlySource(): string {
  const file = import.meta.resolve("plotly.js-dist-min/plotly.min.js");
  return Deno.readTextFileSync(new URL(file));
}

/** A script that loads plotly.js into a page: its source, or a link to it. */
export function plotlyScript(from: "source" | "cdn"): string {
  if (from === "cdn") {
    const url = `https://cdn.plot.ly/plotly-${plotly.version}.min.js`;
    return `<script src="${url}" charset="utf-8"></script>`;
  }
  const compressed = new Uint8Array(gzipSync(plotlySource())).toBase64();
  return `<script>
// plotly.js v${plotly.version}, MIT licence, compressed
(async () => {
  if (window.Plotly) return;
  const bytes = Uint8Array.from(atob("${compressed}"), (c) => c.charCodeAt(0));
  const unzip = new DecompressionStream("gzip");
  const script = document.createElement("script");
  const source = new Blob([bytes]).stream().pipeThrough(unzip);
  script.textContent = await new Response(source).text();
  document.head.append(script);
})();
</script>`;
}

/**
 * A part of a page that draws a plot as soon as plotly.js is there, which in a
 * notebook may come later; until then, and where scripts do not run, it shows
 * the picture.
 */
export function plotElement({ data, layout }: Plot, picture = ""): string {
  const id = `figure-${crypto.randomUUID()}`;
  const options = { responsive: true, displaylogo: false };
  const plot = JSON.stringify([data, layout, options])
    .replaceAll("<", "\\u003c");
  const height = Number(layout["height"] ?? 450);
  return `<div id="${id}" style="min-height: ${height}px">${picture}</div>
<script>
(function draw(triesLeft) {
  const element = document.getElementById("${id}");
  if (element && window.Plotly) {
    element.replaceChildren();
    Plotly.newPlot(element, ...${plot});
  } else if (triesLeft > 0) {
    setTimeout(draw, 50, triesLeft - 1);
  }
})(200);
</script>`;
}

/** A page of its own, which opens without a network. */
export function plotPage(title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHTML(title)}</title>
${body}
</html>
`;
}
