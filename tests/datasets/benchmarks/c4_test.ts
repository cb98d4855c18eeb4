import { assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { byteTokenizer, writeTokenFile } from "../../../lib/data/mod.ts";
import { c4 } from "../../../lib/datasets/mod.ts";
import type { C4Options, C4Text } from "../../../lib/datasets/benchmarks/c4.ts";
import { withFolder } from "../../io/files.ts";
import { withPython } from "../../data/python.ts";

/** Files as those of the repository, and the texts that convert_dataset.py makes of them. */
const PROGRAM = `
import gzip, json, os
texts = ["plain", "é" * 5, "a🦁b🦁c🦁d", "\\U0001f981" * 4, "x\\ud83d\\ud83d y",
         "\\ufeff\\u2028line\\r\\n", "", "long " * 1000, "🦁" * 4001]
rows = [{"text": text, "timestamp": f"2019-04-25T12:57:{i:02}Z",
         "url": f"https://example.com/{i}"} for i, text in enumerate(texts)]
os.mkdir("en")
def write(name, rows, ascii):
    with gzip.open(f"en/{name}.json.gz", "wt", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=ascii) + "\\n")
write("c4-train.00000-of-01024", rows, True)
write("c4-train.01023-of-01024", [row for row in rows if "\\ud83d" not in row["text"]], False)
write("c4-validation.00003-of-00008", rows[:1], True)
cut = {most: [{**row, "text": row["text"][:most]} for row in rows] for most in (1, 3, 5, 4000)}
json.dump(cut, open("cut.json", "w"))
`;

await withPython(
  "c4() cuts texts where Python does",
  { modules: ["gzip", "json"], program: PROGRAM },
  async (folder) => {
    const cut = JSON.parse(await Deno.readTextFile(`${folder}/cut.json`)) as {
      [most: string]: C4Text[];
    };
    for (const [most, expected] of Object.entries(cut)) {
      const maxCharacters = Number(most);
      for (const place of [folder, new URL(`file://${folder}/en`)]) {
        const stream = await c4(place, { part: "train", maxCharacters });
        assertEquals(stream.shards.map(({ name }) => name), [
          `${folder}/en/c4-train.00000-of-01024.json.gz`,
          `${folder}/en/c4-train.01023-of-01024.json.gz`,
        ]);
        const half = (row: C4Text) => row.url !== "https://example.com/4";
        assertEquals(await textsOf(stream.open(0)), expected);
        assertEquals(await textsOf(stream.open(0, 3)), expected.slice(3));
        assertEquals(await textsOf(stream.open(1)), expected.filter(half));
        assertEquals(await stream.count(0), expected.length);
      }
    }
    const byDefault = await c4(folder, { part: "train" });
    assertEquals(await textsOf(byDefault.open(0)), cut["4000"]);
    const whole = await c4(folder, { part: "train", maxCharacters: Infinity });
    const lengths = (await textsOf(whole.open(0))).map(({ text }) =>
      text.length
    );
    assertEquals(lengths.slice(-2), [5000, 8002]);
    const validation = await c4(folder, { part: "validation" });
    assertEquals(validation.shards.length, 1);
    assertEquals(await textsOf(validation.open(0)), cut["4000"]!.slice(0, 1));
  },
);

async function textsOf<E>(texts: AsyncIterable<E>): Promise<E[]> {
  return await Array.fromAsync(texts);
}

const FILE = "c4-train.00002-of-01024.json.gz";

/** Calls with a file of some text, or of other bytes. */
function withFile(
  content: string | Uint8Array,
  run: (folder: string) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    const bytes = typeof content === "string" ? gzipSync(content) : content;
    await Deno.writeFile(`${folder}/${FILE}`, bytes);
    await run(folder);
  });
}

const line = (text: unknown) => `${JSON.stringify({ text, url: "a" })}\n`;

Deno.test("c4() names the file and line that is bad, or counts it", async () => {
  for (const bad of ['text": "a"}\n', "null\n", '{"url": "a"}\n', line(1)]) {
    await withFile(`${line("one")}${bad}${line("two")}`, async (folder) => {
      const open = async (options: Partial<C4Options> = {}) =>
        await c4(folder, { part: "train", ...options });
      await assertRejects(
        async () => await textsOf((await open()).open(0)),
        SyntaxError,
        `${folder}/${FILE}:2 should`,
      );
      const stream = await open({ onBad: { skip: true } });
      const texts = await textsOf(stream.open(0));
      assertEquals(texts.map(({ text }) => text), ["one", "two", "two"]);
      assertEquals(stream.bad.records.map(({ name }) => name), [
        `${folder}/${FILE}:2`,
      ]);
    });
  }
});

Deno.test("c4() names a file that is cut, and counts it where asked", async () => {
  const rows = Array.from(
    { length: 20_000 },
    (_, i) => line(`${i} ${Math.sin(i)}`),
  );
  const whole = gzipSync(rows.join(""));
  await withFile(whole.subarray(0, whole.length / 2), async (folder) => {
    const stream = await c4(folder, { part: "train" });
    await assertRejects(
      () => textsOf(stream.open(0)),
      SyntaxError,
      `${folder}/${FILE} should be gzip, and whole`,
    );
    const skipping = await c4(folder, {
      part: "train",
      onBad: { skip: true },
    });
    const texts = await textsOf(skipping.open(0));
    assertEquals(texts.at(-1)!.text.split(" ")[0], `${texts.length - 1}`);
    assertEquals(skipping.bad.count, 1);
  });
});

Deno.test("c4() says how to fetch what is missing", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a file`, "");
    for (const place of [folder, `${folder}/nothing`, `${folder}/a file`]) {
      await assertRejects(
        () => c4(place, { part: "validation" }),
        Error,
        `${place} should have files such as en/c4-validation.00000-of-00008.json.gz, got none; fetch them:\n  curl -L`,
      );
    }
    const pointer = "version https://git-lfs.github.com/spec/v1\n" +
      `oid sha256:${"0".repeat(64)}\nsize 319000000\n`;
    const name = "c4-train.00003-of-01024.json.gz";
    await Deno.writeTextFile(`${folder}/${name}`, pointer);
    // Other variants and files that are not whole yet are not taken.
    for (
      const name of [
        "c4-train.00000-of-00512.json.gz",
        "c4-train.00000-of-01024.json.gz.part",
        "c4-validation.00000-of-00008.json.gz",
      ]
    ) await Deno.writeFile(`${folder}/${name}`, gzipSync(line("a")));
    await assertRejects(() => c4(folder, { part: "train" }), Error, "curl");
    // A download that has only begun.
    await Deno.writeFile(`${folder}/${name}`, new Uint8Array());
    await assertRejects(
      () => c4(folder, { part: "train" }),
      SyntaxError,
      `${folder}/${name} should have texts, got an empty file; download it again`,
    );
  }));

Deno.test("c4() gives texts that become a file of tokens", () =>
  withFile(`${line("ab")}${line("cde")}`, async (folder) => {
    const tokenizer = byteTokenizer();
    const count = await writeTokenFile(
      await c4(folder, { part: "train", maxCharacters: 2 }),
      {
        ...{ tokenizer, path: `${folder}/train.bin` },
        ...{ separator: tokenizer.specials.sep, type: "uint16" },
      },
    );
    assertEquals(count, 6);
  }));
