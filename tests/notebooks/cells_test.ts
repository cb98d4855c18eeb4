/** Cells that are short enough to be read, whose outputs are meant for readers. @module */
import { assertEquals } from "@std/assert";
import {
  type Cell,
  FOLDED,
  notebookNames,
  NOTEBOOKS,
  readNotebook,
} from "../../tools/notebooks/notebook.ts";

/** The most lines of a cell whose code is not folded. */
const MOST_LINES = 25;

/** The most headings of a notebook without a list of contents. */
const MOST_HEADINGS = 8;

for (const name of await notebookNames()) {
  const { cells } = await readNotebook(new URL(`${name}.ipynb`, NOTEBOOKS));

  Deno.test(`no cell of ${name} has more than ${MOST_LINES} lines that are not folded`, () => {
    const long = cells.filter(({ cell_type, metadata, source }) =>
      cell_type === "code" && !metadata.tags?.includes(FOLDED) &&
      source.split("\n").length > MOST_LINES
    );
    assertEquals(long.map(({ id }) => id), []);
  });

  Deno.test(`${name} shows nothing but what it displays or prints`, () => {
    assertEquals(bareResults(cells), []);
  });

  Deno.test(`the contents of ${name} are its headings, if these are more than ${MOST_HEADINGS}`, () => {
    const { headings, contents } = outlineOf(cells);
    assertEquals(contents, headings.length > MOST_HEADINGS ? headings : []);
  });
}

Deno.test("a number or an object that a cell ends with is found", () => {
  const result = (text: string): Cell => ({
    cell_type: "code",
    id: text,
    metadata: {},
    source: text,
    execution_count: 1,
    outputs: [
      { output_type: "stream", name: "stdout", text },
      {
        output_type: "execute_result",
        data: { "text/plain": text },
        metadata: {},
      },
    ],
  });
  assertEquals(bareResults([result("4"), result("{}")]), ["4", "{}"]);
});

Deno.test("a link of the contents that no heading has is found", () => {
  const text = (source: string): Cell => ({
    cell_type: "markdown",
    id: source,
    metadata: {},
    source,
  });
  const start = text("# Title\n\n**Contents**\n\n- [One](#one)\n- [Two](#2)");
  const { headings, contents } = outlineOf([
    start,
    text('<a id="one"></a>\n## One\n\n<a id="two"></a>\n## Two'),
  ]);
  assertEquals(headings, ["# Title", "[One](#one)", "[Two](#two)"]);
  assertEquals(contents, ["# Title", "[One](#one)", "[Two](#2)"]);
});

/** Cells with the value of their last expression, which is seldom meant to be read. */
function bareResults(cells: readonly Cell[]): string[] {
  return cells.filter((cell) =>
    cell.cell_type === "code" &&
    cell.outputs.some(({ output_type }) => output_type === "execute_result")
  ).map(({ id }) => id);
}

/**
 * The title and links to the other headings, by the anchors above them; and the
 * same as the first cell lists them, nothing if it lists none.
 */
function outlineOf(cells: readonly Cell[]) {
  const texts = cells.filter(({ cell_type }) => cell_type === "markdown")
    .map(({ source }) => source);
  const [title] = texts[0]!.match(/^# .+$/m)!;
  const found = texts.flatMap((text) => [
    ...text.matchAll(/^(?:<a id="([^"]*)"><\/a>\n)?##+ (.+)$/gm),
  ]);
  const links = found.map(([, anchor, heading]) => `[${heading}](#${anchor})`);
  const list = texts[0]!.split("**Contents**\n\n")[1];
  return {
    headings: [title, ...links],
    contents: list === undefined
      ? []
      : [title, ...list.split("\n").map((item) => item.replace(/^- /, ""))],
  };
}
