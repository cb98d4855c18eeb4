/**
 * Makes Markdown of what the recipes reached: `deno task results FILE.json …`
 * prints what is kept in docs/results.md.
 *
 * @module
 */
import { readCommandLine, readFiles } from "../command_line.ts";
import type { Figures, Published } from "./recipe.ts";

const USAGE = `Usage: deno task results FILE.json …

Prints docs/results.md, made of what \`deno task train\` has written:
deno task --quiet results out/train/*.json > docs/results.md

  --help   print this`;

/** What one training reached. */
export interface TrialResult {
  readonly contender: string;
  readonly seed: number;
  readonly steps: number;
  readonly parameters: number;
  /** Of training, waits for data included, whatever else the machine did. */
  readonly seconds: number;
  readonly figures: Figures;
}

/** What a recipe's contenders reached. */
export interface RecipeResults {
  readonly recipe: string;
  readonly title: string;
  readonly about: string;
  /** Figures that are shown in percent. */
  readonly percent: readonly string[];
  /** What was typed. */
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly baselines: Readonly<Record<string, Figures>>;
  readonly trials: readonly TrialResult[];
  /** Milliseconds of a step of each contender, measured in turns. */
  readonly stepMilliseconds: Readonly<Figures>;
  /** What the paper reached. */
  readonly published: Published;
}

/** The report on some recipes; `notes` say what the figures mean. */
export function report(
  recipes: readonly RecipeResults[],
  notes: string,
): string {
  return [
    `# Results of the recipes

Made by \`deno task results\` of the runs' results and of \`docs/results_notes.md\`; do
not edit. Every contender of a table had the same data, steps, batches and
optimizer. Figures are means over seeds ± their standard deviation. *step* is the
median time of a training step, measured after the trainings, in turns.`,
    notes.trim(),
    ...recipes.map(reportRecipe),
  ].join("\n\n") + "\n";
}

function reportRecipe(results: RecipeResults): string {
  const { title, about, command, date, machine, percent, trials } = results;
  const { stepMilliseconds, published } = results;
  const names = [...new Set(trials.map(({ contender }) => contender))];
  const columns = Object.keys(trials[0]!.figures)
    .filter((column) => column !== "loss");
  const of = (name: string) =>
    trials.filter(({ contender }) => contender === name);
  const show = (column: string, values: number[]) =>
    percent.includes(column)
      ? `${spread(values.map((value) => 100 * value), 2)} %`
      : spread(values, 2);
  const rows = names.map((name) => [
    name,
    ...columns.map((column) =>
      show(column, of(name).map(({ figures }) => figures[column]!))
    ),
    `${of(name)[0]!.parameters}`,
    `${stepMilliseconds[name]!.toFixed(1)} ms`,
    (stepMilliseconds[name]! / stepMilliseconds.softmax!).toFixed(2),
    ...Object.values(published).map((figures) => `${figures[name] ?? ""}`),
  ]);
  const baselines = Object.entries(results.baselines).map(([name, figures]) => [
    `_${name}_`,
    ...columns.map((column) =>
      column in figures ? show(column, [figures[column]!]) : ""
    ),
    "",
    "",
    "",
    ...Object.keys(published).map(() => ""),
  ]);
  const head = [
    "",
    ...columns,
    "parameters",
    "step",
    "× softmax",
    ...Object.keys(published),
  ];
  const seeds = new Set(trials.map(({ seed }) => seed)).size;
  const minutes = trials.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return [
    `## ${title}`,
    about,
    `\`${command}\`, ${date}: ${trials[0]!.steps} steps, ${seeds} seeds, ${
      minutes.toFixed(0)
    } min of training in all; ${machine}.`,
    [head, head.map(() => "---"), ...rows, ...baselines]
      .map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
  ].join("\n\n");
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** The mean, and the deviation of a sample where there is more than one. */
function spread(values: readonly number[], digits: number): string {
  const centre = mean(values);
  if (values.length === 1) return centre.toFixed(digits);
  const squares = values.map((value) => (value - centre) ** 2);
  const deviation = Math.sqrt(
    squares.reduce((a, b) => a + b, 0) / (values.length - 1),
  );
  return `${centre.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}

if (import.meta.main) {
  const texts = await readCommandLine(
    USAGE,
    {},
    (_, files) => readFiles(files),
  );
  const notes = await Deno.readTextFile(
    new URL("../../docs/results_notes.md", import.meta.url),
  );
  console.log(report(texts.map((text) => JSON.parse(text)), notes).trimEnd());
}
