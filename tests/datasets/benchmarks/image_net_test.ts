/** ImageNet is found as torchvision finds it, in each form that it is published in. @module */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { Buffer } from "node:buffer";
import { deflateSync } from "node:zlib";
import { imageNet } from "../../../lib/datasets/mod.ts";
import type { ImageNetOptions } from "../../../lib/datasets/benchmarks/image_net/image_net.ts";
import { readMatStructs } from "../../../lib/datasets/benchmarks/image_net/mat_file.ts";
import { namesIn, withFolder } from "../../io/files.ts";
import { withPython } from "../../data/python.ts";

interface Truth {
  readonly classes: string[];
  readonly train: [name: string, label: number, bytes: string][];
  readonly val: [name: string, label: number, bytes: string][];
}

const PARTS = ["train", "val"] as const;
const TRAIN = "ILSVRC2012_img_train.tar";
const VAL = "ILSVRC2012_img_val.tar";

/** Images by their names, labels and bytes. */
async function contentOf(
  folder: string,
  options: ImageNetOptions,
): Promise<{ classes: readonly string[]; images: unknown[] }> {
  const { classes, labels, size, get } = await imageNet(folder, options);
  assertEquals(labels.length, size);
  const images: unknown[] = [];
  for (let i = 0; i < size; i++) {
    const { name, label, bytes } = await get(i);
    assertEquals(label, labels[i]);
    assert(name.startsWith(folder), name);
    const content = new Uint8Array(await bytes());
    images.push([name.replace(/^.*[/:]/, ""), label, content.toHex()]);
  }
  return { classes, images };
}

/** Compares all forms with the folders that torchvision reads. */
async function compareForms(folder: string, truth: Truth) {
  for (const form of ["folders", "tars", "kaggle", "flat"]) {
    for (const part of PARTS) {
      if (form === "flat" && part === "train") continue;
      const { classes, images } = await contentOf(`${folder}/${form}`, {
        part,
      });
      assertEquals(classes, truth.classes, form);
      assertEquals(images, truth[part], `${form}, ${part}`);
    }
  }
  const { name } = await (await imageNet(`${folder}/tars`, { part: "train" }))
    .get(0);
  assertEquals(
    name,
    `${folder}/tars/${TRAIN}:n01440764.tar:n01440764_10.JPEG`,
  );
}

/** The places of images are kept as long as the tar is the same. */
async function tryIndex(folder: string, truth: Truth) {
  const tars = `${folder}/tars`;
  const tar = `${tars}/${TRAIN}`;
  const index = `${tar}.index`;
  const firstName = async (options: { index?: string | URL } = {}) => {
    const images = await imageNet(tars, { part: "train", ...options });
    return (await images.get(0)).name.replace(/^.*:/, "");
  };
  const change = async (path: string, from: string, to: string) => {
    const bytes = await Deno.readFile(path);
    const text = new TextDecoder("latin1").decode(bytes).replace(from, to);
    const changed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    await Deno.writeFile(path, changed);
  };
  assertEquals(await namesIn(tars), [
    ...["ILSVRC2012_devkit_t12.tar.gz", TRAIN, `${TRAIN}.index`],
    ...[VAL, `${VAL}.index`],
  ]);
  const whole = await Deno.readFile(index);
  // What the file says is taken, so that the tar was not read through.
  await change(index, "n01440764_10.JPEG", "n01440764_XX.JPEG");
  assertEquals(await firstName(), "n01440764_XX.JPEG");
  // Neither a damaged file is, nor that of a tar of another time or size.
  for (
    const damaged of [
      ...[whole.subarray(0, -1), whole.subarray(0, 50), new Uint8Array()],
      ...[new Uint8Array([...whole, 0]), whole.map((byte) => byte ^ 1)],
    ]
  ) {
    await Deno.writeFile(index, damaged);
    assertEquals(await firstName(), "n01440764_10.JPEG");
    assertEquals(await Deno.readFile(index), whole);
  }
  const bytes = await Deno.readFile(tar);
  const images = await imageNet(tars, { part: "train" });
  await change(tar, "n01440764_10.JPEG", "n01440764_1a.JPEG");
  await assertRejects(
    async () => await (await images.get(0)).bytes(),
    SyntaxError,
    `${tar} should be as it was when its index was made`,
  );
  await assertRejects(firstName, SyntaxError, "n01440764.tar");
  await Deno.writeFile(tar, bytes);
  assertEquals(await firstName(), "n01440764_10.JPEG");

  // A folder that cannot be written to: the index's name is taken.
  await Deno.remove(index);
  await Deno.mkdir(index);
  assertEquals(await firstName(), "n01440764_10.JPEG");
  const elsewhere = `${folder}/places/of/tars`;
  assertEquals(await firstName({ index: elsewhere }), "n01440764_10.JPEG");
  assertEquals(await namesIn(elsewhere), [`${TRAIN}.index`]);
  await assertRejects(() => firstName({ index: tar }), Error, tar);
  await Deno.truncate(tar, 600); // it is not even read
  await assertRejects(() => firstName({ index: tar }), Error, "EEXIST");
  await Deno.writeFile(tar, bytes);
  await assertRejects(() => firstName({ index: "" }), RangeError, "index");
  assertEquals(
    await firstName({ index: new URL(`file://${elsewhere}/`) }),
    "n01440764_10.JPEG",
  );
  await Deno.remove(index);
  assertEquals(
    (await contentOf(tars, { part: "train", index: elsewhere })).images,
    truth.train,
  );
}

