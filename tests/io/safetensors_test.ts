import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { readSafetensors, writeSafetensors } from "../../lib/io/mod.ts";
import type { WriteSafetensorsOptions } from "../../lib/io/safetensors.ts";
import { onEachBackend } from "../backends.ts";
import { readFixtures } from "../fixtures.ts";
import { namesIn, onCpu, safetensors, withFolder } from "./files.ts";

/** The bytes of a typed array. */
function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Writes tensors, and splits the file's bytes into header and data. */
async function written(
  tensors: Parameters<typeof writeSafetensors>[1],
  options?: WriteSafetensorsOptions,
): Promise<{ header: string; data: Uint8Array<ArrayBuffer> }> {
  const path = await Deno.makeTempFile();
  try {
    await writeSafetensors(path, tensors, options);
    const bytes = await Deno.readFile(path);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    return {
      header: new TextDecoder().decode(bytes.subarray(8, 8 + length)),
      data: bytes.slice(8 + length),
    };
  } finally {
    await Deno.remove(path);
  }
}

/** Reads a file of one tensor, `x`, and disposes of it. */
async function readOne(
  dtype: string,
  values: ArrayBufferView<ArrayBuffer>,
): Promise<{ dtype: string; values: number[] }> {
  const data = bytesOf(values);
  const shape = [(values as Uint8Array).length];
  const { tensors } = await readSafetensors(
    safetensors({ x: { dtype, shape, data_offsets: [0, data.length] } }, data),
  );
  const x = tensors.get("x")!;
  const result = { dtype: x.dtype, values: [...await x.data()] };
  x.dispose();
  return result;
}

/** Writes one tensor of float32 and gives its bytes in the file. */
async function writeOne(
  precision: "F16" | "BF16",
  values: Float32Array,
): Promise<Uint16Array> {
  const x = tf.tensor(values);
  const { data } = await written({ x }, { precision });
  x.dispose();
  return new Uint16Array(data.buffer);
}

onEachBackend(
  "tensors come back from a file as they were",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/model.safetensors`;
      const tensors = new Map<string, tf.Tensor>([
        ["scalar", tf.scalar(-1.5)],
        ["matrix", tf.tensor([1e-30, -0, Infinity, NaN, 3e38, 1 / 3], [2, 3])],
        ["deep", tf.tensor([1, 2, 3, 4], [1, 2, 1, 2, 1, 1])],
        ["empty", tf.tensor([], [0, 3])],
        ["integers", tf.tensor([-(2 ** 31), 0, 2 ** 31 - 1], [3], "int32")],
        ["truths", tf.tensor([true, false, true], [3, 1], "bool")],
        ["__proto__", tf.scalar(5, "int32")],
        ['a "quoted" \n \u{1F981} name', tf.scalar(1)],
      ]);
      await writeSafetensors(path, tensors);
      for (const source of [path, new URL(`file://${path}`)]) {
        const read = await readSafetensors(source);
        assertEquals(read.metadata, {});
        assertEquals(
          [...read.tensors.keys()].sort(),
          [...tensors.keys()].sort(),
        );
        for (const [name, expected] of tensors) {
          const actual = read.tensors.get(name)!;
          assertEquals(actual.dtype, expected.dtype, name);
          assertEquals(actual.shape, expected.shape, name);
          assertEquals(await actual.data(), await expected.data(), name);
        }
        tf.dispose([...read.tensors.values()]);
      }
      assertEquals(await namesIn(folder), ["model.safetensors"]);
      tf.dispose([...tensors.values()]);
    }),
);

onCpu("readSafetensors() reads what the reference has written", async () => {
  for (const name of ["ref_edge", "ref_features", "ref_scalar"]) {
    const { tensors } = await readSafetensors(
      new URL(`../fixtures/${name}.safetensors`, import.meta.url),
    );
    const fixtures = await readFixtures(name);
    assertEquals([...tensors.keys()].sort(), [...fixtures.keys()].sort());
    for (const [key, { shape, values }] of fixtures) {
      assertEquals(tensors.get(key)!.shape, shape);
      // Bytes, since the fixtures read integers as floats as well.
      const actual = await tensors.get(key)!.data();
      assertEquals(bytesOf(actual), bytesOf(values));
    }
    tf.dispose([...tensors.values()]);
  }
});

