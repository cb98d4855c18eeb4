/** `deno task train --data`, as it is typed. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { lockFile } from "../../lib/base/file_lock.ts";
import "../../lib/io/mod.ts";
import { classNames, useBackend } from "../../mod.ts";
import { type Outcome, run } from "../platforms/shell.ts";
import { writeImages, writeReviews } from "./own_files.ts";

const MAIN = new URL("../../tools/recipes/main.ts", import.meta.url).pathname;
const SMALL = ["--dim", "16", "--depth", "1", "--heads", "2"];

await useBackend({ prefer: ["cpu"] });

/** Trains on what is in a folder. */
function trainOn(
  folder: string,
  data: string,
  ...args: readonly string[]
): Promise<Outcome> {
  return run(Deno.execPath(), [
    ...["run", "-A", "--no-check", MAIN, "--data", `${folder}/${data}`],
    ...["--output", `${folder}/out`, ...SMALL, ...args],
  ], folder);
}

/** What the output folder says of the classes. */
async function classesIn(folder: string): Promise<string[] | undefined> {
  const model = await loadLayersModel(`file://${folder}/out/model/model.json`);
  const names = classNames(model);
  model.dispose();
  return names;
}

/** A test with a folder of its own. */
function testIn(name: string, body: (folder: string) => Promise<void>): void {
  Deno.test(`deno task train --data: ${name}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

testIn("images in folders, one of them damaged", async (folder) => {
  await writeImages(`${folder}/animals`);
  await Deno.writeTextFile(`${folder}/animals/lion/a.jpg`, "no image");
  const sizes = ["--size", "16", "--patch", "8", "--epochs", "20"];
  const { success, output } = await trainOn(
    folder,
    "animals",
    ...["--batch-size", "8", "--rate", "0.01", ...sizes],
  );
  assert(success, output);
  assertStringIncludes(output, "2 classes of images (lion, seal)");
  assertStringIncludes(output, "test: accuracy 100.0 %");
  assertStringIncludes(output, "1 damaged images were skipped");
  assertStringIncludes(output, "lion/a.jpg");
  assertEquals(await classesIn(folder), ["lion", "seal"]);
  const page = await Deno.readTextFile(`${folder}/out/confusion.html`);
  assertStringIncludes(page, "Test images");
  const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name);
  assert(names.some((name) => name.startsWith("events.out.tfevents.")));
});

testIn("tables that are parts", async (folder) => {
  await Deno.mkdir(`${folder}/texts`);
  for (const part of ["train", "dev", "test"]) {
    await writeReviews(`${folder}/texts/${part}.csv`, 40);
  }
  const { success, output } = await trainOn(
    folder,
    "texts",
    ...["--length", "24", "--rate", "0.01", "--batch-size", "8"],
    ...["--tokenizer", "wordpiece"],
  );
  assert(success, output);
  assertStringIncludes(
    output,
    "40 to train on, 40 to validate on, 40 to test on",
  );
  assertStringIncludes(output, "test: accuracy 100.0 %");
  assertEquals(await classesIn(folder), ["bad", "good"]);
  const file = await Deno.readTextFile(`${folder}/out/tokenizer.json`);
  assertEquals(JSON.parse(file).model.type, "WordPiece");
});

testIn("a rate that is searched for, and not again", async (folder) => {
  await writeReviews(`${folder}/reviews.csv`);
  const args = ["--length", "24", "--batch-size", "8", "--epochs", "3"];
  const train = () =>
    trainOn(folder, "reviews.csv", ...args, "--rate", "search");
  const { success, output } = await train();
  assert(success, output);
  assertStringIncludes(output, "rates, each tried for 18 of 18 steps:");
  const [, taken] = /^ {2}([\d.]+) +loss .* % {2}<- taken$/m.exec(output)!;
  const file = `${folder}/out/rates.json`;
  const { tried } = JSON.parse(await Deno.readTextFile(file));
  assert(tried.length >= 3);
  // What another search has tried for the same training is not tried again.
  const best = tried.find(({ rate }: { rate: number }) => rate === +taken!);
  best.accuracy = 0.123;
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(
    file,
    JSON.stringify({ of: JSON.parse(text).of, tried }),
  );
  assertStringIncludes((await train()).output, "accuracy 12.3 %  <- taken");
  args.push("--seed", "2");
  assert(!(await train()).output.includes("12.3 %"));
});

testIn("mistakes are one line", async (folder) => {
  await writeReviews(`${folder}/reviews.csv`, 4);
  await Deno.mkdir(`${folder}/empty`);
  await Deno.mkdir(`${folder}/images/none`, { recursive: true });
  await Deno.mkdir(`${folder}/images/one`);
  await Deno.writeFile(`${folder}/images/one/1.png`, new Uint8Array(8));
  const cases: [data: string, args: string[], line: string][] = [
    ["nothing", [], "--data should exist"],
    ["empty", [], "--data should have a folder for each class"],
    ["reviews.csv", ["--label", "stars"], "--label should be one of"],
    ["reviews.csv", [], "--data should have enough texts"],
    ["images", [], "images/none should have an image; remove the folder"],
    ["reviews.csv", ["--epoch", "3"], "did you mean --epochs?"],
  ];
  for (const [data, args, line] of cases) {
    const { success, output } = await trainOn(folder, data, ...args);
    assertEquals(success, false, line);
    assertStringIncludes(output, line);
    assertEquals(output.includes("    at "), false, output);
  }
  await writeReviews(`${folder}/reviews.csv`);
  for (
    const [args, line] of [
      [["--epochs", "0.001"], "--epochs should make at least one step"],
      [["--rate", "1e30"], "--rate 1e+30 may be too high: step "],
    ] as const
  ) {
    const { success, output } = await trainOn(folder, "reviews.csv", ...args);
    assertEquals(success, false, line);
    assertStringIncludes(output, line);
    assertEquals(output.includes("    at "), false, output);
  }
  await Deno.mkdir(`${folder}/out`, { recursive: true });
  const lock = await lockFile(`${folder}/out/training.lock`);
  const { success, output } = await trainOn(folder, "reviews.csv");
  await lock.release();
  assertEquals(success, false);
  assertStringIncludes(output, "into which process ");
});