/** Tars that are cut or damaged are refused, by their names. */
async function tryDamaged(folder: string) {
  const tars = `${folder}/tars`;
  const whole = await Deno.readFile(`${tars}/${TRAIN}`);
  const open = () => imageNet(tars, { part: "train" });
  for (const share of [0.02, 0.5, 0.8]) {
    const cut = whole.subarray(0, Math.floor(share * whole.length));
    await Deno.writeFile(`${tars}/${TRAIN}`, cut);
    await assertRejects(open, SyntaxError, `${tars}/${TRAIN}`);
  }
  await Deno.writeFile(`${tars}/${TRAIN}`, new Uint8Array(1024));
  await assertRejects(open, SyntaxError, "a tar of tars, got one without any");
  await Deno.copyFile(`${tars}/${VAL}`, `${tars}/${TRAIN}`);
  await assertRejects(open, SyntaxError, "got ILSVRC2012_val_00000010.JPEG");
  await Deno.writeFile(`${tars}/${VAL}`, whole);
  await assertRejects(
    () => imageNet(tars, { part: "val" }),
    SyntaxError,
    `${VAL} should have images, files that end in .JPEG, got none`,
  );
}

/** What does not agree is an error. */
async function tryDisagreeing(folder: string) {
  const fails = async (
    form: string,
    part: "train" | "val",
    said: string,
    type: ErrorConstructor = Error,
  ) => {
    const path = `${folder}/${form}`;
    const { message } = await assertRejects(
      () => imageNet(path, { part }),
      type,
      said,
    );
    assert(message.includes(path), message);
  };
  await fails("another_class", "val", ":10 should be the number", SyntaxError);
  await fails("too_few_lines", "val", "no class for it: it has those of 9");
  await fails("too_many_lines", "val", "none for ILSVRC2012_val_00000011");
  await fails("no_synsets", "val", "has no variable synsets", SyntaxError);
  await fails("no_classes", "val", "got none", SyntaxError);
  await fails("class_twice", "val", "got some twice", SyntaxError);
  await fails("fewer_classes", "train", "has the class n01443537, and");

  const kaggle = `${folder}/kaggle`;
  const mapping = `${kaggle}/LOC_synset_mapping.txt`;
  const lines = await Deno.readTextFile(mapping);
  await Deno.writeTextFile(mapping, "\ufeff" + lines.replaceAll("\n", "\r\n"));
  assertEquals((await imageNet(kaggle, { part: "val" })).size, 10);
  await Deno.writeTextFile(mapping, lines.replace(/^.*\n/, ""));
  await fails("kaggle", "val", "a class of LOC_synset_mapping", SyntaxError);
  await Deno.writeTextFile(mapping, `${lines}n99999999 a class more\n`);
  await fails("kaggle", "val", "has the class n99999999, and");
  await Deno.writeTextFile(mapping, lines + lines);
  await fails("kaggle", "val", "got a class twice", SyntaxError);
  await Deno.remove(mapping);
  await fails("kaggle", "val", "should have LOC_synset_mapping.txt");
  await Deno.remove(`${kaggle}/LOC_val_solution.csv`);
  await fails("kaggle", "val", "LOC_val_solution.csv, got neither");

  const { remove } = Deno;
  await Deno.writeTextFile(
    `${folder}/flat/val/ILSVRC2012_val_00000003.jpg`,
    "",
  );
  await fails("flat", "val", "got ILSVRC2012_val_00000003 twice");
  await remove(`${folder}/flat/val/ILSVRC2012_val_00000003.jpg`);
  await remove(`${folder}/flat/val/ILSVRC2012_val_00000003.JPEG`);
  await fails("flat", "val", "should have 10 images");
  await Deno.mkdir(`${folder}/folders/val/.thumbnails`);
  const { classes } = await imageNet(`${folder}/folders`, { part: "val" });
  assertEquals(classes.length, 4);
  const empty = `${folder}/folders/val/n15075141`;
  await remove(empty, { recursive: true });
  await Deno.mkdir(empty);
  await fails(
    ...["folders", "val"] as const,
    `${empty} should have images, got none; unpack or download it again`,
  );
  await remove(empty);
  await fails("folders", "val", "train has the class n15075141, and");
  await fails("folders", "train", "train has the class n15075141, and");
  await remove(`${folder}/no_synsets/ILSVRC2012_devkit_t12.tar.gz`);
  await fails("no_synsets", "val", "got none; download it (2.5 MB)");
  await Deno.writeTextFile(
    `${folder}/no_synsets/ILSVRC2012_devkit_t12.tar.gz`,
    "<html>404</html>".repeat(99),
  );
  await fails("no_synsets", "val", "should be a tar", SyntaxError);
}

