import { assertEquals } from "@std/assert";
import { pathToFileURL } from "node:url";
import { clean } from "../../tools/clean.ts";
import { withFolder } from "../io/files.ts";

/** A folder in which tasks have been, and a person. */
async function fill(folder: string): Promise<URL> {
  await Deno.mkdir(`${folder}/out/train/mqar-quick`, { recursive: true });
  await Deno.mkdir(`${folder}/out/jupyter/kernels`, { recursive: true });
  for (const name of ["demo.html", "bench.json", "mine.txt", "train/x.json"]) {
    await Deno.writeTextFile(`${folder}/out/${name}`, name);
  }
  return pathToFileURL(`${folder}/out/`);
}

Deno.test("clean() leaves what was trained, and what is not of a task", () =>
  withFolder(async (folder) => {
    const out = await fill(folder);
    assertEquals(await clean(out, { trained: false }), {
      removed: ["bench.json", "demo.html", "jupyter"],
      left: ["mine.txt", "train"],
    });
    assertEquals(
      await Deno.readTextFile(`${folder}/out/train/x.json`),
      "train/x.json",
    );
    assertEquals(await clean(out, { trained: true }), {
      removed: ["train"],
      left: ["mine.txt"],
    });
    await Deno.remove(`${folder}/out/mine.txt`);
  }));

Deno.test("clean() removes the folder that it has emptied, and finds none", () =>
  withFolder(async (folder) => {
    const out = await fill(folder);
    await Deno.remove(`${folder}/out/mine.txt`);
    await clean(out, { trained: true });
    assertEquals(await Array.fromAsync(Deno.readDir(folder)), []);
    assertEquals(await clean(out, { trained: true }), {
      removed: [],
      left: [],
    });
  }));
