import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { importOptional, OPTIONAL_PACKAGES } from "@lionjs/base";
import { escapeHTML } from "./jupyter/html.ts";
import { hashSource, policyElement, scriptHashes } from "./content_policy.ts";

const VERSION = OPTIONAL_PACKAGES["plotly.js-dist-min"];

/** The error if plotly.js is missing, thrown only when something is drawn. */
let missing: Error | undefined;
// Importing from a package installs it, so that its files can be resolved.
await importOptional(
  "a Figure",
  "plotly.js-dist-min",
  () => import.meta.resolve("plotly.js-dist-min/package.json"),
).catch((error) => missing = error);

/** The input of plotly.js: traces and layout. */
export interface Plot {
  readonly data: readonly Record<string, unknown>[];
  readonly layout: Readonly<Record<string, unknown>>;
}

export function plotlySource(): string {
  if (missing) throw missing;
  const file = import.meta.resolve("plotly.js-dist-min/plotly.min.js");
  return readFileSync(new URL(file), "utf8");
}

/** The compressed source of plotly.js, in base64, as pages contain it. */
let compressed: string | undefined;

const CDN = `https://cdn.plot.ly/plotly-${VERSION}.min.js`;

/** A script that loads plotly.js into a page, as source or as a link. */
export function plotlyScript(from: "source" | "cdn"): string {
  if (from === "cdn") {
    return `<script src="${CDN}" charset="utf-8"></script>`;
  }
  compressed ??= gzipSync(plotlySource()).toString("base64");
  return `<script>
// plotly.js v${VERSION}, MIT licence, compressed
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
 * HTML that draws a plot as soon as plotly.js is loaded, which in a notebook
 * may be later; until then, and where scripts do not run, it shows the picture.
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

/**
 * The element with the policy of a page with figures, which may run plotly.js and the
 * scripts that draw them, and fetch nothing else. Inline styles are allowed, since
 * plotly.js writes some that no hash can allow.
 *
 * @param parts Parts of the page with the scripts of {@linkcode plotElement} and
 * {@linkcode plotlyScript}, and no others.
 */
export function plotPolicy(
  parts: readonly string[],
  plotly: "source" | "cdn",
): string {
  return policyElement({
    "script-src": [
      plotly === "cdn" ? CDN : hashSource(plotlySource()),
      ...parts.flatMap(scriptHashes),
    ],
    "style-src": ["'unsafe-inline'"],
    // The button of plotly.js that saves a picture reads it from a blob.
    "img-src": ["data:", "blob:"],
    "font-src": ["data:"],
  });
}

/** A self-contained page, which opens without a network. */
export function plotPage(title: string, body: string, policy: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
${policy}
<meta name="viewport" content="width=device-width">
<title>${escapeHTML(title)}</title>
${body}
</html>
`;
}
