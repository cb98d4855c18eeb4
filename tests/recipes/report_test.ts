/** What the report says of made-up results. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { VARIANT_COLORS } from "../../lib/notebook/figure_style/palette.ts";
import { allTasks } from "../../tools/recipes/all_tasks.ts";
import { besidePaper, orderOf } from "../../tools/recipes/beside_paper.ts";
import { figuresOf } from "../../tools/recipes/figures.ts";
import { BY_ACCURACY, isRival } from "../../tools/recipes/recipe.ts";
import { QUANTILES } from "../../tools/recipes/learned_decays.ts";
import {
  stepsTo,
  timeToAccuracy,
} from "../../tools/recipes/time_to_accuracy.ts";
import { trackedStates } from "../../tools/recipes/tracked_states.ts";
import { recipePage } from "../../tools/recipes/report.ts";
import { resultsPages } from "../../tools/recipes/results_pages.ts";
import {
  secondTraining,
  trainedAgain,
} from "../../tools/recipes/trained_again.ts";
import { pageHTML } from "../../tools/site/page.ts";
import { keptResults, withCurves } from "../../tools/site/curves.ts";
import { renderMarkdown } from "../../tools/site/markdown.ts";
import {
  readResults,
  type RecipeResults,
  type TrialResult,
  writeResults,
} from "../../tools/recipes/results_file.ts";
import { withFolder } from "../io/files.ts";

const RATES = [1e-3, 2e-3, 4e-3];

function trial(
  contender: string,
  seed: number,
  accuracy: number,
  trainLoss: number | null,
): TrialResult {
  const isWhole = trainLoss !== null;
  return {
    ...{ contender, seed, trainLoss, rate: 2e-3, steps: 100, parameters: 12 },
    curve: [25, 50, 75, 100].map((step) => ({
      step,
      means: { loss: 1, accuracy: Math.min(accuracy, step / 60) },
    })),
    ...isWhole ? {} : { divergedAt: 7 },
    figures: isWhole
      ? { "accuracy at 4 pairs": accuracy, "accuracy at 8 pairs": accuracy / 2 }
      : {},
  };
}

/** Three seeds of softmax and two of ours. */
function resultsWith(
  softmaxLoss: number,
  litLoss: number | null,
): RecipeResults {
  const trials = [1, 2, 3].flatMap((seed) => [
    trial("softmax", seed, 0.8 + 0.01 * seed, softmaxLoss),
    trial("lion-s", seed, 0.9 + 0.01 * seed, 0.1),
    trial("lion-lit", seed, 0.5, litLoss),
  ]);
  const contenders = ["softmax", "lion-s", "lion-lit"];
  return {
    recipe: "recall",
    title: "Recall",
    about: "Pairs.",
    setting: "quick",
    command: "deno task train recall",
    date: "2026-11-26",
    machine: "two cores",
    measure: BY_ACCURACY,
    reference: "softmax",
    rivals: ["softmax"],
    floor: { guess: "any value", loss: 2 },
    rates: contenders.map((contender) => ({
      ...{ contender, seeds: 1, steps: 25, chosen: 2e-3 },
      tries: RATES.map((rate) => ({
        rate,
        value: rate === 4e-3 ? null : 100 * rate,
      })),
    })),
    trials,
    baselines: { guess: { "accuracy at 4 pairs": 0.25 } },
    stepMilliseconds: { softmax: 10, "lion-s": 20, "lion-lit": 5 },
    published: { "paper": { softmax: 1 } },
  };
}

/** The first row of a section's tables that begins with a name. */
/** The task in tables of pages beside its own. */
const LINK = "[Recall](recall.md)";

function rowOf(section: string, name: string): string[] {
  const rows = section.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.slice(2, -2).split(" | "));
  return rows.find(([first]) => first === name)!;
}

Deno.test("a table has intervals, differences by seed and guesses", () => {
  const results = resultsWith(0.5, 0.5);
  const pages = resultsPages({
    ...{ recipes: [results], notes: "The notes.", again: undefined },
  });
  assertStringIncludes(pages.get("results.md")!, "The notes.");
  const page = pages.get("results/recall.md")!;
  assertStringIncludes(page, recipePage(results));
  const row = (name: string) => rowOf(page, name);
  // Deviation 1 point, t(2) = 4.303: ± 4.303 / √3.
  assertEquals(row("softmax").slice(0, 7), [
    "softmax",
    "82.00 ± 2.48 %",
    "41.00 ± 1.24 %",
    "",
    "",
    "12",
    "10.0 ms",
  ]);
  assertEquals(row("lion-s").slice(3), [
    "+10.00 ± 0.00 %",
    "ahead",
    "12",
    "20.0 ms",
    "2.00",
    "",
  ]);
  assertEquals(row("_guess_").slice(1, 3), ["25.00 %", ""]);
  assertStringIncludes(
    page,
    "0.001: 0.100, **0.002**: 0.200, 0.004: diverged",
  );
  assert(!page.includes("No table"));
});

