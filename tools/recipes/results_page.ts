/** The report as a page that needs no network. @module */
import { proseToHTML } from "../gallery/prose.ts";
import style from "../gallery/style.css" with { type: "text" };
import { figuresOf } from "./figures.ts";
import type { Section } from "./report.ts";

/** The page: each section, and the figures of its recipe as SVG. */
export async function resultsPage(
  sections: readonly Section[],
): Promise<string> {
  const parts: string[] = [];
  for (const { text, results } of sections) {
    parts.push(proseToHTML(text));
    for (const figure of results ? figuresOf(results) : []) {
      const svg = await figure.toImage({ format: "svg" });
      const data = new TextEncoder().encode(svg).toBase64();
      parts.push(
        `<img alt="${figure.title}" src="data:image/svg+xml;base64,${data}">`,
      );
    }
  }
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Results of the recipes</title>
<style>
${style}
body { max-width: 64rem; }
table { display: block; overflow-x: auto; }
</style>
<body>
${parts.join("\n")}
</body>
</html>
`;
}
