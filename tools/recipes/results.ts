/**
 * Makes docs/results.md and the pages of tasks of what the recipes reached:
 * `deno task results`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { readCommandLine } from "../command_line.ts";
import { jsonRows } from "../json_rows.ts";
import { withoutPadding } from "../markdown_text.ts";
import { outPath, writeOutput } from "../out_folder.ts";
import { paperNames } from "./paper/paper_recipes.ts";
import { RECIPES } from "./recipes.ts";
import { resultsPages } from "./results_pages.ts";
import {
  readJSON,
  readResults,
  type RecipeResults,
  writeResults,
} from "./results_file.ts";
import { type SecondTraining, secondTraining } from "./trained_again.ts";

const USAGE = `Usage: deno task results [options]

Copies the results of \`deno task train\` to docs/results, where they replace
earlier ones of the same recipes, and makes from these and from
docs/results_notes.md the page docs/results.md and one for each task. On the site
that \`deno task site\` builds, tasks have their curves too.

  --folder FOLDER   where train wrote its results (default ${outPath("train")})
  --paper           results of the published sizes
  --again FOLDER    where train wrote a second training of the same recipes: a
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
const pages = resultsPages({ recipes, notes, again: repetition });
for (const [path, text] of pages) {
  await Deno.writeTextFile(`${docs}/${path}`, `${text}\n`);
}
const files = [...pages.keys()].map((path) => `${docs}/${path}`);
// As the rest of the repository is, but for the widths of tables.
await new Deno.Command(Deno.execPath(), {
  args: ["fmt", "--quiet", "--no-config", ...files],
}).output();
for (const file of files) {
  await Deno.writeTextFile(file, withoutPadding(await Deno.readTextFile(file)));
}
console.log(files[0]);
