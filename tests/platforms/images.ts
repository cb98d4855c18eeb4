/**
 * Images in pages: decoded by the codecs that an import map names, with workers and
 * without.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { decodeImage, imageFolder } from "../../lib/data/mod.ts";
import { NO_PILLOW, runPillow } from "../data/python.ts";
import { withFolder } from "../io/files.ts";
import { CHROMIUM, KEEPS_BROWSER, launch } from "./chromium.ts";
import { ROOT, skipBecause, succeed, writeFiles } from "./shell.ts";
import { serve } from "./site.ts";

const WORKER = `${ROOT}lib/data/images/batching/image_worker.ts`;
const CODECS: Record<string, string[]> = {
  jpeg: ["decode.js", "utils.js", "meta.js", "codec/dec/mozjpeg_dec.js"],
  png: ["decode.js", "codec/pkg/squoosh_png.js"],
  webp: ["decode.js", "utils.js", "codec/dec/webp_dec.js"],
};
const BINARIES: Record<string, string> = {
  jpeg: "codec/dec/mozjpeg_dec.wasm",
  png: "codec/pkg/squoosh_png_bg.wasm",
  webp: "codec/dec/webp_dec.wasm",
};

const noBrowser = skipBecause(
  "Chromium",
  CHROMIUM ? undefined : "it is not installed; see `deno task setup`",
);

/** Bundles a page and its worker, with codecs beside them. */
async function buildPage(folder: string): Promise<void> {
  const bundle = (entry: string, output: string) =>
    succeed(Deno.execPath(), [
      ...["bundle", "--quiet", "--platform", "browser", "--output"],
      ...[`${folder}/${output}`, entry],
    ], ROOT);
  await bundle(`${ROOT}tests/platforms/programs/images_page.mjs`, "page.mjs");
  await bundle(WORKER, "image_worker.js");
  const imports: Record<string, string> = {};
  for (const [name, files] of Object.entries(CODECS)) {
    imports[`@jsquash/${name}/`] = `./jsquash/${name}/`;
    for (const file of [...files, BINARIES[name]!]) {
      const to = `${folder}/jsquash/${name}/${file}`;
      await Deno.mkdir(to.replace(/[^/]*$/, ""), { recursive: true });
      const from = import.meta.resolve(`@jsquash/${name}/${file}`);
      await Deno.copyFile(fileURLToPath(from), to);
    }
  }
  const page = (head: string) =>
    `<!DOCTYPE html><link rel="icon" href="data:,">${head}
      <script type="module" src="./page.mjs"></script>`;
  const map = JSON.stringify({ imports });
  await writeFiles(folder, {
    "index.html": page(`<script type="importmap">${map}</script>`),
    "unmapped.html": page(""),
  });
}

/** Waits until there are none; the browser says that a worker has ended when it gets to it. */
async function untilNone(list: () => readonly unknown[]): Promise<void> {
  for (let i = 0; i < 100 && list().length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assertEquals(list().length, 0);
}

Deno.test({
  name: "a page decodes images as Deno does",
  ignore: noBrowser || NO_PILLOW.ignore,
  ...KEEPS_BROWSER,
  fn: (t) =>
    withFolder(async (folder) => {
      await buildPage(folder);
      await Deno.mkdir(`${folder}/images/one`, { recursive: true });
      await runPillow("make_images.py", `${folder}/images/one`);
      await Deno.remove(`${folder}/images/one/cmyk.jpg`);
      await Deno.remove(`${folder}/images/one/ycck.jpg`);
      const images = await imageFolder(`${folder}/images`);
      const names = Array.from(
        { length: images.size },
        (_, i) => images.get(i) as { name: string },
      ).map(({ name }) => name.slice(`${folder}/images/`.length));
      const browser = await launch();
      const server = serve(folder);
      const at = (name: string) =>
        `http://localhost:${server.addr.port}/${name}`;
      const inPage = async <T>(
        url: string,
        run: (page: Page) => Promise<T>,
      ): Promise<T> => {
        const page = await browser.newPage();
        try {
          await page.goto(url);
          await page.waitForFunction("globalThis.exercise", null, {
            timeout: 60_000,
          });
          return await run(page);
        } finally {
          await page.close();
        }
      };
      try {
        await t.step("every kind of image", () =>
          inPage(at("plain/"), async (page) => {
            for (const name of names) {
              const bytes = await Deno.readFile(`${folder}/images/${name}`);
              const { pixels } = await decodeImage(bytes);
              const code = `decode(${JSON.stringify(name)})`;
              assertEquals(await page.evaluate(code), [...pixels], name);
            }
          }));
        const few = names.filter((_, i) =>
          i % 9 === 0
        );
        const code = (workers: string) =>
          `exercise(${JSON.stringify(few)}, ${workers})`;
        const truth = await inPage(
          at("plain/"),
          (page) => page.evaluate(code("undefined")),
        );
        for (const place of ["plain", "isolated"]) {
          await t.step(`workers of a page that is ${place}`, () =>
            inPage(at(`${place}/`), async (page) => {
              assertEquals(await page.evaluate(code("2")), truth);
              await untilNone(() =>
                page.workers()
              );
            }));
        }
        await t.step("a page without an import map is told", () =>
          inPage(at("plain/unmapped.html"), async (page) => {
            const code = `decode(${JSON.stringify(names[0])})
              .catch(({ message }) => message)`;
            const said = await page.evaluate(code) as string;
            assertStringIncludes(said, "@jsquash/");
            assertStringIncludes(said, "import map");
          }));
        await t.step("a page without the worker's script is told", async () => {
          await Deno.remove(`${folder}/image_worker.js`);
          await inPage(at("plain/"), async (page) => {
            const said = await page.evaluate(
              `${code("1")}.catch(({ message }) => message)`,
            );
            assertStringIncludes(said as string, "image_worker.js");
            assertStringIncludes(said as string, "workerPath");
          });
        });
      } finally {
        await browser.close();
        await server.shutdown();
      }
    }),
});