onCpu("readSafetensors() converts every dtype", async () => {
  assertEquals(
    await readOne("F32", new Float32Array([1.5, -0, NaN])),
    { dtype: "float32", values: [1.5, -0, NaN] },
  );
  assertEquals(
    await readOne("I32", new Int32Array([-(2 ** 31), 2 ** 31 - 1])),
    { dtype: "int32", values: [-(2 ** 31), 2 ** 31 - 1] },
  );
  assertEquals(
    await readOne("I64", new BigInt64Array([-(2n ** 31n), 2n ** 31n - 1n])),
    { dtype: "int32", values: [-(2 ** 31), 2 ** 31 - 1] },
  );
  assertEquals(
    await readOne("U8", new Uint8Array([0, 128, 255])),
    { dtype: "int32", values: [0, 128, 255] },
  );
  assertEquals(
    await readOne("BOOL", new Uint8Array([0, 1, 1])),
    { dtype: "bool", values: [0, 1, 1] },
  );
});

onCpu("readSafetensors() says which value does not fit", async () => {
  for (const value of [2n ** 31n, -(2n ** 31n) - 1n, 2n ** 63n - 1n]) {
    await assertRejects(
      () => readOne("I64", new BigInt64Array([1n, value])),
      RangeError,
      `tensor "x", of I64, should hold integers of 32 bits, got ${value}`,
    );
  }
  await assertRejects(
    () => readOne("BOOL", new Uint8Array([0, 1, 2])),
    RangeError,
    'tensor "x", of BOOL, should hold 0 and 1, got 2',
  );
});

onCpu("readSafetensors() copies the given bytes", async () => {
  const file = safetensors(
    { x: { dtype: "BOOL", shape: [1], data_offsets: [0, 1] } },
    [1],
  );
  const { tensors } = await readSafetensors(file);
  file.fill(0);
  assertEquals([...await tensors.get("x")!.data()], [1]);
  tf.dispose([...tensors.values()]);
});

/** The formats of 16 bits: a sign, these bits, and the rest a fraction. */
const FORMATS = [
  { dtype: "F16", exponentBits: 5 },
  { dtype: "BF16", exponentBits: 8 },
] as const;

/** The value of 16 bits, by the definition of IEEE 754. */
function valueOf(bits: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fractionBits;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1) {
    return fraction === 0 ? sign * Infinity : NaN;
  }
  return exponent === 0
    ? sign * fraction * 2 ** (1 - bias)
    : sign * (1 + fraction) * 2 ** (exponent - bias);
}

for (const { dtype, exponentBits } of FORMATS) {
  onCpu(`every ${dtype} is read exactly and written back`, async () => {
    const bits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
    const { values } = await readOne(dtype, bits);
    assertEquals(values, Array.from(bits, (b) => valueOf(b, exponentBits)));
    const back = await writeOne(dtype, new Float32Array(values));
    for (const [i, value] of values.entries()) {
      if (Number.isNaN(value)) {
        assert(Number.isNaN(valueOf(back[i]!, exponentBits)));
      } else assertEquals(back[i], i);
    }
  });

  onCpu(`${dtype} is rounded to the nearest, and to even`, async () => {
    const infinity = (2 ** exponentBits - 1) << (15 - exponentBits);
    const values: number[] = [];
    const expected: number[] = [];
    const float = new Float32Array(1);
    const bits = new Uint32Array(float.buffer);
    for (let low = 0; low < infinity; low++) {
      const high = low + 1;
      // In steps of their own, the largest and infinity are neighbours too.
      const below = low + 1 === infinity ? low - 1 : low;
      const halfStep =
        (valueOf(below + 1, exponentBits) - valueOf(below, exponentBits)) / 2;
      float[0] = valueOf(low, exponentBits) + halfStep;
      const tie = bits[0]!;
      const even = low % 2 === 0 ? low : high;
      for (const [offset, half] of [[-1, low], [0, even], [1, high]] as const) {
        bits[0] = tie + offset;
        values.push(float[0], -float[0]);
        expected.push(half, half | 0x8000);
      }
    }
    const actual = await writeOne(dtype, new Float32Array(values));
    assertEquals([...actual], expected);
  });
}

onCpu("a NaN stays one in BF16, whatever its payload", async () => {
  const bits = new Uint32Array([
    0x7f800001,
    0xff800001,
    0x7fffffff,
    0xffffffff,
  ]);
  const halves = await writeOne("BF16", new Float32Array(bits.buffer));
  for (const half of halves) assert(Number.isNaN(valueOf(half, 8)));
});

