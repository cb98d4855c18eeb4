/// <reference lib="dom" />
/**
 * The page on which anyone can try LION, in Chromium: `deno task site-test`.
 * Pictures of it go to out/site-test.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertMatch,
} from "@std/assert";
import axe from "axe-core";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { LocalServer } from "../../tools/server/loopback.ts";
import { outFolder } from "../../tools/out_folder.ts";
import { buildSite } from "../../tools/site/build.ts";
import { serveSite } from "../../tools/site/serve.ts";
import { READY } from "../../site/ready.ts";
import {
  CHROMIUM,
  KEEPS_BROWSER,
  launch,
  tellTime,
} from "../platforms/chromium.ts";

const SITE = outFolder("site");
const PICTURES = fileURLToPath(outFolder("site-test"));

/** Pages of the documentation that are looked at. */
const PAGES = [
  "docs/index",
  "docs/theorems",
  "docs/results",
  "docs/results/mlm",
  "notebooks/index",
  "notebooks/03_lion_rnn",
  "notebooks/12_proofs",
  "docs/symbols",
  "lib/attention/decays/mask.ts",
  "CONTRIBUTING",
  "api/~/lionAttention",
  "api/~/lionBlock",
] as const;

/** Bytes of the first load, compressed. */
const MOST_BYTES = 1e6;

/** Milliseconds after which idle cores can compute. */
const SOON = 1000;

/** Milliseconds in which idle cores read a million tokens. */
const MOST_MILLISECONDS = 3000;

if (!CHROMIUM) console.log("skipped: no Chromium; see `deno task setup`");

/**
 * Visits a page, and fails on errors, in documents on warnings too, and on
 * requests to other servers.
 */
async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  // Software WebGPU compiles for a long time on a busy machine.
  context.setDefaultTimeout(80_000);
  const page = await context.newPage();
  const troubles: string[] = [];
  // The page to try asks for a GPU, and browsers warn where there is none.
  const kinds = url.endsWith(".html") ? ["error", "warning"] : ["error"];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => {
    if (kinds.includes(message.type())) troubles.push(message.text());
  });
  context.on("request", (request) => {
    const isOwn = ["data:", "blob:"].some((kind) =>
      request.url().startsWith(kind)
    );
    if (!isOwn && !request.url().startsWith(new URL("/", url).href)) {
      troubles.push(request.url());
    }
  });
  await page.goto(url);
  await use(page);
  assertEquals(troubles, []);
  await context.close();
}

/** Draws a seven with the mouse. */
async function drawSeven(page: Page): Promise<void> {
  await page.locator("#pad").scrollIntoViewIfNeeded();
  const box = (await page.locator("#pad").boundingBox())!;
  const at = (x: number, y: number) =>
    [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(0.28, 0.24));
  await page.mouse.down();
  await page.mouse.move(...at(0.72, 0.2), { steps: 8 });
  await page.mouse.move(...at(0.45, 0.82), { steps: 12 });
  await page.mouse.up();
}

/** Draws a seven with a finger; the page must not scroll meanwhile. */
async function testTouch(page: Page): Promise<void> {
  await allRead(page, "3");
  await page.locator("#pad").scrollIntoViewIfNeeded();
  const box = (await page.locator("#pad").boundingBox())!;
  const session = await page.context().newCDPSession(page);
  const touch = (type: "touchStart" | "touchMove", x: number, y: number) =>
    session.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: [{ x: box.x + x * box.width, y: box.y + y * box.height }],
    });
  const before = await page.evaluate(() => scrollY);
  await touch("touchStart", 0.28, 0.24);
  for (let step = 1; step <= 8; step++) {
    await touch("touchMove", 0.28 + 0.055 * step, 0.24 - 0.005 * step);
  }
  for (let step = 1; step <= 12; step++) {
    await touch("touchMove", 0.72 - 0.0225 * step, 0.2 + 0.052 * step);
  }
  await session.send("Input.dispatchTouchEvent", {
    type: "touchEnd",
    touchPoints: [],
  });
  await allRead(page, "7");
  assertEquals(await page.evaluate(() => scrollY), before);
}

