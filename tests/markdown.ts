/** Markdown as tests compare it. @module */

/** The cells of all tables of a text, row by row, whatever columns are padded with. */
export function cellsOf(text: string): string[][] {
  return text.split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[ |-]+$/.test(line))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** A section of a file of the repository, from after its heading to the next of its rank. */
export async function sectionOf(
  path: string,
  heading: string,
): Promise<string> {
  const file = new URL(`../${path}`, import.meta.url);
  const text = await Deno.readTextFile(file);
  return text.split(`## ${heading}\n`)[1]!.split("\n## ")[0]!;
}
