/** The index of theorems leads to what it says. @module */
import { assert, assertEquals } from "@std/assert";
import { readNotebook } from "../../tools/notebooks/notebook.ts";

const INDEX = new URL("../../docs/theorems.md", import.meta.url);
const text = await Deno.readTextFile(INDEX);
const { cells } = await readNotebook(
  new URL("../../notebooks/12_proofs.ipynb", import.meta.url),
);

Deno.test("each link of docs/theorems.md leads to a file, and to an anchor in it", async () => {
  const links = [...text.matchAll(/\]\(([^)#]+)(?:#([^)]+))?\)/g)];
  assert(links.length > 30);
  for (const [, file, anchor] of links) {
    const content = await Deno.readTextFile(new URL(file!, INDEX));
    // In a notebook, which is JSON, quotes are escaped.
    if (anchor) assert(content.includes(`<a id=\\"${anchor}\\">`), anchor);
  }
});

Deno.test("each proof of the notebook is in docs/theorems.md, with its number of lines", () => {
  const lines = new Map<string, number>();
  let anchor: string | undefined;
  for (const { cell_type, source } of cells) {
    anchor = /<a id="([^"]+)">/.exec(source)?.[1] ?? anchor;
    if (cell_type !== "code" || anchor === undefined) continue;
    const count = source.match(/^line\(/gm)?.length ?? 0;
    lines.set(anchor, (lines.get(anchor) ?? 0) + count);
  }
  const listed = text.matchAll(/\[(\d+) lines?\]\([^)#]+#([^)]+)\)/g);
  assertEquals(
    [...listed].map(([, count, anchor]) => [anchor, Number(count)]),
    // Sections before and after the proofs have none.
    [...lines].filter(([, count]) => count > 0),
  );
});