/** The rows of a table's body, when there are so many. */
async function rowsOf(
  page: Page,
  id: string,
  count: number,
): Promise<string[][]> {
  await page.locator(`#${id} tr`).nth(count - 1).waitFor();
  const rows = await page.locator(`#${id} tr`).all();
  return await Promise.all(
    rows.map((row) => row.locator("th, td").allTextContents()),
  );
}

/** The cells of the mask by rows, as they are drawn. */
async function maskOf(page: Page): Promise<number[]> {
  const cells = page.locator("#mask rect[fill-opacity]");
  return await cells.evaluateAll((cells) =>
    cells.map((cell) => Number(cell.getAttribute("fill-opacity")))
  );
}

/** Does something that changes the mask; returns the new one. */
async function changedMask(
  page: Page,
  change: () => Promise<void>,
): Promise<number[]> {
  const before = await maskOf(page);
  await change();
  for (let attempt = 0; attempt < 100; attempt++) {
    const after = await maskOf(page);
    if (after.some((weight, at) => weight !== before[at])) return after;
    await page.waitForTimeout(50);
  }
  throw new Error("the mask should change within 5 s");
}

/** Waits until all forms read a digit. */
async function allRead(page: Page, digit: string): Promise<void> {
  await page.locator("#digit", { hasText: digit }).waitFor();
  const read = page.locator("#forms td:nth-child(2)", { hasText: digit });
  await read.nth(3).waitFor();
}

/** Loads what `deno task site` says that it loads, and nothing else, and tells how soon it can compute. */
async function testFirstLoad(
  browser: Browser,
  url: string,
  files: readonly string[],
): Promise<void> {
  const context = await browser.newContext();
  const asked = new Set<string>();
  context.on("request", (request) => {
    // What threads run is made in the page.
    if (!request.url().startsWith(url)) return;
    asked.add(request.url().slice(url.length) || "index.html");
  });
  const page = await context.newPage();
  page.setDefaultTimeout(80_000);
  await page.goto(url);
  await allRead(page, "3");
  const ready = await page.evaluate(
    (name) => performance.getEntriesByName(name)[0]!.startTime,
    READY,
  );
  tellTime("ready", ready, SOON);
  await context.close();
  // A page that is isolated already has no need of one.
  const own = files.filter((name) => name !== "service_worker.js");
  assertEquals([...asked].filter((name) => name !== "icon.svg").sort(), [
    ...own.filter((name) => name !== "icon.svg").sort(),
  ]);
}

/** An example is read at first; it goes where somebody draws. */
async function testDigit(page: Page): Promise<void> {
  await allRead(page, "3");
  await drawSeven(page);
  await allRead(page, "7");
  const rows = await rowsOf(page, "forms", 4);
  assertEquals(rows.map(([form, digit]) => [form, digit]), [
    ["full", "7"],
    ["recurrent", "7"],
    ["blockwise", "7"],
    ["chunkwise", "7"],
  ]);
  for (const [, , difference] of rows.slice(1)) {
    assertLess(Number(difference), 1e-5);
  }
}

