/** What a recipe reached, in Markdown. @module */
import {
  asMarkdownTexts,
  codeOf,
  markdownTable,
  textWithCode,
} from "../markdown_text.ts";
import { duration } from "./plan.ts";
import type { Measure } from "./recipe.ts";
import type { RecipeResults, TrialResult } from "./results_file.ts";
import { type Interval, interval, pairedInterval } from "./statistics.ts";
import { type Health, healthOf, isAtEdge, verdictOf } from "./verdicts.ts";

/** The folder of the tasks' pages, beside the page that leads to them. */
export const TASKS = "results";

/** A link to the page of a recipe; `folder` is where pages are from there. */
export function linkTo({ recipe, title }: RecipeResults, folder = ""): string {
  return `[${title}](${folder}${recipe}.md)`;
}

/** The page of a recipe. */
export function recipePage(plain: RecipeResults): string {
  const results = asMarkdownTexts(plain);
  const { title, command, date, machine, trials } = results;
  const health = healthOf(results);
  const seeds = new Set(trials.map(({ seed }) => seed)).size;
  const sick = health.filter(({ contender, isHealthy }) =>
    !isHealthy && results.rivals.includes(contender)
  );
  return [
    `# ${title}`,
    textWithCode(plain.about),
    ...plain.notes
      ? [plain.notes.map((note) => `- ${textWithCode(note)}`).join("\n")]
      : [],
    ...plain.expected
      ? [`_Expected before the runs:_ ${textWithCode(plain.expected)}`]
      : [],
    `${codeOf(command)}, ${date}: ${trials[0]!.steps} steps, ${seeds} seeds, ${
      duration(trainingMilliseconds(results))
    } of training steps in all; ${machine}.`,
    ...sick.length > 0 ? [refusal(sick, results)] : [
      comparison(results, health),
      ...footnotes(health, results),
      ...solvedTable(results),
    ],
    training(results, health),
  ].join("\n\n");
}

/** What stands in the place of a table that would mislead. */
function refusal(sick: readonly Health[], { floor }: RecipeResults): string {
  const names = sick.map(({ contender, trainLoss }) =>
    `${contender} (training loss ${lossText(trainLoss)})`
  );
  return `**No table:** ${
    names.join(", ")
  } ended no lower than guessing by ${floor.guess}, ${
    floor.loss.toFixed(2)
  }. A comparison with a model that was not trained would say nothing.`;
}

/** Columns of figures that have room beside the costs; more have a table of their own. */
const MOST_BESIDE = 4;

function comparison(
  results: RecipeResults,
  health: readonly Health[],
): string {
  const { trials, stepMilliseconds, published, reference } = results;
  const names = contendersIn(results);
  const columns = columnsOf(results);
  const main = columns[0] ?? "";
  const ofReference = figuresOf(trials, reference, main);
  const marked = (name: string) =>
    untrained(health).includes(name) ? `${name} †` : name;
  const figures = [
    ...names.map((name) => [
      marked(name),
      ...columns.map((column) => cellOf(trials, name, column)),
    ]),
    ...Object.entries(results.baselines).map(([name, figures]) => [
      `_${name}_`,
      ...columns.map((column) =>
        column in figures
          ? show(column, { mean: figures[column]!, half: NaN })
          : ""
      ),
    ]),
  ];
  const others = names.map((name) => [
    ...difference(
      main,
      figuresOf(trials, name, main),
      ofReference,
      name === reference,
    ),
    `${trials.find(({ contender }) => contender === name)!.parameters}`,
    `${stepMilliseconds[name]!.toFixed(1)} ms`,
    reference in stepMilliseconds
      ? (stepMilliseconds[name]! / stepMilliseconds[reference]!).toFixed(2)
      : "",
    ...Object.values(published).map((figures) => `${figures[name] ?? ""}`),
  ]);
  const namesOfOthers = [
    columns.length > MOST_BESIDE ? `${main} − ${reference}` : `− ${reference}`,
    "verdict",
    "parameters",
    "step",
    `× ${reference}`,
    ...Object.keys(published),
  ];
  if (columns.length > MOST_BESIDE) {
    return [
      markdownTable(["", ...columns], figures),
      markdownTable(
        ["", ...namesOfOthers],
        names.map((name, at) => [marked(name), ...others[at]!]),
      ),
    ].join("\n\n");
  }
  const none = namesOfOthers.map(() => "");
  return markdownTable(
    ["", ...columns, ...namesOfOthers],
    figures.map((row, at) => [...row, ...others[at] ?? none]),
  );
}

