/** The pages that are made of the notebooks. @module */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { pathToFileURL } from "node:url";
import { decayMask, selectiveDecay } from "../../mod.ts";
import { difference } from "../../notebooks/comparison.ts";
import {
  type CodeCell,
  notebookNames,
  NOTEBOOKS,
  readNotebook,
} from "../../tools/notebooks/notebook.ts";
import {
  FIGURES,
  PICTURES,
  thumbnailOf,
  writePictures,
} from "../../tools/notebooks/pictures.ts";
import { cellToHTML } from "../../tools/site/cell.ts";
import { documentation } from "../../tools/site/documents.ts";
import { notebookPages } from "../../tools/site/notebooks.ts";
import { linksFrom, pageHTML } from "../../tools/site/page.ts";
import { proseToHTML } from "../../tools/site/prose.ts";
import { withFolder } from "../io/files.ts";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

Deno.test("there is a page of each notebook, with all of its figures and its anchors", async () => {
  const { pages, files } = await notebookPages(new Set());
  const names = await notebookNames();
  assertEquals(
    pages.map(({ path }) => path).sort(),
    ["index", ...names].map((name) => `notebooks/${name}.html`).sort(),
  );
  for (const name of names) {
    const { body } = pages.find(({ path }) => path.includes(name))!;
    const { cells } = await readNotebook(new URL(`${name}.ipynb`, NOTEBOOKS));
    const figures = cells.flatMap((cell) =>
      cell.cell_type === "code" ? cell.outputs : []
    ).filter((output) => "data" in output && output.data["image/png"]);
    assertEquals(body.match(/<img /g)?.length, figures.length, name);
    assert(files.has(`notebooks/${name}.ipynb`), name);
    assertStringIncludes(
      pages[0]!.body,
      `<img class="figure" alt="" src="${name}.png">`,
    );
    assert(files.has(`notebooks/${name}.png`), name);
  }
  const proofs = pages.find(({ path }) => path.includes("12_proofs"))!;
  assertStringIncludes(proofs.body, '<a id="theorem-3-1"></a>');
  assertStringIncludes(proofs.body, "&nbsp;→</a>"); // no arrow alone on a line
});

Deno.test("every figure of a notebook is a picture, which GitHub shows", async () => {
  for (const name of await notebookNames()) {
    const { cells } = await readNotebook(new URL(`${name}.ipynb`, NOTEBOOKS));
    for (const cell of cells) {
      if (cell.cell_type === "markdown") continue;
      for (const output of cell.outputs) {
        if (!("data" in output)) continue;
        const { "text/plain": text, "text/html": html, ...others } =
          output.data;
        const isFigure = `${text}`.startsWith("Figure: ") ||
          /<(?:img|svg|canvas|script|iframe)\b/.test(`${html}`);
        assertEquals(isFigure, "image/png" in others, `${name}, ${cell.id}`);
        assertEquals(Object.keys(others).length, isFigure ? 1 : 0, cell.id);
      }
    }
  }
});

Deno.test("pages ask for nothing from another server, and run no script of their own", async () => {
  const { files } = await documentation();
  for (const [path, content] of files) {
    if (!path.endsWith(".html")) continue;
    const asks =
      /<script(?! type="module" src="(?:[./]*search|annotated)\.js"><\/script>)|<(?:link|img)[^>]+="https?:|url\((?!"#)/
        .exec(`${content}`.replaceAll(/<pre[^]*?<\/pre>/g, ""));
    assertEquals(asks, null, path);
  }
});

Deno.test("the pictures of documents are figures of the notebooks; if not, `deno task notebooks --write`", () =>
  withFolder(async (folder) => {
    for (const name of await notebookNames()) {
      const notebook = await readNotebook(new URL(`${name}.ipynb`, NOTEBOOKS));
      await writePictures(name, notebook.cells, pathToFileURL(`${folder}/`));
    }
    for (const name of Object.keys(FIGURES)) {
      const isSame = (await Deno.readFile(`${folder}/${name}`)).toBase64() ===
        (await Deno.readFile(new URL(name, PICTURES))).toBase64();
      assert(isSame, `docs/pictures/${name} is out of date`);
    }
    await assertRejects(
      () => writePictures("06_vision", [], pathToFileURL(`${folder}/`)),
      Error,
      '06_vision has no figure "A forward pass',
    );
  }));

