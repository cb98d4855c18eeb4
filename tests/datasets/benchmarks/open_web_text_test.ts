import { assert, assertEquals, assertRejects } from "@std/assert";
import { parquetWriteBuffer } from "hyparquet-writer";
import { gzipSync } from "node:zlib";
import { byteTokenizer, writeTokenFile } from "../../../lib/data/mod.ts";
import { openWebText } from "../../../lib/datasets/mod.ts";
import type { OpenWebTextOptions } from "../../../lib/datasets/benchmarks/open_web_text.ts";
import { withFolder } from "../../io/files.ts";
import { withPython } from "../../data/python.ts";
import { tarOf } from "../../data/records/tar_of.ts";

/** Texts in a tar and in a folder, and what openwebtext.py makes of them. */
const PROGRAM = `
import json, os, random, re, sys, tarfile
random.seed(1)
spaces = [chr(c) for c in range(0x10000) if chr(c).isspace()]
others = ["a", "é", "🦁", "\\ufeff", "\\u200b", "\\u180e", "\\0", "\\x1b", "\\u2060"]
some = lambda: "".join(random.choice(spaces + ["\\n"] * 20 + ["\\r"] * 5 + others * 3)
                       for _ in range(random.randrange(12)))
texts = [space + "a" + space for space in spaces]
texts += [other + "b" + other for other in others]
texts += [some() + "a" + some() + "\\n\\n\\n\\n" + some() for _ in range(300)]
texts += ["", "\\n\\n\\n", "one\\r\\n\\r\\n\\r\\ntwo\\r\\r\\rthree\\n\\n\\n\\nfour"]
os.mkdir("subset")
expected = {}
for i, text in enumerate(texts):
    name = f"{i:04}-abc.txt"
    with open(f"subset/{name}", "wb") as file:
        file.write(text.encode("utf-8"))
    with open(f"subset/{name}", encoding="utf-8") as file:
        expected[name] = re.sub("\\n\\n\\n+", "\\n\\n", file.read()).strip()
with tarfile.open("subset.tar", "w") as tar:
    tar.add("subset", arcname=".")
    order = [os.path.basename(name) for name in tar.getnames() if name.endswith(".txt")]
json.dump({"sorted": [expected[name] for name in sorted(expected)],
           "packed": [expected[name] for name in order]}, open("expected.json", "w"))
`;

await withPython(
  "openWebText() cleans texts as openwebtext.py does",
  { modules: ["json", "tarfile"], program: PROGRAM },
  async (folder) => {
    const { sorted, packed } = JSON.parse(
      await Deno.readTextFile(`${folder}/expected.json`),
    ) as Record<string, string[]>;
    const unpacked = await openWebText(`${folder}/subset`);
    assertEquals(await textsOf(unpacked), sorted);
    await Deno.mkdir(`${folder}/openwebtext`);
    for (const name of ["urlsf_subset00-1_data", "urlsf_subset00-2_data.tar"]) {
      await Deno.copyFile(
        `${folder}/subset.tar`,
        `${folder}/openwebtext/${name}`,
      );
    }
    const tars = await openWebText(folder);
    assertEquals(tars.shards.map(({ name }) => name), [
      `${folder}/openwebtext/urlsf_subset00-1_data`,
      `${folder}/openwebtext/urlsf_subset00-2_data.tar`,
    ]);
    assertEquals(await textsOf(tars), [...packed!, ...packed!]);
  },
);

type Stream = Awaited<ReturnType<typeof openWebText>>;

/** All texts of a stream. */
async function textsOf({ shards, open }: Stream): Promise<string[]> {
  const texts: string[] = [];
  for (const shard of shards.keys()) {
    for await (const { text } of open(shard, 0)) texts.push(text);
  }
  return texts;
}

/** A Parquet file with a column of texts. */
function tableOf(data: (string | null)[], name = "text") {
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [{ name, data, type: "STRING" }],
      rowGroupSize: 500,
    }),
  );
}

const NAMES = ["train-00000-of-00080.parquet", "train-00041-of-00080.parquet"];

const TEXTS = Array.from({ length: 3000 }, (_, i) => `text ${i}`);

