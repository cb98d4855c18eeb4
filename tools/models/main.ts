/** Makes model packages, from data to card: `deno task models NAME`. @module */
import { useBackend } from "@lionjs/lion";
import { interruptSignal } from "@lionjs/lion/notebook";
import {
  endWithMistake,
  oneOf,
  positive,
  positiveInteger,
  readCommandLine,
  someOf,
  threadCount,
  wrapped,
} from "../command_line.ts";
import type { ModelRecipe, ModelRun } from "./model_recipe.ts";
import { type NewPackage, newPackage } from "./new_package.ts";
import { gaps } from "./gaps/recipe.ts";
import { infilling } from "./infilling/recipe.ts";
import { languages } from "./languages/recipe.ts";
import { punctuation } from "./punctuation/recipe.ts";
import { sudoku } from "./sudoku/recipe.ts";

/** The recipes by the names of their packages. */
const RECIPES: Readonly<Record<string, ModelRecipe>> = {
  sudoku,
  gaps,
  languages,
  punctuation,
  infilling,
};

const NAMES = Object.keys(RECIPES);

const USAGE = `Usage: deno task models [NAME] [options]
       deno task models new NAME --from FOLDER [options]

Makes the package of a model, from data to int8 weights, tests and card. Each
stage keeps what it has done; the same command continues where it was stopped.

${
  NAMES.map((name) => {
    const { title, stages } = RECIPES[name]!;
    const names = wrapped(Object.keys(stages), 22);
    return `  ${name.padEnd(12)}${title}\n              stages: ${names}`;
  }).join("\n")
}

  --stages A,B   only these (default: all)
  --steps N      steps of training (default: the recipe's); more steps continue it
  --minutes N    end the training after so many minutes, with the steps taken by then
  --tested N     examples of each kind to test on (default: the recipe's)
  --threads N    threads, of which the last digits of results depend (default: 1)
  --data FILE    a table of your own series, for the stage tune of gaps
  --note TEXT    what else the card should say among its limits
  --folder DIR   what is kept between stages (default: out/models/NAME)
  --smoke        everything tiny, in a temporary folder: sees that it runs

new makes a package of a classifier of your own:

  --from DIR     what savePretrained has written
  --output DIR   where the package goes (default: out/packages/NAME)
  --about TEXT   the first lines of its README
  --help         print this`;

const options = await readCommandLine(USAGE, {
  stages: { type: "string" },
  steps: { type: "string" },
  minutes: { type: "string" },
  tested: { type: "string" },
  threads: { type: "string", default: "1" },
  data: { type: "string" },
  note: { type: "string" },
  folder: { type: "string" },
  smoke: { type: "boolean", default: false },
  from: { type: "string" },
  output: { type: "string" },
  about: { type: "string" },
}, (values, all) => {
  const { stages, steps, minutes, tested, threads } = values;
  const { data, note, folder, smoke } = values;
  const isNew = all[0] === "new";
  const rest = isNew ? all.slice(1) : all;
  if (rest.length > 1) throw new RangeError(`unexpected argument "${rest[1]}"`);
  const own = isNew ? ownPackage(rest[0], values) : undefined;
  const names = own
    ? []
    : rest.length === 0
    ? NAMES
    : [oneOf("NAME", rest[0]!, NAMES)];
  return {
    ...{ names, own },
    stages: stages === undefined ? undefined : someOf(
      "--stages",
      stages,
      [...new Set(names.flatMap((name) => Object.keys(RECIPES[name]!.stages)))],
    ),
    steps: steps === undefined ? undefined : positiveInteger("--steps", steps),
    minutes: minutes === undefined ? undefined : positive("--minutes", minutes),
    tested: tested === undefined
      ? undefined
      : positiveInteger("--tested", tested),
    threads: threadCount("--threads", threads),
    data,
    note,
    folder,
    smoke,
  };
});

const signal = interruptSignal();
await useBackend({ prefer: ["wasm"], threads: options.threads });
try {
  if (options.own) await makeOwn(options.own);
  for (const name of options.names) await make(name);
} catch (error) {
  if (!signal.aborted || error !== signal.reason) throw error;
  console.log("stopped; the same command continues from here");
}
// Workers of a backend must not keep the process.
Deno.exit();

/** What `new` is asked for. */
function ownPackage(
  name: string | undefined,
  { from, output, about }: {
    readonly from?: string | undefined;
    readonly output?: string | undefined;
    readonly about?: string | undefined;
  },
): NewPackage {
  if (name === undefined) throw new RangeError("new needs the package's NAME");
  if (from === undefined) {
    throw new RangeError("new needs --from, what savePretrained has written");
  }
  return { name, from, about, output: output ?? `out/packages/${name}` };
}

/** Makes a package; a mistake in what it is made of ends with 2. */
async function makeOwn(own: NewPackage): Promise<void> {
  try {
    await newPackage(own);
    console.log(
      `${own.output}: publish it with npm publish, once its README says what it is`,
    );
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    endWithMistake(USAGE, error.message);
  }
}

/** Runs the stages of a package. */
async function make(name: string): Promise<void> {
  const { stages, target } = RECIPES[name]!;
  const { smoke, folder, stages: chosen, own: _, ...others } = options;
  const temporary = smoke ? await Deno.makeTempDir() : undefined;
  const kept = temporary ?? folder ?? `out/models/${name}`;
  await Deno.mkdir(kept, { recursive: true });
  const run: ModelRun = {
    ...others,
    folder: kept,
    target: temporary
      ? new URL(`file://${temporary}/package/`)
      : new URL(`../../${target}`, import.meta.url),
    isSmoke: smoke,
    signal,
    say: (line) => console.log(`${name}: ${line}`),
  };
  try {
    for (const stage of chosen ?? Object.keys(stages)) {
      console.log(`${name}: ${stage}`);
      await stages[stage]!(run);
    }
  } finally {
    if (temporary) await Deno.remove(temporary, { recursive: true });
  }
}