onCpu("writeSafetensors() writes the bytes of the reference", async () => {
  const x = tf.tensor([0, 1, 2, 3, 4, 5], [1, 2, 3]);
  const one = await written({ "attn.0": x });
  assertEquals(
    one.header,
    '{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}',
  );
  assertEquals(
    new Float32Array(one.data.buffer),
    new Float32Array([0, 1, 2, 3, 4, 5]),
  );
  const padded = await written({ attn0: x });
  assertEquals(
    padded.header,
    '{"attn0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}} ',
  );
  assertEquals((await written({})).header, "{}      ");
  assertEquals(
    (await written({}, { metadata: { framework: "pt" } })).header,
    '{"__metadata__":{"framework":"pt"}}     ',
  );
  x.dispose();
});

onCpu(
  "writeSafetensors() aligns: wide dtypes first, then by name",
  async () => {
    const tensors = tf.tidy(() => ({
      truth: tf.tensor([true, true, false], [3], "bool"),
      z: tf.tensor([1, 2, 3]),
      count: tf.scalar(3, "int32"),
      a: tf.tensor([1]),
    }));
    for (
      const [precision, order, offsets] of [
        ["F32", ["a", "count", "z", "truth"], [0, 4, 8, 20]],
        ["BF16", ["count", "a", "z", "truth"], [0, 4, 6, 12]],
      ] as const
    ) {
      const { header } = await written(tensors, { precision });
      assertEquals(header.length % 8, 0);
      const entries: [string, { data_offsets: number[] }][] = Object.entries(
        JSON.parse(header),
      );
      assertEquals(entries.map(([name]) => name), [...order]);
      assertEquals(entries.map(([, e]) => e.data_offsets[0]), [...offsets]);
    }
    tf.dispose(tensors);
  },
);

onCpu("readSafetensors() keeps the order of the data", async () => {
  const entry = (begin: number) => ({
    dtype: "U8",
    shape: [1],
    data_offsets: [begin, begin + 1],
  });
  const { tensors } = await readSafetensors(
    safetensors({ "1": entry(2), b: entry(0), a: entry(1) }, [5, 6, 7]),
  );
  assertEquals([...tensors.keys()], ["b", "a", "1"]);
  const values = await Promise.all([...tensors.values()].map((x) => x.data()));
  assertEquals(values.map(([value]) => value), [5, 6, 7]);
  tf.dispose([...tensors.values()]);
});

onCpu("metadata comes back", () =>
  withFolder(async (folder) => {
    const metadata = JSON.parse('{"format":"pt","__proto__":"x","":"\\n"}');
    await writeSafetensors(`${folder}/file`, {}, { metadata });
    const read = await readSafetensors(`${folder}/file`);
    assertEquals(Object.entries(read.metadata), Object.entries(metadata));
    assertEquals(({} as Record<string, unknown>)["format"], undefined);
  }));

onCpu("a truth of tfjs that is not 1 is written as 1", async () => {
  const truth = tf.tensor(new Uint8Array([0, 1, 2, 255]), [4], "bool");
  assertEquals([...(await written({ truth })).data], [0, 1, 1, 1]);
  truth.dispose();
});

onCpu("writeSafetensors() refuses what the format does not hold", async () => {
  const x = tf.tensor(["text"]);
  await assertRejects(
    () => written({ x }),
    TypeError,
    'tensor "x" should be of float32, int32 or bool, got string',
  );
  x.dispose();
  const y = tf.scalar(1);
  await assertRejects(
    () => written({ __metadata__: y }),
    RangeError,
    "__metadata__",
  );
  y.dispose();
  await assertRejects(
    () => written({}, { precision: "F64" as "F32" }),
    RangeError,
    'precision should be "F32", "F16" or "BF16", got "F64"',
  );
  await assertRejects(
    () => written({}, { metadata: { step: 3 as unknown as string } }),
    TypeError,
    'metadata should be an object of strings, got {"step":3}',
  );
});

onCpu(
  "writeSafetensors() leaves what was there when it fails",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/model.safetensors`;
      const [a, b] = [tf.ones([1000]), tf.ones([1000])];
      await writeSafetensors(path, { a });
      const before = await Deno.readFile(path);
      b.dispose();
      await assertRejects(
        () => writeSafetensors(path, { a, b }),
        Error,
        `${path} cannot be written: Tensor is disposed`,
      );
      assertEquals(await Deno.readFile(path), before);
      await assertRejects(
        () => writeSafetensors(`${folder}/missing/file`, { a }),
        Error,
        `${folder}/missing/file cannot be written`,
      );
      assertEquals(await namesIn(folder), ["model.safetensors"]);
      a.dispose();
    }),
);
