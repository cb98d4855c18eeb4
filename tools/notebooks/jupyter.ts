/** Jupyter, as far as the system has it, with this Deno as its kernel. @module */
import { fileURLToPath } from "node:url";
import { outFolder, writeOutput } from "../out_folder.ts";

const FOLDER = outFolder("jupyter");

/** The first Python that can import a module; `undefined` if none can. */
export async function findPython(module: string): Promise<string | undefined> {
  // A Python of pyenv or conda may hide the system's, which has the packages.
  for (const python of ["python3", "/usr/bin/python3", "python"]) {
    try {
      const { success } = await new Deno.Command(python, {
        args: ["-c", `import ${module}`],
      }).output();
      if (success) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/**
 * Registers this Deno as the kernel `deno` under out/jupyter; returns the
 * environment in which Jupyter finds it there.
 */
export async function kernelEnvironment(): Promise<Record<string, string>> {
  const specification = {
    argv: [
      Deno.execPath(),
      "jupyter",
      "--kernel",
      "--conn",
      "{connection_file}",
    ],
    display_name: "Deno",
    language: "typescript",
    env: { NO_COLOR: "1" },
  };
  // Whole or not at all: another notebook may be reading it.
  await writeOutput(
    fileURLToPath(new URL("kernels/deno/kernel.json", FOLDER)),
    `${JSON.stringify(specification, null, 2)}\n`,
  );
  return { JUPYTER_PATH: fileURLToPath(FOLDER) };
}

/** The environment in which Jupyter keeps what it writes in a folder. */
export function folderEnvironment(folder: string): Record<string, string> {
  return {
    JUPYTER_CONFIG_DIR: `${folder}/config`,
    JUPYTER_DATA_DIR: `${folder}/data`,
    JUPYTER_RUNTIME_DIR: `${folder}/runtime`,
    JUPYTERLAB_SETTINGS_DIR: `${folder}/settings`,
    JUPYTERLAB_WORKSPACES_DIR: `${folder}/workspaces`,
  };
}
