/** Whether a second training of all recipes comes to what the tables say. @module */
import { asMarkdownTexts, codeOf, markdownTable } from "../markdown_text.ts";
import { columnsOf, contendersIn, figuresOf, show } from "./report.ts";
import type { RecipeResults } from "./results_file.ts";
import { type Interval, interval, pairedInterval } from "./statistics.ts";

/** What is kept of a second training. */
export interface SecondTraining
  extends Pick<RecipeResults, "setting" | "command" | "date" | "machine"> {
  /** By recipe, contender and column: by seed. */
  readonly figures: Readonly<Record<string, FiguresByContender>>;
}

type FiguresByContender = Readonly<
  Record<string, Readonly<Record<string, readonly number[]>>>
>;

/** What to keep of results; the last recipe tells when and where they were trained. */
export function secondTraining(
  recipes: readonly RecipeResults[],
): SecondTraining {
  const { setting, command, date, machine } = recipes.at(-1)!;
  const figures = recipes.map((results) =>
    [results.recipe, figuresByContender(results)] as const
  );
  return {
    ...{ setting, command, date, machine },
    figures: Object.fromEntries(figures),
  };
}

function figuresByContender(results: RecipeResults): FiguresByContender {
  const columns = columnsOf(results);
  return Object.fromEntries(
    contendersIn(results).map((contender) => {
      const own = columns.flatMap((column) => {
        const values = figuresOf(results.trials, contender, column);
        return values ? [[column, values] as const] : [];
      });
      return [contender, Object.fromEntries(own)];
    }),
  );
}

/** What a difference says: it is no smaller than its interval, or it is. */
type Verdict = "higher" | "lower" | "none";

/** A contender's difference from its recipe's reference, both times. */
interface Difference {
  readonly first: Verdict;
  readonly second: Verdict;
  readonly cells: readonly string[];
}

/** The page on it; "" if nothing was trained again in the same setting, of as many seeds. */
export function trainedAgain(
  recipes: readonly RecipeResults[],
  again: SecondTraining | undefined,
): string {
  if (!again) return "";
  const second = asMarkdownTexts(again);
  const { command, date, machine, figures } = second;
  const compared = asMarkdownTexts(recipes).flatMap((results) => {
    const own = results.setting === second.setting && figures[results.recipe];
    if (!own) return [];
    const means = meansOf(results, own);
    return means.length > 0
      ? [{ means, differences: differencesOf(results, own) }]
      : [];
  });
  if (compared.length === 0) return "";
  const means = compared.flatMap(({ means }) => means);
  const differences = compared.flatMap(({ differences }) => differences);
  const changed = differences.filter(({ first, second }) => first !== second);
  const count = (is: (difference: Difference) => boolean) =>
    changed.filter(is).length;
  const lost = count(({ second }) => second === "none");
  const gained = count(({ first }) => first === "none");
  return `# Trained again

On ${date}, ${codeOf(command)} (${machine}) trained ${compared.length} of the
recipes a second time, with the same seeds. Their tables show the first
training. This checks reproducibility, not variation across seeds. Another
version may round sums differently, and the difference grows with each step.

${means.filter(({ agree }) => agree).length} of the ${means.length} means in the
recipes' tables differ by no more than the joint 95 % interval, the root of the
sum of both squared half-intervals; ${
    means.filter(({ same }) => same).length
  } are the same in all digits shown. Of the ${differences.length} differences
from the reference (column "− X" of each table), ${
    differences.length - changed.length
  } led to the same verdict: higher, lower, or smaller than the interval.
${lost} exceeded their interval only the first time, ${gained} only the second
time, and ${changed.length - lost - gained} changed sign.${
    changed.length > 0
      ? `\n\n${
        markdownTable(
          ["task", "contenders", "first", "second"],
          changed.map(({ cells }) => cells),
        )
      }`
      : ""
  }`;
}

/** Of each mean of a table, whether the second one is the same, or near enough. */
function meansOf(
  results: RecipeResults,
  again: FiguresByContender,
): { readonly agree: boolean; readonly same: boolean }[] {
  return contendersIn(results).flatMap((contender) =>
    columnsOf(results).flatMap((column) => {
      const values = figuresOf(results.trials, contender, column);
      const others = again[contender]?.[column];
      if (!values || !isComparable(values, others)) return [];
      const [first, second] = [interval(values), interval(others)];
      const joint = Math.hypot(first.half, second.half);
      return [{
        agree: Math.abs(first.mean - second.mean) <= joint,
        same: show(column, first) === show(column, second),
      }];
    })
  );
}

/** Whether there is an interval of both trainings, of the same seeds. */
function isComparable(
  values: readonly number[],
  others: readonly number[] | undefined,
): others is readonly number[] {
  return values.length > 1 && values.length === others?.length;
}

function differencesOf(
  results: RecipeResults,
  again: FiguresByContender,
): Difference[] {
  const { title, trials, reference } = results;
  const column = columnsOf(results)[0]!;
  return contendersIn(results).flatMap((contender) => {
    if (contender === reference) return [];
    const [own, others] = [contender, reference].map((name) => {
      const values = figuresOf(trials, name, column);
      const repeated = again[name]?.[column];
      return values && isComparable(values, repeated)
        ? { values, repeated }
        : undefined;
    });
    if (!own || !others || own.values.length !== others.values.length) {
      return [];
    }
    const first = pairedInterval(own.values, others.values);
    const second = pairedInterval(own.repeated, others.repeated);
    return [{
      first: verdictOf(first),
      second: verdictOf(second),
      cells: [
        title,
        `${contender} − ${reference}`,
        show(column, first, true),
        show(column, second, true),
      ],
    }];
  });
}

function verdictOf({ mean, half }: Interval): Verdict {
  if (!(Math.abs(mean) > half)) return "none";
  return mean > 0 ? "higher" : "lower";
}
