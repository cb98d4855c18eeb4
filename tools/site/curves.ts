/** Curves of trainings, in the page of results. @module */
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { asPlotTexts } from "../../lib/notebook/plot_text.ts";
import { asMarkdownTexts } from "../markdown_text.ts";
import { figuresOf } from "@lionjs/recipes/figures";
import { readResults, type RecipeResults } from "@lionjs/recipes/results_file";
import { renderMarkdown } from "./markdown.ts";

const RESULTS = new URL("../../docs/results/", import.meta.url);

/** What is kept of all recipes, by the names of the files. */
export async function keptResults(): Promise<Map<string, RecipeResults>> {
  const kept = new Map<string, RecipeResults>();
  for await (const { name } of Deno.readDir(RESULTS)) {
    const results = await readResults(new URL(name, RESULTS));
    kept.set(name.replace(/\.json$/, ""), results!);
  }
  return kept;
}

/**
 * A page of results with the figures of each recipe at the end of its section.
 *
 * @param html The page, which is made of `docs/results.md`.
 * @param folder Where the page looks for the pictures, such as "results/".
 * @returns The page, and its pictures, in SVG, by their names in the folder.
 * @throws {Error} If a recipe has no section.
 */
export async function withCurves(
  html: string,
  recipes: ReadonlyMap<string, RecipeResults>,
  folder: string,
): Promise<{ html: string; pictures: Map<string, string> }> {
  const pictures = new Map<string, string>();
  for (const [recipe, results] of recipes) {
    const images: string[] = [];
    for (const [at, figure] of figuresOf(asPlotTexts(results)).entries()) {
      const name = `${recipe}-${at + 1}.svg`;
      pictures.set(name, await figure.toImage({ format: "svg" }));
      const alt = escapeHTML(figure.title);
      images.push(`<img class="figure" alt="${alt}" src="${folder}${name}">`);
    }
    html = withSectionEnd(html, anchorOf(results), images.join("\n"));
  }
  return { html, pictures };
}

/** The anchor of a recipe's section. */
function anchorOf(results: RecipeResults): string {
  const { title } = asMarkdownTexts(results);
  return renderMarkdown(`## ${title}`, (link) => link).sections[0]!.anchor;
}

/** A page with something more at the end of a section. */
function withSectionEnd(html: string, anchor: string, more: string): string {
  const start = html.indexOf(`<h2 id="${anchor}">`);
  if (start < 0) {
    throw new Error(
      `docs/results.md should have a section #${anchor}; deno task results makes it`,
    );
  }
  const found = html.slice(start + 1).search(
    /<h2 id=|<nav class="neighbours"|<\/main>/,
  );
  const end = found < 0 ? html.length : start + 1 + found;
  return `${html.slice(0, end)}${more}\n${html.slice(end)}`;
}
