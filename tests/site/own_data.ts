/// <reference lib="dom" />
/**
 * Training on a visitor's data, in Chromium, with a mouse. `deno task site-test`
 * runs it; pictures of it go to out/site-test.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import axe from "axe-core";
import { unzipSync } from "fflate";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { outFolder } from "../../tools/out_folder.ts";
import { buildPage } from "../../tools/site/build.ts";
import { serveSite } from "../../tools/site/serve.ts";
import { tokenizerOf } from "../../lib/data/mod.ts";
import { withFolder } from "../io/files.ts";
import { filled, TYPE } from "../onnx/arrays.ts";
import { Interpreter } from "../onnx/interpreter.ts";
import { CHROMIUM, KEEPS_BROWSER, launch } from "../platforms/chromium.ts";
import { ROOT, succeed } from "../platforms/shell.ts";

const PICTURES = fileURLToPath(outFolder("site-test"));

if (!CHROMIUM) console.log("skipped: no Chromium; see `deno task setup`");

/** The kinds of pictures, each of which has a codec of its own. */
const KINDS = ["png", "jpeg", "webp"] as const;

/** Pictures of a class. */
const EACH = 15;

/** The colours of the classes, which noise nearly covers. */
const COLOURS = { red: "#966", blue: "#669" };

/** Draws a noisy picture of a colour in the page, as a file. */
async function drawn(
  page: Page,
  colour: string,
  kind: string,
): Promise<Uint8Array> {
  const bytes = await page.evaluate(async ([colour, kind]) => {
    const canvas = new OffscreenCanvas(40, 32);
    const context = canvas.getContext("2d")!;
    context.fillStyle = colour!;
    context.fillRect(0, 0, 40, 32);
    const image = context.getImageData(0, 0, 40, 32);
    image.data.forEach((value, i) => {
      if (i % 4 < 3) image.data[i] = value / 2 + 120 * Math.random();
    });
    context.putImageData(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: `image/${kind}` });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, [colour, kind]);
  return Uint8Array.from(bytes);
}

/** Writes a folder of two classes, and what is none of their pictures. */
async function writePictures(page: Page, folder: string): Promise<void> {
  for (const [name, colour] of Object.entries(COLOURS)) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    for (let i = 0; i < EACH; i++) {
      const kind = KINDS[i % KINDS.length]!;
      const path = `${folder}/${name}/${i}.${kind}`;
      await Deno.writeFile(path, await drawn(page, colour, kind));
    }
  }
  const whole = await Deno.readFile(`${folder}/red/1.jpeg`);
  await Deno.writeFile(
    `${folder}/red/cut.jpg`,
    whole.subarray(0, whole.length / 2),
  );
  await Deno.writeTextFile(`${folder}/blue/notes.md`, "no picture");
  await Deno.writeFile(`${folder}/loose.jpg`, whole);
}

/** Drops a folder or a file on the panel. */
async function drop(page: Page, path: string): Promise<void> {
  const place = page.locator("#own-drop");
  await place.scrollIntoViewIfNeeded();
  const { x, y } = (await place.boundingBox())!;
  const session = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await session.send("Input.dispatchDragEvent", {
      ...{ type, x: x + 20, y: y + 20 },
      data: { items: [], files: [path], dragOperationsMask: 1 },
    });
  }
}

/** Trains for so many steps; returns what was learned, in words. */
async function trainFor(page: Page, steps: number): Promise<string> {
  await page.locator("#own-steps").fill(`${steps}`);
  await page.locator("#own-train").click();
  await page.locator("#own-results").waitFor();
  return (await page.locator("#own-verdict").textContent())!;
}

async function rowsOf(page: Page, selector: string): Promise<string[][]> {
  const rows = await page.locator(`${selector} tr`).all();
  return await Promise.all(
    rows.map((row) => row.locator("th, td").allTextContents()),
  );
}

/**
 * Saves the model with the mouse, and unpacks it into a folder; returns what the
 * program of its README says there: names of examples, classes, probabilities.
 */
