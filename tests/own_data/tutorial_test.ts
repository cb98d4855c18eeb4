/**
 * The tutorial as a learner goes through it: its programs one after the other, in a
 * folder of the clone, and its page in Chromium where that is installed.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { CHROMIUM, KEEPS_BROWSER, launch } from "../platforms/chromium.ts";
import { blocks } from "../platforms/docs.ts";
import { ROOT, run, writeFiles } from "../platforms/shell.ts";

const noBrowser = CHROMIUM ? false : "the page: Chromium is not installed";
if (noBrowser) console.log(`SKIPPED ${noBrowser}`);

const [draw] = blocks("## 1. Pictures", "ts ignore");
const [train] = blocks("## 2. Training", "ts ignore");
const [wrong] = blocks("## 3. What it gets wrong", "ts ignore");
const [html] = blocks("## 4. A page", "html");
const [page] = blocks("## 4. A page", "js ignore");
const [serve] = blocks("## 4. A page", "ts ignore");

/** Runs a step that has to succeed. */
async function step(folder: string, ...args: string[]): Promise<string> {
  const { success, output } = await run(Deno.execPath(), args, folder);
  assert(success, output);
  return output;
}

/** The address that a server says. */
async function addressOf(server: Deno.ChildProcess): Promise<string> {
  let said = "";
  for await (const part of server.stderr.pipeThrough(new TextDecoderStream())) {
    said += part;
    const [address] = /http:\/\/[\w.]+:\d+/.exec(said) ?? [];
    if (address) return address;
  }
  throw new Error(`the server should say its address, got ${said}`);
}

Deno.test({
  name: "the tutorial's programs, one after the other",
  ...KEEPS_BROWSER,
  async fn(t) {
    await Deno.mkdir(`${ROOT}out`, { recursive: true });
    const folder = await Deno.makeTempDir({ dir: `${ROOT}out` });
    try {
      await writeFiles(folder, {
        // As many steps as fit into a test, and a port that is free.
        "train.ts": train!.replace("epochs: 30", "steps: 3"),
        "serve.ts": serve!.replace("port: 8000", "port: 0"),
        ...{ "draw.ts": draw!, "wrong.ts": wrong!, "page.js": page! },
      });
      await Deno.mkdir(`${folder}/page`);
      await Deno.writeTextFile(`${folder}/page/index.html`, html!);
      await t.step("pictures", async () => {
        await step(folder, "run", "-A", "draw.ts");
        for (const [part, count] of [["train", 50], ["test", 10]] as const) {
          for (const name of ["apple", "lemon", "pear", "plum"]) {
            const path = `${folder}/pictures/${part}/${name}`;
            assertEquals([...Deno.readDirSync(path)].length, count);
          }
        }
      });
      await t.step("training", async () => {
        const output = await step(folder, "run", "-A", "train.ts");
        assertMatch(output, /precision[^]*"plum"/);
      });
      await t.step("what it gets wrong", async () => {
        const output = await step(folder, "run", "-A", "wrong.ts");
        // A model of three steps is wrong of most.
        assertMatch(output, /^pictures\/test\/.*\.png looks like a \w+ 0\.\d/m);
      });
      await t.step("a page", async () => {
        const bundle = ["bundle", "--platform", "browser", "--minify"];
        await step(folder, ...bundle, "--output", "page/main.js", "page.js");
        const server = new Deno.Command(Deno.execPath(), {
          ...{ args: ["run", "-A", "serve.ts"], cwd: folder, stderr: "piped" },
          env: { NO_COLOR: "1" },
        }).spawn();
        try {
          const address = await addressOf(server);
          const missing = await fetch(`${address}/../serve.ts`);
          assertEquals(missing.status, 404);
          await missing.body?.cancel();
          const found = await fetch(`${address}/`);
          assertStringIncludes(await found.text(), "<h1>Which fruit?</h1>");
          if (!noBrowser) await tryPage(address, folder);
        } finally {
          server.kill();
          await server.status;
        }
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Chooses a picture in the page. */
async function tryPage(address: string, folder: string): Promise<void> {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(address);
    await page.waitForFunction("document.querySelector('input').onchange");
    const picture = `${folder}/pictures/test/pear/1.png`;
    await page.setInputFiles("input", picture);
    const said = page.locator("output", { hasText: "%" });
    assertMatch((await said.textContent())!, /pear \d+ %/);
  } finally {
    await browser.close();
  }
}