Deno.test("results come back from their file, whose curves are rows of numbers", async () => {
  const results = resultsWith(1 / 3, null);
  await withFolder(async (folder) => {
    const path = `${folder}/recall-quick.json`;
    assertEquals(await readResults(path), undefined);
    await writeResults(path, results);
    const text = await Deno.readTextFile(path);
    assertStringIncludes(text, '"curveSteps": [25,50,75,100]');
    assertStringIncludes(text, '"accuracy":[0.4167,0.81,0.81,0.81]');

    const read = (await readResults(path))!;
    assertEquals(read.trials[0]!.trainLoss, 0.3333333);
    assertEquals(read.trials[0]!.curve[1], results.trials[0]!.curve[1]);
    assertEquals(read.trials.at(-1)!.trainLoss, null);
    await writeResults(path, read);
    assertEquals(await Deno.readTextFile(path), text);

    // Trainings that diverged have fewer points than others, or none.
    const { curve, ...trial } = read.trials[1]!;
    const trials = [[], curve.slice(0, 2), curve]
      .map((curve) => ({ ...trial, curve }));
    await writeResults(path, { ...read, trials });
    assertEquals((await readResults(path))!.trials, trials);

    await Deno.writeTextFile(path, JSON.stringify(results));
    await assertRejects(
      () => readResults(path),
      RangeError,
      "deno task train recall writes them again",
    );
  });
});

Deno.test("what was expected is told before the table, where it was written down", () => {
  const expecting = {
    ...resultsWith(0.5, 0.5),
    expected: "`lion-s` *is* ahead.",
  };
  const [with_, without] = [expecting, resultsWith(0.5, 0.5)].map((results) =>
    recipePage(results)
  );
  assertStringIncludes(
    with_!,
    "Pairs.\n\n_Expected before the runs:_ `lion-s` &#42;is&#42; ahead.\n\n",
  );
  assert(!without!.includes("Expected"));
});

Deno.test("a figure that a contender's tests do not have is left out", () => {
  const results = resultsWith(0.5, 0.5);
  const trials = results.trials.map(({ figures, ...trial }) => ({
    ...trial,
    figures: trial.contender === "lion-lit"
      ? { "accuracy at 4 pairs": figures["accuracy at 4 pairs"]! }
      : figures,
  }));
  const section = recipePage({ ...results, trials });
  assertEquals(rowOf(section, "lion-lit").slice(1, 3), [
    "50.00 ± 0.00 %",
    "",
  ]);
});

Deno.test("runs that solve a task are counted where a recipe says what that is", () => {
  const results = resultsWith(0.5, 0.5);
  assert(!recipePage(results).includes("So many runs"));
  const section = recipePage({ ...results, solvedFrom: 0.82 });
  const table = section.slice(section.indexOf("So many runs"));
  assertStringIncludes(table, "answer 82 % or more:");
  // Of 81, 82 and 83 %, two.
  assertEquals(rowOf(table, "softmax"), ["softmax", "2 of 3", "0 of 3"]);
  assertEquals(rowOf(table, "lion-s"), ["lion-s", "3 of 3", "0 of 3"]);
});

Deno.test("groups that were found by training are counted, and when they are lost", () => {
  const results = resultsWith(0.5, 0.5);
  const trials = results.trials.map(({ contender, seed, ...others }) => ({
    ...{ ...others, contender, seed },
    figures: {
      "accuracy at 64 tokens": contender === "lion-s" ? 1 : 0.2 * seed,
      // The third seed does not go on to longer words.
      "accuracy at 256 tokens": contender === "lion-s" && seed < 3 ? 0.95 : 0.5,
      "tokens until lost": 300 + seed,
    },
  }));
  const recipe = "track-s3";
  const page = trackedStates([{ ...results, recipe, trials, rivals: [] }]);
  assertEquals(rowOf(page, "lion-s"), ["lion-s", "**2 of 3**, 302"]);
  assertEquals(rowOf(page, "softmax"), ["softmax", "40.0 %"]);
  assertEquals(trackedStates([results]), "");
});

