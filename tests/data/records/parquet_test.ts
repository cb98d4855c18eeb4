import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import {
  fileBytes,
  memoryBytes,
  parquet,
  type RandomAccess,
  shuffledBatches,
} from "../../../lib/data/mod.ts";
import type { ParquetOptions } from "../../../lib/data/records/parquet.ts";
import { onCpu, withFolder } from "../../io/files.ts";
import { mostHeld } from "./memory.ts";

type Codec = NonNullable<ColumnSource["codec"]>;
type Schema = NonNullable<Parameters<typeof parquetWriteBuffer>[0]["schema"]>;

const LIST_OF_INT64: Schema = [
  { name: "root", num_children: 1 },
  {
    ...{ name: "x", repetition_type: "OPTIONAL", num_children: 1 },
    converted_type: "LIST",
  },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", type: "INT64", repetition_type: "OPTIONAL" },
];

/** A Parquet file of some columns, with 10 rows a group. */
function fileOf(
  columnData: ColumnSource[],
  options: { codec?: Codec; name?: string; schema?: Schema } = {},
): RandomAccess {
  const { codec = "SNAPPY", name = "rows.parquet", schema } = options;
  return memoryBytes(
    new Uint8Array(parquetWriteBuffer({
      ...{ columnData, codec, rowGroupSize: 10, pageSize: 200 },
      ...(schema ? { schema } : {}),
      kvMetadata: [{ key: "huggingface", value: "{}" }],
      compressors: {
        GZIP: gzipSync,
        ZSTD: zstdCompressSync,
        BROTLI: brotliCompressSync,
      },
    })),
    name,
  );
}

const SIZE = 35;
const numbers = Array.from({ length: SIZE }, (_, i) => i);

/** Columns of every kind, and the rows that they are. */
const COLUMNS: ColumnSource[] = [
  { name: "text", data: numbers.map((i) => `row ${i} é`), type: "STRING" },
  { name: "label", data: numbers.map((i) => BigInt(i) - 5n), type: "INT64" },
  {
    name: "bytes",
    data: numbers.map((i) => Uint8Array.of(0xff, i)),
    type: "BYTE_ARRAY",
  },
  {
    name: "score",
    data: numbers.map((i) => i % 3 ? i / 7 : null),
    type: "DOUBLE",
  },
  {
    name: "same",
    data: numbers.map((i) => i % 2 ? "odd" : "even"),
    type: "STRING",
  },
];
const ROWS = numbers.map((i) => ({
  text: `row ${i} é`,
  label: i - 5,
  bytes: Uint8Array.of(0xff, i),
  score: i % 3 ? i / 7 : null,
  same: i % 2 ? "odd" : "even",
}));

/** Counts what is read of bytes. */
function counted(bytes: RandomAccess): RandomAccess & { reads: number } {
  const access = {
    ...bytes,
    reads: 0,
    read(start: number, length: number) {
      access.reads++;
      return bytes.read(start, length);
    },
  };
  return access;
}

Deno.test("who changes a row changes no other reader's", async () => {
  const date = new Date("2026-01-02T03:04:05.678Z");
  const [rows, lists, dates] = await Promise.all([
    fileOf(COLUMNS),
    fileOf([{ name: "x", data: [[1n, 2n]] }], { schema: LIST_OF_INT64 }),
    fileOf([{ name: "x", data: [date] }]),
  ].map((file) => parquet(file)));
  for (const row of [await rows!.get(3), ...await firstRows(rows!.rows(3))]) {
    assertEquals(row, ROWS[3]);
    (row["bytes"] as Uint8Array).fill(0);
    Object.assign(row, { text: "", more: 1 });
    assertEquals(await rows!.get(3), ROWS[3]);
  }
  ((await lists!.get(0))["x"] as number[]).push(3);
  assertEquals(await lists!.get(0), { x: [1, 2] });
  ((await dates!.get(0))["x"] as Date).setTime(0);
  assertEquals(await dates!.get(0), { x: date });
});