/** A stroke downwards with keys. */
async function testKeys(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator("#forms tr").first().waitFor({ state: "detached" });
  await page.locator("#pad").focus();
  for (let step = 0; step < 6; step++) await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Space");
  for (let step = 0; step < 12; step++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  await allRead(page, "1");
}

async function testMask(page: Page): Promise<void> {
  const weight = (mask: number[], i: number, j: number) =>
    mask[(i - 1) * 12 + j - 1]!;
  await page.getByText(/^Row 8: /).waitFor();
  const first = await maskOf(page);
  assertAlmostEquals(weight(first, 8, 5), 0.85 * 0.2 * 0.93, 1e-4);
  const pulled = await changedMask(
    page,
    () => page.locator("#decay-6").fill("1"),
  );
  assertAlmostEquals(weight(pulled, 8, 5), 0.85 * 0.93, 1e-4);
  assertEquals(weight(pulled, 4, 2), weight(first, 4, 2));
  const arrival = await changedMask(
    page,
    () => page.locator('input[value="arrival"]').check(),
  );
  assertAlmostEquals(weight(arrival, 8, 5), 0.93 * 0.9, 1e-4);
  const fixed = await changedMask(
    page,
    () => page.locator('input[value="d"]').check(),
  );
  assertAlmostEquals(weight(fixed, 5, 2), 0.92 ** 3, 1e-4);
  const none = await changedMask(
    page,
    () => page.locator('input[value="lit"]').check(),
  );
  assert(none.every((weight) => weight === 1));
  assert(await page.locator("#conventions").isHidden());
  await page.locator("#mask rect").first().hover();
  await page.locator("#pointed", { hasText: "token 1 reads token 1: 1.000" })
    .waitFor();
  // Nothing moves by itself.
  assertEquals(await page.locator("#play").textContent(), "Play the sweeps");
}

/** Chooses words of a sentence and of a long text, by mouse and by keys. */
async function testListening(page: Page): Promise<void> {
  await page.locator("#listen-panel").scrollIntoViewIfNeeded();
  const heard = page.locator("#listen-heard");
  await heard.getByText("“table” hears, before it: ").waitFor();
  const tints = await page.locator("#listen-text .heard").evaluateAll((words) =>
    words.map((word) =>
      Number((word as HTMLElement).style.getPropertyValue("--share"))
    )
  );
  // On each side the strongest is 1.
  assertEquals(tints.slice(0, 4).filter((tint) => tint === 1).length, 1);
  assertEquals(tints.slice(4).filter((tint) => tint === 1).length, 1);
  await page.locator("#listen-text").getByText("query", { exact: true })
    .click();
  await heard.getByText("“query” hears").waitFor();
  await page.locator("#listen-word").focus();
  await page.keyboard.press("ArrowRight");
  await heard.getByText("“.” hears").waitFor();
  await page.getByRole("button", { name: "Use this library's guides" }).click();
  const status = page.locator("#listen-status");
  await status.getByText(/^[\d,]{5,} words and signs/).waitFor();
  await page.locator("#listen-word").fill("5000");
  await page.locator('#listen-text .chosen[data-word="4999"]').waitFor();
  assertEquals(await page.locator("#listen-text .heard").count(), 300);
  await page.locator("#listen-pasted").fill(" . ");
  await page.locator("#listen-pasted").blur();
  await status.getByText("1 words").waitFor();
}

/** Hides one more word, and shows one again. */
async function testSentence(page: Page): Promise<void> {
  await page.locator("#sentence-panel").scrollIntoViewIfNeeded();
  const guesses = page.locator("#sentence-verdict mark");
  await guesses.first().waitFor();
  assertEquals(await guesses.allTextContents(), ["of", "is", "the"]);
  const word = (name: string) =>
    page.getByRole("button", { name, exact: true }).first();
  await word("table").click();
  await guesses.nth(3).waitFor();
  await word("is").focus();
  await page.keyboard.press("Enter");
  await guesses.nth(3).waitFor({ state: "detached" });
  const rows = await rowsOf(page, "guesses", 3);
  assertEquals(rows.map(([hidden]) => hidden), ["of", "table", "the"]);
  await page.locator("#sentence").fill("This is for me, extraordinary");
  // It is several pieces.
  await word("for").waitFor();
  assertEquals(await word("extraordinary").count(), 0);
  await word("for").click();
  await page.locator("#guesses").getByText("for", { exact: true }).waitFor();
  await page.locator("#sentence").fill("");
  assertEquals(await page.locator("#sentence-verdict").textContent(), "");
  assertEquals(await page.locator("#guesses tr, #words *").count(), 0);
  await page.getByRole("button", { name: "Example 2" }).click();
  await guesses.nth(1).waitFor();
  assertEquals(await guesses.allTextContents(), ["is", "the"]);
}

/** The page's own puzzle, and one of a visitor, by mouse and by keys. */
async function testSudoku(page: Page): Promise<void> {
  const verdict = page.locator("#sudoku-verdict");
  const cells = page.locator("#sudoku-grid input");
  await page.locator("#sudoku-panel").scrollIntoViewIfNeeded();
  assertEquals(await cells.count(), 81);
  await page.getByRole("button", { name: "Fill it in" }).click();
  await verdict.getByText("Solved: 51 cells").waitFor();
  await page.locator("#sudoku-count", { hasText: "51" }).waitFor();
  const digits = await cells.evaluateAll((cells) =>
    cells.map((cell) => (cell as HTMLInputElement).value).join("")
  );
  assertEquals(digits.slice(0, 9), "534678912");
  // Back to the fifth cell, by keys.
  await page.locator("#sudoku-shown").focus();
  await page.keyboard.press("Home");
  for (let step = 0; step < 5; step++) {
    await page.keyboard.press("ArrowRight");
  }
  assertEquals(await page.locator("#sudoku-grid .filled").count(), 5);
  await page.locator("#sudoku-grid .filled").first().focus();
  await page.getByText(/^Row \d, column \d, filled in as number [1-5]:$/)
    .waitFor();
  const shares = await page.locator("#sudoku-bars .share").allTextContents();
  assertEquals(shares.length, 9);
  assert(shares.some((share) => parseFloat(share) > 50));
  // A grid of one's own: two equal digits in a row have no solution.
  await page.getByRole("button", { name: "Empty grid" }).click();
  await cells.nth(0).focus();
  await page.keyboard.type("7");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.type("7");
  await page.keyboard.press("ArrowDown");
  assertEquals(
    await page.evaluate(() => document.activeElement?.ariaLabel),
    "Row 2, column 2, unknown",
  );
  assertEquals(await page.locator("#sudoku-grid .clue").count(), 2);
  await page.locator("#sudoku-order").selectOption("left-to-right");
  await page.getByRole("button", { name: "Fill it in" }).click();
  await verdict.getByText("79 cells").waitFor();
  await verdict.getByText("This puzzle has no solution.").waitFor();
  await page.locator("#sudoku-level").selectOption("hidden");
  await page.getByRole("button", { name: "New puzzle" }).click();
  await verdict.getByText("no solution").waitFor({ state: "detached" });
  assert(await page.locator("#sudoku-grid .clue").count() >= 20);
}

/** The page's own text in three languages, one of a visitor, and none. */
async function testLanguages(page: Page): Promise<void> {
  const text = page.locator("#languages-text");
  const names = page.locator("#languages-bars li");
  await page.locator("#languages-panel").scrollIntoViewIfNeeded();
  await names.nth(4).waitFor();
  const tints = page.locator("#languages-words span");
  assertEquals(await tints.count(), 21);
  assert(await page.locator("#languages-words .tint-1").count() >= 4);
  await text.fill("wo ist der Bahnhof");
  await page.locator("#languages-verdict", { hasText: "German" }).waitFor();
  assertMatch((await names.first().textContent())!, /^German/);
  await text.fill("12:30");
  await page.getByText("A text without letters is in no language.").waitFor();
  assertEquals(await names.count(), 0);
}

/** Fills what sliders and the pointer rub out, and what is drawn. */
async function testGaps(page: Page): Promise<void> {
  const verdict = page.locator("#gaps-verdict");
  const plot = page.locator("#gaps-plot");
  await page.locator("#gaps-panel").scrollIntoViewIfNeeded();
  await verdict.getByText("40 places, filled in").waitFor();
  const awayFrom = async () =>
    (await verdict.textContent())!.match(/([\d.]+) away/g)!.map(parseFloat);
  const [model, line] = await awayFrom();
  assert(model! < line! / 2);
  for (const kind of ["seen", "truth", "line", "model", "band"]) {
    assert(await plot.locator(`.gaps-${kind}`).count() > 0, kind);
  }
  await page.locator("#gaps-length").fill("0");
  await verdict.getByText("Rub something out").waitFor();
  await plot.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await plot.boundingBox())!;
  const drag = async (from: number, to: number) => {
    await page.mouse.move(x + from * width, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + to * width, y + height / 2, { steps: 4 });
    await page.mouse.up();
  };
  await drag(0.25, 0.5);
  await verdict.getByText(/^4[789] places, filled in/).waitFor();
  await page.locator("#gaps-panel").getByLabel("draw", { exact: true }).check();
  await drag(0.25, 0.4);
  await verdict.getByText(/^(?:19|2[01]) places, filled in/).waitFor();
  await page.locator("#gaps-example").selectOption("walk");
  await page.locator("#gaps-length").fill("20");
  await verdict.getByText("20 places, filled in").waitFor();
}

