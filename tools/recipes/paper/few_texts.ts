/** A few made-up texts, in files as the published ones are. @module */
import { type Random, trainTokenizer } from "@lionjs/lion/data";
import { GLUE_TASKS, type GlueTask } from "@lionjs/lion/datasets";
import { below, seeded } from "@lionjs/data/batches";

const WORDS = [
  ...["a", "the", "lion", "cat", "mane", "night", "river", "grass", "moon"],
  ...["sees", "hears", "hunts", "sleeps", "runs", "is", "was", "and", "not"],
  ...["old", "quiet", "golden", "fast", "far", "small", "loud", "in", "by"],
];

/** A sentence of so many words. */
function sentence(count: number, random: Random): string {
  const words = Array.from(
    { length: count },
    () => WORDS[below(WORDS.length, random)]!,
  );
  return `${words.join(" ")}.`;
}

/** A text of some sentences. */
export function madeUpText(sentences: number, random: Random): string {
  return Array.from(
    { length: sentences },
    () => sentence(4 + below(8, random), random),
  ).join(" ");
}

/** Writes a tokenizer that was learned from such texts. */
async function writeFewTokens(folder: string): Promise<void> {
  const text = madeUpText(40, seeded("few", "tokens"));
  const file = trainTokenizer([text], { vocabularySize: 300 });
  await Deno.writeTextFile(`${folder}/tokenizer.json`, JSON.stringify(file));
}

/** Files of English C4, and a tokenizer. */
export async function writeFewC4(
  folder: string,
  texts: "short" | "long" = "short",
): Promise<void> {
  const most = texts === "short" ? 8 : 40;
  await Deno.mkdir(`${folder}/en`);
  const counts = {
    "train.00000-of-01024": 40,
    "validation.00000-of-00008": 16,
  };
  for (const [name, count] of Object.entries(counts)) {
    const random = seeded("few", name);
    const lines = Array.from({ length: count }, (_, i) =>
      JSON.stringify({
        text: madeUpText(1 + below(most, random), random),
        timestamp: "2019-04-25T12:57:54Z",
        url: `https://example.org/${i}`,
      }) + "\n");
    const gzip = new Blob(lines).stream()
      .pipeThrough(new CompressionStream("gzip"));
    await Deno.writeFile(`${folder}/en/c4-${name}.json.gz`, gzip);
  }
  await writeFewTokens(folder);
}

/** Texts of OpenWebText, unpacked, and a tokenizer. */
export async function writeFewPages(
  folder: string,
  texts: "short" | "long" = "short",
): Promise<void> {
  const random = seeded("few", "pages");
  const sentences = texts === "short" ? 12 : 120;
  for (let i = 0; i < 60; i++) {
    await Deno.writeTextFile(
      `${folder}/${`${i}`.padStart(7, "0")}.txt`,
      madeUpText(sentences, random),
    );
  }
  await writeFewTokens(folder);
}

/** How many rows the files of GLUE's tasks get; their labels have nothing to do with their texts. */
const GLUE_ROWS = { train: 40, validation: 12 };

/** The original files of all tasks of GLUE, and a tokenizer. */
export async function writeFewGlue(folder: string): Promise<void> {
  for (const [task, { folder: own, parts }] of Object.entries(GLUE_TASKS)) {
    await Deno.mkdir(`${folder}/${own}`);
    for (const part of parts.filter((part) => !part.startsWith("test"))) {
      const random = seeded("few", task, part);
      const [header, rowOf] = GLUE_FILES[task as GlueTask];
      const rows = Array.from(
        { length: part === "train" ? GLUE_ROWS.train : GLUE_ROWS.validation },
        (_, i) => rowOf(i, () => madeUpText(1, random)).join("\t"),
      );
      const lines = header ? [header.join("\t"), ...rows] : rows;
      await Deno.writeTextFile(
        `${folder}/${own}/${part.replace("validation", "dev")}.tsv`,
        `${lines.join("\n")}\n`,
      );
    }
  }
  await writeFewTokens(folder);
}

type Row = (index: number, text: () => string) => (string | number)[];

const ENTAILMENT = ["entailment", "not_entailment"];

/** The columns of a task's files, none where they are not named, and a row. */
const GLUE_FILES: Readonly<
  Record<GlueTask, readonly [header: readonly string[] | undefined, row: Row]>
> = {
  cola: [undefined, (i, text) => ["few", i % 2, "", text()]],
  sst2: [["sentence", "label"], (i, text) => [text(), i % 2]],
  mrpc: [
    ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"],
    (i, text) => [i % 2, i, i, text(), text()],
  ],
  qqp: [
    ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"],
    (i, text) => [i, i, i, text(), text(), i % 2],
  ],
  stsb: [
    ["index", "sentence1", "sentence2", "score"],
    (i, text) => [i, text(), text(), (i % 11 / 2).toFixed(3)],
  ],
  mnli: [
    ["index", "sentence1", "sentence2", "gold_label"],
    (i, text) => [i, text(), text(), GLUE_TASKS.mnli.classes![i % 3]!],
  ],
  qnli: [
    ["index", "question", "sentence", "label"],
    (i, text) => [i, text(), text(), ENTAILMENT[i % 2]!],
  ],
  rte: [
    ["index", "sentence1", "sentence2", "label"],
    (i, text) => [i, text(), text(), ENTAILMENT[i % 2]!],
  ],
};
