/** Types, lint and format of the code in notebooks. @module */
import {
  formatNotebook,
  METADATA,
  type Notebook,
  readNotebook,
} from "./notebook.ts";

const ROOT = new URL("../../", import.meta.url);

/**
 * Checks and lints the code of a notebook as one module, since the kernel says
 * nothing of types; returns what is wrong, each place as a cell and a line of
 * it, or `undefined`.
 */
export async function checkCode(
  notebook: Notebook,
): Promise<string | undefined> {
  const wrong = await complaintsOf([notebook]);
  if (wrong === "") return undefined;
  const places = linesOf(notebook).map(({ place }) => place);
  return wrong.replaceAll(
    /(?:file:\/\/)?\S*\/notebook0\.ts:(\d+):\d+/g,
    (_, line) => places[Number(line) - 1] ?? "the end",
  ).trimEnd();
}

/**
 * Whether {@linkcode checkCode} finds nothing wrong in any of the notebooks. What
 * they import is checked once for all of them, which takes most of the time.
 */
export async function areRight(
  notebooks: readonly Notebook[],
): Promise<boolean> {
  return await complaintsOf(notebooks) === "";
}

/** What `deno check` and `deno lint` say of notebooks, each a module. */
async function complaintsOf(notebooks: readonly Notebook[]): Promise<string> {
  return await withFolder(async (folder) => {
    const paths = notebooks.map((_, i) => `${folder}/notebook${i}.ts`);
    for (const [i, notebook] of notebooks.entries()) {
      await Deno.writeTextFile(paths[i]!, moduleOf(notebook));
    }
    return await deno("check", paths) + await deno("lint", paths);
  });
}

/** The code of a notebook as one module. */
function moduleOf(notebook: Notebook): string {
  // Paths are relative to the notebook, and the module lies elsewhere.
  const source = linesOf(notebook).map(({ text }) => text).join("\n")
    .replaceAll('from "../', `from "${ROOT}`)
    .replaceAll('from "./', `from "${ROOT}notebooks/`);
  return `${source}\nexport {};\n`;
}

/** The lines of all cells of code, and where each is. */
function linesOf({ cells }: Notebook): { text: string; place: string }[] {
  return cells.flatMap((cell, index) =>
    cell.cell_type === "code"
      ? cell.source.split("\n").map((text, line) => ({
        text,
        place: `cell ${index + 1}, line ${line + 1}`,
      }))
      : []
  );
}

/** The notebook with its code formatted; its text may have formulas, which `deno fmt` breaks. */
export async function formatCode(notebook: Notebook): Promise<Notebook> {
  const code = notebook.cells.filter((cell) => cell.cell_type === "code");
  return await withFolder(async (folder) => {
    const path = `${folder}/code.ipynb`;
    await Deno.writeTextFile(
      path,
      formatNotebook({ ...notebook, metadata: METADATA, cells: code }),
    );
    const wrong = await deno("fmt", [path]);
    if (wrong !== "") throw new Error(wrong);
    const sources = (await readNotebook(path)).cells.map((cell) => cell.source);
    return {
      ...notebook,
      cells: notebook.cells.map((cell) =>
        cell.cell_type === "code" ? { ...cell, source: sources.shift()! } : cell
      ),
    };
  });
}

/** Calls `use` with the path of a folder that is removed afterwards. */
async function withFolder<T>(
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "lion-" });
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The complaints of a subcommand of `deno` about files. */
async function deno(
  command: string,
  paths: readonly string[],
): Promise<string> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [command, "--quiet", "--config", "deno.json", ...paths],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return success ? "" : new TextDecoder().decode(stderr);
}
