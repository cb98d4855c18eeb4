/** Pages of data whose texts would like to be more than text. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import {
  bars,
  curves,
  DISPLAY,
  Figure,
  LivePlot,
  matrix,
  panels,
  table,
} from "@lionjs/lion/notebook";
import { reportPage } from "../../bench/report/page.ts";
import { readKept } from "../../bench/measure/read_report.ts";
import { FIGURE_NAMES, type Report } from "../../bench/measure/report_file.ts";
import { allTables } from "../../bench/views.ts";
import { curvesSVG } from "../../lib/notebook/curves_svg.ts";
import { renderPage } from "../../tools/demo/page.ts";
import type { CodeCell } from "../../tools/notebooks/notebook.ts";
import { secondTraining } from "../../tools/recipes/trained_again.ts";
import { recipePage } from "../../tools/recipes/report.ts";
import { resultsPages } from "../../tools/recipes/results_pages.ts";
import {
  readResults,
  type RecipeResults,
} from "../../tools/recipes/results_file.ts";
import { cellToHTML } from "../../tools/site/cell.ts";
import { withCurves } from "../../tools/site/curves.ts";
import { renderMarkdown } from "../../tools/site/markdown.ts";
import { pageHTML } from "../../tools/site/page.ts";
import { proseToHTML } from "../../tools/site/prose.ts";
import {
  HOSTILE,
  inOneLine,
  type ReadPage,
  readPage,
  surrounded,
} from "./hostile.ts";

/** What no page has a reason to treat in a special way. */
const HARMLESS = "name";

/**
 * Makes a page of data with each hostile text in every text, and of harmless
 * ones: both have the same elements and attributes, and show the texts.
 */
async function testPage<T>(
  data: T,
  pageOf: (data: T) => string | Promise<string>,
  kept: readonly string[] = [],
  hostile: readonly string[] = HOSTILE,
): Promise<void> {
  const expected = readPage(
    await pageOf(surrounded(data, HARMLESS, kept)),
  );
  for (const text of hostile) {
    const html = await pageOf(surrounded(data, text, kept));
    const { executables, skeleton, shown } = readPage(html);
    assertEquals(executables, [], text);
    assertEquals(skeleton, expected.skeleton, text);
    assertStringIncludes(shown, inOneLine(text));
  }
}

/** The report that is kept, with a few points of each figure. */
async function shortReport(): Promise<Report> {
  const report = await readKept();
  return {
    ...report,
    machine: { ...report.machine, v8Flags: "--flag" },
    absent: [{ name: "jax-js", why: "it is not there" }],
    parity: report.parity.slice(0, 2),
    figures: report.figures.filter(({ figure }, at) =>
      report.figures.findIndex((one) => one.figure === figure) === at
    ).map((measured) => ({
      ...measured,
      points: measured.points.slice(0, 4),
      gaps: [{ panel: "forward", series: "one", at: 1, why: "too slow" }],
      ...measured.kernels && { kernels: measured.kernels.slice(0, 2) },
    })),
  };
}

Deno.test("texts of a report are text in report.html", async () => {
  // Its plots have plotly.js in each page.
  await testPage(await shortReport(), reportPage, FIGURE_NAMES);
});

/** Markdown as each of our programs reads it. */
const READERS: Readonly<Record<string, (markdown: string) => string>> = {
  "a page": proseToHTML,
  // A document begins with a heading.
  "the site": (markdown) =>
    renderMarkdown(`# Title\n\n${markdown}`, (link) => link).html
      .replaceAll(/ id="[^"]*"/g, ""),
};

