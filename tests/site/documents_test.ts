/** The documentation of the site: its pages, their links, and search. @module */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  find,
  type Findable,
  type Found,
  indexOf,
  type Part,
} from "../../site/find.ts";
import { atAddress } from "../../tools/site/build.ts";
import { ANNOTATED } from "../../tools/site/annotated.ts";
import { documentation } from "../../tools/site/documents.ts";
import { readKept } from "../../bench/measure/read_report.ts";
import { CONTENDERS } from "../../site/contenders.ts";
import { keptTimes } from "../../tools/site/kept_times.ts";
import { brokenLinks } from "../../tools/site/links.ts";
import { renderMarkdown } from "../../tools/site/markdown.ts";
import { withColumnNames, withWholeNumbers } from "../../tools/site/tables.ts";
import { DOCUMENTS_PLACE, referencePage } from "../../tools/site/reference.ts";
import {
  documentedSymbols,
  firstSentence,
  lacksExample,
  symbolsHTML,
} from "../../tools/site/symbols.ts";

let documents: ReturnType<typeof documentation> | undefined;

/** The documentation, which is made once. */
const made = () =>
  documents ??= documentation(new Set(["lib/tfjs/optimizers/adam.ts"]));

Deno.test("documentation() has the sources that documents link to, and finds sections", async () => {
  const { files, findable } = await made();
  const theorems = files.get("docs/theorems.html") as string;
  assertStringIncludes(theorems, 'href="../lib/attention/decays/mask.ts.html"');
  const source = files.get("lib/attention/decays/mask.ts.html") as string;
  assertStringIncludes(source, "maskColumns");
  assertStringIncludes(
    `${files.get("lib/tfjs/optimizers/adam.ts.html")}`,
    'id="Adam" class="hljs-keyword">export<',
  );
  const [positions] = find(indexOf(findable), "models positions");
  assertEquals(positions!.url, "docs/models.html#positions");
  assert(
    findable.every(({ url }) =>
      url.startsWith("api/") || url === "index.html" ||
      files.has(url.split("#")[0]!)
    ),
  );
  for (const [path, html] of files) {
    if (!path.endsWith(".html")) continue;
    const policies = `${html}`.match(
      /Content-Security-Policy" content="[^"]*/g,
    );
    assertEquals(policies?.length, 1, path);
    assertStringIncludes(policies![0], "default-src 'none'");
    const scripts = path.includes(ANNOTATED)
      ? "script-src 'self' 'wasm-unsafe-eval';"
      : "script-src 'self';";
    assertStringIncludes(policies![0], scripts);
    assert(
      !/<script>| on\w+="/.test(`${html}`.replaceAll(/>[^<]*/g, ">")),
      path,
    );
  }
});

Deno.test("the index of documents leads to each guide", async () => {
  const { files } = await made();
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

Deno.test("pages have the list of documents, which says where they are, contents and neighbours", async () => {
  const { files } = await made();
  const models = `${files.get("docs/models.html")}`;
  for (
    const kind of ["Tutorials", "How-to guides", "Reference", "Explanation"]
  ) {
    assertStringIncludes(models, `<p>${kind}</p>`);
  }
  assertStringIncludes(
    models,
    '<a href="models.html" aria-current="page">Models and training</a>',
  );
  assertStringIncludes(models, '<li><a href="#positions">Positions</a></li>');
  assertStringIncludes(models, '<a href="data.html">Your own data →</a>');
  const readme = `${files.get("README.html")}`;
  assertStringIncludes(readme, "<title>Getting started · LION</title>");
  assertMatch(readme, /<h1[^>]*>Getting started<\/h1>/);
  for (const [path, html] of files) {
    if (!path.endsWith(".html")) continue;
    const current = `${html}`.match(/aria-current="page">/g)?.length ?? 0;
    // The pages of notebooks, and symbols, are in the header too.
    assert(current <= 2, path);
    const ids = [...`${html}`.matchAll(/<[^>]*\sid="([^"]*)"/g)]
      .map(([, id]) => id);
    assertEquals(ids.length, new Set(ids).size, `ids of ${path}`);
  }
});

Deno.test("the page to try has its address where other sites read it", async () => {
  const html = await Deno.readTextFile(
    new URL("../../site/index.html", import.meta.url),
  );
  const found = atAddress(html, "https://a.example/b/");
  assertStringIncludes(
    found,
    'property="og:url" content="https://a.example/b/"',
  );
  const [, image] = /"og:image" content="([^"]*)"/.exec(found)!;
  const { files } = await made();
  assert(files.has(image!.replace("https://a.example/b/", "")), image);
});

Deno.test("keptTimes() has the report's times of each form and of softmax", async () => {
  const { machine, measured } = keptTimes(await readKept());
  assertMatch(machine, /^\d+ cores of an /);
  for (const contender of CONTENDERS) {
    const own = measured.filter((one) => one.contender === contender);
    assert(own.length > 2, contender);
    for (const { p20, median, p80 } of own) {
      assert(p20 <= median && median <= p80);
    }
  }
});

Deno.test("referencePage() leads to the site, and names what one imports from", () => {
  const page = (entry: string) =>
    `<html><head></head><body><nav id="topnav"><ul class="breadcrumbs"><li>a</li>
<ul><li>b</li></ul></ul>
</div><pre><code>import { b } from &quot;${entry}&quot;;</code></pre><ul><li>c</li></ul>`;
  const html = referencePage(
    `<script src="../fuse.js" defer></script><script src="../search.js" defer></script>${
      page("io")
    }<input
  id="searchbar">`,
    "../../",
    "@a/b",
  );
  assert(!/searchbar|defer/.test(html), html);
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
  const symbol = referencePage(
    `<head><title>c - default - lion documentation</title>
<script src="../darkmode_toggle.js"></script></head><button id="theme-toggle">
d</button><main><div class="text-2xl leading-none break-all"><b>c</b>
</div><a
  class="sourceButton"
  href="file:///somewhere/c.ts">e</a></main><div class="toc"></div>`,
    "../",
    "@a/b",
  );
  assertStringIncludes(symbol, "<title>c · LION</title>");
  assertStringIncludes(symbol, '<script src="../reference.js"></script>');
  assertMatch(symbol, /<h1 [^>]*><b>c<\/b>\n<\/h1>/);
  assertStringIncludes(symbol, 'role="complementary"');
  assert(!/theme-toggle|file:|sourceButton/.test(symbol), symbol);
  const framed = referencePage(
    `<body><a href="../" class="contextLink">lion</a><span class="text-black dark:text-white"><svg
></svg>
</span><a href="../" class="contextLink">default</a><b>c</b><h3>Document Navigation</h3></body>`,
    "../",
    "@a/b",
  );
  assertStringIncludes(
    framed,
    '<a href="../" class="contextLink">API</a><b>c</b><h3 aria-level="2">On this page</h3></div>\n</body>',
  );
  assertStringIncludes(framed, `<div class="frame">\n${DOCUMENTS_PLACE}`);
  const entry = referencePage(
    "<title>io - lion documentation</title><main>",
    "../",
    "@a/b",
  );
  assertStringIncludes(entry, "<main><h1>io</h1>");
  const all = referencePage("<title>lion documentation</title>", "", "");
  assertStringIncludes(all, "<title>API · LION</title>");
  const named = referencePage(
    "<code>@a/b/io</code> <code>@a/c/io</code>",
    "../",
    "@a/b",
  );
  assertStringIncludes(
    named,
    '<a href="../api/io/index.html"><code>@a/b/io</code></a> <code>@a/c/io</code>',
  );
  const sources = new Set<string>();
  const own = `<a
  class="sourceButton"
  href="${
    new URL("../../lib/a.ts", import.meta.url).href.replaceAll("/", "&#x2F;")
  }">e</a>`;
  const sourced = referencePage(
    `${own}<div class="symbolTitle"><span class="font-bold">c</span>${own}${own}`,
    "../",
    "@a/b",
    sources,
  );
  assertStringIncludes(
    sourced,
    'c</span><a class="source" href="../lib/a.ts.html#c">Source</a>',
  );
  assert(!/sourceButton/.test(sourced), sourced);
  assertEquals([...sources], ["lib/a.ts"]);
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
    { heading: "A b & c", depth: 1, anchor: "a-b--c", prose: "one", rest: "" },
    { heading: "Twice", depth: 2, anchor: "twice", prose: "two", rest: "" },
    {
      heading: "Twice",
      depth: 2,
      anchor: "twice-1",
      prose: "",
      rest: "let x = 1 < 2;",
    },
  ]);
  assertStringIncludes(html, 'href="X.MD"');
  const { html: table } = renderMarkdown(
    "# A\n\n| | b |\n|-|-|\n| c | d |\n",
    (href) => href,
  );
  assertStringIncludes(table, "<td></td>\n<th>b</th>");
  const numbers = renderMarkdown("# A\n\n|b|\n|-|\n|1 ± 2 % of|\n", String);
  assertStringIncludes(
    withWholeNumbers(numbers.html),
    "<td>1\u00a0±\u00a02\u00a0% of</td>",
  );
});

