/**
 * What writes files, and a program that does so where no file may have more than some
 * kilobytes, as on a full disk: `full_disk.ts FOLDER`. It prints what each writer says.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { byteTokenizer, writeTokenFile } from "../../lib/data/mod.ts";
import { hubFile, savePretrained } from "../../lib/hub/mod.ts";
import { writeSafetensors } from "../../lib/io/mod.ts";
import { openLog } from "../../lib/training/reports/open_log.ts";
import { lionEncoder } from "../../mod.ts";
import { writeOutput } from "../../tools/out_folder.ts";
import { startHub } from "../hub/hub_server.ts";

/** Bytes of a file that are too many. */
const MANY = 200_000;

/**
 * Writes of a folder: something small, or in its place something that is larger than
 * the disk has room for.
 */
export const WRITERS: Readonly<
  Record<string, (folder: string, isLarge: boolean) => Promise<unknown>>
> = {
  savePretrained(folder, isLarge) {
    const options = {
      ...{ inputDim: 2, depth: 1, numHeads: 2, numClasses: 2 },
      ...{ dim: isLarge ? 128 : 8, variant: "s" as const, seed: 1 },
    };
    const model = lionEncoder(options);
    const config = { model_type: "lion", architecture: "lionEncoder", options };
    return savePretrained(folder, { model, config } as never)
      .finally(() => model.dispose());
  },
  async "model.save"(folder, isLarge) {
    const model = lionEncoder({
      ...{ inputDim: 2, depth: 1, numHeads: 2, numClasses: 2, seed: 1 },
      ...{ dim: isLarge ? 128 : 8, variant: "s" },
    });
    await model.save(`file://${folder}`).finally(() => model.dispose());
  },
  async writeSafetensors(folder, isLarge) {
    const ones = tf.ones([isLarge ? MANY : 5]);
    await writeSafetensors(`${folder}/ones.safetensors`, { ones })
      .finally(() => ones.dispose());
  },
  writeTokenFile: (folder, isLarge) =>
    writeTokenFile(["text".repeat(isLarge ? MANY : 5)], {
      ...{ tokenizer: byteTokenizer(), separator: 0, type: "uint16" },
      path: `${folder}/tokens.bin`,
    }),
  writeOutput: (folder, isLarge) =>
    writeOutput(`${folder}/page.html`, "page".repeat(isLarge ? MANY : 5)),
  async log(folder, isLarge) {
    const log = await openLog(`${folder}/log.jsonl`, 1);
    const note = "note".repeat(isLarge ? MANY : 5);
    await log.append([{ step: isLarge ? 2 : 1, note }]);
  },
  async hubFile(folder, isLarge) {
    const hub = startHub({
      "config.json": "{}",
      "model.safetensors": new Uint8Array(MANY),
    });
    const path = isLarge ? "model.safetensors" : "config.json";
    try {
      await hubFile("org/tiny", path, { endpoint: hub.url, cache: folder });
    } finally {
      await hub.stop();
    }
  },
};

if (import.meta.main) {
  await import("@tensorflow/tfjs-backend-cpu");
  const [folder] = Deno.args;
  const said: Record<string, string> = {};
  for (const [name, write] of Object.entries(WRITERS)) {
    said[name] = await write(`${folder}/${name}`, true).then(
      () => "nothing",
      ({ message }) => message,
    );
  }
  console.log(JSON.stringify(said));
}
