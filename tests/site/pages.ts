/// <reference lib="dom" />
/**
 * Pages that are opened as files, in Chromium: what they need their policies
 * allow, and nothing else runs. `deno task site-test` runs it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { curves } from "@lionjs/lion/notebook";
import { reportPage } from "../../bench/report/page.ts";
import { readKept } from "../../bench/measure/read_report.ts";
import { FIGURE_NAMES } from "../../bench/measure/report_file.ts";
import { renderPage } from "../../tools/demo/page.ts";
import { withFolder } from "../io/files.ts";
import { CHROMIUM, KEEPS_BROWSER, launch } from "../platforms/chromium.ts";
import { HOSTILE, surrounded } from "../tools/hostile.ts";

if (!CHROMIUM) console.log("skipped: no Chromium; see `deno task setup`");

/** Opens a file; fails where the console tells of something, or a dialog opens. */
async function visit(
  browser: Browser,
  url: string,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const page = await browser.newPage();
  page.setDefaultTimeout(80_000);
  const troubles: string[] = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      troubles.push(message.text());
    }
  });
  page.on("dialog", (dialog) => {
    troubles.push(`alert: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!/^(file|data|blob):/.test(request.url())) troubles.push(request.url());
  });
  await page.goto(url);
  await use(page);
  assertEquals(troubles, []);
  await page.close();
}

/** All figures are drawn, with the style that plotly.js writes for itself. */
async function testFigures(page: Page): Promise<void> {
  const figures = await page.locator('[id^="figure-"]').count();
  assert(figures > 0);
  await page.waitForFunction(
    (count) => document.querySelectorAll(".plot-container").length === count,
    figures,
  );
  const bar = page.locator(".modebar").first();
  await page.locator('[id^="figure-"]').first().hover();
  assertEquals(
    await bar.evaluate((one) => getComputedStyle(one).position),
    "absolute",
  );
}

/** The figure's own button makes a picture of it. */
async function testDownload(page: Page): Promise<void> {
  const download = page.waitForEvent("download");
  await page.locator(".modebar-btn").first().click();
  assert((await download).suggestedFilename().endsWith(".png"));
}

/** What a policy forbids, tried in the page. */
async function testForbidden(page: Page): Promise<void> {
  const answers = await page.evaluate(async () => {
    const stopped: string[] = [];
    document.addEventListener(
      "securitypolicyviolation",
      ({ effectiveDirective }) => stopped.push(effectiveDirective),
    );
    const script = document.createElement("script");
    script.textContent = "globalThis.ran = 1";
    document.body.append(script);
    const link = document.createElement("a");
    link.setAttribute("onclick", "globalThis.ran = 2");
    document.body.append(link);
    link.click();
    const image = document.createElement("img");
    image.src = "https://evil.example/";
    document.body.append(image);
    await fetch("https://evil.example/").catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    return { stopped, ran: (globalThis as { ran?: number }).ran };
  });
  assertEquals(answers.ran, undefined);
  assertEquals([...new Set(answers.stopped)].sort(), [
    ...["connect-src", "img-src", "script-src-attr", "script-src-elem"],
  ]);
}

Deno.test({
  name: "pages opened as files, in Chromium",
  ignore: !CHROMIUM,
  ...KEEPS_BROWSER,
  fn: async (t) => {
    const report = await readKept();
    const joined = HOSTILE.join(" ");
    const figure = curves({ [joined]: [1, 2], b: [2, 1] }, { title: joined });
    const pages = {
      report: await reportPage(report),
      hostile: await reportPage(surrounded(report, joined, FIGURE_NAMES)),
      figure: figure.toHTML(),
      demo: renderPage({
        ...{ title: joined, summary: joined, losses: [[1, 2], [2, 1]] },
        ...{ forms: [], lengths: [], examples: [] },
      }),
    };
    const browser = await launch();
    try {
      await withFolder(async (folder) => {
        for (const [name, html] of Object.entries(pages)) {
          const path = `${folder}/${name}.html`;
          await Deno.writeTextFile(path, html);
          await t.step(name, async () => {
            await visit(browser, `file://${path}`, async (page) => {
              await testFigures(page);
              await testDownload(page);
            });
          });
        }
        await t.step(
          "figures of a report are dark on a dark page",
          async () => {
            const page = await browser.newPage({ colorScheme: "dark" });
            await page.goto(`file://${folder}/report.html`);
            const filter = await page.locator(".plot").first()
              .evaluate((plot) => getComputedStyle(plot).filter);
            assertEquals(filter, 'url("#night")');
            assertEquals(await page.locator("filter#night").count(), 1);
            await page.evaluate(axe.source);
            const { violations } = await page.evaluate(() =>
              (globalThis as unknown as { axe: typeof axe }).axe
                .run({ exclude: [[".plot"]] })
            );
            assertEquals(violations.map(({ id }) => id), []);
            await page.close();
          },
        );
        await t.step("what is not theirs does not run", async () => {
          const page = await browser.newPage();
          await page.goto(`file://${folder}/report.html`);
          await testForbidden(page);
          await page.close();
        });
      });
    } finally {
      await browser.close();
    }
  },
});
