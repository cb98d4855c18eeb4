/**
 * Runs the notebooks: `deno task notebooks`, with `--help` for what can be
 * changed.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import pLimit from "p-limit";
import { positive, readCommandLine, threadCount } from "../command_line.ts";
import { areRight, checkCode } from "./check.ts";
import { isTimed } from "./fingerprint.ts";
import { findPython } from "./jupyter.ts";
import { notebookNames, NOTEBOOKS, readNotebook } from "./notebook.ts";
import { run } from "./run.ts";

const USAGE = `Usage: deno task notebooks [options] [names]

Executes notebooks in Jupyter, and compares their outputs with the committed ones.
Names may be short: 02 is notebooks/02_....ipynb.

  --check       run nothing: only check the types of their code, and lint it
  --write       store the outputs instead, and in docs/pictures the figures that
                documents show
  --timeout S   time limit per notebook, in seconds (default 180)
  --at-once N   notebooks to run at a time, each on its share of the cores; those
                with times run alone (default 1)
  --help        print this`;

interface Options {
  readonly names: readonly string[];
  readonly seconds: number;
  readonly check: boolean;
  readonly write: boolean;
  readonly atOnce: number;
}

async function readOptions(): Promise<Options> {
  const all = await notebookNames();
  return readCommandLine(USAGE, {
    check: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    timeout: { type: "string", default: "180" },
    "at-once": { type: "string", default: "1" },
  }, ({ check, write, timeout, "at-once": atOnce }, starts) => {
    const unknown = starts.find((start) =>
      !all.some((name) => name.startsWith(start))
    );
    if (unknown !== undefined) {
      throw new RangeError(
        `no notebook is called ${unknown}: there are ${all.join(", ")}`,
      );
    }
    const isMeant = (name: string) =>
      starts.length === 0 || starts.some((start) => name.startsWith(start));
    return {
      names: all.filter(isMeant),
      seconds: positive("--timeout", timeout),
      check,
      write,
      atOnce: threadCount("--at-once", atOnce),
    };
  });
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

const { names, atOnce, check, ...options } = await readOptions();
const notebooks = await Promise.all(names.map(async (name) => {
  const path = fileURLToPath(new URL(`${name}.ipynb`, NOTEBOOKS));
  return { name, path, notebook: await readNotebook(path) };
}));
// Where something is wrong, each says what.
const isChecked = await areRight(notebooks.map(({ notebook }) => notebook));
if (check) {
  if (isChecked) Deno.exit();
  for (const { name, notebook } of notebooks) {
    const wrong = await checkCode(notebook);
    if (wrong !== undefined) console.error(`${name}\n${indent(wrong)}`);
  }
  Deno.exit(1);
}
const python = await findPython("nbclient");
if (python === undefined) {
  console.log(
    "the notebooks are skipped: no Python here has nbclient; " +
      "`deno task setup` says what to install",
  );
  // CI must have it.
  Deno.exit(Deno.env.get("CI") === "true" ? 1 : 0);
}
let failed = 0;

const runAndTell = async (
  { name, path }: typeof notebooks[number],
  processors: number,
): Promise<void> => {
  const started = performance.now();
  const how = { ...options, python, processors, isChecked };
  const wrong = await run(path, how);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${wrong.length === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  for (const one of wrong) console.log(indent(one));
  if (wrong.length > 0) failed++;
};

const all = navigator.hardwareConcurrency;
const share = Math.max(1, Math.floor(all / atOnce));
const runsAlone = ({ notebook }: typeof notebooks[number]) =>
  atOnce === 1 || isTimed(notebook);
const limit = pLimit(atOnce);
await Promise.all(
  notebooks.filter((one) => !runsAlone(one))
    .map((one) => limit(() => runAndTell(one, share))),
);
for (const one of notebooks.filter(runsAlone)) await runAndTell(one, all);
console.log(`${names.length - failed} passed, ${failed} failed`);
if (failed > 0) Deno.exit(1);
