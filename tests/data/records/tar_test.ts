import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import {
  memoryBytes,
  webDataset,
  webDatasetStream,
} from "../../../lib/data/mod.ts";
import { expandBraces } from "../../../lib/data/records/expand_braces.ts";
import { parseTarHeader } from "../../../lib/data/records/tar/header.ts";
import {
  RangeReader,
  tarMembers,
} from "../../../lib/data/records/tar/members.ts";
import type { TarSample } from "../../../lib/data/records/tar/sample.ts";
import { placeOf } from "../../../lib/data/records/tar/samples.ts";
import { withFolder } from "../../io/files.ts";
import { withPython } from "../python.ts";
import { mostHeld } from "./memory.ts";
import { tarOf } from "./tar_of.ts";

const PROGRAM = `
import gzip, io, json, tarfile
names = ["a.jpg", "a.cls", "folder/b.c.JPG", "folder/b.cls",
         "x" * 90 + "/" + "y" * 60 + ".txt", "é🦁.txt"]
long = names + ["d/" * 200 + "long.txt", "z" * 300 + ".txt"]

def pack(name, format, names, mode="w"):
    with tarfile.open(name, mode, format=format) as tar:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "a" * 150 if format != tarfile.USTAR_FORMAT else "a"
        tar.addfile(link)
        for i, member in enumerate(names):
            info = tarfile.TarInfo(member)
            content = f"{member} {i}".encode() * (100 * i)
            info.size, info.mtime = len(content), 1.5 if format == tarfile.PAX_FORMAT else 1
            tar.addfile(info, io.BytesIO(content))

pack("ustar.tar", tarfile.USTAR_FORMAT, names)
pack("pax.tar", tarfile.PAX_FORMAT, long)
pack("gnu.tar", tarfile.GNU_FORMAT, long)
pack("packed.tar.gz", tarfile.GNU_FORMAT, long, "w:gz")
json.dump({"names": names, "long": long}, open("names.json", "w"))

for name, format, size in [("large", tarfile.GNU_FORMAT, 2**40), ("octal", tarfile.USTAR_FORMAT, 8**11 - 1)]:
    info = tarfile.TarInfo("huge.bin")
    info.size = size
    open(name, "wb").write(info.tobuf(format))
`;

await withPython(
  "tarMembers() finds what Python's tarfile has packed in every format",
  { modules: ["tarfile"], program: PROGRAM },
  async (folder) => {
    const { names, long } = JSON.parse(
      await Deno.readTextFile(`${folder}/names.json`),
    ) as Record<string, string[]>;
    for (
      const [file, expected] of [
        ["ustar.tar", names!],
        ["pax.tar", long!],
        ["gnu.tar", long!],
      ] as const
    ) {
      const bytes = await Deno.readFile(`${folder}/${file}`);
      const found: string[] = [];
      const reader = new RangeReader(memoryBytes(bytes));
      for await (const member of tarMembers(file, reader)) {
        const content = `${member.name} ${found.length}`
          .repeat(100 * found.length);
        found.push(member.name);
        const { offset, size } = member;
        for (
          const got of [
            bytes.subarray(offset, offset + size),
            await member.bytes(),
          ]
        ) {
          assertEquals(new TextDecoder().decode(got), content);
        }
      }
      assertEquals(found, expected);
    }
    for (const [name, size] of [["large", 2 ** 40], ["octal", 8 ** 11 - 1]]) {
      const header = parseTarHeader(await Deno.readFile(`${folder}/${name}`));
      assertEquals(header, { name: "huge.bin", size: Number(size), type: "0" });
    }

    const indexed = await webDataset(`${folder}/{pax,gnu}.tar`);
    const streamed = webDatasetStream(`${folder}/packed.tar.gz`);
    const samples = await Array.fromAsync(streamed.open(0));
    const keys = [
      ...["a", "folder/b", "x".repeat(90) + "/" + "y".repeat(60), "é🦁"],
      ...["d/".repeat(200) + "long", "z".repeat(300)],
    ];
    assertEquals(samples.map(({ key }) => key), keys);
    assertEquals(await streamed.count(0), 6);
    assertEquals(indexed.size, 12);
    assertEquals([...indexed.locality], [
      ...Array(6).fill(0),
      ...Array(6).fill(1),
    ]);
    for (const [i, sample] of samples.entries()) {
      const same = indexed.get(i + 6);
      assertEquals([same.key, same.fields], [sample.key, sample.fields]);
      for (const field of sample.fields) {
        assertEquals(await same.bytes(field), await sample.bytes(field));
      }
    }
    assertEquals(samples[1]!.fields, ["c.jpg", "cls"]);
    assertEquals(await samples[0]!.text("cls"), "a.cls 1".repeat(100));
    assertEquals(
      (await Array.fromAsync(streamed.open(0, 4))).map(({ key }) => key),
      keys.slice(4),
    );
  },
);