Deno.test("an order is the same as in the paper, a different one, or none", () => {
  const verdict = (paper: number, mean: number, half: number) =>
    orderOf(paper, { mean, half });
  assertEquals(verdict(-3.2, -0.33, 0.39), "not told apart");
  assertEquals(verdict(-3.2, -1.33, 0.39), "the same");
  assertEquals(verdict(-3.2, 1.33, 0.39), "different");
  // Level in the paper: an interval that is too wide says nothing.
  assertEquals(verdict(-0.1, 0.17, 0.27), "the same");
  assertEquals(verdict(-0.1, 0.17, 7), "not told apart");
  assertEquals(verdict(-0.1, 4.5, 1.8), "different");
  // A single seed has no interval.
  assertEquals(verdict(-3.2, -1.33, NaN), "not told apart");
});

Deno.test("recipes stand beside the paper in points, but for those that have not learned", () => {
  const published = {
    "ImageNet, paper": { softmax: 77.9, "lion-s": 79.9, "lion-lit": 74.7 },
    "× softmax, paper": { softmax: 1, "lion-s": 2 },
  };
  const recipe = "mnist-vit";
  const section = besidePaper([
    { ...resultsWith(0.5, 1.95), recipe, published },
  ]);
  const link = "[Recall](mnist-vit.md)";
  assertEquals(rowOf(section, link), [
    link,
    "lion-s − softmax",
    // The same in all seeds: no chance, however many pairs there are.
    "+10.00 ± 0.00 % \\*",
    "+2.00 %",
    "ImageNet",
    "the same",
  ]);
  assert(!section.includes("lion-lit"));
  assertEquals(besidePaper([resultsWith(0.5, 0.5)]), "");
});

Deno.test("the time to an accuracy is read between the points of curves", () => {
  const curve = [[25, 0.4], [50, 0.8], [75, 0.7]].map(([step, accuracy]) => ({
    step: step!,
    means: { accuracy: accuracy! },
  }));
  assertAlmostEquals(stepsTo(0.5, curve)!, 31.25, 1e-9);
  assertEquals(stepsTo(0.4, curve), 25);
  assertEquals(stepsTo(0.8, curve), 50);
  assertEquals(stepsTo(0.81, curve), undefined);

  // 95 % of 82 %, which lion-s reaches at 25 + 25 (0.779 - 5/12) / (5/12) steps of 20 ms.
  const section = timeToAccuracy([resultsWith(0.5, 0.5)]);
  const row = rowOf(section, LINK);
  assertEquals(row[1], "77.9 %");
  assertEquals(row.filter((cell) => cell !== "").slice(2), [
    "0 of 3",
    "0.9 ± 0.0 s",
    "**0.5 ± 0.0 s**",
  ]);
  const marked = timeToAccuracy([resultsWith(0.5, 1.95)]);
  assert(rowOf(marked, LINK).includes("0 of 3 †"));
  assertEquals(timeToAccuracy([{ ...resultsWith(1.99, 0.5) }]), "");
});

Deno.test("a second training agrees, or the page lists what changed", () => {
  const first = resultsWith(0.5, 0.5);
  assertEquals(trainedAgain([first], undefined), "");
  const other = { ...secondTraining([first]), setting: "paper" as const };
  assertEquals(trainedAgain([first], other), "");

  const compared = (again: RecipeResults) =>
    trainedAgain([first], secondTraining([again]))
      .replaceAll(/\s+/g, " ");
  const same = compared(first);
  assertStringIncludes(same, "6 of the 6 means");
  assertStringIncludes(same, "; 6 are the same in all digits");
  assertStringIncludes(same, "Of the 2 differences");
  assertStringIncludes(same, "2 led to the same verdict");
  assert(!same.includes("| task |"));

  // lion-s was 10 points ahead, and lion-lit 32 behind.
  const moved = (by: Record<string, readonly number[]>) =>
    compared({
      ...first,
      trials: first.trials.map((trial) => ({
        ...trial,
        figures: {
          ...trial.figures,
          "accuracy at 4 pairs": trial.figures["accuracy at 4 pairs"]! +
            (by[trial.contender]?.[trial.seed - 1] ?? 0),
        },
      })),
    });
  const turned = moved({ "lion-s": [-0.2, -0.2, -0.2] });
  assertStringIncludes(turned, "5 of the 6 means");
  assertStringIncludes(turned, "; 5 are the same in all digits");
  assertStringIncludes(turned, "1 led to the same verdict");
  assertStringIncludes(turned, "0 exceeded their interval only the first time");
  assertStringIncludes(turned, "and 1 changed sign");
  assertStringIncludes(
    turned,
    "| Recall | lion-s − softmax | +10.00 ± 0.00 % | -10.00 ± 0.00 % |",
  );
  const noisy = moved({ "lion-s": [-0.2, 0.2, 0] });
  assertStringIncludes(noisy, "6 of the 6 means");
  assertStringIncludes(noisy, "1 exceeded their interval only the first time");
  assertStringIncludes(noisy, "0 only the second time, and 0 changed sign");

  // One seed has no interval, and others are not the same seeds.
  const ofSeeds = (seeds: number): RecipeResults => ({
    ...first,
    trials: first.trials.filter(({ seed }) => seed <= seeds),
  });
  for (const [own, other] of [[1, 1], [3, 2]]) {
    const second = secondTraining([ofSeeds(other!)]);
    assertEquals(trainedAgain([ofSeeds(own!)], second), "");
  }
  const others = { ...ofSeeds(2), recipe: "copying" };
  const section = trainedAgain(
    [{ ...first, recipe: "copying" }, first],
    secondTraining([others, first]),
  );
  assertStringIncludes(section, "trained 1 of the");
  assertStringIncludes(section, "6 of the 6 means");

  // A run that diverged has no figures to compare.
  const diverged = compared(resultsWith(0.5, null));
  assertStringIncludes(diverged, "4 of the 4 means");
  assertStringIncludes(diverged, "Of the 1 differences");
});

