/** The pages that are made of the notebooks. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decayMask, selectiveDecay } from "../../mod.ts";
import { cellToHTML, thumbnailOf } from "../../tools/gallery/cell.ts";
import { galleryFiles } from "../../tools/gallery/pages.ts";
import { proseToHTML } from "../../tools/gallery/prose.ts";
import { DECAYS, sweepsSVG, weight } from "../../tools/gallery/sweeps.ts";
import type { CodeCell } from "../../tools/notebooks/notebook.ts";
import { difference } from "../../lib/notebook/mod.ts";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

const GALLERY = new URL("../../docs/notebooks/", import.meta.url);

Deno.test("the gallery is what the notebooks make; if not, `deno task gallery`", async () => {
  const files = await galleryFiles();
  const committed = await Array.fromAsync(Deno.readDir(GALLERY));
  assertEquals(
    committed.map(({ name }) => name).sort(),
    [...files.keys()].sort(),
  );
  for (const [name, content] of files) {
    const url = new URL(name, GALLERY);
    const isSame = typeof content === "string"
      ? await Deno.readTextFile(url) === content
      : (await Deno.readFile(url)).toBase64() === content.toBase64();
    assert(isSame, `docs/notebooks/${name} is out of date`);
  }
});

Deno.test("the gallery asks for nothing from a network", async () => {
  for (const [name, content] of await galleryFiles()) {
    if (typeof content !== "string") continue;
    const asks = /<script|<(?:link|img)[^>]+="https?:|url\((?!data:|"#)/.exec(
      content,
    );
    assertEquals(asks, null, name);
  }
});

Deno.test("proseToHTML() keeps Markdown out of formulas", () => {
  const html = proseToHTML("| a |\n|---|\n| $|x|_*y_*$ |\n");
  assertStringIncludes(html, '<td><span class="katex">');
  assert(!html.includes("<em>"));
});

Deno.test("proseToHTML() finds formulas over several lines, not in code", () => {
  const html = proseToHTML("$$\na\n- b\n$$\n\n`$x$` costs \\$5 or $1\n+ 1$.");
  assertStringIncludes(html, 'class="katex-display"');
  assertStringIncludes(html, "<code>$x$</code> costs $5 or <span");
  assert(!html.includes("<li>"));
});

Deno.test("proseToHTML() links to pages in the place of notebooks", () => {
  const html = proseToHTML(
    "[a](02_b.ipynb) [c](../README.md) [d](https://d.e)",
  );
  for (const link of ["02_b.html", "../../README.md", "https://d.e"]) {
    assertStringIncludes(html, `href="${link}"`);
  }
});

/** A cell that has drawn a picture. */
function cellOf(png: string, tags: string[]): CodeCell {
  return {
    cell_type: "code",
    id: png,
    metadata: { tags },
    source: "const a = 1;\nawait draw(a);",
    execution_count: 1,
    outputs: [{
      output_type: "display_data",
      data: { "image/png": png, "text/plain": "Figure: untitled" },
      metadata: {},
    }],
  };
}

Deno.test("a cell of set-up is folded, its outputs are not", () => {
  const open = cellToHTML(cellOf("iVBO", []));
  const folded = cellToHTML(cellOf("iVBO", ["hide-input"]));
  assert(!open.includes("<details"));
  assertStringIncludes(folded, "<summary>Set-up, 2 lines</summary>");
  assert(folded.indexOf("</details>") < folded.indexOf("<img"));
});

Deno.test("on a dark page figures change their paper, unless pale colours are numbers", async () => {
  const cell = cellOf("iVBO", []);
  const diverging = { ...cell, source: 'colorscale: "RdBu"' };
  assertStringIncludes(cellToHTML(cell), '<img class="figure"');
  assertStringIncludes(cellToHTML(diverging), '<img class="pale"');
  const style = await Deno.readTextFile(new URL("style.css", GALLERY));
  const [, filter] = /img\.figure,[^{]+\{\s*filter: url\("#(\w+)"\)/.exec(
    style,
  )!;
  const index = await Deno.readTextFile(new URL("index.html", GALLERY));
  assertStringIncludes(index, `<filter id="${filter}"`);
});

Deno.test("the thumbnail is the picture of the cell that says so, or the first", () => {
  const [first, second] = [cellOf("one", []), cellOf("two", ["thumbnail"])];
  assertEquals(thumbnailOf([first, second]), "two");
  assertEquals(thumbnailOf([first]), "one");
  assertEquals(thumbnailOf([]), undefined);
});

Deno.test("the animation draws the mask of LION-S, half of the diagonal in each sweep", async () => {
  const logDecay = tf.log(tf.tensor3d(DECAYS, [1, 1, DECAYS.length]));
  const mask = decayMask(selectiveDecay(logDecay), DECAYS.length);
  const drawn = DECAYS.map((_, i) => DECAYS.map((_, j) => weight(i, j)));
  const apart = await difference(tf.tensor2d(drawn), tf.squeeze(mask, [0, 1]));
  assert(apart < 1e-6, `${apart}`);
  const svg = sweepsSVG();
  const count = (part: RegExp) => svg.match(part)?.length;
  const cells = DECAYS.length ** 2;
  assertEquals(count(/<rect [^>]*fill-opacity/g), cells - DECAYS.length);
  assertEquals(count(/<path [^>]*fill-opacity/g), 2 * DECAYS.length);
  assertEquals(
    count(/NaN|undefined|http(?!:\/\/www\.w3\.org\/2000\/svg)/g),
    undefined,
  );
});
