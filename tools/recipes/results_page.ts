/** The report as a page that needs no network. @module */
import { escapeHTML } from "../../lib/jupyter/html.ts";
import {
  hashSource,
  policyElement,
} from "../../lib/notebook/content_policy.ts";
import { asPlotTexts } from "../../lib/notebook/plot_text.ts";
import { proseToHTML } from "../gallery/prose.ts";
import style from "../gallery/style.css" with { type: "text" };
import { figuresOf } from "./figures.ts";
import type { Section } from "./report.ts";

const STYLE = `
${style}
body { max-width: 64rem; }
table { display: block; overflow-x: auto; }
`;

/** The page: each section, and the figures of its recipe as SVG. */
export async function resultsPage(
  sections: readonly Section[],
): Promise<string> {
  const parts: string[] = [];
  for (const { text, results } of sections) {
    parts.push(proseToHTML(text));
    for (const figure of results ? figuresOf(asPlotTexts(results)) : []) {
      const svg = await figure.toImage({ format: "svg" });
      const data = new TextEncoder().encode(svg).toBase64();
      parts.push(
        `<img alt="${
          escapeHTML(figure.title)
        }" src="data:image/svg+xml;base64,${data}">`,
      );
    }
  }
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
${policyElement({ "style-src": [hashSource(STYLE)], "img-src": ["data:"] })}
<meta name="viewport" content="width=device-width">
<title>Results of the recipes</title>
<style>${STYLE}</style>
<body>
${parts.join("\n")}
</body>
</html>
`;
}