Deno.test("one table has all tasks, the best in bold and the untrained marked", () => {
  const results = resultsWith(0.5, 1.95);
  const wide = [0.5, 0.99, 0.2];
  const trials = results.trials.map((trial, i) =>
    trial.contender === "softmax"
      ? {
        ...trial,
        figures: { ...trial.figures, "accuracy at 8 pairs": wide[i / 3]! },
      }
      : trial
  );
  const section = allTasks([{ ...results, trials }]);
  const rows = section.split("\n")
    .filter((line) => line.startsWith("| [Recall](results/recall.md)"))
    .map((line) => line.split(" | ").map((cell) => cell.trim()));
  assertEquals(rows.map((row) => row[1]), [
    "accuracy at 4 pairs",
    "accuracy at 8 pairs",
  ]);
  const [first, last] = rows.map((row) => row.filter((cell) => /±/.test(cell)));
  assertEquals(first, [
    "50.00 ± 0.00 % †",
    "**92.00 ± 2.48 %**",
    "82.00 ± 2.48 %",
  ]);
  // Here softmax is best on average, by less than the intervals.
  assertEquals(last!.map((cell) => cell.startsWith("**")), [true, true, true]);
  assertEquals(allTasks([{ ...results, reference: "lion-s" }]), "");
});

Deno.test("perplexity is best where it is lowest", () => {
  const results = resultsWith(0.5, 0.5);
  const trials = results.trials.map((trial) => ({
    ...trial,
    figures: { perplexity: trial.figures["accuracy at 4 pairs"]! },
  }));
  const section = allTasks([{ ...results, trials }]);
  assertEquals(section.match(/\*\*.*?\*\*/g), ["**0.50 ± 0.00**"]);
});

Deno.test("a table with a rival that has not learned is not printed", () => {
  const section = recipePage(resultsWith(1.95, 0.5));
  assertStringIncludes(
    section,
    "**No table:** softmax (training loss 1.95) ended no lower than " +
      "guessing by any value, 2.00.",
  );
  assert(!section.includes("82.00"));
  // How they were trained is said all the same.
  assertStringIncludes(section, "| softmax | 0.001: 0.100");
});

Deno.test("one of ours that has not learned, or diverged, is marked, and named below the table", () => {
  for (const loss of [1.95, null]) {
    const section = recipePage(resultsWith(0.5, loss));
    assertStringIncludes(section, "82.00 ± 2.48 %");
    assertStringIncludes(section, "lion-lit learned no more than");
    assertEquals(
      section.includes("| lion-lit † | diverged |"),
      loss === null,
    );
    assert(rowOf(section, "lion-lit †"));
    assert(rowOf(section, "lion-s"));
  }
});

Deno.test("softmax, Hydra and Vim are rivals, LION's variants are not", () => {
  const isOf = (variant: "softmax" | "hydra" | "vim" | "lit" | "d" | "s") =>
    isRival({ name: "", options: { variant } });
  assertEquals(
    (["softmax", "hydra", "vim", "lit", "d", "s"] as const).map(isOf),
    [true, true, true, false, false, false],
  );
});

