/**
 * Notebooks in JupyterLab, in Chromium: `deno task lab-test`. Pictures of what
 * it sees go to out/lab.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  formatNotebook,
  NOTEBOOKS,
  readNotebook,
} from "../../tools/notebooks/notebook.ts";
import { findLab } from "../../tools/lab/install.ts";
import { outFolder } from "../../tools/out_folder.ts";
import { CHROMIUM, KEEPS_BROWSER, launch } from "../platforms/chromium.ts";
import { NotebookPage } from "./notebook_page.ts";
import { startLab } from "./server.ts";

const FOLDER = fileURLToPath(outFolder("lab"));
const lab = await findLab();
if (!lab || !CHROMIUM) {
  console.log("skipped: no JupyterLab or no Chromium; see `deno task setup`");
}

const LESSON = "03_lion_rnn.ipynb";
const PLOT = ".js-plotly-plot .main-svg";
const LIVE = '.jp-OutputArea-output img[src^="data:image/svg+xml"]';
const ERROR = '[data-mime-type="application/vnd.jupyter.error"], ' +
  '[data-mime-type="application/vnd.jupyter.stderr"]';
const PICTURE = '.jp-OutputArea-output img[src^="data:image/png"]';

/** Waits for a value to become another one, and returns both. */
async function change<T>(read: () => Promise<T>): Promise<[T, T]> {
  const first = await read();
  for (let attempt = 0; attempt < 100; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = await read();
    if (now !== first) return [first, now];
  }
  throw new Error(`should change within 10 s, remains ${first}`);
}

Deno.test({
  name: "in JupyterLab",
  ignore: !lab || !CHROMIUM,
  ...KEEPS_BROWSER,
  fn: async (t) => {
    await Deno.mkdir(FOLDER, { recursive: true });
    const training = `${FOLDER}/training.ipynb`;
    await Deno.copyFile(
      new URL("training.ipynb", import.meta.url),
      training,
    );
    await using server = await startLab(lab!, FOLDER);
    const browser = await launch();
    try {
      const open = (name: string) =>
        NotebookPage.open(browser, server.urlOf(name));
      const page = await open("training.ipynb");
      await t.step("a progress bar moves", async () => {
        await page.runAll();
        const bar = page.find("progress").first();
        await bar.waitFor();
        const [before, after] = await change(() => bar.getAttribute("value"));
        assert(Number(after) > Number(before));
        await page.screenshot(`${FOLDER}/progress.png`);
      });
      await t.step("a curve grows while a model is trained", async () => {
        const curve = page.find(LIVE);
        await curve.waitFor();
        await change(() => curve.getAttribute("src"));
        await page.screenshot(`${FOLDER}/live_plot.png`);
      });
      await t.step("Stop ends the training, not the kernel", async () => {
        await page.stop();
        await page.waitForOutput("stopped");
        await page.waitForOutput("the kernel still has the model: true");
        await page.waitUntilDone();
      });
      await t.step(
        "an interactive figure is in the curve's place",
        async () => {
          await page.find(PLOT).first().waitFor();
          assertEquals(await page.find(LIVE).count(), 0);
          await page.screenshot(`${FOLDER}/stopped.png`);
        },
      );
      await page.save();
      await page.close();
      await t.step("a notebook runs from top to bottom", async () => {
        for (const file of [LESSON, "comparison.ts"]) {
          await Deno.copyFile(new URL(file, NOTEBOOKS), `${FOLDER}/${file}`);
        }
        const page = await open(LESSON);
        await page.runAll();
        await page.waitUntilDone();
        assertEquals(await page.find(ERROR).allInnerTexts(), []);
        await page.find(PLOT).first().waitFor();
        await page.screenshot(`${FOLDER}/lesson.png`);
        await page.close();
      });
      await t.step("an untrusted notebook shows its pictures", async () => {
        const notebook = await readNotebook(training);
        // Other code than was run: not trusted.
        notebook.cells[1]!.source += "\n// As if it came from somebody else.";
        await Deno.writeTextFile(
          `${FOLDER}/untrusted.ipynb`,
          formatNotebook(notebook),
        );
        const page = await open("untrusted.ipynb");
        const picture = page.find(PICTURE).first();
        await picture.waitFor();
        assert((await picture.boundingBox())!.height > 100);
        assertEquals(await page.find(PLOT).count(), 0);
        await page.screenshot(`${FOLDER}/untrusted.png`);
        await page.close();
      });
    } finally {
      await browser.close();
    }
  },
});