/** The page's own text, one of a visitor with and without what follows, and none. */
async function testPunctuation(page: Page): Promise<void> {
  const text = page.locator("#punctuation-text");
  const words = page.locator("#punctuation-restored span");
  const verdict = page.locator("#punctuation-verdict");
  await page.locator("#punctuation-panel").scrollIntoViewIfNeeded();
  await words.nth(30).waitFor();
  assertMatch((await words.first().textContent())!, /^When/);
  assertMatch((await words.last().textContent())!, /^table[.?]$/);
  const typed = "the file is closed the next call then opens it again";
  await text.fill(typed);
  await verdict.getByText("for 11 words").waitFor();
  const restored = page.locator("#punctuation-restored");
  const plain = async () =>
    (await restored.textContent())!.toLowerCase().replaceAll(/[,.?]/g, "")
      .trim();
  assertEquals(await plain(), typed);
  await page.locator("#punctuation-future").fill("0");
  await page.locator("#punctuation-words", { hasText: "0" }).waitFor();
  assertEquals(await plain(), typed);
  await text.fill(" ");
  await verdict.getByText("There are no words yet.").waitFor();
  assertEquals(await words.count(), 0);
}

/** Measures up to 128 tokens: two lengths, five contenders. */
async function testTimes(page: Page, device: RegExp): Promise<void> {
  await page.getByText("Until you measure, this shows times on ").waitFor();
  assert(await page.locator("#chart path[stroke]").count() > 4);
  await page.locator("#length").fill("7");
  await page.getByRole("button", { name: "Measure" }).click();
  await page.getByText("Measured on").waitFor();
  assertMatch((await page.locator("#times-status").textContent())!, device);
  await page.locator("section:has(#times) summary").click();
  const rows = await rowsOf(page, "times", 2);
  assertEquals(rows.map(([length]) => length), ["64", "128"]);
  for (const cell of rows.flatMap(([, ...cells]) => cells)) {
    assertMatch(
      cell,
      /^(?:unsteady, [\d.]+–[\d.]+|[\d.]+ \([\d.]+–[\d.]+\)) ms(?:, [\d.]+ [KM]iB)?$/,
    );
  }
}