Deno.test("figures show curves against steps and seconds, and accuracy by size", () => {
  const [curves, bySize] = figuresOf(resultsWith(0.5, null));
  const lion = curves!.data.filter(({ name }) => name === "lion-s");
  assertEquals(lion.map(({ x }) => x), [
    [25, 50, 75, 100],
    [0.5, 1, 1.5, 2],
  ]);
  // A variant has its own colour, as in all figures of the library.
  const lines = curves!.data as { name: string; line: { color: string } }[];
  const colorsOf = (name: string) =>
    lines.filter((one) => one.name === name).map(({ line }) => line.color);
  for (
    const [name, variant] of [
      ["lion-s", "LION-S"],
      ["lion-lit", "LION-LIT"],
      ["softmax", "softmax"],
    ] as const
  ) {
    const color = VARIANT_COLORS[variant];
    assertEquals(colorsOf(name), [color, color]);
  }
  // Of what diverged there is no curve.
  assertEquals(curves!.data.find(({ name }) => name === "lion-lit")!["x"], []);
  // However wide the intervals are, none of the axis is beyond all answers.
  assertEquals(bySize!.layout["yaxis"], {
    title: { text: "accuracy, %" },
    autorangeoptions: { clipmin: 0, clipmax: 102 },
  });
  const sizes = bySize!.data.find(({ name }) => name === "softmax")!;
  assertEquals(sizes["x"], [4, 8]);
  assertEquals((sizes["y"] as number[]).map((y) => y.toFixed(0)), [
    "82",
    "41",
  ]);
});

Deno.test("a training that ended early stays where it was in the mean curve", () => {
  const results = resultsWith(0.5, 0.5);
  const trials = results.trials.map((one) =>
    one.seed === 2 ? one : { ...one, curve: one.curve.slice(0, one.seed) }
  );
  const [curves] = figuresOf({ ...results, trials });
  const softmax = curves!.data.find(({ name }) => name === "softmax")!;
  assertEquals(softmax["x"], [25, 50, 75, 100]);
  // Of seeds 1 and 3 there are one point and three.
  const last = 100 * (25 / 60 + 0.82 + 0.83) / 3;
  assertAlmostEquals((softmax["y"] as number[]).at(-1)!, last, 1e-9);
});

Deno.test("the results that are kept have figures, in the order of their steps", async () => {
  for (const results of await keptResults()) {
    const [curves] = figuresOf(results);
    for (const { x, y, name } of curves!.data) {
      const steps = x as number[];
      const label = `${results.recipe}, ${name}`;
      assert((y as number[]).every(Number.isFinite), label);
      assert(steps.every((step, i) => i === 0 || step > steps[i - 1]!), label);
    }
  }
});

Deno.test("an axis of perplexities has ticks where models differ", () => {
  const { trials, ...results } = resultsWith(0.5, null);
  const [, bySize] = figuresOf({
    ...results,
    trials: trials.map(({ figures, ...trial }) => ({
      ...trial,
      figures: Object.fromEntries(
        Object.entries(figures).map(([name, value]) => [
          name.replace("accuracy", "perplexity"),
          60 * value,
        ]),
      ),
    })),
  });
  const { type, ticktext } = bySize!.layout["yaxis"] as {
    type: string;
    ticktext: string[];
  };
  assertEquals(type, "log");
  assertEquals(ticktext, ["25", "30", "40", "50"]);
});

Deno.test("a figure shows the decays of those that have some", () => {
  const results = resultsWith(0.5, 0.5);
  const quantiles = QUANTILES.map((share) => Math.round(4 * share) / 4);
  const trials = results.trials.map((trial) => ({
    ...trial,
    decays: trial.contender === "lion-s" ? { "block 1": quantiles } : {},
  }));
  const [, , decays] = figuresOf({ ...results, trials });
  assertEquals(decays!.data.map(({ name }) => name), ["lion-s, block 1"]);
  assertEquals(decays!.data[0]!["x"], quantiles);
});

Deno.test("the site's page has the tables, and figures that are small", async () => {
  const results = resultsWith(0.5, 0.5);
  const { title, html: body } = renderMarkdown(
    recipePage(results),
    (link) => link,
  );
  const { html, pictures } = await withCurves(
    pageHTML({ path: "docs/results/recall.html", title, body }, []),
    results,
  );
  assertStringIncludes(html, ">82.00 ±\u00a02.48\u00a0%</td>");
  assertStringIncludes(html, ">20.0\u00a0ms</td>");
  assertEquals([...pictures.keys()], ["recall-1.svg", "recall-2.svg"]);
  const [, images] = html.split("</table>").at(-1)!.split("recall-1.svg");
  assertStringIncludes(images!, 'src="recall-2.svg">\n</main>');
  assert(!/(src|href)="http/.test(html));
  // Of twenty recipes, they stay below 2 MB.
  const size = [...pictures.values()].join("").length;
  assert(size < 100_000, `${size}`);
});