/** The first of some rows. */
async function firstRows<R>(rows: AsyncIterable<R>): Promise<R[]> {
  for await (const row of rows) return [row];
  return [];
}

Deno.test("parquet() reads what was written, whatever compresses it", async () => {
  for (
    const codec of ["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "BROTLI"] as const
  ) {
    const rows = await parquet(fileOf(COLUMNS, { codec }));
    assertEquals(await Array.fromAsync(rows.rows()), ROWS, codec);
    for (const i of [34, 0, 9, 10, 20, 5]) {
      assertEquals(await rows.get(i), ROWS[i]);
    }
    assertEquals(rows.metadata.get("huggingface"), "{}");
    assertEquals(
      rows.schema.map(({ name, type, optional }) => [name, type, optional]),
      [
        ["text", "string", true],
        ["label", "int64", true],
        ["bytes", "bytes", true],
        ["score", "double", true],
        ["same", "string", true],
      ],
    );
  }
});

Deno.test("parquet() reads files as one dataset by groups", () =>
  withFolder(async (folder) => {
    const path = `${folder}/b.parquet`;
    const first = fileOf(COLUMNS, { name: "a.parquet" });
    await Deno.writeFile(path, await first.read(0, first.size));
    const rows = await parquet([first, path]);
    assertEquals(
      rows.groups.map((
        { file, index, start, size },
      ) => [file === path ? "b" : file, index, start, size]),
      [
        ["a.parquet", 0, 0, 10],
        ["a.parquet", 1, 10, 10],
        ["a.parquet", 2, 20, 10],
        ["a.parquet", 3, 30, 5],
        ...[["b", 0, 35, 10], ["b", 1, 45, 10], ["b", 2, 55, 10]],
        ["b", 3, 65, 5],
      ],
    );
    assertEquals([...rows.locality.slice(28, 37)], [
      ...[2, 2, 3, 3, 3, 3, 3, 4, 4],
    ]);
    const all = [...ROWS, ...ROWS];
    for (const from of [0, 34, 35, 69, 70]) {
      assertEquals(await Array.fromAsync(rows.rows(from)), all.slice(from));
    }
  }));

Deno.test("parquet() keeps groups, and reads only the columns asked for", async () => {
  const file = counted(fileOf(COLUMNS));
  const rows = await parquet<{ label: number }>(file, {
    columns: ["label"],
    cacheGroups: 2,
  });
  assertEquals(rows.localitiesKept, 2);
  const readsOf = async (...indices: number[]) => {
    const before = file.reads;
    for (const i of indices) {
      assertEquals(await rows.get(i), { label: i - 5 });
    }
    return file.reads - before;
  };
  assertEquals(await readsOf(0, 9, 10, 1, 19), 2);
  assertEquals(await readsOf(20, 10), 1);
  assertEquals(await readsOf(0), 1);
  const [before] = [file.reads];
  await Promise.all([rows.get(30), rows.get(31)]);
  assertEquals(file.reads - before, 1);
  assertEquals((await parquet(file)).localitiesKept, 8);
});

onCpu(
  "parquet() shuffled by blocks reads each group once an epoch",
  async () => {
    const file = counted(fileOf(COLUMNS));
    const rows = await parquet<{ label: number }>(file, {
      columns: ["label"],
      cacheGroups: 2,
    });
    const before = file.reads;
    const labels: number[] = [];
    const stream = shuffledBatches(rows, {
      ...{ batchSize: 5, seed: 3, order: "blocks", prefetch: 2 },
      collate: (examples) => {
        labels.push(...examples.map(({ label }) => label));
        return { inputs: [], labels: tf.zeros([1]), size: examples.length };
      },
    });
    for await (const batch of stream.from(0)) {
      batch.labels.dispose();
      if (labels.length >= SIZE) break;
    }
    assertEquals(new Set(labels.slice(0, SIZE)).size, SIZE);
    assertEquals(stream.stepsPerEpoch, 7);
    assert(
      file.reads - before <= 6,
      `${file.reads - before} reads of 4 groups`,
    );
  },
);

Deno.test("parquet() reads lists, structs and dates; integers within 2^53", async () => {
  const date = new Date("2026-01-02T03:04:05.678Z");
  const values = (data: unknown[]) => parquet(fileOf([{ name: "x", data }]));
  const nested = await parquet(fileOf(
    [{ name: "x", data: [[1n, 2n], [], null, [3n]] }],
    { schema: LIST_OF_INT64 },
  ));
  assertEquals(
    (await Array.fromAsync(nested.rows())).map(({ x }) => x),
    [[1, 2], [], null, [3]],
  );
  assertEquals(nested.schema[0]!.type, "list");
  assertEquals((await (await values([date])).get(0))["x"], date);
  const largest = [2n ** 53n - 1n, -(2n ** 53n) + 1n];
  assertEquals(
    (await Array.fromAsync((await values(largest)).rows())).map(({ x }) => x),
    largest.map(Number),
  );
  const beyond = await values([0n, 2n ** 53n]);
  await assertRejects(
    () => beyond.get(0),
    RangeError,
    "rows.parquet, row group 0, row 1: x should be within 2^53, got 9007199254740992",
  );
});

Deno.test("parquet() of 10,000 rows holds some groups of them", () =>
  withFolder(async (folder) => {
    // 20 MB, in groups of 200 kB.
    const data = Array.from(
      { length: 10_000 },
      (_, i) => new Uint8Array(2000).fill(i),
    );
    const path = `${folder}/rows.parquet`;
    await Deno.writeFile(
      path,
      new Uint8Array(parquetWriteBuffer({
        columnData: [{ name: "bytes", data, type: "BYTE_ARRAY" }],
        rowGroupSize: 100,
      })),
    );
    data.length = 0;
    const rows = await parquet(path, { cacheGroups: 2 });
    assertLess(await mostHeld(rows.rows(), 10_000), 5e6);
  }));

Deno.test("parquet() names what is wrong", async () => {
  const file = fileOf(COLUMNS);
  const others = fileOf([{ name: "text", data: [1.5], type: "DOUBLE" }], {
    name: "other.parquet",
  });
  const wrong = (columns: unknown) => ({ columns }) as ParquetOptions;
  for (
    const [call, kind, message] of [
      [() => parquet([]), RangeError, "files should not be empty"],
      [() => parquet(file, wrong(["none"])), RangeError, 'column "none", got'],
      [() => parquet(file, wrong([])), TypeError, "columns should be"],
      [() => parquet(file, wrong("text")), TypeError, "columns should be"],
      [
        () => parquet([file, others]),
        RangeError,
        'other.parquet should have the column "label"',
      ],
      [
        () => parquet([file, others], { columns: ["text"] }),
        SyntaxError,
        "other.parquet should have the columns of rows.parquet: text string, got text double",
      ],
      [
        () =>
          parquet(memoryBytes(new TextEncoder().encode("id,text\n1,good\n"))),
        SyntaxError,
        "the given bytes should be Parquet, and whole",
      ],
      [() => parquet("/none.parquet"), Error, "none.parquet"],
      [
        () => parquet(fileOf([...COLUMNS, COLUMNS[0]!])),
        SyntaxError,
        `the column "${COLUMNS[0]!.name}" once, got it twice`,
      ],
    ] as [() => Promise<unknown>, ErrorConstructor, string][]
  ) {
    await assertRejects(call, kind, message);
  }
});

Deno.test("parquet() names file and row group of a damaged page", () =>
  withFolder(async (folder) => {
    const file = fileOf(COLUMNS);
    const bytes = await file.read(0, file.size);
    const path = `${folder}/rows.parquet`;
    // The first group's pages, and their headers.
    bytes.fill(0xa5, 4, 300);
    await Deno.writeFile(path, bytes);
    const rows = await parquet(await fileBytes(path));
    await assertRejects(
      () => rows.get(3),
      SyntaxError,
      `${path}, row group 0 should be Parquet, and whole`,
    );
    assertEquals(await rows.get(33), ROWS[33]);
  }));

Deno.test("parquet() gives texts as they are, and names those that are not UTF-8", async () => {
  const data = ["\ufeffmarked", "🦁\0", ""];
  const texts = fileOf([{ name: "x", data, type: "STRING" }]);
  const rows = await parquet<{ x: string }>(texts);
  assertEquals((await Array.fromAsync(rows.rows())).map(({ x }) => x), data);

  const bytes = await texts.read(0, texts.size);
  // The first byte of the lion, of four.
  bytes[bytes.indexOf(0xf0)] = 0xff;
  const damaged = await parquet(memoryBytes(bytes, "damaged.parquet"));
  await assertRejects(
    () => damaged.get(0),
    SyntaxError,
    "damaged.parquet, row group 0 should be Parquet, and whole: a text is not UTF-8",
  );
});

/** Columns in other encodings, and such that lie in others. */
const OTHERS: { schema: Schema; columnData: ColumnSource[] } = {
  schema: [
    { name: "root", num_children: 5 },
    { name: "delta", type: "INT32", repetition_type: "REQUIRED" },
    {
      ...{ name: "prefixes", type: "BYTE_ARRAY", converted_type: "UTF8" },
      repetition_type: "OPTIONAL",
    },
    {
      ...{ name: "lengths", type: "BYTE_ARRAY", converted_type: "UTF8" },
      repetition_type: "REQUIRED",
    },
    { name: "boolean", type: "BOOLEAN", repetition_type: "OPTIONAL" },
    ...LIST_OF_INT64.slice(1),
  ],
  columnData: [
    {
      ...{ name: "delta", encoding: "DELTA_BINARY_PACKED" },
      data: numbers.map((i) => 3 * i),
    },
    {
      ...{ name: "prefixes", encoding: "DELTA_BYTE_ARRAY" },
      data: numbers.map((i) => i % 5 ? `x${i}` : null),
    },
    {
      ...{ name: "lengths", encoding: "DELTA_LENGTH_BYTE_ARRAY" },
      data: numbers.map((i) => `x${i}`),
    },
    { name: "boolean", data: numbers.map((i) => i % 2 === 0) },
    { name: "x", data: numbers.map((i) => i % 3 ? [BigInt(i), 2n] : null) },
  ],
};

Deno.test("parquet() reads other encodings, with few values or none", async () => {
  const { columnData, schema } = OTHERS;
  for (const codec of ["UNCOMPRESSED", "SNAPPY"] as const) {
    const rows = await parquet(fileOf(columnData, { codec, schema }));
    assertEquals(
      await Array.fromAsync(rows.rows()),
      numbers.map((i) => ({
        delta: 3 * i,
        prefixes: i % 5 ? `x${i}` : null,
        lengths: `x${i}`,
        boolean: i % 2 === 0,
        x: i % 3 ? [i, 2] : null,
      })),
    );
  }
});

Deno.test("parquet() of damaged files gives rows or an error with the file's name, soon", async () => {
  const { columnData, schema } = OTHERS;
  const files = await Promise.all(
    [
      fileOf(COLUMNS),
      fileOf(COLUMNS, { codec: "UNCOMPRESSED" }),
      fileOf(columnData, { codec: "UNCOMPRESSED", schema }),
    ].map((file) => file.read(0, file.size)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(2 ** 30), fc.nat(255)), { maxLength: 4 }),
      fc.option(fc.nat(2 ** 30), { freq: 3 }),
      async (whole, changes, cut) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const mutant = memoryBytes(
          bytes.subarray(0, cut === null ? undefined : cut % bytes.length),
          "mutant.parquet",
        );
        try {
          const rows = await parquet(mutant);
          assertEquals((await Array.fromAsync(rows.rows())).length, rows.size);
          assert(cut === null);
        } catch (error) {
          assert(error instanceof SyntaxError || error instanceof RangeError);
          assert(error.message.includes("mutant.parquet"), error.message);
        }
      },
    ),
    { numRuns: 500 },
  );
});
