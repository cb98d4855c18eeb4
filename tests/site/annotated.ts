/// <reference lib="dom" />
/**
 * The annotated page in Chromium: all cells run, what moves is computed anew, and
 * exercises check answers. `deno task site-test` runs it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { NOTEBOOKS, readNotebook } from "../../tools/notebooks/notebook.ts";
import { outFolder } from "../../tools/out_folder.ts";
import { ANNOTATED, codeOf } from "../../tools/site/annotated.ts";
import { buildSite } from "../../tools/site/build.ts";
import { serveSite } from "../../tools/site/serve.ts";
import {
  CHROMIUM,
  KEEPS_BROWSER,
  launch,
  tellTime,
} from "../platforms/chromium.ts";

const SITE = outFolder("site");
const PICTURES = fileURLToPath(outFolder("site-test"));

/** Milliseconds in which all cells have run, and in which the page is there. */
const [MOST_TO_RUN, MOST_TO_OPEN] = [60_000, 2000];

/** Until all cells have run; how many did, and how many failed. */
async function ranIn(page: Page): Promise<readonly [string, string]> {
  const html = page.locator("html");
  await page.locator("html[data-ran]").waitFor({
    ...{ state: "attached", timeout: MOST_TO_RUN },
  });
  return [
    (await html.getAttribute("data-ran"))!,
    (await html.getAttribute("data-failed"))!,
  ];
}

/** Moves a slider, and waits until a text is there. */
async function move(
  page: Page,
  name: string,
  value: number,
  text: string,
): Promise<void> {
  await page.getByLabel(name).fill(`${value}`);
  await page.getByText(text).waitFor();
}

/** What axe finds at a width, in light or dark. */
async function violationsOf(
  page: Page,
  width: number,
  colorScheme: "light" | "dark",
): Promise<string[]> {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 900 });
  const violations = await page.evaluate(async () =>
    (await (globalThis as unknown as { axe: typeof axe }).axe.run({
      resultTypes: ["violations"],
    })).violations
  );
  const excess = await page.evaluate(() =>
    document.documentElement.scrollWidth - innerWidth
  );
  assert(excess <= 0, `${width} pixels: ${excess} too wide`);
  return violations.map(({ id, nodes }) =>
    `${width}, ${colorScheme}, ${id}: ${nodes.map(({ html }) => html).join()}`
  );
}

Deno.test({
  name: "the annotated page computes all that it shows",
  ignore: !CHROMIUM,
  ...KEEPS_BROWSER,
  async fn(t) {
    await Deno.mkdir(PICTURES, { recursive: true });
    await buildSite(SITE);
    await using server = serveSite(SITE, { port: 0, isIsolated: true });
    const url =
      `http://localhost:${server.addr.port}/notebooks/${ANNOTATED}.html`;
    const browser = await launch();
    const page = await browser.newPage();
    const troubles: string[] = [];
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") troubles.push(message.text());
    });
    page.on("request", (request) => {
      const isOwn = request.url().startsWith(new URL("/", url).href) ||
        /^(data|blob):/.test(request.url());
      if (!isOwn) troubles.push(request.url());
    });
    const notebook = await readNotebook(
      new URL(`${ANNOTATED}.ipynb`, NOTEBOOKS),
    );
    const begun = performance.now();
    await t.step("it is there at once", async () => {
      await page.goto(url, { waitUntil: "domcontentloaded" });
      await page.getByRole("heading", { level: 1 }).waitFor();
      const opened = await page.evaluate(() => {
        const [navigation] = performance.getEntriesByType("navigation");
        return (navigation as PerformanceNavigationTiming).domInteractive;
      });
      tellTime("the annotated page is there", opened, MOST_TO_OPEN);
    });
    await t.step("all cells run, without an error", async () => {
      const found = await ranIn(page);
      tellTime("all cells ran", performance.now() - begun, MOST_TO_RUN);
      assertEquals(found, [`${codeOf(notebook).length}`, "0"]);
    });
    await t.step("its numbers are the notebook's", async () => {
      for (const cell of codeOf(notebook)) {
        if (cell.metadata.tags?.includes("measured")) continue;
        for (const output of cell.outputs) {
          if (output.output_type !== "stream") continue;
          for (const line of output.text.trim().split("\n")) {
            if (line.includes("(on the page, a slider")) continue;
            await page.getByText(line, { exact: true }).first().waitFor();
          }
        }
      }
    });
    await t.step("what moves is computed anew", async () => {
      await move(
        page,
        "tokens per chunk",
        16,
        "chunks of 16, and the full form",
      );
      await move(page, "the token that reads", 3, "still hold at token 3");
      await page.getByLabel("its decay").fill("1");
      await page.getByText("token 6 is heard with").waitFor();
      assertEquals(await ranIn(page), [`${codeOf(notebook).length}`, "0"]);
    });
    await t.step("exercises check answers", async () => {
      const set = page.locator("fieldset", { hasText: "four times as long" });
      await set.getByRole("button", { name: "4", exact: true }).click();
      await set.getByText("No.").waitFor();
      await set.getByRole("button", { name: "16" }).click();
      await set.getByText("Yes.").waitFor();
    });
    await t.step(
      "axe finds nothing, light and dark, narrow and wide",
      async () => {
        await page.evaluate(axe.source);
        const found: string[] = [];
        for (const scheme of ["light", "dark"] as const) {
          for (const width of [390, 1440]) {
            found.push(...await violationsOf(page, width, scheme));
            await page.screenshot({
              path: `${PICTURES}/annotated-${width}-${scheme}.png`,
              fullPage: true,
            });
          }
        }
        assertEquals(found, []);
      },
    );
    assertEquals(troubles, []);
    await browser.close();
  },
});
