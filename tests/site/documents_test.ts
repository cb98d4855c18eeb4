/** The documentation of the site: its pages, their links, and search. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { find, surroundings } from "../../site/find.ts";
import { documentation } from "../../tools/site/documents.ts";
import { brokenLinks } from "../../tools/site/links.ts";
import { renderMarkdown } from "../../tools/site/markdown.ts";
import { referencePage } from "../../tools/site/reference.ts";
import {
  documentedSymbols,
  firstSentence,
  lacksExample,
  symbolsHTML,
} from "../../tools/site/symbols.ts";

Deno.test("documentation() has the sources that documents link to, and finds sections", async () => {
  const { files, findable } = await documentation();
  const theorems = files.get("docs/theorems.html") as string;
  assertStringIncludes(theorems, 'href="../lib/attention/decays/mask.ts.html"');
  const source = files.get("lib/attention/decays/mask.ts.html") as string;
  assertStringIncludes(source, "maskColumns");
  const [positions] = find(findable, "models positions");
  assertEquals(positions!.url, "docs/models.html#positions");
  assert(findable.every(({ url }) => files.has(url.split("#")[0]!)));
  for (const [path, html] of files) {
    if (!path.endsWith(".html")) continue;
    const policies = `${html}`.match(
      /Content-Security-Policy" content="[^"]*/g,
    );
    assertEquals(policies?.length, 1, path);
    assertStringIncludes(policies![0], "default-src 'none'");
    assertStringIncludes(policies![0], "script-src 'self';");
    assert(
      !/<script>| on\w+="/.test(`${html}`.replaceAll(/>[^<]*/g, ">")),
      path,
    );
  }
});

Deno.test("the index of documents leads to each guide", async () => {
  const { files } = await documentation();
  const index = files.get("docs/index.html") as string;
  for (
    const guide of [
      "../README.html",
      "choosing.html#which-form",
      "choosing.html#which-decay",
      "models.html#your-own-mixer",
      "models.html#pytorchs-weights",
      "models.html#training-and-resuming",
      "jupyter.html",
      "platforms.html#node",
      "platforms.html#browsers",
      "cluster.html",
      "kernels.html",
      "testing.html",
      "results.html",
      "performance.html",
      "theorems.html",
      "../notebooks/index.html",
      "symbols.html",
    ]
  ) assertStringIncludes(index, `href="${guide}"`);
});

Deno.test("referencePage() leads to the site, and names what one imports from", () => {
  const page = (entry: string) =>
    `<html><head></head><body><nav id="topnav"><ul class="breadcrumbs"><li>a</li>
<ul><li>b</li></ul></ul>
</div><pre><code>import { b } from &quot;${entry}&quot;;</code></pre><ul><li>c</li></ul>`;
  const html = referencePage(page("io"), "../../", "@a/b");
  assertStringIncludes(html, '<a href="../../docs/index.html">');
  assertStringIncludes(html, "<head>\n<meta http-equiv=");
  assertStringIncludes(html, "from &quot;@a/b/io&quot;");
  assertStringIncludes(html, '<pre><code tabindex="0">');
  assertStringIncludes(html, "<span>a</span>\n<div><span>b</span></div></div>");
  assertStringIncludes(html, "<ul><li>c</li></ul>");
  assertStringIncludes(
    referencePage('<i id="a"></i><a href="#a"></a><a href="#b"></a>', "", ""),
    '<a href="#a"></a><a></a>',
  );
  const root = referencePage(page("."), "../", "@a/b");
  assertStringIncludes(root, "from &quot;@a/b&quot;");
});

Deno.test("brokenLinks() names missing files and missing anchors", () => {
  const files = new Map([
    ["index.html", '<a href="docs/a.html#here">'],
    ["docs/a.html", '<h1 id="here"></h1><a href="#gone"><img src="b.png">'],
    ["docs/c.html", '<a href="../index.html"> <a href="https://d.e"> href="f"'],
    ["docs/d.html", '<a class="x" href="../api/g.html"> <a href="h.html">'],
    ["docs/e/f.html", '<a href="../../"> <a href="../">'],
  ]);
  assertEquals(brokenLinks(files, ["api/"]), [
    "docs/a.html: #gone",
    "docs/a.html: b.png",
    "docs/d.html: h.html",
    "docs/e/f.html: ../",
  ]);
});

