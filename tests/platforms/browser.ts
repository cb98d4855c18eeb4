/**
 * Pages in Chromium, by two bundlers.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import type { Browser } from "playwright-core";
import config from "../../deno.json" with { type: "json" };
import type { Tuning } from "../../lib/tuning/mod.ts";
import type { BackendInfo } from "../../mod.ts";
import { MODELS } from "../../tools/check_rooms.ts";
import { pack } from "../../tools/pack.ts";
import { withFolder } from "../io/files.ts";
import {
  CASES_OF_CARDS,
  KERNEL_CASES,
} from "../kernels/webgpu/kernel_cases.ts";
import type { KernelResult } from "./programs/kernels_page.ts";
import { CHROMIUM, KEEPS_BROWSER, launch } from "./chromium.ts";
import { installInto, npmInstall } from "./packed.ts";
import { ROOT, skipBecause, succeed, whyNoNpm, writeFiles } from "./shell.ts";
import { serve, WASM, WASM_FILE } from "./site.ts";

const VITE = "vite@8.3.8";
const PROGRAMS = `${ROOT}tests/platforms/programs`;

const noBrowser = skipBecause(
  "Chromium",
  CHROMIUM ? undefined : "it is not installed; see `deno task setup`",
);

/** What `exercise()` of the page answers. */
interface Result {
  readonly backend: string;
  readonly threads?: number;
  readonly error: number;
  readonly firstLoss: number;
  readonly lastLoss: number;
  readonly [name: string]: unknown;
}

/** Runs code in a page; returns its value, and what the console said of trouble. */
async function inPage<T>(
  browser: Browser,
  url: string,
  code: string,
): Promise<{ value: T; troubles: string[] }> {
  const page = await browser.newPage();
  const troubles: string[] = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      troubles.push(message.text());
    }
  });
  try {
    await page.goto(url);
    await page.waitForFunction("globalThis.exercise", null, {
      timeout: 60_000,
    });
    return { value: await page.evaluate(code) as T, troubles };
  } finally {
    await page.close();
  }
}

/** What a page has to compute, whatever bundled it. */
async function testSite(
  t: Deno.TestContext,
  folder: string,
): Promise<void> {
  const browser = await launch();
  const server = serve(folder);
  const at = (name: string) => `http://localhost:${server.addr.port}/${name}/`;
  try {
    for (const name of ["isolated", "plain"]) {
      await t.step(`WebAssembly in a page that is ${name}`, async () => {
        const { value, troubles } = await inPage<Result>(
          browser,
          at(name),
          "exercise()",
        );
        assertEquals(troubles, []);
        assertExercised(value);
        assertEquals(value.backend, "wasm");
        const cores = navigator.hardwareConcurrency;
        assertEquals(value.threads, name === "isolated" ? cores : 1);
      });
    }
    for (const [name, answer] of [["missing", "404"], ["single", "HTML"]]) {
      await t.step(
        `the wasm file is ${name}: what should lie where`,
        async () => {
          const code =
            'lion.useBackend({ prefer: ["wasm"] }).catch((error) => error.message)';
          const { value } = await inPage<string>(browser, at(name!), code);
          assertStringIncludes(value, `${at(name!)}${WASM_FILE}`);
          assertStringIncludes(value, answer!);
          assertStringIncludes(value, "wasmPath");
        },
      );
    }
    await t.step("who asks for threads is told why there is one", async () => {
      const code = 'lion.useBackend({ prefer: ["wasm"], threads: 2 })';
      const page = await inPage<BackendInfo>(browser, at("plain"), code);
      assertEquals(page.value.threads, 1);
      assertEquals(page.troubles.length, 1);
      assertStringIncludes(page.troubles[0]!, "cross-origin isolated");
    });
    await t.step("a page's tunings are kept in the browser", async () => {
      const code = `(async () => {
        const wanted = { prefer: ["wasm"], tuning: tuning.cachedTuning() };
        const untuned = await lion.useBackend(wanted);
        const numbers = { wasm: { all: { chunkwise: { chunkSize: 48 } } } };
        await tuning.saveTuning(untuned, numbers);
        const tuned = await lion.useBackend(wanted);
        // All of them, though they are saved at once.
        const names = Array.from({ length: 5 }, (_, i) => "at once " + i);
        await Promise.all(
          names.map((name, i) => tuning.saveTuning({ name }, { threads: i + 1 })),
        );
        const found = [{ name: "wasm" }, ...names.map((name) => ({ name }))]
          .map((backend) => wanted.tuning(backend));
        return [untuned.tuning, tuned.tuning, ...await Promise.all(found)];
      })()`;
      const page = await inPage<Tuning[]>(browser, at("isolated"), code);
      assertEquals(page.troubles, []);
      const numbers = { wasm: { all: { chunkwise: { chunkSize: 48 } } } };
      assertEquals(page.value, [
        ...[undefined as unknown as Tuning, numbers, numbers],
        ...Array.from({ length: 5 }, (_, i) => ({ threads: i + 1 })),
      ]);
    });
    await t.step("wasmPath says where the wasm file lies", async () => {
      for (const path of ["../plain/", `../plain/${WASM_FILE}`]) {
        const options = { prefer: ["wasm"], threads: 1, wasmPath: path };
        const code = `lion.useBackend(${JSON.stringify(options)})`;
        const page = await inPage<BackendInfo>(browser, at("missing"), code);
        assertEquals(page.value.name, "wasm");
        assertEquals(page.troubles, []);
      }
    });
    await t.step(
      "a page without the wasm file is told why it is slow",
      async () => {
        const { value, troubles } = await inPage<BackendInfo>(
          browser,
          at("missing"),
          "lion.useBackend()",
        );
        assertEquals(value.name, "cpu");
        assertStringIncludes(value.skipped.wasm!, WASM_FILE);
        const messages = troubles.filter((text) => text.includes("wasmPath"));
        assertEquals(messages.length, 1, troubles.join("\n"));
      },
    );
  } finally {
    await browser.close();
    await server.shutdown();
  }
}

