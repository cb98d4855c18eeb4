import { assertEquals, assertRejects } from "@std/assert";
import { parquetWriteBuffer } from "hyparquet-writer";
import { byteTokenizer, writeTokenFile } from "../../../lib/data/mod.ts";
import { wikiText } from "../../../lib/datasets/mod.ts";
import type { WikiTextOptions } from "../../../lib/datasets/benchmarks/wiki_text.ts";
import { withFolder } from "../../io/files.ts";

/** A file of WikiText: blank lines have a space, and a formula looks like a title. */
const FILE = [
  " ",
  " = Homarus gammarus = ",
  " ",
  " Homarus gammarus , the European lobster , is a species of <unk> lobster . ",
  " ",
  " = = Filter sections = = ",
  " ",
  " The prototype has a cut @-@ off frequency of ",
  " = 1 rad / s and a nominal impedance k = ",
  " 1 <unk> . ",
  " ",
  " = = = Of a third level = = = ",
  " ",
  " ",
  " = 2 + 2 = 5 = ",
  " ",
  " \u2028One line\u0085still . ",
  " ",
  " ",
  " = Empty = ",
  " ",
  "",
].join("\n");

const TITLES = ["Homarus gammarus", "2 + 2 = 5", "Empty"];

async function articlesOf(
  folder: string,
  part: WikiTextOptions["part"] = "test",
  from = 0,
) {
  const { shards, open } = await wikiText(folder, { part });
  assertEquals(shards.length, 1);
  return await Array.fromAsync(open(0, from));
}

Deno.test("wikiText() finds the articles of a file", () =>
  withFolder(async (folder) => {
    for (const name of ["wiki.test.tokens", "wiki.valid.raw"]) {
      await Deno.writeTextFile(`${folder}/${name}`, FILE);
    }
    const articles = await articlesOf(folder);
    assertEquals(articles.map(({ title }) => title), TITLES);
    // Nothing is lost, and nothing comes twice.
    assertEquals(
      " \n" + articles.map(({ text }) => text).join(""),
      FILE,
    );
    assertEquals(await articlesOf(folder, "validation"), articles);
    assertEquals(await articlesOf(folder, "test", 2), articles.slice(2));
    const tokenizer = byteTokenizer();
    const count = await writeTokenFile(
      await wikiText(folder, { part: "test" }),
      {
        ...{ tokenizer, path: `${folder}/test.bin`, type: "uint16" },
        separator: tokenizer.specials.sep,
      },
    );
    assertEquals(count, new TextEncoder().encode(FILE).length - 2 + 3);
  }));

Deno.test("wikiText() reads files with a byte order mark and CRLF", () =>
  withFolder(async (folder) => {
    const path = `${folder}/wiki.test.raw`;
    await Deno.writeTextFile(path, FILE);
    const articles = await articlesOf(folder);
    await Deno.writeTextFile(path, `\ufeff${FILE.replaceAll("\n", "\r\n")}`);
    assertEquals(await articlesOf(folder), articles);
  }));

Deno.test("wikiText() finds the same articles in the hub's rows, across files", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/wiki.test.raw`, FILE);
    const articles = await articlesOf(folder);
    const rows = FILE.split("\n").slice(0, -1)
      .map((line) => line.trim() === "" ? "" : `${line}\n`);
    for (const [i, data] of [rows.slice(0, 8), rows.slice(8)].entries()) {
      const file = parquetWriteBuffer({
        columnData: [{ name: "text", data, type: "STRING" }],
        rowGroupSize: 3,
      });
      await Deno.writeFile(
        `${folder}/train-0000${i}-of-00002.parquet`,
        new Uint8Array(file),
      );
    }
    assertEquals(await articlesOf(folder, "train"), articles);
    await Deno.remove(`${folder}/train-00001-of-00002.parquet`);
    await assertRejects(
      () => articlesOf(folder, "train"),
      Error,
      "got none with the name train-00001-of-00002.parquet",
    );
  }));

Deno.test("wikiText() names what is missing or bad", () =>
  withFolder(async (folder) => {
    await assertRejects(
      () => articlesOf(folder),
      Error,
      `${folder} should have wiki.test.tokens, wiki.test.raw or test-00000-of-00001.parquet, got none`,
    );
    const path = `${folder}/wiki.test.raw`;
    const BAD: [content: string | Uint8Array, message: string][] = [
      ["", `${path} should have articles, got none`],
      [" \n \n", `${path} should have articles, got none`],
      [" \n A text \n", `${path}:2 should be a title`],
      [" = = Section = = \n", `${path}:1 should be a title`],
      [
        Uint8Array.of(0x20, 0x0a, 0xff, 0x0a),
        `${path}:2 should be text in UTF-8`,
      ],
      [Uint8Array.of(0x50, 0x4b, 3, 4), "what zip makes; decompress it first"],
    ];
    for (const [content, message] of BAD) {
      await Deno.writeFile(
        path,
        typeof content === "string"
          ? new TextEncoder().encode(content)
          : content,
      );
      await assertRejects(() => articlesOf(folder), SyntaxError, message);
    }
    await Deno.writeTextFile(`${folder}/wiki.test.tokens`, FILE);
    await assertRejects(
      () => articlesOf(folder),
      Error,
      "got both; give each a folder",
    );
  }));
