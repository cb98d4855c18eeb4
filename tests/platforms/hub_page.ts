/**
 * A page that reads a model from a hub and from a folder beside it, in Chromium.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { bertForMaskedLM } from "../hub/hugging_face.ts";
import { BERT, STATES, without, writeModel } from "../hub/directories.ts";
import { startHub } from "../hub/hub_server.ts";
import { withFolder } from "../io/files.ts";
import { useBackend } from "../../mod.ts";
import { CHROMIUM, KEEPS_BROWSER, launch } from "./chromium.ts";
import { ROOT, skipBecause, succeed, writeFiles } from "./shell.ts";
import { serve } from "./site.ts";

Deno.test({
  name: "a page reads models of a hub, and keeps them",
  ignore: skipBecause(
    "Chromium",
    CHROMIUM ? undefined : "it is not installed; see `deno task setup`",
  ),
  ...KEEPS_BROWSER,
  fn: () =>
    withFolder(async (folder) => {
      await useBackend({ prefer: ["cpu"] });
      const state = without(STATES.bert, /^classifier/);
      await writeModel(`${folder}/model`, BERT, state);
      const read = (name: string) => Deno.readFile(`${folder}/model/${name}`);
      const hub = startHub({
        "config.json": await read("config.json"),
        "model.safetensors": await read("model.safetensors"),
        "other.safetensors": Uint8Array.of(1, 2, 3, 4, 5, 6),
      });
      hub.faults = { cuts: [1000] };
      const args = ["bundle", "--quiet", "--platform", "browser", "--output"];
      const entry = `${ROOT}tests/platforms/programs/hub.mjs`;
      const output = `${folder}/hub.mjs`;
      await succeed(Deno.execPath(), [...args, output, entry], ROOT);
      await writeFiles(folder, {
        "index.html":
          `<!DOCTYPE html><link rel="icon" href="data:,"><script type="module" src="hub.mjs"></script>`,
      });
      const browser = await launch();
      const server = serve(folder);
      try {
        const page = await browser.newPage();
        await page.goto(`http://localhost:${server.addr.port}/plain/`);
        await page.waitForFunction("globalThis.exercise");
        const { first, kept, beside, config, part } = await page.evaluate(
          `exercise(${JSON.stringify(hub.url)})`,
        ) as Record<"first" | "kept" | "beside" | "part", number[]> & {
          config: unknown;
        };
        const wanted = bertForMaskedLM(state, BERT, {
          ids: [1, 1, 1],
          mask: [1, 1, 1],
          types: [0, 0, 0],
        }).flat();
        wanted.forEach((value, i) =>
          assertAlmostEquals(first[i]!, value, 1e-4)
        );
        assertEquals([kept, beside], [first, first]);
        assertEquals(config, JSON.parse(JSON.stringify(BERT)));
        assertEquals(part, [3, 4, 5]);
        for (const line of hub.log) {
          const isHubs = line.startsWith("hub");
          assertEquals(line.endsWith("Bearer hf_secret"), isHubs, line);
        }
        const downloads = hub.log.filter((line) => line.includes("elsewhere"));
        assert(downloads.some((line) => line.includes("bytes=1000-")));
      } finally {
        await browser.close();
        await server.shutdown();
        await hub.stop();
      }
    }),
});