function assertExercised(result: Result): void {
  assertLess(result.error, 1e-5);
  assertLess(result.lastLoss, result.firstLoss / 4);
  assertEquals(result["halves"], [2, -1.5]);
  for (const name of ["isCopied", "isDecoded"]) {
    assertEquals(result[name], true, name);
  }
}

/** Bundles a module with Deno. */
async function bundle(entry: string, output: string): Promise<void> {
  const args = ["bundle", "--quiet", "--platform", "browser", "--output"];
  await succeed(Deno.execPath(), [...args, output, entry], ROOT);
}

/** Bundles the test's page with Deno. */
async function bundlePage(folder: string): Promise<void> {
  await bundle(`${PROGRAMS}/page.mjs`, `${folder}/page.mjs`);
  await Deno.copyFile(`${PROGRAMS}/page.html`, `${folder}/index.html`);
  await Deno.copyFile(WASM, `${folder}/${WASM_FILE}`);
}

Deno.test({
  name: "each entry point is bundled by Deno, and loads in a page",
  ignore: noBrowser,
  ...KEEPS_BROWSER,
  fn: async (t) => {
    await withFolder(async (folder) => {
      const browser = await launch();
      const server = serve(folder);
      const url = `http://localhost:${server.addr.port}/plain/`;
      try {
        for (const [name, file] of Object.entries(config.exports)) {
          if (name === "./notebook") continue;
          await t.step(name, async () => {
            await bundle(`${ROOT}${file}`, `${folder}/entry.mjs`);
            await writeFiles(folder, {
              "index.html": `<!DOCTYPE html><link rel="icon" href="data:,">
                <script type="module">
                  import * as entry from "./entry.mjs";
                  globalThis.exercise = entry;
                </script>`,
            });
            const code = "Object.keys(globalThis.exercise)";
            const page = await inPage<string[]>(browser, url, code);
            assertEquals(page.troubles, []);
            const module = await import(`${ROOT}${file}`);
            assertEquals(page.value.sort(), Object.keys(module).sort());
          });
        }
      } finally {
        await browser.close();
        await server.shutdown();
      }
    });
  },
});

/** What the page of models answers. */
type Answers = Record<string, { answer: unknown; milliseconds: number }>;

