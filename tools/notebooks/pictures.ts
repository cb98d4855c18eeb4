/** The figures of notebooks that other documents show. @module */
import type { Cell } from "./notebook.ts";

/** Where they are kept. */
export const PICTURES = new URL("../../docs/pictures/", import.meta.url);

/** Of which notebooks, and with which titles, by the names of their files. */
export const FIGURES = {
  "gate.png": [
    "05_gradients",
    "A gate learns to find segments, if its gradient arrives",
  ],
  "masks.png": ["02_full_attention_and_masks", "LION-S: token 6 forgets"],
  "forms.png": ["06_vision", "A forward pass of one picture, in each form"],
} as const;

/** Writes those of a notebook; throws if it has no figure of a title. */
export async function writePictures(
  notebook: string,
  cells: readonly Cell[],
  folder = PICTURES,
): Promise<void> {
  for (const [file, [name, title]] of Object.entries(FIGURES)) {
    if (name !== notebook) continue;
    const png = figureOf(cells, title);
    if (!png) throw new Error(`${name} has no figure "${title}"`);
    await Deno.writeFile(new URL(file, folder), png);
  }
}

/** What stands for a notebook: the figure of the cell with the tag `thumbnail`, or its first. */
export function thumbnailOf(cells: readonly Cell[]): Uint8Array | undefined {
  const tagged = cells.filter(({ metadata }) =>
    metadata.tags?.includes("thumbnail")
  );
  return figureOf(tagged) ?? figureOf(cells);
}

/** The first figure of cells, or the one of a title, as a PNG file. */
function figureOf(
  cells: readonly Cell[],
  title?: string,
): Uint8Array | undefined {
  for (const cell of cells) {
    if (cell.cell_type === "markdown") continue;
    for (const output of cell.outputs) {
      if (!("data" in output)) continue;
      const { "image/png": png, "text/plain": text } = output.data;
      if (typeof png !== "string") continue;
      if (title === undefined || text === `Figure: ${title}`) {
        return Uint8Array.fromBase64(png.trim());
      }
    }
  }
  return undefined;
}
