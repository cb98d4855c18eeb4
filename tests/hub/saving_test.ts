/** What processes leave that end in the middle of saving a model. @module */
import { assertEquals } from "@std/assert";
import { replaceModel } from "../../lib/hub/pretrained/replace_model.ts";
import { namesIn, withFolder } from "../io/files.ts";

const PROGRAM = new URL("saving_process.ts", import.meta.url).pathname;

/** A process that has written new files, and waits before it is done with them. */
async function savingProcess(folder: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, folder],
    ...{ stdin: "piped", stdout: "piped" },
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async kill() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.stdin.close().catch(() => {});
      assertEquals((await child.status).signal, "SIGKILL");
    },
    async goOn() {
      const writer = child.stdin.getWriter();
      await writer.write(new Uint8Array(1));
      await writer.close();
      await reader.cancel();
      assertEquals((await child.status).success, true);
    },
  };
}

const save = (folder: string) =>
  replaceModel(
    folder,
    [],
    (staging) => Deno.writeTextFile(`${staging}/config.json`, "ours"),
  );

const unfinished = async (folder: string) =>
  (await namesIn(folder)).filter((name) => name.startsWith(".saving-"));

Deno.test("what killed processes leave of a model is removed with the next", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, "earlier");
    const killed = await Promise.all(
      [1, 2, 3].map(() => savingProcess(folder)),
    );
    for (const process of killed) await process.kill();
    assertEquals((await unfinished(folder)).length, 3);
    // One that ended before it had a lock.
    await Deno.mkdir(`${folder}/.saving-early`);
    assertEquals(await Deno.readTextFile(`${folder}/config.json`), "earlier");
    await save(folder);
    assertEquals(await namesIn(folder), ["config.json"]);
    assertEquals(await Deno.readTextFile(`${folder}/config.json`), "ours");
  }));

Deno.test("what a process that goes on has of a model is left alone", () =>
  withFolder(async (folder) => {
    const other = await savingProcess(folder);
    const before = await unfinished(folder);
    assertEquals(before.length, 1);
    await save(folder);
    assertEquals(await unfinished(folder), before);
    await other.goOn();
    assertEquals(await namesIn(folder), ["config.json", "weights.bin"]);
    const config = await Deno.readTextFile(`${folder}/config.json`);
    assertEquals(config, "of the process");
  }));
