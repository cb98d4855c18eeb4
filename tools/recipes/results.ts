/**
 * Makes docs/results.md of what the recipes reached: `deno task results`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { readCommandLine } from "../command_line.ts";
import { withoutPadding } from "../markdown_text.ts";
import { outPath } from "../out_folder.ts";
import { allTasks } from "./all_tasks.ts";
import { besidePaper } from "./beside_paper.ts";
import { paperNames } from "./paper/paper_recipes.ts";
import { RECIPES } from "./recipes.ts";
import { sectionsOf } from "./report.ts";
import {
  readResults,
  type RecipeResults,
  writeResults,
} from "./results_file.ts";
import { timeToAccuracy } from "./time_to_accuracy.ts";

const USAGE = `Usage: deno task results [options]

Copies what \`deno task train\` has left behind to docs/results, in the place of
what is there of the same recipes, and makes docs/results.md of that and of
docs/results_notes.md. In the page that deno task site makes of it there are the
curves, too.

  --folder FOLDER   of what was trained; default ${outPath("train")}
  --paper           of the published sizes
  --docs FOLDER     where they are written; default docs
  --help            print this`;

const ROOT = new URL("../../", import.meta.url);

const { folder, docs, setting } = await readCommandLine(USAGE, {
  folder: { type: "string" },
  paper: { type: "boolean", default: false },
  docs: { type: "string", default: fileURLToPath(new URL("docs", ROOT)) },
}, async ({ folder, paper, docs }) => {
  const setting = paper ? "paper" : "quick";
  if (folder === undefined) return { folder: outPath("train"), docs, setting };
  const isThere = await Deno.stat(folder).then(
    ({ isDirectory }) => isDirectory,
    () => false,
  );
  if (isThere) return { folder, docs, setting };
  throw new RangeError(
    `--folder should be of what was trained, and there is no ${folder}; run deno task train first`,
  );
});

await Deno.mkdir(`${docs}/results`, { recursive: true });
const recipes: RecipeResults[] = [];
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
}
const notes = await Deno.readTextFile(new URL("docs/results_notes.md", ROOT));
const [head, ...tables] = sectionsOf(recipes, notes);
const sections = [
  head!,
  ...allTasks(recipes),
  ...timeToAccuracy(recipes),
  ...besidePaper(recipes),
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
