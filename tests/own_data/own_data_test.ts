/** What `deno task train --data` finds in folders and tables as people have them. */
import { assertEquals, assertRejects } from "@std/assert";
import { useBackend } from "../../mod.ts";
import { findData } from "../../tools/own_data/find_data.ts";
import { imagesInFolders } from "../../tools/own_data/own_images.ts";
import type { OwnOptions } from "../../tools/own_data/own_options.ts";
import type { OwnTask } from "../../tools/own_data/own_task.ts";
import {
  textsInFolders,
  textsInTable,
} from "../../tools/own_data/own_texts.ts";
import { withFolder } from "../io/files.ts";
import { writeImages } from "./own_files.ts";

/** Opens what is found at a path. */
async function open(data: string): Promise<OwnTask> {
  await useBackend({ prefer: ["cpu"] });
  const options: OwnOptions = {
    ...{ data, text: undefined, label: undefined, variant: "lit", rate: 1 },
    ...{ epochs: undefined, batchSize: 4, dim: 8, depth: 1, heads: 2, seed: 1 },
    ...{
      size: 8,
      patch: 8,
      length: 8,
      tokenizer: "wordpiece",
      backend: undefined,
      output: "",
    },
  };
  const found = await findData(data);
  const task = found.kind === "image folders"
    ? await imagesInFolders(found, options)
    : found.kind === "text folders"
    ? await textsInFolders(found, options)
    : await textsInTable(found, options);
  task.model.dispose();
  return task;
}

/** The classes and the number of examples that are found. */
async function foundIn(data: string): Promise<[string[], number]> {
  const { classes, sizes } = await open(data);
  return [[...classes], sizes.reduce((sum, size) => sum + size)];
}

/** Writes files, by their paths in a folder. */
async function write(
  folder: string,
  files: Record<string, string>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(path, content);
  }
}

/** So many files of a class. */
const filesOf = (start: string, ending: string) =>
  Object.fromEntries(
    Array.from({ length: 10 }, (_, i) => [`${start}${i}${ending}`, `${i}`]),
  );

Deno.test("images are images beside a text about them, and hidden folders no class", () =>
  withFolder(async (folder) => {
    await write(folder, {
      "README.txt": "about",
      "a/README.txt": "about",
      ...filesOf("a/#%20?", ".png"),
      ...filesOf("ü b/", ".JPG"),
      ".ipynb_checkpoints/a.txt": "",
    });
    await Deno.symlink(`${folder}/nowhere`, `${folder}/c`);
    assertEquals(await foundIn(folder), [["a", "ü b"], 20]);
    assertEquals(await foundIn(`${folder}/`), [["a", "ü b"], 20]);
  }));

Deno.test("texts are found in folders within and by links, hidden ones are not", () =>
  withFolder(async (folder) => {
    await write(folder, {
      ...filesOf("texts/bad/2020/", ".txt"),
      ...filesOf("good/", ".TXT"),
      ...filesOf("good/._", ".txt"),
    });
    await Deno.symlink(`${folder}/good`, `${folder}/texts/good`);
    assertEquals(await foundIn(`${folder}/texts`), [["bad", "good"], 20]);
  }));

const ROWS = Array.from({ length: 20 }, (_, i) => ({
  text: `Number ${i}`,
  label: i % 2 ? "bad" : "good",
}));

Deno.test("a table is what its name ends in, and .json may be an array", () =>
  withFolder(async (folder) => {
    const lines = ROWS.map((row) => JSON.stringify(row)).join("\n");
    await write(folder, {
      "all.csv.d/train.jsonl": lines,
      "lines.json": lines,
      "array.json": JSON.stringify(ROWS, null, 2),
    });
    const zipped = new Blob(["\ufeff", JSON.stringify(ROWS, null, 2)]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    await Deno.writeFile(`${folder}/array.json.gz`, zipped);
    const names = ["all.csv.d", "lines.json", "array.json", "array.json.gz"];
    for (const name of names) {
      assertEquals(await foundIn(`${folder}/${name}`), [["bad", "good"], 20]);
    }
  }));

Deno.test("a class of a single text is trained on", () =>
  withFolder(async (folder) => {
    const rare = Array.from(
      { length: 20 },
      (_, i) => ({ text: `Odd ${i}`, label: `rare ${i}` }),
    );
    const path = `${folder}/rare.json`;
    await write(folder, { "rare.json": JSON.stringify([...ROWS, ...rare]) });
    const { classes, sizes, validation, test } = await open(path);
    assertEquals(classes.length, 22);
    assertEquals(sizes[0] + sizes[1] + sizes[2], 40);
    for (const part of [validation(), test()]) {
      for await (const { inputs, labels } of part) {
        for (const label of await labels.data()) assertEquals(label < 2, true);
        [...inputs, labels].forEach((tensor) => tensor.dispose());
      }
    }
  }));

Deno.test("a part that lacks a class numbers the others as they are trained on", () =>
  withFolder(async (folder) => {
    await writeImages(`${folder}/train`);
    await writeImages(`${folder}/test`);
    await Deno.remove(`${folder}/test/lion`, { recursive: true });
    const { classes, sizes, test } = await open(folder);
    assertEquals([classes, sizes], [["lion", "seal"], [36, 4, 20]]);
    for await (const { inputs, labels } of test()) {
      for (const label of await labels.data()) assertEquals(label, 1);
      [...inputs, labels].forEach((tensor) => tensor.dispose());
    }
  }));

Deno.test("a part with a class that is not trained on is a mistake", () =>
  withFolder(async (folder) => {
    const unknown = ROWS.map((row) => ({ ...row, label: -1 }));
    await write(folder, {
      "texts/train.json": JSON.stringify(ROWS),
      "texts/test.json": JSON.stringify(unknown),
      ...filesOf("images/train/a/", ".png"),
      ...filesOf("images/train/b/", ".png"),
      ...filesOf("images/test/B/", ".png"),
    });
    for (
      const [name, line] of [
        [
          "texts",
          "the test texts should have classes that are trained on (bad, good), got -1",
        ],
        [
          "images",
          "images/test should have classes that are trained on (a, b), got B",
        ],
      ] as const
    ) await assertRejects(() => open(`${folder}/${name}`), RangeError, line);
  }));

Deno.test("links in circles are a mistake, found at once", () =>
  withFolder(async (folder) => {
    await write(folder, { "cats/1.png": "", "dogs/1.png": "" });
    await Deno.symlink("..", `${folder}/cats/a`);
    await Deno.symlink("..", `${folder}/cats/b`);
    await assertRejects(
      () => findData(folder),
      Error,
      "is a link to a folder that it is in",
    );
  }));

Deno.test("of many columns some are named", () =>
  withFolder(async (folder) => {
    // An array where each line should be a record.
    await write(folder, { "a.jsonl": JSON.stringify(Array(1000).fill("x")) });
    const { message } = await assertRejects(
      () => open(`${folder}/a.jsonl`),
      RangeError,
      "--text should be one of the columns",
    );
    assertEquals(message.length < 200, true);
  }));