/** Reads a million tokens, and a length at which softmax is measured. */
async function testMillion(page: Page): Promise<void> {
  const status = page.locator("#million-status");
  const run = page.getByRole("button", { name: "Run", exact: true });
  await run.click();
  await status.getByText(/Checked|failed/).waitFor();
  const told = (await status.textContent())!;
  const [, minutes, seconds] =
    /^1,048,576 tokens in (?:(\d+) min )?([\d.]+) s on/.exec(told)!;
  tellTime(
    "a million tokens",
    60_000 * Number(minutes ?? 0) + 1000 * Number(seconds),
    MOST_MILLISECONDS,
  );
  assertMatch(told, /Checked: 4 rows/);
  assertMatch(told, /would take [\d,]+ times as long/);
  assertMatch(
    (await page.locator("#million-softmax-time").textContent())!,
    /^\d+ (?:h|min|days?)(?: \d+ (?:h|min|s))? left$/,
  );
  assertEquals(await page.locator("#million-chart .estimated").count(), 1);
  await page.locator("#million-length").fill("10");
  assertEquals(await status.textContent(), "");
  await run.click();
  await status.getByText("1,024 tokens in ").waitFor();
  await page.locator("#million-softmax-how", { hasText: "Measured." })
    .waitFor();
  await page.locator("#million-panel summary").click();
  const rows = await rowsOf(page, "million-times", 2);
  assertEquals(rows[0]![0], "1,024");
  assertMatch(rows.at(-1)!.join(" "), /^1,048,576 .*about /);
}

