/** CIFAR is read as Python reads it, from every format that it is published in. @module */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import {
  decodeImage,
  evalTransform,
  imageBatches,
} from "../../../lib/data/mod.ts";
import { cifar } from "../../../lib/datasets/mod.ts";
import type { CifarOptions } from "../../../lib/datasets/benchmarks/cifar/cifar.ts";
import { unpickle } from "../../../lib/datasets/benchmarks/cifar/unpickle.ts";
import { onCpu, withFolder } from "../../io/files.ts";
import { withPython } from "../../data/python.ts";

/** The images of a part. */
interface Part {
  readonly pixels: readonly string[];
  readonly fine: readonly number[];
  readonly coarse: readonly number[];
}

interface Truth {
  readonly 10: { names: string[]; train: Part; test: Part };
  readonly 100: {
    names: { fine: string[]; coarse: string[] };
    train: Part;
    test: Part;
  };
  /** Pickles that ask for what is refused, by what errors say. */
  readonly refused: Readonly<Record<string, string>>;
  /** The start of a tar whose first batch should have a gigabyte. */
  readonly huge: string;
}

const truthIn = async (folder: string): Promise<Truth> =>
  JSON.parse(await Deno.readTextFile(`${folder}/truth.json`));

const PARTS = ["train", "test"] as const;

/** Compares the images of each format with those of Python's. */
async function compareFormats(folder: string) {
  const truth = await truthIn(folder);
  const check = async (
    place: string,
    options: CifarOptions,
    names: readonly string[],
    { pixels, ...labels }: Part,
  ) => {
    const images = await cifar(place, options);
    assertEquals(images.classes, names, place);
    assertEquals([...images.labels], labels[options.labels ?? "fine"], place);
    assertEquals(images.size, images.labels.length);
    for (const [i, hex] of pixels.entries()) {
      const { label, bytes } = await images.get(i);
      assertEquals(label, images.labels[i]);
      const picture = await decodeImage(await bytes());
      assertEquals([picture.width, picture.height], [32, 32]);
      assertEquals(picture.pixels.toHex(), hex, `${place}, image ${i}`);
    }
  };
  const places = (folders: readonly string[], archives: readonly string[]) =>
    Promise.all([
      ...folders.map((name) => `${folder}/${name}`),
      ...archives.map((name) => alone(folder, `${name}.tar.gz`)),
      ...folders.map((name) => alone(folder, name)),
    ]);
  const ten = await places(
    ["cifar-10-batches-bin", "cifar-10-batches-py"],
    ["cifar-10-binary", "cifar-10-python"],
  );
  const hundred = await places(
    ["cifar-100-binary", "cifar-100-python"],
    ["cifar-100-binary", "cifar-100-python"],
  );
  for (const part of PARTS) {
    for (const place of ten) {
      const { names, [part]: expected } = truth[10];
      await check(place, { classes: 10, part }, names, expected);
    }
    for (const place of hundred) {
      for (const labels of ["fine", "coarse"] as const) {
        const { names, [part]: expected } = truth[100];
        const options = { ...{ classes: 100, part } as const, labels };
        await check(place, options, names[labels], expected);
      }
    }
  }
  const { name } = await (await cifar(folder, { classes: 10, part: "train" }))
    .get(10);
  assertEquals(
    name,
    `${folder}/cifar-10-batches-bin/data_batch_5.bin, image 2`,
  );
}

/** A folder that has nothing but a file or a folder of another one. */
async function alone(folder: string, name: string): Promise<string> {
  const path = await Deno.makeTempDir({ dir: folder });
  await Deno.rename(`${folder}/${name}`, `${path}/${name}`);
  await Deno.symlink(`${path}/${name}`, `${folder}/${name}`);
  return path;
}

/** Nothing of a pickle is run, and what is refused is named. */
async function tryRefused(folder: string) {
  const { refused } = await truthIn(folder);
  for (const [said, hex] of Object.entries(refused)) {
    const path = `${folder}/cifar-100-python/test`;
    await Deno.writeFile(path, Uint8Array.fromHex(hex));
    await assertRejects(
      () => cifar(`${folder}/cifar-100-python`, { classes: 100, part: "test" }),
      SyntaxError,
      said,
    );
  }
  const names = await Array.fromAsync(Deno.readDir("."), ({ name }) => name);
  assert(!names.includes("it_ran"));
  // An archive of some kilobytes may have gigabytes of values.
  const values = new Uint8Array(2 ** 20 + 3).fill("N".charCodeAt(0));
  values.set([0x80, 2]);
  assertThrows(
    () => unpickle("values", values),
    SyntaxError,
    "more than 1048576 operations",
  );
}

