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
  { cells }: Notebook,
): Promise<string | undefined> {
  const lines = cells.flatMap((cell, index) =>
    cell.cell_type === "code"
      ? cell.source.split("\n").map((text, line) => ({
        text,
        place: `cell ${index + 1}, line ${line + 1}`,
      }))
      : []
  );
  // Paths are relative to the notebook, and the module lies elsewhere.
  const source = lines.map(({ text }) => text).join("\n")
    .replaceAll('from "../', `from "${ROOT}`)
    .replaceAll('from "./', `from "${ROOT}notebooks/`);
  return await withFile("notebook.ts", async (path) => {
    await Deno.writeTextFile(path, `${source}\nexport {};\n`);
    const wrong = await deno("check", path) + await deno("lint", path);
    if (wrong === "") return undefined;
    return wrong.replaceAll(
      /(?:file:\/\/)?\S*\/notebook\.ts:(\d+):\d+/g,
      (_, line) => lines[Number(line) - 1]?.place ?? "the end",
    ).trimEnd();
  });
}

/** The notebook with its code formatted; its text may have formulas, which `deno fmt` breaks. */
export async function formatCode(notebook: Notebook): Promise<Notebook> {
  const code = notebook.cells.filter((cell) => cell.cell_type === "code");
  return await withFile("code.ipynb", async (path) => {
    await Deno.writeTextFile(
      path,
      formatNotebook({ ...notebook, metadata: METADATA, cells: code }),
    );
    const wrong = await deno("fmt", path);
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

/** Calls `use` with the path of a file that is removed afterwards. */
async function withFile<T>(
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "lion-" });
  try {
    return await use(`${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The complaints of a subcommand of `deno` about a file. */
async function deno(command: string, path: string): Promise<string> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [command, "--quiet", "--config", "deno.json", path],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return success ? "" : new TextDecoder().decode(stderr);
}