/** A reading that is stopped says so, and can begin again. */
async function testStopped(page: Page): Promise<void> {
  const status = page.locator("#million-status");
  await page.locator("#million-length").fill("20");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await status.getByText("Reading").waitFor();
  await page.locator("#million-panel")
    .getByRole("button", { name: "Stop" }).click();
  await status.getByText("Stopped.").waitFor();
  await page.locator("#million-length").fill("12");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await status.getByText("4,096 tokens in ").waitFor();
}

async function testAccess(page: Page, part = "html"): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    (part) => (globalThis as unknown as { axe: typeof axe }).axe.run(part),
    part,
  );
  const found = violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ html }) => html).join(", ")}`
  );
  assertEquals(found, []);
}

/** Nothing is wider than the page, and no table of a document scrolls sideways. */
async function testWidth(page: Page): Promise<void> {
  const { excess, tables } = await page.evaluate(() => ({
    excess: document.documentElement.scrollWidth - innerWidth,
    tables: [...document.querySelectorAll("main table")]
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1)
      .map(({ textContent }) => textContent!.slice(0, 80)),
  }));
  assertLess(excess, 1);
  assertEquals(tables, []);
}

/** All images have come. */
async function testImages(page: Page): Promise<void> {
  const missing = await page.evaluate(() =>
    [...document.images].filter(({ naturalWidth }) => naturalWidth === 0)
      .map(({ src }) => src)
  );
  assertEquals(missing, []);
}

/** Styles have come: KaTeX's, whose fonts are read, or what pages have. */
async function testFonts(page: Page): Promise<void> {
  const { family, status } = await page.evaluate(async () => {
    await document.fonts.ready;
    const part = document.querySelector(".katex") ?? document.body;
    return {
      family: getComputedStyle(part).fontFamily,
      status: [...document.fonts].map(({ status }) => status),
    };
  });
  assertMatch(family, /KaTeX|system-ui/);
  assert(!status.includes("error"));
  if (family.includes("KaTeX")) assert(status.includes("loaded"));
}

/** Finds a section and a symbol, with keys alone, from any page. */
async function testSearch(page: Page): Promise<void> {
  await page.getByRole("searchbox").fill("twice as fast");
  const section = page.getByRole("link", { name: "Platforms: Twice" });
  await section.waitFor();
  await page.keyboard.press("ArrowDown");
  assert(await section.evaluate((link) => link === document.activeElement));
  assertEquals(await section.locator("mark").allTextContents(), [
    ...["Twice", "fast"],
  ]);
  await testAccess(page, "search");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Escape");
  await section.waitFor({ state: "hidden" });
  await page.keyboard.type(" on a CPU");
  await section.waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Twice as fast" }).waitFor();
  await page.getByRole("searchbox").fill("lionAttenton");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/api\/.*lionAttention\.html$/);
  await page.getByRole("searchbox").focus();
  await page.keyboard.type("positions");
  await page.getByText(/ found: /).waitFor();
}

/** Lists stand beside the text where there is room, and are folded elsewhere. */
async function testLists(page: Page): Promise<void> {
  await testWidth(page);
  await testFonts(page);
  const link = page.getByRole("navigation", { name: "Documents", exact: true })
    .getByRole("link", { name: "Attention" });
  await link.waitFor({ state: "hidden" });
  await page.getByText("All documents").click();
  await link.waitFor();
  await page.getByText("All documents").click();
  await page.setViewportSize({ width: 1440, height: 900 });
  await link.waitFor();
  const current = page.locator('.documents [aria-current="page"]');
  assertEquals(await current.allTextContents(), ["Models and training"]);
  await page.getByRole("link", { name: "Positions" }).waitFor();
  await testAccess(page);
  await page.getByRole("link", { name: "Your own data →" }).waitFor();
}

Deno.test({
  name: "the page to try, in Chromium",
  ignore: !CHROMIUM,
  ...KEEPS_BROWSER,
  fn: async (t) => {
    const files = await buildSite(SITE);
    await Deno.mkdir(PICTURES, { recursive: true });
    await t.step("its first load is small", () => {
      const sum = files.reduce((sum, { compressed }) => sum + compressed, 0);
      assertLess(sum, MOST_BYTES);
    });
    await using isolated = serveSite(SITE, { port: 0, isIsolated: true });
    await using plain = serveSite(SITE, { port: 0, isIsolated: false });
    const at = ({ addr }: LocalServer) => `http://localhost:${addr.port}/`;
    const browser = await launch();
    const threads = (count: number) =>
      `${count} thread${count === 1 ? "" : "s"}`;
    const cores = navigator.hardwareConcurrency;
    try {
      await t.step(
        "its first load is what is listed, and soon ready",
        async () => {
          await testFirstLoad(
            browser,
            at(isolated),
            files.map(({ name }) => name),
          );
        },
      );
      for (const width of [360, 1440]) {
        for (const colorScheme of ["light", "dark"] as const) {
          await t.step(`at ${width} pixels, ${colorScheme}`, async () => {
            const options = { colorScheme, viewport: { width, height: 900 } };
            await visit(browser, at(isolated), options, async (page) => {
              await page.getByText(threads(cores)).first().waitFor();
              await testDigit(page);
              await testTimes(page, /WebAssembly/);
              await testAccess(page);
              const path = `${PICTURES}${width}-${colorScheme}.png`;
              await page.screenshot({ path, fullPage: true });
              await testWidth(page);
            });
          });
        }
      }
      await t.step("a million tokens are read in both directions", async () => {
        const options = { viewport: { width: 390, height: 844 } };
        await visit(browser, at(isolated), options, async (page) => {
          await page.getByText(threads(cores)).first().waitFor();
          await testMillion(page);
          await testAccess(page);
          await testWidth(page);
          await testStopped(page);
        });
      });
      await t.step("keys draw, and sliders change the mask", async () => {
        await visit(browser, at(isolated), {}, async (page) => {
          await testMask(page);
          await testListening(page);
          await testSentence(page);
          await testSudoku(page);
          await testLanguages(page);
          await testGaps(page);
          await testPunctuation(page);
          await testKeys(page);
        });
      });
      await t.step("a finger draws", async () => {
        const viewport = { width: 360, height: 800 };
        const options = { hasTouch: true, isMobile: true, viewport };
        await visit(browser, at(isolated), options, testTouch);
      });
      await t.step("the documentation is found and read", async () => {
        const viewport = { width: 360, height: 800 };
        for (const [index, name] of PAGES.entries()) {
          const url = `${at(isolated)}${name}.html`;
          const colorScheme = index % 2 === 0 ? "dark" : "light";
          const options = { viewport, colorScheme } as const;
          await visit(browser, url, options, async (page) => {
            await testAccess(page);
            await testWidth(page);
            await testImages(page);
            if (!name.startsWith("api/")) await testFonts(page);
            const picture = `${PICTURES}${name.replaceAll("/", "-")}.png`;
            await page.screenshot({ path: picture });
          });
        }
        const options = { viewport };
        const models = `${at(isolated)}docs/models.html`;
        await visit(browser, models, options, testLists);
        await visit(browser, at(isolated), {}, testSearch);
      });
      await t.step("a page that is not isolated has one thread", async () => {
        const options = { serviceWorkers: "block" } as const;
        await visit(browser, at(plain), options, async (page) => {
          await page.getByText(threads(1)).first().waitFor();
          await testDigit(page);
        });
      });
      await t.step("a service worker isolates it", async () => {
        await visit(browser, at(plain), {}, async (page) => {
          await page.getByText(`, ${threads(cores)}`).first().waitFor();
          await testDigit(page);
        });
      });
    } finally {
      await browser.close();
    }
    await t.step("WebGPU, where it answers", async () => {
      const browser = await launch(true);
      try {
        await visit(browser, at(isolated), {}, async (page) => {
          await page.locator('input[name="device"][value="webgpu"]').check();
          await testTimes(page, /WebGPU/);
        });
      } finally {
        await browser.close();
      }
    });
  },
});
