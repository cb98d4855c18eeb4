/** Runs one notebook and says what is wrong with it. @module */
import { basename } from "node:path";
import { writeOutput } from "../out_folder.ts";
import { checkCode, formatCode } from "./check.ts";
import { clean, cleanOutputs } from "./clean.ts";
import { difference } from "./compare.ts";
import { execute, type ExecuteOptions, type Execution } from "./execute.ts";
import { fingerprintOf, isTimed } from "./fingerprint.ts";
import { formatNotebook, type Notebook, readNotebook } from "./notebook.ts";
import { writePictures } from "./pictures.ts";
import { withSmallPictures } from "./small_pictures.ts";

/** How to run a notebook. */
export interface RunOptions extends ExecuteOptions {
  /** Whether to store the outputs instead of comparing them. */
  readonly write: boolean;
  /** Whether its code is known to be right. @default it is checked */
  readonly isChecked?: boolean;
}

/**
 * Checks the code of a notebook, executes it, and compares its outputs with
 * those in the file or stores them there; returns what is wrong.
 */
export async function run(
  path: string,
  { write, isChecked = false, ...options }: RunOptions,
): Promise<string[]> {
  const notebook = await readNotebook(path);
  const mistakes = isChecked ? undefined : await checkCode(notebook);
  if (mistakes) return [mistakes];
  const formatted = await formatCode(notebook);
  const execution = await execute(path, options);
  const errors = errorsOf(notebook, execution);
  if (errors.length > 0) return errors;
  const { outputs } = execution;
  if (write) {
    const fingerprint = isTimed(notebook)
      ? await fingerprintOf(notebook)
      : undefined;
    const cleaned = await withSmallPictures(
      clean(formatted, outputs, fingerprint),
    );
    await writeOutput(path, formatNotebook(cleaned));
    await writePictures(basename(path, ".ipynb"), cleaned.cells);
    return [];
  }
  return differences(notebook, formatted, outputs);
}

/** What went wrong while a notebook was executed. */
function errorsOf(
  { cells }: Notebook,
  { outputs, failure }: Execution,
): string[] {
  const at = (index: number, what: string) =>
    `cell ${index + 1}: ${what}\n${quote(cells[index]!.source)}`;
  const errors = outputs.flatMap((all, index) =>
    cleanOutputs(all).flatMap((output) => {
      if (output.output_type === "error") {
        return [at(index, output.traceback.join("\n") || output.evalue)];
      }
      return output.output_type === "stream" && output.name === "stderr"
        ? [at(index, `wrote to stderr: ${output.text.trimEnd()}`)]
        : [];
    })
  );
  if (!failure) return errors;
  const { cell, message } = failure;
  if (cell === null) return [message];
  // The kernel is silent about these.
  const reason = message === "Error: Execution failed"
    ? `${message}: a syntax error, or an import that does not resolve`
    : message;
  const isShown = outputs[cell]!.some((one) => one.output_type === "error");
  return isShown ? errors : [...errors, at(cell, reason)];
}

/** What `--write` would change. */
function differences(
  { cells }: Notebook,
  formatted: Notebook,
  outputs: Execution["outputs"],
): string[] {
  return cells.flatMap((cell, index) => {
    if (cell.cell_type !== "code") return [];
    const wrong = [
      cell.source === formatted.cells[index]!.source
        ? undefined
        : "not formatted: run `deno task notebooks --write`",
      difference(cell, cleanOutputs(outputs[index]!)),
    ];
    return wrong.filter((one) => one !== undefined)
      .map((one) => `cell ${index + 1}: ${one}`);
  });
}

/** The source of a cell, marked as such. */
function quote(source: string): string {
  return source.split("\n").map((line) => `  | ${line}`).join("\n");
}