Deno.test("renderMarkdown() gives headings GitHub's anchors, and sections their texts", () => {
  const { html, title, sections } = renderMarkdown(
    "# A `b` & c\n\none\n\n## Twice\n\n[two](x.md)\n\n## Twice\n\n```ts\nlet x = 1 < 2;\n```\n",
    (href) => href.toUpperCase(),
  );
  assertEquals(title, "A b & c");
  assertEquals(sections, [
    { heading: "A b & c", depth: 1, anchor: "a-b--c", text: "one" },
    { heading: "Twice", depth: 2, anchor: "twice", text: "two" },
    {
      heading: "Twice",
      depth: 2,
      anchor: "twice-1",
      text: "let x = 1 < 2 ;",
    },
  ]);
  assertStringIncludes(html, 'href="X.MD"');
  const { html: table } = renderMarkdown(
    "# A\n\n| | b |\n|-|-|\n| c | d |\n",
    (href) => href,
  );
  assertStringIncludes(table, "<td></td>\n<th>b</th>");
});

Deno.test("documentedSymbols() has a subject and a sentence for every symbol", async () => {
  const symbols = await documentedSymbols();
  const attention = symbols.find(({ name }) => name === "lionAttention")!;
  assertEquals(attention.from, "@lionjs/lion");
  assertEquals(attention.page, "~/lionAttention.html");
  assertEquals(attention.subject, "Attention");
  const mnist = symbols.find(({ name }) => name === "loadMnist")!;
  assertEquals([mnist.from, mnist.page, mnist.subject], [
    "@lionjs/lion/data",
    "data/~/loadMnist.html",
    "Data",
  ]);
  const mute = symbols.filter(({ sentence }) => sentence === "");
  assertEquals(mute.map(({ name }) => name), []);
  const html = symbolsHTML(symbols, "../api/");
  assertEquals(html.match(/<tr><td>/g)!.length, symbols.length);
});

Deno.test("lacksExample() wants an assertion of all that can run", async () => {
  const symbol = (isType: boolean, ...examples: string[]) => ({
    isType,
    examples,
  });
  assert(lacksExample(symbol(false)));
  assert(lacksExample(symbol(false, "```ts\nconsole.log(1); // assert\n```")));
  assert(!lacksExample(symbol(false, "no", "```ts\nassertLess(1, 2);\n```")));
  assert(!lacksExample(symbol(true)));
  const symbols = await documentedSymbols();
  const named = (name: string) => symbols.find((one) => one.name === name)!;
  assertEquals(named("LionBertOptions").isType, true);
  assertEquals(named("Mixer").isType, true);
  assertEquals(named("MixingLayer").isType, false);
  assertEquals(named("fixedDecay").isType, false);
  assertStringIncludes(named("lionBlock").examples.join(), "assertAlmost");
});

Deno.test("firstSentence() ends where a sentence does, and not in a number", () => {
  assertEquals(
    firstSentence("One of 0.5\nand {@linkcode two}. Three.\n\nFour."),
    "One of 0.5 and `two`.",
  );
  assertEquals(firstSentence("A formula:\n\n    x = y"), "A formula.");
  assertEquals(firstSentence("No end"), "No end");
});

Deno.test("find() wants all words, and puts titles first", () => {
  const index = [
    { url: "a", title: "Padding", text: "a mask of tokens" },
    { url: "b", title: "Mask", text: "tokens are padding" },
    { url: "c", title: "Other", text: "tokens" },
  ];
  const urls = (query: string) => find(index, query).map(({ url }) => url);
  assertEquals(urls("mask"), ["b", "a"]);
  assertEquals(urls("Tokens PADDING"), ["a", "b"]);
  assertEquals(urls("  "), []);
  assertEquals(urls("mask nothing"), []);
});

Deno.test("surroundings() shows the word in its place", () => {
  const text = `${"x".repeat(100)} word ${"y".repeat(100)}`;
  const shown = surroundings(text, "word");
  assertStringIncludes(shown, " word ");
  assert(shown.startsWith("… x") && shown.endsWith("y …"), shown);
  assertEquals(surroundings("short", "absent"), "short");
});