/** A data element of a MAT-file: bytes, or numbers of 32 bits. */
function element(type: number, data: Uint8Array | readonly number[]) {
  const bytes = data instanceof Uint8Array
    ? data
    : new Uint8Array(Uint32Array.from(data).buffer);
  return bytesOf(
    ...[[type, bytes.length], bytes, new Uint8Array(-bytes.length & 7)],
  );
}

/** Bytes, or numbers of 32 bits, one after another. */
function bytesOf(...parts: (Uint8Array | readonly number[])[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(
      parts.map((part) =>
        part instanceof Uint8Array
          ? part
          : new Uint8Array(Uint32Array.from(part).buffer)
      ),
    ),
  );
}

/** A MAT-file with one compressed variable, a struct. */
function matFile(
  shape: Uint8Array,
  title: Uint8Array | readonly number[] = [],
  ...rest: Uint8Array[]
): Uint8Array {
  const header = new Uint8Array(128);
  header.set([0, 1, 0x49, 0x4d], 124);
  const flags = element(6, [2, 0]);
  const named = element(1, title);
  const packed = deflateSync(
    element(14, bytesOf(flags, shape, named, ...rest)),
  );
  return bytesOf(header, [15, packed.length], packed);
}

/** A changed MAT-file is refused, or has as many structs as it says. */
async function tryMatFile(folder: string) {
  const bytes = await Deno.readFile(
    `${folder}/flat/ILSVRC2012_devkit_t12/data/meta.mat`,
  );
  const read = (bytes: Uint8Array) =>
    readMatStructs("meta.mat", bytes, "synsets", ["WNID", "ILSVRC2012_ID"]);
  assertEquals(read(bytes)[5], { WNID: "n00001740", ILSVRC2012_ID: 1860 });
  for (let end = 0; end < bytes.length; end += 7) {
    assertThrows(() => read(bytes.slice(0, end)), SyntaxError, "meta.mat");
  }
  const wrong: [Uint8Array, string][] = [
    [bytes.with(125, 2), "its version is 2"],
    [bytes.with(126, 0x4d).with(127, 0x49), "not little-endian"],
  ];
  for (const [changed, said] of wrong) {
    assertThrows(() => read(changed), SyntaxError, said);
  }
  // Files of some kilobytes may have gigabytes of numbers, or of names.
  const most = 2 ** 14 + 8;
  const bombs: [Uint8Array, string][] = [
    [matFile(element(2, new Uint8Array(most))), `has ${most} bytes`],
    [matFile(element(5, [1, 1]), new Uint8Array(most)), `has ${most} bytes`],
    [
      matFile(
        ...[element(5, [1, 1]), new TextEncoder().encode("synsets")] as const,
        ...[element(5, [1]), element(1, new Uint8Array(most).fill(65))],
      ),
      `has ${most} bytes`,
    ],
    [matFile(element(5, [1, 1]), [], new Uint8Array(2 ** 25)), "33554432"],
  ];
  for (const [bomb, said] of bombs) {
    assert(bomb.length < 2 ** 16);
    assertThrows(() => read(bomb), SyntaxError, said);
  }
  const place = fc.nat(bytes.length - 1);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (changes) => {
        const copy = bytes.slice();
        for (const [at, byte] of changes) copy[at] = byte;
        try {
          read(copy);
        } catch (error) {
          assert(error instanceof SyntaxError, String(error));
        }
      },
    ),
    { numRuns: 500, seed: 1 },
  );
}

