/** Files that Python makes, in the formats that tests read. @module */
import { findPython } from "../../../tools/notebooks/jupyter.ts";
import { withFolder } from "../../io/files.ts";

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
      const { success, stderr } = await new Deno.Command(python, {
        args: ["-c", program],
        cwd: folder,
      }).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
      await run(folder);
    }));
}