async function answersOfSaved(
  page: Page,
  folder: string,
  args: readonly string[],
): Promise<string[][]> {
  const coming = page.waitForEvent("download");
  await page.locator("#own-save").click();
  const download = await coming;
  assertEquals(download.suggestedFilename(), "lion-model.zip");
  const path = `${folder}/model.zip`;
  await download.saveAs(path);
  const files = unzipSync(await Deno.readFile(path));
  for (const [name, bytes] of Object.entries(files)) {
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
  const readme = await Deno.readTextFile(`${folder}/README.md`);
  const [, program] = readme.match(/^```ts\n([^]*?)^```$/m)!;
  await Deno.writeTextFile(`${folder}/main.ts`, program!);
  const options = ["run", "-A", "--config", `${ROOT}deno.json`];
  const printed = await succeed(
    Deno.execPath(),
    [...options, "main.ts", ...args],
    folder,
  );
  return printed.trim().split("\n").map((line) => {
    const [, name, className, probability] = line.match(/^(.*) (\S+) (\S+)$/)!;
    return [name!, className!, `${(100 * Number(probability)).toFixed(1)} %`];
  });
}

/** Saves the model as ONNX; returns what runs it. */
async function savedOnnx(page: Page, folder: string): Promise<Interpreter> {
  const coming = page.waitForEvent("download");
  await page.locator("#own-onnx").click();
  const download = await coming;
  assertEquals(download.suggestedFilename(), "lion-model.onnx");
  const path = `${folder}/model.onnx`;
  await download.saveAs(path);
  return new Interpreter(await Deno.readFile(path));
}

async function testPictures(page: Page, folder: string): Promise<void> {
  const pictures = `${folder}/pictures`;
  await writePictures(page, pictures);
  await drop(page, pictures);
  await page.getByText(`${2 * EACH} pictures of 2 classes`).waitFor();
  assertStringIncludes(
    (await page.locator("#own-status").textContent())!,
    `blue (${EACH}), red (${EACH})`,
  );
  await page.getByText("Skipped: 3").click();
  const passed = await page.locator("#own-passed-names li").allTextContents();
  assertEquals(passed.length, 3);
  for (
    const text of [
      ...["notes.md: not a picture", "loose.jpg: not in the folder"],
      "cut.jpg: the JPEG ends before",
    ]
  ) assert(passed.some((one) => one.includes(text)), `${text} in ${passed}`);

  assertStringIncludes(await trainFor(page, 20), "100.0 %");
  assertEquals(await rowsOf(page, "#own-confusion"), [
    ["true \\ predicted", "blue", "red"],
    ["blue", "3", "0"],
    ["red", "0", "3"],
  ]);
  const answers = await rowsOf(page, "#own-answers");
  assertEquals(answers.length, 6);

  // The folder is whole, but for what was passed over.
  await Deno.remove(`${pictures}/red/cut.jpg`);
  const said = await answersOfSaved(page, folder, []);
  assertEquals(said.length, 2 * EACH);
  for (const [name, , ...answer] of answers) {
    assertEquals(said.find((one) => one[0] === name)?.slice(1), answer, name);
  }
}

/** Two kinds of sentences, with a column that says nothing and rows that lack something. */
function table(): string {
  const [good, bad] = [["lovely", "splendid"], ["dreadful", "awful"]];
  const rows = Array.from({ length: 60 }, (_, i) => {
    const isGood = i % 2 === 0;
    const word = (isGood ? good : bad)![i % 4 >> 1];
    return `${i};"A ${word} day; number ${i} of them.";${
      isGood ? "good" : "bad"
    }`;
  });
  return ["id;text;verdict", ...rows, "60;;good", "61;too few"].join("\n");
}

async function testTexts(page: Page, folder: string): Promise<void> {
  const path = `${folder}/days.csv`;
  await Deno.writeTextFile(path, table());
  await page.locator("#own-table").setInputFiles(path);
  await page.getByText("days.csv: 61 rows.").waitFor();
  assertEquals(await page.locator("#own-text").inputValue(), "text");
  assertEquals(await page.locator("#own-label").inputValue(), "verdict");
  await page.getByText("Skipped: 1").waitFor();

  assertStringIncludes(await trainFor(page, 40), "100.0 %");
  await page.getByText("Skipped: 2").waitFor();
  assertEquals(await rowsOf(page, "#own-confusion"), [
    ["true \\ predicted", "bad", "good"],
    ["bad", "6", "0"],
    ["good", "0", "6"],
  ]);

  const answers = await rowsOf(page, "#own-answers");
  const texts = answers.map(([text]) => text!);
  const said = await answersOfSaved(page, folder, texts);
  for (const [i, [, , ...answer]] of answers.entries()) {
    assertEquals(said[i], [texts[i]!, ...answer]);
  }

  const onnx = await savedOnnx(page, folder);
  const classes = onnx.model.metadataProps.find(({ key }) =>
    key === "classNames"
  );
  assertEquals(classes!.value, '["bad","good"]');
  const file = JSON.parse(await Deno.readTextFile(`${folder}/tokenizer.json`));
  const { ids } = tokenizerOf(file).encodeWithSpecials(texts[0]!);
  const row = (of: (i: number) => number) =>
    filled(TYPE.int64, [1, ids.length], of);
  const { logits } = onnx.run({
    input_ids: row((i) => ids[i]!),
    attention_mask: row(() => 1),
  });
  const [bad, good] = logits!.data;
  assertEquals(answers[0]![2], bad! > good! ? "bad" : "good");
}

/** Visitors without files take the page's examples. */
async function testExamples(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Use an example: shapes" }).click();
  await page.getByText("120 pictures of 3 classes: ").waitFor();
  await page.getByRole("button", { name: "Use an example: reviews" }).click();
  await page.getByText(/^reviews\.csv: 1\d\d rows\.$/).waitFor();
  assertEquals(await page.locator("#own-text").inputValue(), "review");
  assertEquals(await page.locator("#own-label").inputValue(), "opinion");
  const verdict = await trainFor(page, 60);
  const [, accuracy] = /([\d.]+) %/.exec(verdict)!;
  assertLess(90, Number(accuracy), verdict);
}

/** Ends a training early; what was learned until then stays. */
async function testStop(page: Page): Promise<void> {
  await page.locator("#own-steps").fill("1000");
  await page.locator("#own-train").click();
  await page.waitForFunction(() => {
    const progress = document.querySelector<HTMLProgressElement>(
      "#own-progress",
    )!;
    return progress.value > 3;
  });
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.locator("#own-results").waitFor();
  const verdict = (await page.locator("#own-verdict").textContent())!;
  assertLess(Number(verdict.match(/in (\d+) steps/)![1]), 1000);
}

/** What cannot be trained on is refused in words, and by name. */
async function testRefusals(page: Page, folder: string): Promise<void> {
  const refused = async (path: string, words: string) => {
    await drop(page, path);
    await page.locator("#own-status").getByText(words).waitFor();
  };
  const one = `${folder}/one`;
  await Deno.mkdir(`${one}/only`, { recursive: true });
  await Deno.copyFile(
    `${folder}/pictures/red/0.png`,
    `${one}/only/0.png`,
  );
  await refused(one, "a folder for each class");
  await Deno.writeTextFile(`${folder}/notes.xml`, "<no-table/>");
  await refused(`${folder}/notes.xml`, "JSON Lines");
  await Deno.writeTextFile(`${folder}/bad.jsonl`, '{"text": "a"}\n{"text"');
  await refused(`${folder}/bad.jsonl`, "bad.jsonl:2");
}

/** Everything is there at each width and in each colour scheme, for everybody. */
async function testLooks(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  for (const width of [390, 1440]) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: typeof axe }).axe.run("#own-section")
      );
      assertEquals(violations.map(({ id, nodes }) => [id, nodes[0]!.html]), []);
      const excess = await page.evaluate(() =>
        document.documentElement.scrollWidth - innerWidth
      );
      assertLess(excess, 1);
      await page.locator("#own-section").screenshot({
        path: `${PICTURES}own-data-${width}-${colorScheme}.png`,
      });
    }
  }
}