Deno.test("proseToHTML() keeps Markdown out of formulas", () => {
  const html = proseToHTML("| a |\n|---|\n| $|x|_*y_*$ |\n");
  assertStringIncludes(html, '<td><span class="katex">');
  assert(!html.includes("<em>"));
});

Deno.test("proseToHTML() keeps a mark with the formula before it", () => {
  const html = proseToHTML("From $a$, to $b$: (see $c$).");
  assertMatch(html, /,<\/span><\/span><\/span><\/span><\/span> to /);
  assertMatch(html, /:<\/span><\/span><\/span><\/span><\/span> \(see /);
  assertStringIncludes(html, "</span>).</p>");
});

Deno.test("proseToHTML() gives each header of a table a name", () => {
  const html = proseToHTML("| | $a<b$ |\n|---|---|\n| c | d |\n");
  assertStringIncludes(html, "<td></td>");
  assertStringIncludes(
    html,
    '<th><span class="katex"><span class="katex-html">',
  );
});

Deno.test("proseToHTML() finds formulas over several lines, not in code", () => {
  const html = proseToHTML("$$\na\n- b\n$$\n\n`$x$` costs \\$5 or $1\n+ 1$.");
  assertStringIncludes(html, 'class="katex-display"');
  assertStringIncludes(html, "<code>$x$</code> costs $5 or <span");
  assert(!html.includes("<li>"));
});

Deno.test("cellToHTML() links to what pages of the site stand for", () => {
  const cell = {
    cell_type: "markdown" as const,
    id: "a",
    metadata: {},
    source:
      "[a](02_b.ipynb#c) [d](../README.md) [e](https://f.g) [h](../lib/i.ts)",
  };
  const sources = new Set<string>();
  const html = cellToHTML(cell, linksFrom("notebooks/01_a.ipynb", sources));
  for (
    const link of [
      "02_b.html#c",
      "../README.html",
      "https://f.g",
      "../lib/i.ts.html",
    ]
  ) assertStringIncludes(html, `href="${link}"`);
  assertEquals([...sources], ["lib/i.ts"]);
});

/** A cell that has drawn a picture. */
function cellOf(png: string, tags: string[], width?: number): CodeCell {
  return {
    cell_type: "code",
    id: png,
    metadata: { tags },
    source: "const a = 1;\nawait draw(a);",
    execution_count: 1,
    outputs: [{
      output_type: "display_data",
      data: { "image/png": png, "text/plain": "Figure: untitled" },
      metadata: width === undefined ? {} : { "image/png": { width } },
    }],
  };
}

Deno.test("a page has no list of contents in its text, as it has one beside it", () => {
  const html = cellToHTML({
    ...{ cell_type: "markdown" as const, id: "a", metadata: {} },
    source: "# A\n\nText.\n\n**Contents**\n\n- [B](#b)\n- [C](#c)\n\nMore.",
  });
  assert(!/Contents|#b/.test(html), html);
  assertStringIncludes(html, "<p>Text.</p>");
  assertStringIncludes(html, "<p>More.</p>");
});

Deno.test("a cell of set-up is folded, its outputs are not", () => {
  const open = cellToHTML(cellOf("iVBO", []));
  const folded = cellToHTML(cellOf("iVBO", ["hide-input"]));
  assert(!open.includes("<details"));
  assertStringIncludes(folded, "<summary>Code, 2 lines</summary>");
  assert(folded.indexOf("</details>") < folded.indexOf("<img"));
  const short = { ...cellOf("iVBO", ["hide-input"]), source: "await draw(a);" };
  assertStringIncludes(cellToHTML(short), "<summary>Code, 1 line</summary>");
});

Deno.test("a picture that is wider than a phone is scrolled by keys", () => {
  const body = cellToHTML(cellOf("iVBO", []));
  const page = pageHTML({ path: "a.html", title: "A", body });
  assertStringIncludes(page, '<div class="picture" tabindex="0"><img');
});

Deno.test("a narrow picture shrinks to a phone's width, and a wide one does not", () => {
  const ofWidth = (width: number) => cellToHTML(cellOf("iVBO", [], width));
  assertStringIncludes(ofWidth(460), 'class="figure narrow" width="460"');
  assertStringIncludes(ofWidth(700), 'class="figure" width="700"');
});

Deno.test("on a dark page figures change their paper, unless pale colours are numbers", async () => {
  const cell = cellOf("iVBO", []);
  const diverging = { ...cell, source: 'colorscale: "RdBu"' };
  assertStringIncludes(cellToHTML(cell), '<img class="figure"');
  assertStringIncludes(cellToHTML(diverging), '<img class="pale"');
  const style = await Deno.readTextFile(
    new URL("../../site/docs.css", import.meta.url),
  );
  const [, filter] = /img\.figure,[^{]+\{\s*filter: url\("#(\w+)"\)/.exec(
    style,
  )!;
  const page = pageHTML({ path: "a.html", title: "A", body: "" });
  assertStringIncludes(page, `<filter id="${filter}"`);
});

Deno.test("the thumbnail is the picture of the cell that says so, or the first", () => {
  const [first, second] = [cellOf("b25l", []), cellOf("dHdv", ["thumbnail"])];
  const text = (bytes?: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(text(thumbnailOf([first, second])), "two");
  assertEquals(text(thumbnailOf([first])), "one");
  assertEquals(thumbnailOf([]), undefined);
});

/** The decays of the tokens in the animation, of which the sixth forgets. */
const DECAYS = [0.92, 0.88, 0.95, 0.9, 0.85, 0.2, 0.93, 0.9, 0.87, 0.94];

/** The cells of one sweep in the animation, by their rows and columns. */
function cellsOf(svg: string, sweep: string): Map<string, number> {
  const groups = svg.matchAll(
    new RegExp(`<g class="${sweep} s\\d+">(.*)</g>`, "g"),
  );
  const cells = [...groups].flatMap(([, content]) => [
    ...content!.matchAll(
      /<rect x="(\d+)" y="(\d+)".*?fill-opacity="([\d.]+)"/g,
    ),
    ...content!.matchAll(
      /<path d="M(\d+) (\d+)[vh].*?fill-opacity="([\d.]+)"/g,
    ),
  ]);
  return new Map(cells.map(([, x, y, opacity]) => [
    `${Number(y) / 34}, ${Number(x) / 34}`,
    Number(opacity),
  ]));
}

Deno.test("the animation draws the mask of LION-S, half of the diagonal in each sweep", async () => {
  const svg = await Deno.readTextFile(new URL("sweeps.svg", PICTURES));
  const [forward, backward] = ["forward", "backward"]
    .map((sweep) => cellsOf(svg, sweep));
  const drawn = DECAYS.map((_, i) =>
    DECAYS.map((_, j) => {
      const sweeps = [forward, backward].map((cells) =>
        cells!.get(`${i}, ${j}`)
      );
      assertEquals(
        sweeps.map((weight) => weight !== undefined),
        [j <= i, j >= i],
        `${i}, ${j}`,
      );
      return sweeps[0] ?? sweeps[1]!;
    })
  );
  await tf.setBackend("cpu");
  const logDecay = tf.log(tf.tensor3d(DECAYS, [1, 1, DECAYS.length]));
  const mask = decayMask(selectiveDecay(logDecay), DECAYS.length);
  const apart = await difference(tf.tensor2d(drawn), tf.squeeze(mask, [0, 1]));
  // The drawing has three decimals.
  assert(apart < 5.01e-4, `${apart}`);
  const count = (part: RegExp) => svg.match(part)?.length;
  const cells = DECAYS.length ** 2;
  assertEquals(count(/<rect [^>]*fill-opacity/g), cells - DECAYS.length);
  assertEquals(count(/<path [^>]*fill-opacity/g), 2 * DECAYS.length);
  assertEquals(
    count(/NaN|undefined|http(?!:\/\/www\.w3\.org\/2000\/svg)/g),
    undefined,
  );
});
