/** How long models train until they are about as good as softmax attention. @module */
import { asMarkdownTexts, markdownTable } from "../markdown_text.ts";
import { comparedCells, isBesideSoftmax, MODELS } from "./all_tasks.ts";
import { linkTo, untrained } from "./report.ts";
import type { CurvePoint, RecipeResults, TrialResult } from "./results_file.ts";
import { interval, mean } from "./statistics.ts";
import { healthOf } from "./verdicts.ts";

/** Of the accuracy that softmax attention ends at. */
const SHARE = 0.95;

/** The page on it; "" if no recipe compares models with softmax attention. */
export function timeToAccuracy(recipes: readonly RecipeResults[]): string {
  const rows = asMarkdownTexts(recipes)
    .filter(isBesideSoftmax)
    .flatMap(rowOf);
  if (rows.length === 0) return "";
  return `# Time to an accuracy

The table lists how many seconds of training a model takes to reach ${
    100 * SHARE
  } % of
the validation accuracy that softmax attention ends at after the same number of
steps: the number of steps, read off the curves (straight lines between their
points), times the median time of a step. Bold figures are the shortest of their
row and those whose paired difference from it is within the interval. "2 of 5"
means that only two of five runs reached it, and † marks models that have not
learned the task. All models train for the same number of steps with a rate that
falls to zero, so a shorter run of the same model may reach the accuracy sooner.

${markdownTable(["task", "accuracy", ...MODELS], rows)}`;
}

function rowOf(results: RecipeResults): string[][] {
  const { trials, stepMilliseconds, reference } = results;
  const sick = untrained(healthOf(results));
  if (sick.includes(reference)) return [];
  const ends = curvesOf(trials, reference).map((curve) =>
    curve.at(-1)!.means["accuracy"]
  );
  if (ends.length === 0 || ends.includes(undefined)) return [];
  const wanted = SHARE * mean(ends as number[]);
  const seconds = new Map<string, number[]>();
  const partly = new Map<string, string>();
  for (const name of MODELS) {
    const curves = curvesOf(trials, name);
    if (curves.length === 0) continue;
    const steps = curves.map((curve) => stepsTo(wanted, curve))
      .filter((step) => step !== undefined);
    if (steps.length === curves.length) {
      const each = stepMilliseconds[name]! / 1000;
      seconds.set(name, steps.map((count) => count * each));
    } else {
      const count = `${steps.length} of ${curves.length}`;
      partly.set(name, sick.includes(name) ? `${count} †` : count);
    }
  }
  const cells = comparedCells(results, seconds, {
    best: "lowest",
    textOf: (values) => {
      const { mean, half } = interval(values);
      const spread = Number.isNaN(half) ? "" : ` ± ${half.toFixed(1)}`;
      return `${mean.toFixed(1)}${spread} s`;
    },
  });
  return [[
    linkTo(results),
    `${(100 * wanted).toFixed(1)} %`,
    ...MODELS.map((name, i) => partly.get(name) ?? cells[i]!),
  ]];
}

/** The curves of a contender's trainings. */
function curvesOf(
  trials: readonly TrialResult[],
  name: string,
): (readonly CurvePoint[])[] {
  return trials.filter(({ contender }) => contender === name)
    .map(({ curve }) => curve);
}

/** The step at which a curve first reaches an accuracy; none if it does not. */
export function stepsTo(
  wanted: number,
  curve: readonly CurvePoint[],
): number | undefined {
  const points = curve.map(({ step, means }) => ({
    step,
    accuracy: means["accuracy"]!,
  }));
  const i = points.findIndex(({ accuracy }) => accuracy >= wanted);
  const after = points[i];
  // Of what came before the first look nothing is known.
  const before = points[i - 1];
  if (!after || !before) return after?.step;
  const share = (wanted - before.accuracy) / (after.accuracy - before.accuracy);
  return before.step + share * (after.step - before.step);
}