/** Opens the page, and fails on errors and on requests to other servers. */
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
    if (message.type() === "error") troubles.push(message.text());
  });
  page.context().on("request", (request) => {
    const isOwn = /^(data|blob):/.test(request.url()) ||
      request.url().startsWith(url);
    if (!isOwn || request.method() !== "GET") troubles.push(request.url());
  });
  await page.goto(url);
  await use(page);
  assertEquals(troubles, []);
  await page.close();
}

Deno.test({
  name: "a visitor's own data, in Chromium",
  ignore: !CHROMIUM,
  ...KEEPS_BROWSER,
  fn: (t) =>
    withFolder(async (folder) => {
      const site = new URL(`file://${folder}/site/`);
      await buildPage(site);
      await Deno.mkdir(PICTURES, { recursive: true });
      await using server = serveSite(site, { port: 0, isIsolated: true });
      const browser = await launch();
      try {
        const url = `http://localhost:${server.addr.port}/`;
        await visit(browser, url, async (page) => {
          const step = (
            name: string,
            test: (page: Page, folder: string) => Promise<void>,
          ) => t.step(name, () => test(page, folder));
          await step("a folder of pictures is dropped", testPictures);
          await step("it looks right and is accessible", testLooks);
          await step("a table of texts is chosen", testTexts);
          await step(
            "examples are there for those without files",
            testExamples,
          );
          await step("a training is stopped", testStop);
          await step("what is no data is refused", testRefusals);
        });
      } finally {
        await browser.close();
      }
    }),
});
