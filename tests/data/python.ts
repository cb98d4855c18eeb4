/** Python, which makes files in the formats that tests read, and compares. @module */
import { fileURLToPath } from "node:url";
import { findPython } from "../../tools/notebooks/jupyter.ts";
import { withFolder } from "../io/files.ts";
import { skipBecause } from "../platforms/shell.ts";

/**
 * Registers a test that reads what a program in Python writes; where Python or a
 * module is not there, it is skipped with the reason, and fails in CI.
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
  Deno.test({
    name,
    ignore: skipBecause(name, whyWithout(python, modules)),
    fn: () =>
      withFolder(async (folder) => {
        await outputOf(python!, ["-c", program], folder);
        await run(folder);
      }),
  });
}

/** Why tests that need Python with these modules cannot run. */
function whyWithout(
  python: string | undefined,
  modules: readonly string[],
): string | undefined {
  return python === undefined
    ? `no Python here has ${modules.join(", ")}; see \`deno task setup\``
    : undefined;
}

const PILLOW = await findPython("PIL, numpy");

/** Tests that need Pillow are skipped where it is not installed, and fail in CI. */
export const NO_PILLOW = {
  ignore: skipBecause(
    "tests beside Pillow",
    whyWithout(PILLOW, ["PIL", "numpy"]),
  ),
};

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