/** Calls with a folder as the hub's, with two of its files. */
function withTables(run: (folder: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/plain_text`);
    for (const [i, name] of NAMES.entries()) {
      await Deno.writeFile(
        `${folder}/plain_text/${name}`,
        tableOf(TEXTS.map((text) => `${i}: ${text}`)),
      );
    }
    await run(folder);
  });
}

Deno.test("openWebText() splits the hub's files into parts by seed and place", () =>
  withTables(async (folder) => {
    const all = await openWebText(folder);
    assertEquals(all.shards.map(({ name }) => name), [
      `${folder}/plain_text/${NAMES[0]}`,
      `${folder}/plain_text/${NAMES[1]}`,
    ]);
    const texts = await textsOf(all);
    assertEquals(texts.length, 2 * TEXTS.length);
    const partsOf = async (options: OpenWebTextOptions) =>
      await Promise.all((["train", "validation"] as const).map(async (part) => {
        const stream = await openWebText(folder, { ...options, part });
        const found = await textsOf(stream);
        const counts = await Promise.all([0, 1].map((i) => stream.count!(i)));
        assertEquals(counts[0]! + counts[1]!, found.length);
        for (const from of [1, 7, 100_000]) {
          const first = await Array.fromAsync(stream.open(0, from));
          assertEquals(
            first.map(({ text }) => text),
            found.slice(from, counts[0]),
          );
        }
        return found;
      }));
    // Counts of a part that are kept by its shards' names are no other part's.
    const names = await Promise.all([{}, { seed: 1 }, { part: "train" }].map(
      async (options) =>
        (await openWebText(folder, {
          ...{ part: "validation", ...options } as OpenWebTextOptions,
        })).shards[0]!.name,
    ));
    assertEquals(new Set(names).size, 3);
    const [train, held] = await partsOf({ validation: 0.1 });
    // Six standard deviations of a binomial distribution.
    assert(Math.abs(held!.length - 600) < 140, `${held!.length} are held out`);
    assertEquals([...train!, ...held!].sort(), texts.toSorted());
    const indicesIn = (shard: number) =>
      held!.filter((text) => text.startsWith(`${shard}:`))
        .map((text) => text.slice(3));
    assert(indicesIn(0).join() !== indicesIn(1).join());
    const [, again] = await partsOf({ validation: 0.1 });
    assertEquals(again, held);
    const [, other] = await partsOf({ validation: 0.1, seed: 1 });
    assert(other!.join() !== held!.join());
    assertEquals((await partsOf({ validation: 1 }))[0], []);
    assertEquals((await partsOf({ validation: 0 }))[1], []);
    const few = (await partsOf({}))[1]!.length;
    assert(few < 20, `${few} of 6,000 are held out`);
    // A file that comes later changes nothing for the others.
    await Deno.remove(`${folder}/plain_text/${NAMES[0]}`);
    const alone = await openWebText(folder, {
      part: "validation",
      validation: 0.1,
    });
    assertEquals(
      await textsOf(alone),
      held!.filter((text) => text.startsWith("1:")),
    );
  }));

Deno.test("openWebText() is read twice at once, and not to its end", () =>
  withTables(async (folder) => {
    const stream = await openWebText(folder, {
      ...{ part: "train", validation: 0.5 },
    });
    const texts = await Array.fromAsync(stream.open(0));
    const later = stream.open(0, 3)[Symbol.asyncIterator]();
    let place = 0;
    for await (const text of stream.open(0)) {
      assertEquals(text, texts[place]);
      assertEquals((await later.next()).value, texts[place + 3]);
      if (++place === 1500) break;
      if (place + 3 === texts.length) break;
    }
    await later.return!();
    assert(place > 1000);
  }));

Deno.test("openWebText() becomes a file of tokens", () =>
  withTables(async (folder) => {
    const tokenizer = byteTokenizer();
    const stream = await openWebText(folder, {
      part: "validation",
      validation: 0.01,
    });
    const texts = await textsOf(stream);
    assertEquals(
      await writeTokenFile(stream, {
        ...{ tokenizer, path: `${folder}/val.bin`, type: "uint16" },
        separator: tokenizer.specials.sep,
      }),
      texts.reduce((sum, text) => sum + text.length + 1, 0),
    );
  }));

Deno.test("openWebText() reads a folder of texts, or folders of them", () =>
  withFolder(async (folder) => {
    for (const name of ["b/2.txt", "b/1.txt", "a/3.txt", "a/read.me", "c/4"]) {
      await Deno.mkdir(`${folder}/${name.split("/")[0]}`, { recursive: true });
      await Deno.writeTextFile(`${folder}/${name}`, ` ${name} `);
    }
    const stream = await openWebText(folder);
    assertEquals(stream.shards, [{ name: `${folder}/a` }, {
      name: `${folder}/b`,
    }]);
    assertEquals(await textsOf(stream), ["a/3.txt", "b/1.txt", "b/2.txt"]);
    assertEquals(await stream.count!(1), 2);
    await Deno.writeFile(`${folder}/b/2.txt`, Uint8Array.of(0x61, 0xff));
    await assertRejects(
      () => textsOf(stream),
      SyntaxError,
      `${folder}/b/2.txt should be text in UTF-8`,
    );
  }));

/** A tar whose first member says to have another size, in octal. */
function ofSize(tar: Uint8Array, size: string): Uint8Array<ArrayBuffer> {
  const changed = new Uint8Array(tar);
  const write = (at: number, text: string) =>
    changed.set(new TextEncoder().encode(text), at);
  write(124, size);
  write(148, " ".repeat(8));
  const sum = changed.subarray(0, 512).reduce((sum, byte) => sum + byte, 0);
  write(148, `${sum.toString(8).padStart(6, "0")}\0`);
  return changed;
}

Deno.test("openWebText() names what is damaged", () =>
  withFolder(async (folder) => {
    const failsWith = async (message: string) =>
      await assertRejects(
        async () => await textsOf(await openWebText(folder)),
        SyntaxError,
        message,
      );
    const tar = `${folder}/urlsf_subset00-1_data.tar`;
    const whole = tarOf({ "1.txt": "one", "2.txt": "two" });
    for (const bytes of [whole.subarray(0, 1200), whole.subarray(0, 600)]) {
      await Deno.writeFile(tar, bytes);
      await failsWith(tar);
    }
    await Deno.writeFile(tar, tarOf({ "1.txt": Uint8Array.of(0xe9) }));
    await failsWith(`${tar}:1.txt should be text in UTF-8`);
    await Deno.writeFile(tar, ofSize(whole, "10000000000"));
    await failsWith(
      `${tar}:1.txt should have at most 536870912 bytes, got ${2 ** 30}`,
    );
    const packed = gzipSync(whole);
    await Deno.writeFile(tar, packed);
    assertEquals(await textsOf(await openWebText(folder)), ["one", "two"]);
    await Deno.writeFile(tar, packed.subarray(0, packed.length / 2));
    await failsWith(`${tar} should be gzip, and whole`);
    await Deno.writeFile(tar, tarOf({ "read.me": "none" }));
    await failsWith(`${tar} should have texts`);
    await Deno.remove(tar);
    const table = `${folder}/train-00000-of-00080.parquet`;
    await Deno.writeFile(table, tableOf(["one", null]));
    await failsWith(`${table}, row 1 should have a text, got nothing`);
    await Deno.writeFile(table, tableOf(["one"]).subarray(0, 40));
    await failsWith(`${table} should be Parquet, and whole`);
    await Deno.writeFile(table, tableOf(["one"], "content"));
    await assertRejects(
      async () => await textsOf(await openWebText(folder)),
      RangeError,
      `${table} should have the column "text"`,
    );
  }));

Deno.test("openWebText() says how to unpack or fetch what is not there", () =>
  withFolder(async (folder) => {
    const failsWith = async (message: string) =>
      await assertRejects(
        async () => await textsOf(await openWebText(folder)),
        Error,
        message,
      );
    await failsWith(`${folder} should have OpenWebText as Parquet files`);
    const archive = `${folder}/openwebtext.tar.xz`;
    await Deno.writeFile(archive, Uint8Array.of(0xfd));
    await failsWith(`  tar -xJf ${archive} -C ${folder}`);
    await Deno.mkdir(`${folder}/openwebtext`);
    await Deno.remove(archive);
    await Deno.writeFile(
      `${folder}/openwebtext/urlsf_subset00-1_data.xz`,
      Uint8Array.of(0xfd),
    );
    await failsWith(`  xz -d ${folder}/openwebtext/*.xz`);
    const tar = `${folder}/urlsf_subset00.tar`;
    await Deno.writeFile(
      tar,
      tarOf({ "openwebtext/urlsf_subset00-1_data.xz": "packed" }),
    );
    await failsWith(
      `open ${folder}/openwebtext:\n  tar -xf ${tar} -C ${folder}\n  xz -d`,
    );
    await Deno.writeFile(tar, Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0));
    await failsWith("what xz makes; decompress it first");
  }));
