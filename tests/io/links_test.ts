/**
 * What the library and its tasks write goes nowhere else, if someone who may
 * write to the folder has put a link in its place.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { byteTokenizer, writeTokenFile } from "../../lib/data/mod.ts";
import { writeSafetensors } from "../../lib/io/mod.ts";
import { train } from "../../lib/training/mod.ts";
import { saveNumbers } from "../../lib/backend/tuning_cache.ts";
import { writeOutput } from "../../tools/out_folder.ts";
import { writeJSON } from "../../tools/recipes/results_file.ts";
import { tinyData, tinyModel, tinyOptions } from "../training/tiny.ts";
import { onCpu, withFolder } from "./files.ts";

/** Trains for four steps, with a checkpoint after two. */
async function trainInto(
  folder: string,
  onStep: (step: number) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const model = tinyModel({ depth: 1 });
  const options = tinyOptions({
    steps: 4,
    optimizer: { warmUpSteps: 0 },
    checkpoints: { folder: `${folder}/runs`, every: 2 },
    log: `${folder}/log.jsonl`,
    callbacks: { onBatchEnd: (_, logs) => onStep(Number(logs!["step"])) },
  });
  await train(model, tinyData(), options).finally(() => model.dispose());
}

async function saveModel(folder: string): Promise<void> {
  const model = tinyModel({ depth: 1 });
  await model.save(`file://${folder}/model`).finally(() => model.dispose());
}

async function saveTensors(folder: string): Promise<void> {
  const x = tf.ones([2]);
  await writeSafetensors(`${folder}/x.safetensors`, { x })
    .finally(() => x.dispose());
}

async function saveTokens(folder: string): Promise<void> {
  const tokenizer = byteTokenizer();
  const texts = {
    shards: [{ name: "one" }],
    async *open() {
      yield* ["a", "b"];
    },
  };
  await writeTokenFile(texts, {
    ...{ tokenizer, separator: tokenizer.specials.sep, type: "uint16" },
    path: `${folder}/train.bin`,
  });
}

/** Where links are put, and what then writes there. */
const WRITERS: [string, (folder: string) => Promise<void>][] = [
  ["x.safetensors", saveTensors],
  ["model/model.json", saveModel],
  ["log.jsonl", trainInto],
  ["runs/training.lock", trainInto],
  ["runs/step-000002.tmp", trainInto],
  [
    "tuning.json.lock",
    (folder) => saveNumbers({ name: "cpu" }, {}, `${folder}/tuning.json`),
  ],
  ["train.bin", saveTokens],
  ["train.bin.parts/lock", saveTokens],
  ["train.bin.parts/plan.json", saveTokens],
  ["train.bin.parts/0.bin", saveTokens],
  ["out/report.html", (folder) => writeOutput(`${folder}/out/report.html`, "")],
  ["result.json", (folder) => writeJSON(`${folder}/result.json`, {})],
  ["result.json.new", (folder) => writeJSON(`${folder}/result.json`, {})],
];

const isWindows = Deno.build.os === "windows";
if (isWindows) console.log("SKIPPED: on Windows not everyone may make links");

for (const [name, write] of isWindows ? [] : WRITERS) {
  onCpu(`nothing is written through a link at ${name}`, async () => {
    for (const target of ["file", "folder", "nothing"]) {
      await withFolder(async (folder) => {
        const victim = `${folder}/victim`, path = `${folder}/at/${name}`;
        await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
        if (target === "file") await Deno.writeTextFile(victim, "mine");
        if (target === "folder") await Deno.mkdir(victim);
        await Deno.symlink(victim, path);
        await write(`${folder}/at`).catch((error) => {
          // A link to a folder is no log to go on with.
          assert(error.message.includes(`${folder}/at`), error.message);
        });
        const found = await Array.fromAsync(
          Deno.readDir(folder),
          ({ name }) => name,
        );
        const kept = target === "nothing" ? ["at"] : ["at", "victim"];
        assertEquals(found.sort(), kept, `${name} to ${target}`);
        if (target === "file") {
          assertEquals(await Deno.readTextFile(victim), "mine");
        } else if (target === "folder") {
          assertEquals((await Array.fromAsync(Deno.readDir(victim))).length, 0);
        }
      });
    }
  });
}

onCpu(
  "a log is not appended to through a link that was put there since",
  () =>
    withFolder(async (folder) => {
      if (isWindows) return;
      const victim = `${folder}/victim`, log = `${folder}/log.jsonl`;
      await Deno.writeTextFile(victim, "mine");
      await assertRejects(
        () =>
          trainInto(folder, async (step) => {
            if (step !== 2) return;
            await Deno.remove(log);
            await Deno.symlink(victim, log);
          }),
        Error,
        `${log} should be a file, got a link`,
      );
      assertEquals(await Deno.readTextFile(victim), "mine");
    }),
);

/** What makes a file, or writes to one by its path. */
const WRITES =
  /(?<!\bfile\.)\b(writeFile|writeTextFile|appendFile|copyFile|createWriteStream)\b|\bDeno\.(open|create)\b|\bfiles\(\)\.open\b|\bopen\b.*= files\(\)/;

Deno.test("all that the library writes is written in lib/base and lib/io", async () => {
  const root = new URL("../../", import.meta.url);
  const found: string[] = [];
  const search = async (folder: string) => {
    for await (const entry of Deno.readDir(new URL(folder, root))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await search(path);
      if (!path.endsWith(".ts") || /^lib\/(base|io)\//.test(path)) continue;
      const text = await Deno.readTextFile(new URL(path, root));
      const code = text.replaceAll(/^\s*(\/?\*|\/\/).*$/gm, "");
      if (WRITES.test(code)) found.push(path);
    }
  };
  await search("lib");
  assertEquals(found, []);
});
