/** The pages that are made of the notebooks. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { galleryFiles } from "../../tools/gallery/pages.ts";
import { proseToHTML } from "../../tools/gallery/prose.ts";

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
    const asks = /<script|<(?:link|img)[^>]+="https?:|url\((?!data:)/.exec(
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
