/** All tasks in one table, and which models are best at each. @module */
import { asMarkdownTexts, markdownTable } from "../markdown_text.ts";
import {
  columnsOf,
  figuresOf,
  linkTo,
  show,
  TASKS,
  untrained,
} from "./report.ts";
import type { Measure } from "./recipe.ts";
import type { RecipeResults } from "./results_file.ts";
import { interval, pairedInterval } from "./statistics.ts";
import { healthOf } from "./verdicts.ts";

/**
 * Columns of the table: contenders that several recipes have, LION's first, since a
 * narrow page shows no more of a table until one scrolls it.
 */
export const MODELS: readonly string[] = [
  ...["lion-lit", "lion-d", "lion-s", "lion-s-hippo"],
  ...["softmax", "softmax-alibi", "hydra", "vim"],
];

/** The reference of the recipes that the table has. */
export const SOFTMAX = "softmax";

/** Whether models are compared with softmax attention at a task that all should learn. */
export function isBesideSoftmax(
  { reference, rivals }: RecipeResults,
): boolean {
  return reference === SOFTMAX && rivals.length > 0;
}

/** The section on it; "" if no recipe compares models with softmax attention. */
export function allTasks(recipes: readonly RecipeResults[]): string {
  const rows = asMarkdownTexts(recipes)
    .filter(isBesideSoftmax)
    .flatMap(rowsOf);
  if (rows.length === 0) return "";
  const trials = recipes.flatMap(({ trials }) => trials).length;
  const onPlateau = recipes.flatMap(healthOf)
    .reduce((sum, { onPlateau }) => sum + onPlateau, 0);
  return `## All tasks

The table lists every task on which models are compared with softmax attention,
with the first column of figures of the task's own table and, if there are
several, the last. On texts softmax has rotary positions, or ALiBi's slopes where
stated. Bold figures are the best of their row and those whose paired
difference from it is within the interval. † marks models that have not learned
the task. Lower perplexity is better. Of all ${trials} runs, ${onPlateau} have reached
their plateau: most figures tell how fast models learn.

${markdownTable(["task", "figure", ...MODELS], rows)}`;
}

/** The first and the last figure of a recipe, by model. */
function rowsOf(results: RecipeResults): string[][] {
  const columns = columnsOf(results);
  const shown = new Set([columns[0]!, columns.at(-1)!]);
  return [...shown].map((column) => [
    linkTo(results, `${TASKS}/`),
    column,
    ...cellsOf(results, column),
  ]);
}

function cellsOf(results: RecipeResults, column: string): string[] {
  const figures = new Map(MODELS.flatMap((name) => {
    const values = figuresOf(results.trials, name, column);
    return values ? [[name, values]] : [];
  }));
  return comparedCells(results, figures, {
    best: column.startsWith("accuracy") ? "highest" : "lowest",
    textOf: (values) => show(column, interval(values)),
  });
}

/**
 * The cells of {@linkcode MODELS}, from their figures by seed: the best in bold,
 * those that have not learned marked.
 */
export function comparedCells(
  results: RecipeResults,
  figures: ReadonlyMap<string, readonly number[]>,
  { best: wanted, textOf }: Pick<Measure, "best"> & {
    readonly textOf: (values: readonly number[]) => string;
  },
): string[] {
  const sick = untrained(healthOf(results));
  const sign = wanted === "highest" ? 1 : -1;
  const scored = (values: readonly number[]) => values.map((x) => sign * x);
  const [best] = [...figures.values()].map(scored)
    .sort((a, b) => interval(b).mean - interval(a).mean);
  return MODELS.map((name) => {
    const values = figures.get(name);
    if (!values) return "";
    const text = textOf(values);
    const { mean, half } = pairedInterval(best!, scored(values));
    // The best differs from itself by nothing.
    const isBest = mean <= half || mean === 0;
    return `${isBest ? `**${text}**` : text}${sick.includes(name) ? " †" : ""}`;
  });
}
