/** The pages of results: what the runs say, and one for each task. @module */
import { asMarkdownTexts } from "../markdown_text.ts";
import { allTasks, isBesideSoftmax } from "./all_tasks.ts";
import { besidePaper } from "./beside_paper.ts";
import { linkTo, recipePage, TASKS } from "./report.ts";
import type { RecipeResults } from "./results_file.ts";
import { timeToAccuracy } from "./time_to_accuracy.ts";
import { trackedStates } from "./tracked_states.ts";
import { type SecondTraining, trainedAgain } from "./trained_again.ts";

/** What is known of the recipes. */
export interface Known {
  readonly recipes: readonly RecipeResults[];
  /** Of all together, in Markdown: what the first page begins with. */
  readonly notes: string;
  readonly again: SecondTraining | undefined;
}

/** The pages in Markdown, by their paths in the folder of documents. */
export function resultsPages(
  { recipes, notes, again }: Known,
): ReadonlyMap<string, string> {
  const overviews = [
    ["compared_with_the_paper", besidePaper(recipes)],
    ["time_to_an_accuracy", timeToAccuracy(recipes)],
    ["tracked_states", trackedStates(recipes)],
    ["trained_again", trainedAgain(recipes, again)],
  ].filter(([, text]) => text !== "") as [string, string][];
  const first = [
    "# Results of the recipes",
    made("results_notes.md"),
    recipes.length > 0
      ? ""
      : "No recipe has been trained under this protocol yet.",
    notes.trim(),
    allTasks(recipes),
    "## More",
    [
      "- [What the runs say, by subject](results_by_subject.md), and " +
      "[how they are made](results_protocol.md)",
      ...overviews.map(([name, text]) =>
        `- [${titleOf(text)}](${TASKS}/${name}.md)`
      ),
    ].join("\n"),
    `The page of each task has its table, the rates tried and the curves. Not in the
table above are ${
      new Intl.ListFormat("en").format(
        asMarkdownTexts(recipes).filter((results) => !isBesideSoftmax(results))
          .map((results) => linkTo(results, `${TASKS}/`)),
      )
    }.`,
  ];
  return new Map([
    ["results.md", first.filter((part) => part !== "").join("\n\n")],
    ...[
      ...overviews,
      ...recipes.map((results) =>
        [results.recipe, recipePage(results)] as const
      ),
    ].map(([name, text]) =>
      [
        `${TASKS}/${name}.md`,
        `${text}\n\n[All results](../results.md)\n\n${made()}`,
      ] as const
    ),
  ]);
}

/** A comment for those who would edit a page. */
function made(source?: string): string {
  const notes = source === undefined ? "" : `docs/${source} and of `;
  return `<!-- made by \`deno task results\` of ${notes}what \`deno task train\` writes; do not edit it -->`;
}

function titleOf(page: string): string {
  return page.match(/^# (.+)$/m)![1]!;
}
