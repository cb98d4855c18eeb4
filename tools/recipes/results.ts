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

Copies the results of \`deno task train\` to docs/results, where they replace
earlier ones of the same recipes, and makes docs/results.md from these and from
docs/results_notes.md. On the site that \`deno task site\` builds, the page also
shows the curves.

  --folder FOLDER   where train wrote its results (default ${outPath("train")})
  --paper           results of the published sizes
  --docs FOLDER     where to write (default docs)
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
