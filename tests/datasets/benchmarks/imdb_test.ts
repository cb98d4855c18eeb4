import { assertEquals, assertRejects } from "@std/assert";
import { parquetWriteBuffer } from "hyparquet-writer";
import { imdb } from "../../../lib/datasets/mod.ts";
import type { ImdbOptions } from "../../../lib/datasets/benchmarks/imdb.ts";
import { withFolder } from "../../io/files.ts";

async function reviewsOf(folder: string, part: ImdbOptions["part"] = "train") {
  const reviews = await imdb(folder, { part });
  return await Promise.all(
    Array.from({ length: reviews.size }, (_, i) => reviews.get(i)),
  );
}

/** Writes reviews by their paths from `aclImdb` on. */
async function writeReviews(folder: string, texts: Record<string, string>) {
  for (const [name, text] of Object.entries(texts)) {
    const path = `${folder}/aclImdb/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
}

const REVIEWS = {
  "train/pos/10_7.txt": "Quite good.",
  "train/pos/9_10.txt": "\ufeffSo good!<br /><br />Naïve 🦁",
  "train/neg/100_4.txt": "Rather bad.",
  "train/neg/20_1.txt": "So bad.\r\n",
  "train/unsup/0_0.txt": "Who knows.",
  "train/urls_pos.txt": "http://example.com",
  "train/pos/Thumbs.db": "",
  "test/neg/0_2.txt": "Bad.",
  "test/pos/0_8.txt": "Good.",
};

const TRAIN = [
  { text: "So bad.\r\n", label: 0 },
  { text: "Rather bad.", label: 0 },
  { text: "\ufeffSo good!<br /><br />Naïve 🦁", label: 1 },
  { text: "Quite good.", label: 1 },
];

Deno.test("imdb() reads the authors' files, by class and id", () =>
  withFolder(async (folder) => {
    await writeReviews(folder, REVIEWS);
    for (const place of [folder, `${folder}/aclImdb`]) {
      assertEquals(await reviewsOf(place), TRAIN);
      assertEquals(await reviewsOf(place, "test"), [
        { text: "Bad.", label: 0 },
        { text: "Good.", label: 1 },
      ]);
    }
    const reviews = await imdb(folder, { part: "train" });
    for (const index of [-1, 4, 0.5]) {
      await assertRejects(async () => await reviews.get(index), RangeError);
    }
  }));

/** A file of the hub's. */
function tableOf(labels: bigint[]): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({
    columnData: [
      {
        ...{ name: "text", type: "STRING" } as const,
        data: labels.map((_, i) => TRAIN[i]!.text),
      },
      { name: "label", data: labels, type: "INT64" },
    ],
    rowGroupSize: 3,
  }));
}

Deno.test("imdb() reads the hub's file", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/plain_text`);
    const path = `${folder}/plain_text/train-00000-of-00001.parquet`;
    await Deno.writeFile(path, tableOf([0n, 0n, 1n, 1n]));
    for (const place of [folder, `${folder}/plain_text`]) {
      assertEquals(await reviewsOf(place), TRAIN);
    }
    await Deno.writeFile(path, tableOf([0n, 0n, 1n, -1n]));
    await assertRejects(
      () => reviewsOf(folder),
      RangeError,
      `${path}, row 3 should have a text and a label of 0 or 1, got {`,
    );
    await Deno.writeFile(path, tableOf([]));
    await assertRejects(
      () => reviewsOf(folder),
      SyntaxError,
      `${path} should have reviews, got none`,
    );
    await Deno.writeFile(path, tableOf([0n, 0n, 1n, 1n]).subarray(0, 50));
    await assertRejects(() => reviewsOf(folder), SyntaxError, path);
  }));

Deno.test("imdb() names what is missing or bad", () =>
  withFolder(async (folder) => {
    const fails = (message: string) =>
      assertRejects(() => reviewsOf(folder), Error, message);
    const fetch =
      `mkdir -p ${folder}\n  curl -L https://ai.stanford.edu/~amaas/data/sentiment/` +
      `aclImdb_v1.tar.gz | tar -xz -C ${folder}`;
    await fails(
      `${folder} should have aclImdb/train, got none; fetch them:\n  ${fetch}`,
    );
    await assertRejects(
      () => imdb(`${folder}/it's here`, { part: "train" }),
      Error,
      `  mkdir -p '${folder}/it'\\''s here'\n`,
    );
    await writeReviews(folder, { "train/pos/0_9.txt": "Good." });
    const train = `${folder}/aclImdb/train`;
    await fails(`${train}/neg should have reviews such as 0_3.txt, got none`);
    await writeReviews(folder, { "train/neg/0_8.txt": "Bad?" });
    await fails(
      `${train}/neg/0_8.txt should have 1 to 4 stars by its folder, got 8`,
    );
    await Deno.rename(`${train}/neg/0_8.txt`, `${train}/neg/0_3.txt`);
    await Deno.writeFile(`${train}/neg/0_3.txt`, Uint8Array.of(0x61, 0xe9));
    await fails(`${train}/neg/0_3.txt should be text in UTF-8`);
  }));
