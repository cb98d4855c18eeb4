/** Curves of trainings, in the pages of tasks. @module */
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { asPlotTexts } from "../../lib/notebook/plot_text.ts";
import { figuresOf } from "@lionjs/recipes/figures";
import { readResults, type RecipeResults } from "@lionjs/recipes/results_file";

const RESULTS = new URL("../../docs/results/", import.meta.url);

/** What is kept of all recipes. */
export async function keptResults(): Promise<RecipeResults[]> {
  const kept: RecipeResults[] = [];
  for await (const { name } of Deno.readDir(RESULTS)) {
    if (!name.endsWith(".json")) continue;
    kept.push((await readResults(new URL(name, RESULTS)))!);
  }
  return kept;
}

/**
 * The page of a task with its figures at the end.
 *
 * @returns The page, and its pictures, in SVG, by their names beside it.
 */
export async function withCurves(
  html: string,
  results: RecipeResults,
): Promise<{ html: string; pictures: Map<string, string> }> {
  const pictures = new Map<string, string>();
  const images: string[] = [];
  for (const [at, figure] of figuresOf(asPlotTexts(results)).entries()) {
    const name = `${results.recipe}-${at + 1}.svg`;
    pictures.set(name, await figure.toImage({ format: "svg" }));
    const alt = escapeHTML(figure.title);
    images.push(`<img class="figure" alt="${alt}" src="${escapeHTML(name)}">`);
  }
  const end = html.lastIndexOf("</main>");
  return {
    html: `${html.slice(0, end)}${images.join("\n")}\n${html.slice(end)}`,
    pictures,
  };
}