/** Asks each package of a model in a page whose files come from the bundler. */
async function testModels(folder: string): Promise<void> {
  const browser = await launch();
  const server = serve(folder);
  try {
    const url = `http://localhost:${server.addr.port}/isolated/models.html`;
    const page = await inPage<Answers>(browser, url, "exercise()");
    assertEquals(page.troubles, []);
    assertEquals(Object.keys(page.value).sort(), MODELS.toSorted());
    const { gaps, languages, punctuation, sudoku } = page.value;
    assertLess(gaps!.answer as number, 0.3);
    assertEquals(languages!.answer, ["fra", "rus"]);
    const restored = ["What is a pointer? It is an address in memory."];
    assertEquals(punctuation!.answer, restored);
    assertEquals(sudoku!.answer, [
      "534678912672195348198342567859761423426853791713924856961537284287419635345286179",
    ]);
    for (const [name, { milliseconds }] of Object.entries(page.value)) {
      console.log(`${name}: loaded, and answered in ${milliseconds | 0} ms`);
    }
  } finally {
    await browser.close();
    await server.shutdown();
  }
}

Deno.test({
  name: "a page that Deno bundled runs in Chromium",
  ignore: noBrowser,
  ...KEEPS_BROWSER,
  fn: async (t) => {
    await withFolder(async (folder) => {
      await bundlePage(folder);
      await testSite(t, folder);
      await t.step("WebGPU", async () => {
        const browser = await launch(true);
        const server = serve(folder);
        try {
          const { value, troubles } = await inPage<Result>(
            browser,
            `http://localhost:${server.addr.port}/plain/`,
            'exercise({ prefer: ["webgpu"] }, 8)',
          );
          assertEquals(troubles, []);
          assertEquals(value.backend, "webgpu");
          assertExercised(value);
        } finally {
          await browser.close();
          await server.shutdown();
        }
      });
    });
  },
});

Deno.test({
  name: "each kernel runs in a page on WebGPU, and as it would on a card",
  ignore: noBrowser,
  ...KEEPS_BROWSER,
  fn: async (t) => {
    await withFolder(async (folder) => {
      await bundle(`${PROGRAMS}/kernels_page.ts`, `${folder}/page.mjs`);
      await Deno.copyFile(`${PROGRAMS}/page.html`, `${folder}/index.html`);
      await Deno.copyFile(WASM, `${folder}/${WASM_FILE}`);
      const browser = await launch(true);
      const server = serve(folder);
      const url = `http://localhost:${server.addr.port}/plain/`;
      try {
        for (
          const [pose, names] of Object.entries({
            asItIs: CASES_OF_CARDS,
            asCard: Object.keys(KERNEL_CASES),
          })
        ) {
          await t.step(pose, async () => {
            const { value, troubles } = await inPage<KernelResult[]>(
              browser,
              url,
              `exercise.${pose}()`,
            );
            assertEquals(troubles, []);
            assertEquals(value.map(({ name }) => name), names);
            const threads = pose === "asCard" ? "threads=128" : "threads=64";
            for (const { name, error, missing, compiled } of value) {
              assertLess(error, 1e-5, name);
              assertEquals(missing, [], name);
              const isOfClass = CASES_OF_CARDS.includes(name);
              assert(!isOfClass || compiled.join().includes(threads), name);
            }
          });
        }
      } finally {
        await browser.close();
        await server.shutdown();
      }
    });
  },
});

Deno.test({
  name: "a page that Vite bundled runs in Chromium",
  ignore: noBrowser || skipBecause("Vite", await whyNoNpm()),
  ...KEEPS_BROWSER,
  fn: async (t) => {
    await withFolder(async (folder) => {
      await installInto(folder, [VITE]);
      for (const name of MODELS) await pack(`${folder}/${name}.tgz`, name);
      await npmInstall(folder, MODELS.map((name) => `./${name}.tgz`));
      for (const name of ["exercise.mjs", "page.mjs", "models_page.mjs"]) {
        await Deno.copyFile(`${PROGRAMS}/${name}`, `${folder}/${name}`);
      }
      const page = await Deno.readTextFile(`${PROGRAMS}/page.html`);
      await writeFiles(folder, {
        "index.html": page,
        "models.html": page.replace("page.mjs", "models_page.mjs"),
        // A folder of a site, not its root, with two pages.
        "vite.config.mjs": `export default {
          base: "./",
          build: { rollupOptions: { input: ["index.html", "models.html"] } },
        };`,
      });
      await Deno.mkdir(`${folder}/public`);
      await Deno.copyFile(WASM, `${folder}/public/${WASM_FILE}`);
      await succeed("npx", ["vite", "build", "--logLevel", "warn"], folder);
      await testSite(t, `${folder}/dist`);
      await t.step(
        "packages of models answer",
        () => testModels(`${folder}/dist`),
      );
    });
  },
});
