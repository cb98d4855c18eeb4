/**
 * The programs of docs/data.md, as a reader has them: in a folder of their own, with
 * data of the form that the page says, and no longer than it promises.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dispose } from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import {
  classNames,
  lionEncoder,
  lionViT,
  setClassNames,
  useBackend,
} from "../../mod.ts";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import { readSafetensors } from "../../lib/io/mod.ts";
import { byteTokenizer, trainTokenizer } from "../../lib/data/mod.ts";
import { BERT, STATES, VIT, writeModel } from "../hub/directories.ts";
import type { Weight } from "../hub/hugging_face.ts";
import { array, uniform } from "../random.ts";
import { blocks } from "../platforms/docs.ts";
import { run } from "../platforms/shell.ts";
import { writeImages, writeReviews } from "./own_files.ts";

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Lines of a program that are no imports. */
const MOST_LINES = 15;

await useBackend({ prefer: ["cpu"] });

/** The program of a section, whose lines are counted. */
function programOf(heading: string, most = MOST_LINES): string {
  const [program] = blocks(`## ${heading}`, "ts ignore");
  const own = program!.replaceAll(/^import [^]*?;\n/gm, "").trim().split("\n");
  assertEquals(own.slice(most), [], `${heading} is longer`);
  return program!;
}

/** Runs a program in a folder of its own that has its data. */
async function tryProgram(
  heading: string,
  prepare: (folder: string) => Promise<void>,
  check: (folder: string) => Promise<void>,
  edit: (program: string) => string,
  lines?: number,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await prepare(folder);
    const program = edit(programOf(heading, lines));
    await Deno.writeTextFile(`${folder}/program.ts`, program);
    const { success, output } = await run(
      Deno.execPath(),
      ["run", "-A", "--no-check", "--config", CONFIG, "program.ts"],
      folder,
    );
    assert(success, output);
    await check(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The program with two epochs or steps: the same happens in each. */
function shortened(program: string): string {
  const short = program.replace(/\b(epochs|steps): \d+/, "$1: 2");
  assert(short !== program, program);
  return short;
}

/** The names that a model was saved with. */
async function savedNames(folder: string): Promise<string[] | undefined> {
  const model = await loadLayersModel(`file://${folder}/model.json`);
  const names = classNames(model);
  model.dispose();
  return names;
}

Deno.test("the guide's program for images in folders", () =>
  tryProgram(
    "Images in folders",
    (folder) => writeImages(`${folder}/animals`),
    async (folder) =>
      assertEquals(await savedNames(`${folder}/animals_model`), [
        "lion",
        "seal",
      ]),
    shortened,
  ));

Deno.test("the guide's program for a table of texts", () =>
  tryProgram(
    "A table of texts",
    (folder) => writeReviews(`${folder}/reviews.csv`),
    async (folder) =>
      assertEquals(await savedNames(`${folder}/reviews_model`), [
        "bad",
        "good",
      ]),
    shortened,
  ));

/** What each short program needs, writes or prints, and the most lines that it may have. */
const SHORT: readonly [
  heading: string,
  lines: number,
  prepare: (folder: string) => Promise<void>,
  /** What its output should show. */
  shows: RegExp,
][] = [
  [
    "Images, with augmentation and an early end",
    12,
    (folder) => writeImages(`${folder}/animals`),
    /class: "lion"/,
  ],
  [
    "One picture",
    4,
    async (folder) => {
      await writeImages(`${folder}/animals`);
      await Deno.copyFile(`${folder}/animals/lion/1.png`, `${folder}/new.jpg`);
      const model = lionViT({
        ...{ imageSize: 8, patchSize: 4, dim: 8, depth: 1, numHeads: 2 },
        ...{ variant: "s", numClasses: 2 },
      });
      setClassNames(model, ["lion", "seal"]);
      await savePretrained(`${folder}/animals_model`, { model });
      model.dispose();
    },
    /label: "(lion|seal)"/,
  ],
  [
    "A table of texts, with a vocabulary of its own",
    14,
    (folder) => writeReviews(`${folder}/reviews.csv`),
    /class: "good"/,
  ],
  [
    "Some texts",
    4,
    async (folder) => {
      const model = lionEncoder({
        ...{ vocabularySize: 261, dim: 8, depth: 1, numHeads: 2 },
        ...{ variant: "s", numClasses: 2 },
      });
      setClassNames(model, ["bad", "good"]);
      const tokenizer = byteTokenizer();
      await savePretrained(`${folder}/reviews_model`, { model, tokenizer });
      model.dispose();
    },
    /label: "(bad|good)"/,
  ],
  [
    "Several classes at once",
    12,
    (folder) =>
      writeLines(`${folder}/notes.jsonl`, (i) => ({
        text: `Note ${i} on this and that`,
        tags: ["home", "urgent", "work"].filter((_, j) => (i >> j) % 2),
      })),
    /label: "urgent"/,
  ],
  [
    "A GPT of your own texts",
    12,
    (folder) => writeCorpus(`${folder}/corpus.txt`),
    /./,
  ],
  [
    "A series of numbers",
    12,
    (folder) => {
      const rows = Array.from(
        { length: 1300 },
        (_, i) => `${i},${Math.sin(i / 4)},${i % 7}\n`,
      );
      return Deno.writeTextFile(
        `${folder}/power.csv`,
        `time,load,wind\n${rows.join("")}`,
      );
    },
    /\[ -?[0-9.]+ \]/,
  ],
  [
    "A tag for each word",
    12,
    (folder) =>
      writeLines(`${folder}/tagged.jsonl`, (i) => ({
        words: ["Ada", "sleeps", "well"].slice(0, 1 + i % 3),
        tags: ["name", "verb", "adverb"].slice(0, 1 + i % 3),
      })),
    /class: "adverb"/,
  ],
  ["A model of your own", 12, () => Promise.resolve(), /^/],
];

/** Writes a table of 60 lines of JSON. */
function writeLines(path: string, row: (i: number) => object): Promise<void> {
  const lines = Array.from({ length: 60 }, (_, i) => JSON.stringify(row(i)));
  return Deno.writeTextFile(path, lines.join("\n"));
}

/** Writes a text on each line. */
function writeCorpus(path: string): Promise<void> {
  const lines = Array.from(
    { length: 400 },
    (_, i) =>
      `Line ${i} of a corpus that says ${i % 7} things of ${i % 11} kinds.`,
  );
  return Deno.writeTextFile(path, lines.join("\n"));
}

Deno.test("the guide's short programs have the types that they need", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const names = SHORT.map((_, i) => `program_${i}.ts`);
    for (const [i, [heading]] of SHORT.entries()) {
      const [program] = blocks(`### ${heading}`, "ts ignore");
      await Deno.writeTextFile(`${folder}/${names[i]}`, program!);
    }
    const { success, output } = await run(
      Deno.execPath(),
      ["check", "--config", CONFIG, ...names],
      folder,
    );
    assert(success, output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const [heading, lines, prepare, shows] of SHORT) {
  Deno.test(`the guide's short program: ${heading}`, async () => {
    const [program] = blocks(`### ${heading}`, "ts ignore");
    const own = program!.split("\n").filter((line) => line.trim() !== "");
    assertEquals(own.slice(lines), [], `${heading} is longer`);
    const folder = await Deno.makeTempDir();
    try {
      await prepare(folder);
      // The same happens in each step, and in a smaller model.
      const short = program!.replace(/\bepochs: \d+, best/, "steps: 2, best")
        .replace(/\b(epochs|steps): \d{2,}|\bepochs: [3-9]/, "steps: 2")
        .replace(/dim: \d+, depth: \d+/, "dim: 8, depth: 1");
      await Deno.writeTextFile(`${folder}/program.ts`, short);
      const { success, output } = await run(
        Deno.execPath(),
        ["run", "-A", "--no-check", "--config", CONFIG, "program.ts"],
        folder,
      );
      assert(success, output);
      assertMatch(output, shows);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("the guide's vocabulary of bytes is the tokenizer's", () => {
  const { vocabularySize } = byteTokenizer();
  const wanted = new RegExp(`vocabularySize: ${vocabularySize},`);
  assertMatch(programOf("A table of texts"), wanted);
  for (const program of blocks("## Predictions", "ts")) {
    assertMatch(program, wanted);
  }
});

Deno.test("the guide's program for a corpus", () =>
  tryProgram(
    "A corpus",
    (folder) => writeCorpus(`${folder}/corpus.txt`),
    async (folder) => {
      const { size } = await Deno.stat(`${folder}/corpus.bin`);
      assertEquals(size % 2, 0);
      const model = await loadLayersModel(
        `file://${folder}/corpus_model/model.json`,
      );
      model.dispose();
    },
    shortened,
  ));

Deno.test("the guide's program for a model of the hub", () =>
  tryProgram(
    "Fine-tuning a model of the hub",
    async (folder) => {
      await writeReviews(`${folder}/reviews.csv`, 20);
      const bert = `${folder}/bert`;
      const file = trainTokenizer(["a"], { vocabularySize: 261 });
      const vocab_size = Object.keys(file.model.vocab).length;
      const rows = (...shape: number[]) => ({
        shape,
        values: array(shape.reduce((a, b) => a * b), uniform(1)),
      });
      await writeModel(
        bert,
        { ...BERT, vocab_size },
        new Map<string, Weight>([
          ...STATES.bert,
          ["bert.embeddings.word_embeddings.weight", rows(vocab_size, 8)],
          ["cls.predictions.bias", rows(vocab_size)],
        ]),
      );
      await Deno.writeTextFile(`${bert}/tokenizer.json`, JSON.stringify(file));
    },
    async (folder) => {
      const { model } = await fromPretrained(`${folder}/reviews_bert`);
      assertEquals(classNames(model), ["bad", "good"]);
      model.dispose();
    },
    // A folder in the place of what the hub has.
    (program) =>
      program.replace("google-bert/bert-base-uncased", "./bert")
        .replace("length: 64", "length: 7"),
  ));

Deno.test("the guide's program for few pictures trains a new head alone", () =>
  tryProgram(
    "Few pictures",
    async (folder) => {
      await writeImages(`${folder}/animals`);
      await writeModel(`${folder}/vit`, VIT, STATES.vit);
      await Deno.writeTextFile(
        `${folder}/vit/preprocessor_config.json`,
        '{"feature_extractor_type": "ViTFeatureExtractor", "size": 6}',
      );
    },
    async (folder) => {
      const [before, after] = await Promise.all(
        ["vit", "animals_vit"].map(async (name) => {
          const path = `${folder}/${name}/model.safetensors`;
          return (await readSafetensors(path)).tensors;
        }),
      );
      for (const [name, tensor] of before!) {
        const isKept = !name.startsWith("classifier.");
        const values = await after!.get(name)!.data();
        const own = await tensor.data();
        assertEquals(
          values.every((value, i) => value === own[i]),
          isKept,
          name,
        );
      }
      dispose([...before!.values(), ...after!.values()]);
      const { model } = await fromPretrained(`${folder}/animals_vit`);
      assertEquals(classNames(model), ["lion", "seal"]);
      model.dispose();
    },
    // A folder in the place of what the hub has, and its small pictures.
    (program) =>
      program.replace("google/vit-base-patch16-224", "./vit")
        .replace("size: 224", "size: 6").replace("epochs: 10", "steps: 2"),
    17,
  ));