await withPython(
  "ImageNet is found as torchvision finds it, and what is damaged or disagrees is refused",
  {
    modules: ["numpy"],
    program: await Deno.readTextFile(
      new URL("make_image_net.py", import.meta.url),
    ),
  },
  async (folder) => {
    const truth: Truth = JSON.parse(
      await Deno.readTextFile(`${folder}/truth.json`),
    );
    await compareForms(folder, truth);
    await tryIndex(folder, truth);
    await tryMatFile(folder);
    await tryDisagreeing(folder);
    await tryDamaged(folder);
  },
);

Deno.test("ImageNet's Parquet files are read, with the names of their classes", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/data`);
    const names = ["tench, Tinca tinca", "goldfish, Carassius auratus"];
    const write = (name: string, labels: readonly number[]) => {
      const file = parquetWriteBuffer({
        columnData: [
          {
            name: "image",
            data: labels.map((label) => Uint8Array.of(9, label)),
            type: "BYTE_ARRAY",
          },
          { name: "label", data: labels.map(BigInt), type: "INT64" },
        ],
        kvMetadata: [{
          key: "huggingface",
          value: JSON.stringify({
            info: { features: { label: { names, _type: "ClassLabel" } } },
          }),
        }],
      });
      return Deno.writeFile(`${folder}/data/${name}`, new Uint8Array(file));
    };
    await write("train-00000-of-00002.parquet", [1, 0]);
    await write("train-00001-of-00002.parquet", [1]);
    await write("validation-00000-of-00001.parquet", [0]);
    const train = await imageNet(folder, { part: "train" });
    assertEquals([train.classes, [...train.labels]], [names, [1, 0, 1]]);
    const { bytes } = await train.get(2);
    assertEquals([...await bytes()], [9, 1]);
    const val = await imageNet(folder, { part: "val" });
    assertEquals([val.classes, [...val.labels]], [names, [0]]);
    await write("validation-00000-of-00001.parquet", [2]);
    await assertRejects(
      () => imageNet(folder, { part: "val" }),
      RangeError,
      `got 2 in ${folder}/data/validation-00000-of-00001.parquet, row 0`,
    );
    await Deno.remove(`${folder}/data/train-00000-of-00002.parquet`);
    await assertRejects(
      () => imageNet(folder, { part: "train" }),
      Error,
      "all 2 Parquet files of train, got none with the name train-00000-of-00002.parquet",
    );
    await write("train-00000-of-00003.parquet", [0]);
    await assertRejects(
      () => imageNet(folder, { part: "train" }),
      Error,
      "got those of 0000",
    );
  }));

Deno.test("imageNet says what it has looked for, and how to get it", () =>
  withFolder(async (folder) => {
    const wrong: [unknown, ErrorConstructor, string[]][] = [
      [{ part: "test" }, RangeError, ['part should be "train" or "val"']],
      [{ parts: "val" }, TypeError, ['"part"']],
      [{ part: "val", index: 1 }, TypeError, ["index should be a path"]],
      [
        { part: "train" },
        Error,
        [
          ...[`${folder} should have ImageNet-1k's images for train`, TRAIN],
          ...["138 GB", "train/n01440764/*.JPEG", "train-00000-of-00294"],
          ...["https://www.image-net.org", "hf download ILSVRC/imagenet-1k "],
        ],
      ],
      [
        { part: "val" },
        Error,
        [VAL, "devkit", "6.3 GB", "validation-00000-of-00014"],
      ],
    ];
    // An empty folder is nothing, and no reason to look no further.
    await Deno.mkdir(`${folder}/val`);
    for (const [options, type, parts] of wrong) {
      for (const said of parts) {
        await assertRejects(
          () => imageNet(folder, options as ImageNetOptions),
          type,
          said,
        );
      }
    }
  }));
