/** Which rules find which groups by training, in one table. @module */
import { asMarkdownTexts, markdownTable } from "../markdown_text.ts";
import { contendersIn, figuresOf, linkTo } from "./report.ts";
import type { RecipeResults } from "./results_file.ts";
import { mean } from "./statistics.ts";

/** A rule is found where so many answers are right, at the length of training and beyond. */
const FOUND: Readonly<Record<string, number>> = {
  "accuracy at 64 tokens": 0.99,
  "accuracy at 256 tokens": 0.9,
};

/** Whether results are of state tracking. */
export function isTracking({ recipe }: RecipeResults): boolean {
  return recipe.startsWith("track-");
}

/** The page on it; "" where nothing of it was trained. */
export function trackedStates(recipes: readonly RecipeResults[]): string {
  const all = asMarkdownTexts(recipes).filter(isTracking);
  if (all.length === 0) return "";
  const names = [...new Set(all.flatMap(contendersIn))];
  const [short, long] = Object.entries(FOUND).map(([column, least]) =>
    `${(100 * least).toFixed(0)} % at ${column.replace("accuracy at ", "")}`
  );
  return `# What trained states track

The table has, for each group, how many runs have found it (${short}, the length
of training, and ${long}); then the tokens after which the state is lost, the median of these
runs, of 512. Where none has, it has the mean accuracy at the length of training. A
group that was not found may still be one that the rule can hold: see
[What a state can track](../choosing.md#what-a-state-can-track).

${
    markdownTable(
      ["", ...all.map((results) => linkTo(results))],
      names.map((name) => [
        name,
        ...all.map((results) => cellOf(results, name)),
      ]),
    )
  }`;
}

function cellOf({ trials }: RecipeResults, name: string): string {
  const own = trials.filter(({ contender }) => contender === name);
  if (own.length === 0) return "";
  const found = own.filter(({ figures }) =>
    Object.entries(FOUND).every(([column, least]) => figures[column]! >= least)
  );
  const [first] = Object.keys(FOUND) as [string];
  if (found.length === 0) {
    return `${(100 * mean(figuresOf(own, name, first)!)).toFixed(1)} %`;
  }
  const lost = found.map(({ figures }) => figures["tokens until lost"]!)
    .sort((a, b) => a - b);
  const median = lost[Math.floor(lost.length / 2)];
  return `**${found.length} of ${own.length}**, ${median}`;
}