Deno.test("documentedSymbols() has a subject and a sentence for every symbol", async () => {
  const symbols = await documentedSymbols();
  const attention = symbols.find(({ name }) => name === "lionAttention")!;
  assertEquals(attention.from, "@lionjs/lion");
  assertEquals(attention.page, "~/lionAttention.html");
  assertEquals(attention.subject, "Attention");
  const mnist = symbols.find(({ name }) => name === "loadMnist")!;
  assertEquals([mnist.from, mnist.page, mnist.subject], [
    "@lionjs/lion/datasets",
    "datasets/~/loadMnist.html",
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
  assertEquals(firstSentence("A name: its use. More."), "A name: its use.");
  assertEquals(firstSentence("No end"), "No end");
});

/** A text in which what was found is in brackets. */
function shown(parts: readonly Part[]): string {
  return parts.map(({ text, isFound }) => isFound ? `[${text}]` : text)
    .join("");
}

Deno.test("find() leads readers of the documentation to what they mean", async () => {
  const index = indexOf((await made()).findable);
  const first = (query: string) => find(index, query)[0]!;
  for (
    const [query, url] of [
      ["half life", /06_vision.*half-lives/],
      ["heatmap", /notebook\/~\/(?:attentionM|m)atrix/],
      ["lionAttenton", /~\/lionAttention\.html$/],
      ["lionAttention", /~\/lionAttention\.html$/],
      ["how do I train", /docs\/models\.html#training-and-resuming$/],
      ["train", /training\/~\/train\.html$/],
      ["install", /docs\/platforms\.html/],
      ["kv cache", /08_causal_lm.*kv-cache$/],
    ] as const
  ) assertMatch(first(query).url, url);
  const rope = find(index, "rope");
  assert(rope.length > 3);
  for (const { snippet, title } of rope.slice(0, 3)) {
    assertMatch(shown([...title, ...snippet]), /\[rotary|rotary\]/i);
  }
});

Deno.test("find() has what newcomers ask for among its first three", async () => {
  const index = indexOf((await made()).findable);
  for (
    const [query, url] of [
      ["install", "docs/platforms.html#platforms"],
      ["how do I train", "docs/models.html#training-and-resuming"],
      ["resume training", "docs/models.html#training-and-resuming"],
      ["padding", "docs/attention.html#sequences-of-variable-length"],
      ["half life", "notebooks/06_vision.html#lion-d-stays-local-half-lives-"],
      ["heatmap", "api/notebook/~/matrix.html"],
      ["lionAttenton", "api/~/lionAttention.html"],
      ["rope", "notebooks/07_masked_language_model.html#two-ways-to-know-"],
      ["hippo", "docs/choosing.html#initial-decays"],
      ["load bert", "docs/models.html#pytorchs-weights"],
      ["kv cache", "notebooks/08_causal_lm.html#softmax-has-a-memory-too-"],
      ["learning rate schedule", "docs/models.html#training-and-resuming"],
      ["snake", "api/~/snakeScan.html"],
      ["node", "docs/platforms.html#node"],
      ["onnx", "docs/onnx.html#onnx"],
      ["save model", "docs/pretrained.html#pretrained-models"],
      ["causal mask", "docs/attention.html#causal-attention"],
      ["out of memory", "docs/troubleshooting.html#out-of-memory"],
      ["gpu not found", "docs/troubleshooting.html#no-gpu-is-found"],
      ["speed up cpu", "docs/platforms.html#twice-as-fast-on-a-cpu"],
      ["export to pytorch", "docs/models.html#pytorchs-weights"],
      ["browser demo", "index.html"],
      ["mixed precision", "docs/attention.html#half-precision"],
      [
        "variable length sequences",
        "docs/attention.html#sequences-of-variable-length",
      ],
      ["multiple gpus", "docs/cluster.html#gpus"],
      ["visualize attention", "docs/models.html#what-a-model-attends-to"],
      ["tensorboard", "docs/models.html#curves-and-tensorboard"],
    ] as const
  ) {
    const urls = find(index, query).slice(0, 3).map((found) => found.url);
    assert(urls.some((one) => one.startsWith(url)), `${query}: ${urls}`);
  }
});

Deno.test("find() looks further where only little-read pages have all words", () => {
  const index = indexOf([
    { url: "log", title: "Changes", text: "save for PyTorch", weight: 0.3 },
    { url: "guide", title: "PyTorch's weights", text: "writes a file" },
  ]);
  const urls = (query: string) => find(index, query).map(({ url }) => url);
  assertEquals(urls("saving PyTorch"), ["guide", "log"]);
  assertEquals(urls("exporting to PyTorch"), ["guide", "log"]);
});

Deno.test("find() wants all words, or some where nothing has all, and puts titles first", () => {
  const index = indexOf([
    { url: "a", title: "Padding", text: "a mask of tokens" },
    { url: "b", title: "Mask", text: "tokens are padding" },
    { url: "c", title: "Other", text: "tokens", rest: "a table of numbers" },
  ]);
  const urls = (query: string) => find(index, query).map(({ url }) => url);
  assertEquals(urls("mask"), ["b", "a"]);
  assertEquals(urls("the masks"), ["b", "a"]);
  assertEquals(urls("Tokens PADDING").toSorted(), ["a", "b"]);
  assertEquals(urls("numbered tables"), ["c"]);
  assertEquals(urls("mask nothing"), ["b", "a"]);
  for (const nothing of ["  ", "the", "?", "zebra"]) {
    assertEquals(urls(nothing), [], nothing);
  }
});

Deno.test("find() forgives small errors, and knows parts of names and other names", () => {
  const index = indexOf([
    { url: "a", title: "heatMap", text: "draws" },
    { url: "b", title: "Rotary positions", text: "angles" },
    { url: "c", title: "Half-life", text: "decays" },
  ]);
  const only = (query: string) => {
    const found = find(index, query);
    assertEquals(found.length, 1, query);
    return shown(found[0]!.title);
  };
  for (const query of ["heatmap", "heat map", "heatmpa", "HeatMap", "map"]) {
    assertEquals(only(query), "[heatMap]");
  }
  assertEquals(only("rope"), "[Rotary] positions");
  assertEquals(only("half life"), "[Half]-[life]");
});

Deno.test("find() takes any words", () => {
  const names = ["constructor", "toString", "__proto__", "hasOwnProperty"];
  const index = indexOf([
    ...names.map((name) => ({ url: name, title: name, text: `${name} is` })),
    { url: "é", title: "Übung 漢字 🦁", text: "" },
  ]);
  for (const name of names) assertEquals(find(index, name)[0]!.url, name);
  for (const query of ["übung", "漢字"]) {
    assertEquals(find(index, query)[0]!.url, "é");
  }
  for (const query of ["🦁", "a".repeat(10_000), "x ".repeat(1000), '"<b>']) {
    assertEquals(find(index, query), []);
  }
});

Deno.test("find() shows the part of a text that has most of the words, and no more of a page than three", () => {
  const long = `${"one word ".repeat(40)}and two words together ${
    "x ".repeat(100)
  }`;
  const textOf = ({ snippet }: Found) => shown(snippet);
  const found = (one: Partial<Findable>, query: string) =>
    find(indexOf([{ url: "a", title: "A", text: "", ...one }]), query)[0]!;
  const text = textOf(found({ text: long }, "two together"));
  assertStringIncludes(text, "and [two] words [together] x");
  assert(text.startsWith("… ") && text.endsWith(" …"), text);
  assert(text.length < 200, text);
  assertEquals(textOf(found({ text: "short", title: "Two" }, "two")), "short");
  assertEquals(
    textOf(found({ text: "", about: "of two things" }, "two")),
    "of [two] things",
  );
  const endless = "y".repeat(1000);
  assert(textOf(found({ text: `two ${endless}` }, "two")).length < 200);
  const page = Array.from({ length: 9 }, (_, at) => ({
    ...{ url: `a#${at}`, title: "Two", text: "" },
  }));
  assertEquals(find(indexOf(page), "two").length, 3);
});

Deno.test("a table that is wider than a phone says in each cell which column it is of", () => {
  const table = (words: string[], heads = ["", "<code>a</code>", "b"]) =>
    `<table><thead><tr>${
      heads.map((head) => `<th>${head}</th>`).join("")
    }</tr></thead><tbody><tr>${
      words.map((word) => `<td>${word}</td>`).join("")
    }</tr></tbody></table>`;
  const narrow = table(["one", "two three", "four"]);
  assertEquals(withColumnNames(narrow), narrow);
  const word = "m".repeat(20);
  const wide = withColumnNames(table([word, word, ""]));
  assertStringIncludes(wide, '<table class="stacks">');
  assertStringIncludes(wide, `<tr><td>${word}</td><td data-column="a">`);
  assertStringIncludes(wide, '<td data-column="b"></td>');
});

Deno.test("only in tables of many columns an interval may stand below its number", () => {
  const row = (columns: number) =>
    withWholeNumbers(
      `<table><tr>${"<td>1 ± 2 %</td>".repeat(columns)}</tr></table>`,
    );
  assertStringIncludes(row(6), "<td>1\u00a0±\u00a02\u00a0%</td>");
  assertStringIncludes(row(7), "<td>1 ±\u00a02\u00a0%</td>");
});