/** A cut or changed file is refused, or read as far as it is good. */
async function tryDamaged(folder: string) {
  const batch = `${folder}/cifar-10-batches-py/test_batch`;
  const pickled = await Deno.readFile(batch);
  // Its texts are at its start: what is pixels may be anything.
  const texts = 400;
  for (let end = 0; end < pickled.length; end += end < texts ? 1 : 97) {
    assertThrows(
      () => unpickle("cut", pickled.slice(0, end)),
      SyntaxError,
      "cut should be a pickle",
    );
  }
  const changes = fc.array(fc.tuple(fc.nat(texts - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(changes, async (changes) => {
      const copy = pickled.slice();
      for (const [at, byte] of changes) copy[at] = byte;
      await Deno.writeFile(batch, copy);
      try {
        const options = { classes: 10, part: "test" } as const;
        const images = await cifar(`${folder}/cifar-10-batches-py`, options);
        const { bytes } = await images.get(images.size - 1);
        await decodeImage(await bytes());
      } catch (error) {
        assert(error instanceof SyntaxError, String(error));
      }
    }),
    { numRuns: 200, seed: 1 },
  );
  const path = `${folder}/cifar-10-binary.tar.gz`;
  const archive = await Deno.readFile(path);
  await Deno.remove(`${folder}/cifar-10-batches-bin`, { recursive: true });
  await Deno.remove(`${folder}/cifar-10-batches-py`, { recursive: true });
  // Half of it, and one whose checksum, before its last four bytes, is another.
  const half = archive.subarray(0, archive.length / 2);
  const changed = archive.with(-5, archive.at(-5)! ^ 1);
  const huge = Uint8Array.fromHex((await truthIn(folder)).huge);
  const damaged: [Uint8Array<ArrayBuffer>, string][] = [
    [half, `${path} should be gzip, and whole`],
    [changed, `${path} should be gzip, and whole`],
    [huge, "data_batch_1.bin should have at most 536870912 bytes"],
  ];
  for (const [bytes, said] of damaged) {
    await Deno.writeFile(path, bytes);
    await assertRejects(
      () => cifar(folder, { classes: 10, part: "train" }),
      SyntaxError,
      said,
    );
  }
}

await withPython(
  "CIFAR's images are those of Python; code and damaged files are refused",
  {
    modules: ["numpy"],
    program: await Deno.readTextFile(
      new URL("make_cifar.py", import.meta.url),
    ),
  },
  async (folder) => {
    await compareFormats(folder);
    await tryRefused(folder);
    await tryDamaged(folder);
  },
);

/** Writes a Parquet file of the hub's, with a byte as the file of each image. */
async function writeParquet(
  path: string,
  labels: Readonly<Record<string, { values: bigint[]; names: string[] }>>,
) {
  const columns = Object.entries(labels);
  const images = columns[0]![1].values
    .map((_, i) => ({ bytes: Uint8Array.of(i), path: `${i}.png` }));
  const features = Object.fromEntries(
    columns.map(([column, { names }]) => [column, { names }]),
  );
  const file = parquetWriteBuffer({
    columnData: [
      { name: "img", data: images },
      ...columns.map(([name, { values }]) => ({ name, data: values })),
    ],
    schema: [
      { name: "root", num_children: 1 + columns.length },
      { name: "img", repetition_type: "OPTIONAL", num_children: 2 },
      { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      {
        ...{ name: "path", type: "BYTE_ARRAY", converted_type: "UTF8" },
        repetition_type: "OPTIONAL",
      },
      ...columns.map(([name]) =>
        ({ name, type: "INT64", repetition_type: "OPTIONAL" }) as const
      ),
    ],
    kvMetadata: [{
      key: "huggingface",
      value: JSON.stringify({ info: { features } }),
    }],
  });
  await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeFile(path, new Uint8Array(file));
}

Deno.test("CIFAR's Parquet files are read with either labels, their images as they are", () =>
  withFolder(async (folder) => {
    const names = (count: number) =>
      Array.from({ length: count }, (_, i) => `class ${i}`);
    await writeParquet(`${folder}/cifar100/test-00000-of-00001.parquet`, {
      fine_label: { values: [99n, 0n, 7n], names: names(100) },
      coarse_label: { values: [19n, 3n, 0n], names: names(20) },
    });
    await writeParquet(`${folder}/plain_text/train-00000-of-00001.parquet`, {
      label: { values: [9n, 1n], names: names(10) },
    });
    const found: unknown[] = [];
    for (
      const options of [
        { classes: 100, part: "test" },
        { classes: 100, part: "test", labels: "coarse" },
        { classes: 10, part: "train" },
      ] as const
    ) {
      const images = await cifar(folder, options);
      const last = await images.get(images.size - 1);
      found.push([...images.labels], images.classes.length, [
        ...await last.bytes(),
      ]);
    }
    assertEquals(found, [
      ...[[99, 0, 7], 100, [2]],
      ...[[19, 3, 0], 20, [2]],
      ...[[9, 1], 10, [1]],
    ]);
    await writeParquet(`${folder}/plain_text/test-00000-of-00001.parquet`, {
      label: { values: [1n], names: ["cat", "dog"] },
    });
    await assertRejects(
      () => cifar(folder, { classes: 10, part: "test" }),
      SyntaxError,
      "test-00000-of-00001.parquet should have the names of 10 classes, got 2",
    );
    await Deno.rename(
      `${folder}/cifar100/test-00000-of-00001.parquet`,
      `${folder}/cifar100/test-00000-of-00002.parquet`,
    );
    await assertRejects(
      () => cifar(folder, { classes: 100, part: "test" }),
      Error,
      "test-00001-of-00002.parquet",
    );
  }));

/** Writes a test batch of CIFAR-10 with these labels; the pixels of each are its label. */
async function writeBatch(folder: string, labels: readonly number[]) {
  const bytes = new Uint8Array(3073 * labels.length);
  labels.forEach((label, i) => bytes.fill(label, 3073 * i, 3073 * (i + 1)));
  await Deno.writeFile(`${folder}/test_batch.bin`, bytes);
  await Deno.writeTextFile(
    `${folder}/batches.meta.txt`,
    Array.from({ length: 10 }, (_, i) => `${i}\r\n`).join("") + "\n",
  );
}

onCpu(
  "imageBatches takes CIFAR's images as they are",
  () =>
    withFolder(async (folder) => {
      await writeBatch(folder, [3, 9, 0]);
      const images = await cifar(new URL(`file://${folder}/`), {
        classes: 10,
        part: "test",
      });
      const batches = imageBatches(images, {
        ...{ batchSize: 3, order: "in-order", workers: 0 },
        ...{ mean: 0, deviation: 1 / 255 },
        transform: evalTransform({ size: 32, cropRatio: 1 }),
      });
      for await (const { inputs, labels } of batches.from(0)) {
        const [pixels] = inputs;
        assertEquals(pixels!.shape, [3, 32, 32, 3]);
        const means = tf.mean(pixels!, [1, 2, 3]);
        const seen = [...await means.data()].map(Math.round);
        assertEquals([seen, [...await labels.data()]], [[3, 9, 0], [3, 9, 0]]);
        tf.dispose([...inputs, labels, means]);
        break;
      }
    }),
);

Deno.test("cifar says what is wrong, and what to do", () =>
  withFolder(async (folder) => {
    const test = { classes: 10, part: "test" };
    const fails = (
      options: unknown,
      type: ErrorConstructor,
      ...said: string[]
    ) =>
      Promise.all(said.map((text) =>
        assertRejects(
          () => cifar(folder, options as CifarOptions),
          type,
          text,
        )
      ));
    await fails({ ...test, label: "fine" }, TypeError, '"labels"');
    await fails({ part: "test" }, RangeError, "10 or 100, got undefined");
    await fails({ ...test, part: "val" }, RangeError, '"train" or "test"');
    await fails({ ...test, labels: "all" }, RangeError, '"coarse", got "all"');
    await fails({ ...test, labels: "coarse" }, RangeError, "CIFAR-100 has");
    await fails(
      ...[test, Error, `${folder} should have CIFAR-10: `] as const,
      ...["cifar-10-binary.tar.gz", "cifar-10-batches-py", "160 MB"],
      ...["plain_text/train-", "hf download uoft-cs/cifar10 "],
    );
    await writeBatch(folder, [1, 10]);
    await fails(test, SyntaxError, "below 10, got 10 of image 1");
    await fails({ ...test, part: "train" }, Error, "should have CIFAR-10");
    await writeBatch(folder, [1]);
    await Deno.writeTextFile(`${folder}/batches.meta.txt`, "cat\ndog\n");
    await fails(test, SyntaxError, "10 classes, got 2");
    await Deno.remove(`${folder}/batches.meta.txt`);
    await fails(test, Error, "the name batches.meta.txt");
    await Deno.truncate(`${folder}/test_batch.bin`, 3072);
    await Deno.writeTextFile(`${folder}/batches.meta.txt`, "cat\n");
    await fails(test, SyntaxError, "3073 bytes each, got 3072 bytes");
    await Deno.writeFile(`${folder}/data_batch_1.bin`, new Uint8Array(3073));
    await fails(
      { ...test, part: "train" },
      ...[Error, "data_batch_2.bin", "tar xf cifar-10-binary.tar.gz"] as const,
    );
  }));
