/** Images of Parquet files as Hugging Face stores them. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { parquetWriteBuffer } from "hyparquet-writer";
import {
  evalTransform,
  imageBatches,
  memoryBytes,
  parquetImages,
  type RandomAccess,
} from "../../../lib/data/mod.ts";
import type { ParquetImagesOptions } from "../../../lib/data/images/datasets/parquet_images.ts";

import { onCpu } from "../../io/files.ts";
import { RED_PIXEL } from "./red_pixel.ts";

type Written = Parameters<typeof parquetWriteBuffer>[0];

/** A struct of bytes and a path, and a label. */
const SCHEMA: NonNullable<Written["schema"]> = [
  { name: "root", num_children: 2 },
  { name: "image", repetition_type: "OPTIONAL", num_children: 2 },
  { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
  {
    ...{ name: "path", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
    converted_type: "UTF8",
  },
  { name: "label", type: "INT64", repetition_type: "OPTIONAL" },
];

/** The files of images: a byte each, which tells them apart. */
const files = (count: number, first: number) =>
  Array.from({ length: count }, (_, i) => Uint8Array.of(first + i));

function fileOf(
  name: string,
  { images, labels, metadata = {}, schema }: {
    images: unknown[];
    labels: unknown[];
    metadata?: unknown;
    schema?: typeof SCHEMA;
  },
): RandomAccess {
  const type = typeof labels[0] === "string" ? "STRING" : "INT64";
  const columnData = schema
    ? [{ name: "image", data: images }, { name: "label", data: labels }]
    : [
      { name: "image", data: images, type: "BYTE_ARRAY" as const },
      { name: "label", data: labels, type },
    ];
  return memoryBytes(
    new Uint8Array(parquetWriteBuffer({
      columnData: columnData as Written["columnData"],
      rowGroupSize: 3,
      kvMetadata: [{ key: "huggingface", value: JSON.stringify(metadata) }],
      ...(schema ? { schema } : {}),
    })),
    name,
  );
}

Deno.test("images and classes are found as Hugging Face stores them", async () => {
  const metadata = {
    info: {
      features: { label: { names: ["cat", "dog"], _type: "ClassLabel" } },
    },
  };
  const part = (name: string, first: number) =>
    fileOf(name, {
      images: files(4, first).map((bytes) => ({ bytes, path: "a.jpg" })),
      labels: [1n, 0n, 0n, 1n],
      metadata,
      schema: SCHEMA,
    });
  const images = await parquetImages([part("a", 0), part("b", 10)]);
  assertEquals([images.size, images.classes], [8, ["cat", "dog"]]);
  assertEquals([...images.labels], [1, 0, 0, 1, 1, 0, 0, 1]);
  for (let i = 0; i < 8; i++) {
    const { name, label, bytes } = await images.get(i);
    const [file, row] = i < 4 ? ["a", i] : ["b", i - 4];
    assertEquals([name, label], [`${file}, row ${row}`, images.labels[i]]);
    assertEquals(await bytes(), Uint8Array.of(i < 4 ? i : 6 + i));
  }
  await assertRejects(async () => await images.get(8), RangeError, "below 8");
});

onCpu("a shuffled epoch of blocks reads each row group once", async () => {
  const labels = Array.from({ length: 40 }, (_, i) => BigInt(i));
  const file = fileOf("x", { images: labels.map(() => RED_PIXEL), labels });
  let reads = 0;
  const images = await parquetImages({
    ...{ name: file.name, size: file.size },
    read: (start, length) => {
      reads++;
      return file.read(start, length);
    },
  });
  reads = 0;
  const batches = imageBatches(images, {
    ...{ batchSize: 8, order: "blocks", workers: 0 },
    transform: evalTransform({ size: 1 }),
  });
  const seen: number[] = [];
  for await (const { inputs, labels } of batches.from(0)) {
    seen.push(...await labels.data());
    tf.dispose([...inputs, labels]);
    if (seen.length === 40) break;
  }
  assertEquals(seen.toSorted((a, b) => a - b), labels.map(Number));
  assert(seen.some((label, i) => label !== i));
  // Groups of 3 rows, and the batch that was made ahead.
  assert(reads <= Math.ceil(40 / 3) + 8, `${reads}`);
});

Deno.test("labels may be texts, or numbers without names", async () => {
  const texts = await parquetImages(
    fileOf("texts", { images: files(3, 0), labels: ["🦁", "Ａ", "🦁"] }),
  );
  assertEquals([texts.classes, [...texts.labels]], [["Ａ", "🦁"], [1, 0, 1]]);
  const numbers = await parquetImages(
    fileOf("numbers", { images: files(3, 0), labels: [3n, 0n, 1n] }),
  );
  assertEquals(numbers.classes, ["0", "1", "2", "3"]);
});

Deno.test("labels of a part are places among the classes that are given", async () => {
  const classes = ["cat", "dog", "lion"];
  const labelsIn = async (labels: unknown[], names?: string[]) => {
    const file = fileOf("test.parquet", {
      images: files(labels.length, 0),
      labels,
      metadata: names && { info: { features: { label: { names } } } },
    });
    return [...(await parquetImages(file, { classes })).labels];
  };
  // Among themselves, dogs would be 0.
  assertEquals(await labelsIn(["lion", "dog"]), [2, 1]);
  assertEquals(await labelsIn([1n, 0n]), [1, 0]);
  assertEquals(await labelsIn([1n, 0n], ["lion", "dog"]), [1, 2]);
  for (const names of [undefined, ["dog", "seal"]]) {
    await assertRejects(
      () => labelsIn(names ? [0n, 1n] : ["dog", "seal"], names),
      RangeError,
      'the column "label" should have the classes "cat", "dog", "lion" alone, got "seal" in test.parquet, row 1',
    );
  }
});

Deno.test("parquetImages says what is wrong", async () => {
  const names = (...names: string[]) => ({
    info: { features: { label: { names } } },
  });
  const good = { images: files(3, 0), labels: [0n, 1n, 2n] };
  const wrong: [unknown, unknown, ErrorConstructor, string][] = [
    [fileOf("x", good), { images: "image" }, TypeError, "image"],
    [fileOf("x", good), { image: 3 }, TypeError, "name of a column"],
    [fileOf("x", good), { image: "picture" }, RangeError, '"picture"'],
    [fileOf("x", good), { label: "class" }, RangeError, '"class"'],
    [
      fileOf("x", { ...good, metadata: names("a", "b") }),
      {},
      RangeError,
      "got 2 in x, row 2",
    ],
    [fileOf("x", { ...good, labels: [0n, -1n, 1n] }), {}, RangeError, "-1"],
    [
      fileOf("x", { ...good, labels: [0n, 2n ** 31n, 1n] }),
      {},
      RangeError,
      'classes of the column "label" should be at most 65536',
    ],
    [[], {}, RangeError, "not be empty"],
    [memoryBytes(new Uint8Array(50), "junk"), {}, SyntaxError, "junk"],
  ];
  for (const [file, options, type, said] of wrong) {
    await assertRejects(
      () =>
        parquetImages(file as RandomAccess, options as ParquetImagesOptions),
      type,
      said,
    );
  }
  const images = await parquetImages(
    fileOf("x", {
      images: [null, null, null],
      labels: [0n, 0n, 0n],
      schema: SCHEMA,
    }),
  );
  const { bytes } = await images.get(0);
  await assertRejects(
    bytes,
    SyntaxError,
    'x, row 0 should have in the column "image" the bytes of an image',
  );
});
