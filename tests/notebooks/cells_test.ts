/** Cells that are short enough to be read. @module */
import { assertEquals } from "@std/assert";
import {
  FOLDED,
  notebookNames,
  NOTEBOOKS,
  readNotebook,
} from "../../tools/notebooks/notebook.ts";

/** The most lines of a cell whose code is not folded. */
const MOST_LINES = 25;

for (const name of await notebookNames()) {
  Deno.test(`no cell of ${name} has more than ${MOST_LINES} lines that are not folded`, async () => {
    const { cells } = await readNotebook(new URL(`${name}.ipynb`, NOTEBOOKS));
    const long = cells.filter(({ cell_type, metadata, source }) =>
      cell_type === "code" && !metadata.tags?.includes(FOLDED) &&
      source.split("\n").length > MOST_LINES
    );
    assertEquals(long.map(({ id }) => id), []);
  });
}
