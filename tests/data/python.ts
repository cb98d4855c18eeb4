/** Python, which makes files in the formats that tests read, and compares. @module */
import { fileURLToPath } from "node:url";
import { findPython } from "../../tools/notebooks/jupyter.ts";
import { withFolder } from "../io/files.ts";

/**
 * Registers a test that reads what a program in Python writes; it is left out,
 * with the reason in its name, where Python or a module is not there.
 *
 * @param name The test's name.
 * @param options The modules that the program imports, and the program, which
 * runs in an empty folder.
 * @param run The test, with that folder.
 */
export async function withPython(
  name: string,
  { modules, program }: { modules: readonly string[]; program: string },
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const python = await findPython(modules.join(", "));
  if (python === undefined) {
    Deno.test.ignore(
      `${name}: needs Python with ${modules.join(", ")}`,
      () => {},
    );
    return;
  }
  Deno.test(name, () =>
    withFolder(async (folder) => {
      await outputOf(python, ["-c", program], folder);
      await run(folder);
    }));
}

const PILLOW = await findPython("PIL, numpy");

/** Tests that need Pillow are left out where it is not installed. */
export const NO_PILLOW = { ignore: PILLOW === undefined };

if (NO_PILLOW.ignore) {
  console.warn("Pillow and NumPy are not installed; see `deno task setup`");
}

/** Runs a program of the folder `images`; returns what it prints as JSON. */
export async function runPillow<T>(
  program: string,
  ...args: readonly string[]
): Promise<T> {
  const path = fileURLToPath(new URL(`images/${program}`, import.meta.url));
  return JSON.parse(await outputOf(PILLOW!, [path, ...args]));
}

/** What a program in Python prints. */
async function outputOf(
  python: string,
  args: readonly string[],
  folder?: string,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(python, {
    args: [...args],
    ...(folder === undefined ? {} : { cwd: folder }),
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  return text.decode(stdout);
}