for (const [reader, toHTML] of Object.entries(READERS)) {
  Deno.test(`texts of reports are text in Markdown that ${reader} shows`, async () => {
    const report = await shortReport();
    await testPage(report, (report) => toHTML(allTables(report)), [
      ...FIGURE_NAMES,
      "softmax",
    ]);
  });

  Deno.test(`texts of results are text in Markdown that ${reader} shows`, async () => {
    const results = await resultsFile();
    const page = (results: RecipeResults) => {
      const again = secondTraining([results]);
      const pages = resultsPages({ recipes: [results], notes: "", again });
      return toHTML([...pages.values()].join("\n\n"));
    };
    // What a recipe is about may have code between backticks, and nothing else.
    const coded = HOSTILE.filter((text) => text.includes("`"));
    const others = HOSTILE.filter((text) => !text.includes("`"));
    await testPage(results, page, ["distillation"], others);
    await testPage(results, page, ["distillation", results.about], coded);
  });
}

async function resultsFile(): Promise<RecipeResults> {
  const name = "../../docs/results/distillation-quick.json";
  const file = new URL(name, import.meta.url);
  return {
    ...(await readResults(file))!,
    about: "A teacher.",
    baselines: { guess: { accuracy: 0.1 } },
  };
}

Deno.test("texts of results are text in the site's page of them, with its curves", async () => {
  const page = async (results: RecipeResults) => {
    const { html: body } = renderMarkdown(recipePage(results), (link) => link);
    const path = "docs/results/distillation.html";
    const whole = pageHTML({ path, title: results.title, body });
    return (await withCurves(whole, results)).html;
  };
  // A picture takes a second; what is around it does not depend on the text.
  await testPage(await resultsFile(), page, [], [HOSTILE[4]!, HOSTILE[17]!]);
});

Deno.test("texts of the demo are text in its page", async () => {
  const demo: Parameters<typeof renderPage>[0] = {
    ...{ title: "LION-S", summary: "On a GPU of somebody's." },
    losses: [[1, 2], [2, 1]],
    forms: [{
      ...{ form: "full", accuracy: 1, agreement: 1, seconds: 1, peakBytes: 1 },
      predictions: new Uint8Array(1),
    }],
    lengths: [],
    examples: [],
  };
  await testPage(demo, renderPage);
});

Deno.test("outputs of notebooks are text in their pages", async () => {
  const data = { name: "stdout", text: "printed", title: "Loss", value: "3" };
  await testPage(data, ({ text, title, value }) => {
    const cell: CodeCell = {
      ...{ cell_type: "code", id: "a", metadata: {}, source: "" },
      execution_count: 1,
      outputs: [
        { output_type: "stream", name: "stdout", text },
        {
          output_type: "error",
          ...{ ename: text, evalue: text, traceback: [text] },
        },
        {
          output_type: "display_data",
          data: { "image/png": "iVBO", "text/plain": `Figure: ${title}` },
          metadata: {},
        },
        {
          output_type: "display_data",
          data: { "text/plain": value },
          metadata: {},
        },
      ],
    };
    return `<!DOCTYPE html><body>${cellToHTML(cell)}`;
  });
});

Deno.test("names in tables and figures of notebooks are text", async () => {
  const rows = [{ device: "GPU", note: "fast" }, { device: "CPU", note: "" }];
  await testPage(rows, async (rows) => {
    const records = rows.map(({ device, note }) => ({
      device,
      [note]: device,
    }));
    const { "text/html": html } = await table(records)[DISPLAY]();
    return `<!DOCTYPE html><body>${html}`;
  });
  const named = { title: "Title", caption: "Caption", name: "one" };
  for (const fullPage of [false, true]) {
    await testPage(named, ({ title, caption, name }) => {
      const figure = new Figure(
        [{ x: [name, 2], y: [1, 2], name, text: [name] }],
        { title: { text: title }, xaxis: { title: { text: name } } },
        { caption },
      );
      const html = figure.toHTML({ fullPage, plotly: "cdn" });
      return fullPage ? html : `<!DOCTYPE html><body>${html}`;
    });
  }
  await testPage(named, ({ title, name }) =>
    `<!DOCTYPE html><body>${
      curvesSVG({
        ...{ title, x: name, y: name, yType: "linear" },
        curves: new Map([[name, [[1, 2], [2, 3]]]]),
        colors: { [name]: name },
      })
    }`);
});