/** How contenders were trained: the rates tried, and the losses that they led to. */
function training(results: RecipeResults, health: readonly Health[]): string {
  const { rates, floor, measure, trials } = results;
  const rows = rates.map(({ contender, chosen, tries }) => {
    const { trainLoss, isHealthy, onPlateau } = health.find((health) =>
      health.contender === contender
    )!;
    const count = trials.filter((trial) => trial.contender === contender);
    return [
      contender,
      tries.map(({ rate, value }) =>
        `${rate === chosen ? "**" : ""}${rate}${rate === chosen ? "**" : ""}: ${
          value === null ? "diverged" : value.toFixed(3)
        }`
      ).join(", ") || `${chosen}`,
      lossText(trainLoss),
      isHealthy ? "yes" : "no",
      `${onPlateau} of ${count.length}`,
    ];
  });
  const atEdge = rates.filter(isAtEdge).map(({ contender }) => contender);
  const { steps, seeds, tries } = rates[0]!;
  const listed = tries.length === 0
    ? "the rates, which the recipe gives"
    : `the rates that were tried for ${steps} steps with ${
      seeds === 1 ? "seed 1" : `seeds 1 to ${seeds}`
    }, each with its${
      seeds === 1 ? "" : " mean"
    } ${measure.name} on validation data`;
  return [
    `The table lists ${listed}; the training loss at the end, which is ${
      floor.loss.toFixed(2)
    } for guessing by ${floor.guess}; and how many runs reached a plateau.`,
    markdownTable(
      ["", "rates", "training loss", "healthy", "on a plateau"],
      rows,
    ),
    ...atEdge.length === 0 ? [] : [
      `At the edge of the rates that were tried: ${
        new Intl.ListFormat("en").format(atEdge)
      }.`,
    ],
  ].join("\n\n");
}

/** How many runs solve each task: where some do and others do not, no mean describes a run. */
function solvedTable(results: RecipeResults): string[] {
  const { trials, solvedFrom } = results;
  if (solvedFrom === undefined) return [];
  const columns = columnsOf(results).filter(isShare);
  return [
    `So many runs answer ${100 * solvedFrom} % or more:`,
    markdownTable(
      ["", ...columns.map((column) => column.replace("accuracy ", ""))],
      contendersIn(results).map((name) => [
        name,
        ...columns.map((column) => {
          const values = figuresOf(trials, name, column);
          const solved = values?.filter((value) => value >= solvedFrom);
          return solved ? `${solved.length} of ${values!.length}` : "";
        }),
      ]),
    ),
  ];
}

/** Those of ours that have not learned: they do not spoil the table, but it says so. */
function footnotes(
  health: readonly Health[],
  { floor }: RecipeResults,
): string[] {
  const names = untrained(health);
  if (names.length === 0) return [];
  return [
    `† In these steps, ${
      new Intl.ListFormat("en").format(names)
    } learned no more than guessing by ${floor.guess}.`,
  ];
}

/** Those that have not learned. */
export function untrained(health: readonly Health[]): string[] {
  return health.filter(({ isHealthy }) => !isHealthy)
    .map(({ contender }) => contender);
}

function difference(
  column: string,
  values: number[] | undefined,
  others: number[] | undefined,
  isReference: boolean,
): readonly [shown: string, verdict: string] {
  if (isReference || !values || values.length !== others?.length) {
    return ["", ""];
  }
  const found = pairedInterval(values, others);
  return [show(column, found, true), verdictOf(...inPoints(column, found))];
}

/** Whether a column has shares of 1, and the highest are the best. */
function isShare(column: string): boolean {
  return column.startsWith("accuracy");
}

/** A difference in the figures of a column in points, and which of these are the better ones. */
export function inPoints(
  column: string,
  { mean, half }: Interval,
): [Interval, Measure["best"]] {
  const scale = isShare(column) ? 100 : 1;
  return [
    { mean: scale * mean, half: scale * half },
    isShare(column) ? "highest" : "lowest",
  ];
}

/** What tests measured, in their order; nothing if all trainings diverged. */
export function columnsOf({ trials }: RecipeResults): string[] {
  const whole = trials.find(({ divergedAt }) => divergedAt === undefined);
  return Object.keys(whole?.figures ?? {});
}

/** Who took part, in their order. */
export function contendersIn({ trials }: RecipeResults): string[] {
  return [...new Set(trials.map(({ contender }) => contender))];
}

/** A figure of a contender: "" if its tests have none of that name. */
function cellOf(
  trials: readonly TrialResult[],
  name: string,
  column: string,
): string {
  const values = figuresOf(trials, name, column);
  if (values) return show(column, interval(values));
  const own = trials.filter(({ contender }) => contender === name);
  return own.some(({ divergedAt }) => divergedAt !== undefined)
    ? "diverged"
    : "";
}

/** By seed; none if one diverged. */
export function figuresOf(
  trials: readonly TrialResult[],
  contender: string,
  column: string,
): number[] | undefined {
  const own = trials.filter((trial) => trial.contender === contender)
    .map(({ figures }) => figures[column]);
  return own.length === 0 || own.includes(undefined)
    ? undefined
    : own as number[];
}

/** What steps took; looks at validation data are not counted. */
function trainingMilliseconds(
  { trials, rates, stepMilliseconds }: RecipeResults,
): number {
  let sum = 0;
  for (const { contender, steps } of trials) {
    sum += steps * stepMilliseconds[contender]!;
  }
  for (const { contender, steps, seeds, tries } of rates) {
    // The tries of the chosen rate are trainings.
    const others = Math.max(0, tries.length - 1);
    sum += seeds * others * steps * stepMilliseconds[contender]!;
  }
  return sum;
}

/** A figure in a cell of a table: shares in percent. */
export function show(
  column: string,
  { mean, half }: Interval,
  isDifference = false,
): string {
  const scale = isShare(column) ? 100 : 1;
  const sign = isDifference && mean > 0 ? "+" : "";
  const centre = `${sign}${(scale * mean).toFixed(2)}`;
  const spread = Number.isNaN(half) ? "" : ` ± ${(scale * half).toFixed(2)}`;
  return `${centre}${spread}${isShare(column) ? " %" : ""}`;
}

function lossText(loss: number | null): string {
  return loss === null ? "diverged" : loss.toFixed(2);
}
