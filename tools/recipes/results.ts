/**
 * Makes docs/results.md of what the recipes reached: `deno task results`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { readCommandLine } from "../command_line.ts";
import { jsonRows } from "../json_rows.ts";
import { withoutPadding } from "../markdown_text.ts";
import { outPath, writeOutput } from "../out_folder.ts";
import { allTasks } from "./all_tasks.ts";
import { besidePaper } from "./beside_paper.ts";
import { paperNames } from "./paper/paper_recipes.ts";
import { RECIPES } from "./recipes.ts";
import { sectionsOf } from "./report.ts";
import {
  readJSON,
  readResults,
  type RecipeResults,
  writeResults,
} from "./results_file.ts";
import { timeToAccuracy } from "./time_to_accuracy.ts";
import {
  type SecondTraining,
  secondTraining,
  trainedAgain,
} from "./trained_again.ts";

const USAGE = `Usage: deno task results [options]

Copies the results of \`deno task train\` to docs/results, where they replace
earlier ones of the same recipes, and makes docs/results.md from these and from
docs/results_notes.md. On the site that \`deno task site\` builds, the page also
shows the curves.

  --folder FOLDER   where train wrote its results (default ${outPath("train")})
  --paper           results of the published sizes
  --again FOLDER    where train wrote a second training of the same recipes: the
                    page says where it differs from the first one
  --docs FOLDER     where to write (default docs)
  --help            print this`;

const ROOT = new URL("../../", import.meta.url);

const { folder, again, docs, setting } = await readCommandLine(USAGE, {
  folder: { type: "string" },
  paper: { type: "boolean", default: false },
  again: { type: "string" },
  docs: { type: "string", default: fileURLToPath(new URL("docs", ROOT)) },
}, async ({ folder, paper, again, docs }) => {
  await assertTrained("--folder", folder);
  await assertTrained("--again", again);
  const setting = paper ? "paper" : "quick";
  return { folder: folder ?? outPath("train"), again, docs, setting };
});

async function assertTrained(
  option: string,
  folder: string | undefined,
): Promise<void> {
  if (folder === undefined) return;
  const isThere = await Deno.stat(folder).then(
    ({ isDirectory }) => isDirectory,
    () => false,
  );
  if (isThere) return;
  throw new RangeError(
    `${option} should be of what was trained, and there is no ${folder}; run deno task train first`,
  );
}

await Deno.mkdir(`${docs}/results`, { recursive: true });
const recipes: RecipeResults[] = [];
const second: RecipeResults[] = [];
const names = [
  ...Object.keys(RECIPES),
  ...setting === "paper" ? paperNames() : [],
];
for (const name of names) {
  const file = `${name}-${setting}.json`;
  const kept = `${docs}/results/${file}`;
  const fresh = await readResults(`${folder}/${file}`);
  if (fresh) await writeResults(kept, fresh);
  const results = await readResults(kept);
  if (results) recipes.push(results);
  else console.log(`${name} was never trained to its end; it is left out`);
  const repeated = again && await readResults(`${again}/${file}`);
  if (repeated) second.push(repeated);
}
const keptAgain = `${docs}/results_again.json`;
if (second.length > 0) {
  await writeOutput(keptAgain, jsonRows(secondTraining(second)));
}
const repetition = await readJSON<SecondTraining>(keptAgain);
const notes = await Deno.readTextFile(new URL("docs/results_notes.md", ROOT));
const [head, ...tables] = sectionsOf(recipes, notes);
const sections = [
  head!,
  ...allTasks(recipes),
  ...timeToAccuracy(recipes),
  ...besidePaper(recipes),
  ...trainedAgain(recipes, repetition),
  ...tables,
];
const text = sections.map(({ text }) => text).join("\n\n");
const page = `${docs}/results.md`;
await Deno.writeTextFile(page, `${text}\n`);
// As the rest of the repository is, but for the widths of tables.
await new Deno.Command(Deno.execPath(), {
  args: ["fmt", "--quiet", "--no-config", page],
}).output();
await Deno.writeTextFile(page, withoutPadding(await Deno.readTextFile(page)));
console.log(page);
