/**
 * Runs the notebooks: `deno task notebooks`, with `--help` for what can be
 * changed.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { positive, readCommandLine } from "../command_line.ts";
import { findPython } from "./jupyter.ts";
import { notebookNames, NOTEBOOKS } from "./notebook.ts";
import { run } from "./run.ts";

const USAGE = `Usage: deno task notebooks [options] [names]

Executes notebooks in Jupyter, and compares their outputs with those that are
committed. A name may be short: 02 is notebooks/02_....ipynb.

  --write       store the outputs instead, and those figures of them that
                documents show in docs/pictures
  --timeout S   seconds that a notebook may take (default 180)
  --help        print this`;

interface Options {
  readonly names: readonly string[];
  readonly seconds: number;
  readonly write: boolean;
}

async function readOptions(): Promise<Options> {
  const all = await notebookNames();
  return readCommandLine(USAGE, {
    write: { type: "boolean", default: false },
    timeout: { type: "string", default: "180" },
  }, ({ write, timeout }, starts) => {
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
      write,
    };
  });
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

const { names, ...options } = await readOptions();
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
for (const name of names) {
  const started = performance.now();
  const path = fileURLToPath(new URL(`${name}.ipynb`, NOTEBOOKS));
  const wrong = await run(path, { python, ...options });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${wrong.length === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  for (const one of wrong) console.log(indent(one));
  if (wrong.length > 0) failed++;
}
console.log(`${names.length - failed} passed, ${failed} failed`);
if (failed > 0) Deno.exit(1);