const FILES = { "1.txt": "one ".repeat(200), "1.cls": "1", "2.txt": "two" };

Deno.test("tars that are cut, damaged or none are errors with their name", async () => {
  const whole = tarOf(FILES);
  const cases: [Uint8Array, string][] = [
    [whole.subarray(0, 100), "it ends early, at byte 0"],
    [whole.subarray(0, 700), "it ends early, at byte 512"],
    [tarOf(FILES, { isEnded: false }), "it ends early, at byte 3584"],
    [new Uint8Array(0), "it ends early, at byte 0"],
    [new TextEncoder().encode("text ".repeat(500)), "the checksum of a header"],
  ];
  for (const [bytes, message] of cases) {
    const file = memoryBytes(bytes, "bad.tar");
    const said = `bad.tar should be a tar, and whole: ${message}`;
    await assertRejects(() => webDataset(file), SyntaxError, said);
    const stream = webDatasetStream(file);
    await assertRejects(
      () => Array.fromAsync(stream.open(0)),
      SyntaxError,
      said,
    );
  }
  const packed = memoryBytes(gzipSync(whole), "packed.tar.gz");
  await assertRejects(() => webDataset(packed), SyntaxError, "packed.tar.gz");
  const twice = memoryBytes(tarOf({ "1.txt": "", "1.TXT": "" }), "twice.tar");
  await assertRejects(
    () => webDataset(twice),
    SyntaxError,
    "twice.tar:1.TXT should be there once, got the field txt of 1 twice",
  );
  const { get } = await webDataset(memoryBytes(whole, "good.tar"));
  await assertRejects(
    () => get(1).bytes("cls"),
    RangeError,
    'good.tar:2 should have the field "cls", got txt',
  );
  const cut = memoryBytes(whole.subarray(0, 3500), "cut.tar");
  const skipping = webDatasetStream(cut, { onBad: { skip: true } });
  const keys = (samples: TarSample[]) => samples.map(({ key }) => key);
  assertEquals(keys(await Array.fromAsync(skipping.open(0))), ["1"]);
  assertEquals(skipping.bad.records.map(({ name }) => name), ["cut.tar"]);
});

Deno.test("a PAX header's size is in digits, and one without is taken back", async () => {
  const read = async (record: string) => {
    const tar = tarOf({ pax: record, "1.txt": "one" });
    tar[156] = "x".charCodeAt(0);
    const sum = tar.slice(0, 512).fill(32, 148, 156)
      .reduce((sum, byte) => sum + byte, 0);
    tar.set(
      new TextEncoder().encode(sum.toString(8).padStart(6, "0")),
      148,
    );
    return await (await webDataset(memoryBytes(tar))).get(0).text("txt");
  };
  assertEquals(await read("8 size=\n8 path=\n"), "one");
  assertEquals(await read("9 size=2\n"), "on");
  for (const size of ["1e1", "0x2", " 2", "-1", "2.5"]) {
    const length = size.length + 8 + Number(size.length > 1);
    const record = `${length} size=${size}\n`;
    await assertRejects(
      () => read(record),
      SyntaxError,
      `a PAX header has the size ${size}`,
    );
  }
});