/** A page's policy: sources by directive. */
function policyOf(html: string): Map<string, string[]> {
  const [policy, ...others] = html.matchAll(
    /<meta\s+http-equiv="Content-Security-Policy"\s+content="([^"]*)"/g,
  );
  assertEquals(others, []);
  return new Map(
    policy![1]!.split("; ").map((directive) => {
      const [name, ...sources] = directive.split(" ");
      return [name!, sources];
    }),
  );
}

Deno.test("pages allow their own scripts by hashes, and fetch nothing", async () => {
  const figure = new Figure([{ y: [1, 2] }], {}, { caption: "</p>" });
  const pages = {
    report: await reportPage(await shortReport()),
    figure: figure.toHTML(),
    linked: figure.toHTML({ plotly: "cdn" }),
    demo: renderPage({
      ...{ title: "Demo", summary: "", losses: [], forms: [], lengths: [] },
      examples: [],
    }),
  };
  for (const [name, html] of Object.entries(pages)) {
    const policy = policyOf(html);
    const allowed = policy.get("script-src") ?? [];
    const hashes = [...html.matchAll(/<script>([^]*?)<\/script>/g)]
      .map(([, source]) =>
        `'sha256-${createHash("sha256").update(source!).digest("base64")}'`
      );
    assertEquals(
      hashes.filter((hash) => !allowed.includes(hash)),
      [],
      name,
    );
    // And plotly.js itself, from the loader or its address.
    const plotly = hashes.length > 0 ? 1 : 0;
    assertEquals(allowed.length, new Set(hashes).size + plotly, name);
    for (const sources of [allowed, policy.get("default-src")!]) {
      assert(
        sources.every((one) =>
          /^'(?:sha256-|none)|^https:\/\/cdn\.plot\.ly\/plotly-[\d.]+min\.js$/
            .test(one)
        ),
        name,
      );
    }
    assertEquals(policy.get("base-uri"), ["'none'"], name);
    assertEquals(policy.get("form-action"), ["'none'"], name);
    assertEquals(policy.get("connect-src"), undefined, name);
  }
});

/** What plotly.js draws of figures of a name; it reads tags of HTML in all texts. */
Deno.test("plotly.js draws names in our figures without links, styles and listeners", async () => {
  const figures = async (name: string): Promise<Figure[]> => {
    const plot = new LivePlot({ title: name, x: name, y: name });
    plot.log(1, { [name]: 1, b: 2 });
    plot.log(2, { [name]: 2, b: 3 });
    const options = { title: name, x: name };
    return [
      panels([bars({ [name]: 1, b: 2 }, options)], { title: name }),
      curves({ [name]: [1, 2], b: [2, 1] }, { ...options, y: name }),
      await matrix([[1, 2], [3, 4]], {
        ...{ title: name, rows: [name, "b"], columns: name },
      }),
      plot.figure,
    ];
  };
  const linking = HOSTILE.filter((text) => /<(?:a|span|b|img) /.test(text))
    .join(" ");
  const [harmless, hostile] = await Promise.all(
    [HARMLESS, linking].map(async (name) => {
      const drawings = (await figures(name))
        .map((figure) => figure.toImage({ format: "svg" }));
      return readPage(`<!DOCTYPE html><body>${await Promise.all(drawings)}`);
    }),
  );
  const namesIn = ({ skeleton }: ReadPage) =>
    new Set(skeleton.map((element) => element.split(" ")[0]));
  assertEquals(namesIn(hostile!), namesIn(harmless!));
  assertEquals(hostile!.executables, []);
  // What ends plain text ends nothing here, and is not shown.
  const shown = inOneLine(linking).replaceAll("</b>", "");
  assertStringIncludes(hostile!.shown, shown);
});