Deno.test("tars with changed bytes give members or an error, soon", async () => {
  const whole = tarOf({ ...FILES, "3/pax.txt": "30 path=" });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), {
        maxLength: 6,
      }),
      fc.constantFrom("0", "x", "g", "L", "K", "S", "5", "1", "7", "D"),
      fc.nat(3),
      fc.option(fc.nat(whole.length)),
      async (changes, type, member, cut) => {
        const bytes = whole.slice();
        // Of another type, with the right checksum: its content is read as such.
        const header = [0, 1536, 2560, 3584][member]!;
        bytes[header + 156] = type.charCodeAt(0);
        for (const [at, value] of changes) bytes[at] = value;
        const sum = bytes.slice(header, header + 512)
          .fill(32, 148, 156).reduce((sum, byte) => sum + byte, 0);
        bytes.set(
          new TextEncoder().encode(sum.toString(8).padStart(6, "0") + "\0"),
          header + 148,
        );
        const file = memoryBytes(
          bytes.subarray(0, cut ?? bytes.length),
          "mutant.tar",
        );
        for (
          const read of [
            async () => (await webDataset(file)).size,
            async () =>
              (await Array.fromAsync(webDatasetStream(file).open(0))).length,
          ]
        ) {
          try {
            assert(await read() <= 4);
          } catch (error) {
            assert(error instanceof SyntaxError, String(error));
            assert(error.message.startsWith("mutant.tar"), error.message);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("webDatasetStream() of 10,000 samples holds one of them", async () => {
  // 10,000 files of 3 kB.
  const content = "x".repeat(3000);
  const files = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [`${i}.txt`, content]),
  );
  const part = tarOf(files, { isEnded: false });
  const whole = new Uint8Array(20 * part.length + 1024);
  for (let i = 0; i < 20; i++) whole.set(part, i * part.length);
  const stream = webDatasetStream(memoryBytes(gzipSync(whole), "many.tar.gz"));
  const most = await mostHeld(
    stream.open(0),
    10_000,
    (sample) => sample.bytes("txt"),
  );
  assertLess(most, 12e6);
});

Deno.test("webDataset() keeps its index where asked", () =>
  withFolder(async (folder) => {
    const index = `${folder}/index.json`;
    let reads = 0;
    const open = (files: Record<string, string>, path = index) => {
      const bytes = memoryBytes(tarOf(files), "kept.tar");
      return webDataset({
        ...bytes,
        read: (start, length) => (reads++, bytes.read(start, length)),
      }, { index: path });
    };
    const first = await open(FILES);
    assert(reads > 0);
    reads = 0;
    const second = await open(FILES);
    assertEquals(reads, 0);
    assertEquals(await second.get(0).text("cls"), "1");
    assertEquals([second.size, second.get(1).key], [first.size, "2"]);
    // Another tar is not taken for the same.
    assertEquals((await open({ ...FILES, "3.txt": "three" })).size, 3);
    // One of the same size is told from it when it is read.
    await open(FILES);
    const { "2.txt": two, ...others } = FILES;
    const swapped = await open({ "2.txt": two, ...others });
    await assertRejects(
      () => swapped.get(0).text("txt"),
      SyntaxError,
      "kept.tar should be as it was when its index was made",
    );
    await Deno.writeTextFile(index, "{");
    await assertRejects(() => open(FILES), SyntaxError, index);
    // Where an index could not be written, the tars are not read in vain.
    reads = 0;
    const nowhere = `${index}/index.json`;
    if (Deno.build.os !== "windows") {
      await assertRejects(() => open(FILES, nowhere), Error, nowhere);
      assertEquals(reads, 0);
    }
  }));

Deno.test("keys end at the first dot of the file's name", () => {
  assertEquals(placeOf("a.b/c.d.JPG"), { key: "a.b/c", field: "d.jpg" });
  assertEquals(placeOf("./c.txt"), { key: "./c", field: "txt" });
  for (const name of ["none", "a.b/none", ".hidden.txt", "__meta.json__"]) {
    assertEquals(placeOf(name), undefined);
  }
});

Deno.test("braces stand for numbers and alternatives", () => {
  assertEquals(expandBraces("a-{08..11}.tar"), [
    ...["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"],
  ]);
  assertEquals(expandBraces("{b,a}{1..0}"), ["b1", "b0", "a1", "a0"]);
  assertEquals(expandBraces("{x}{..}{1..}"), ["{x}{..}{1..}"]);
  let message = "";
  try {
    expandBraces("{0..999}{0..999}{0..999}");
  } catch (error) {
    message = (error as Error).message;
  }
  assert(message.includes("at most 1000000 files"));
});
