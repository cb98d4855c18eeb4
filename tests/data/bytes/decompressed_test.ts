import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { constants, zstdCompressSync } from "node:zlib";
import { decompressed } from "../../../lib/data/bytes/decompressed.ts";
import { gunzippedByFflate } from "../../../lib/data/bytes/gzip.ts";
import { memoryBytes, type RandomAccess } from "../../../lib/data/mod.ts";
import { withPython } from "../python.ts";

/** The bytes of which all files below are made. */
const CONTENT = new TextEncoder().encode(
  Array.from({ length: 3000 }, (_, i) => `line ${i} of ${i * i}\n`).join(""),
);

const PROGRAM = `
import bz2, gzip, io, lzma, zstandard
content = "".join(f"line {i} of {i * i}\\n" for i in range(3000)).encode()
parts = [content[:100], b"", content[100:30000], content[30000:]]

def save(name, data):
    with open(name, "wb") as file:
        file.write(data)

save("one.gz", gzip.compress(content))
save("members.gz", b"".join(gzip.compress(part) for part in parts))
with open("named.gz", "wb") as file:
    for part in parts:
        with gzip.GzipFile("a name of " + "x" * 500, "wb", fileobj=file) as out:
            out.write(part)
save("one.zst", zstandard.ZstdCompressor().compress(content))
checked = zstandard.ZstdCompressor(write_checksum=True, level=19)
skipped = b"\\x50\\x2a\\x4d\\x18\\x03\\x00\\x00\\x00abc"
save("frames.zst", skipped.join(checked.compress(part) for part in parts))
stream = io.BytesIO()
with zstandard.ZstdCompressor(level=3).stream_writer(stream, closefd=False) as out:
    for i in range(0, len(content), 1000):
        out.write(content[i:i + 1000])
        out.flush()
save("streamed.zst", stream.getvalue())
save("plain.gz", content)
save("file.xz", lzma.compress(content))
save("file.bz2", bz2.compress(content))
`;

const WHOLE = [
  "one.gz",
  "members.gz",
  "named.gz",
  "one.zst",
  "frames.zst",
  "streamed.zst",
  "plain.gz",
];

async function concatenated(
  chunks: AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  const parts = await Array.fromAsync(chunks);
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** The same bytes, in reads of at most some length. */
async function* split(bytes: Uint8Array<ArrayBuffer>, length: number) {
  for (let at = 0; at < bytes.length; at += length) {
    yield await Promise.resolve(bytes.slice(at, at + length));
  }
}

const read = (bytes: Uint8Array, name: string) =>
  concatenated(decompressed(memoryBytes(bytes, name)));

await withPython(
  "decompressed() gives what Python has compressed, all members and frames",
  { modules: ["zstandard"], program: PROGRAM },
  async (folder) => {
    for (const name of WHOLE) {
      assertEquals(
        await concatenated(decompressed(`${folder}/${name}`)),
        CONTENT,
      );
    }
    for (const name of WHOLE.filter((name) => /[^n]\.gz$/.test(name))) {
      const bytes = await Deno.readFile(`${folder}/${name}`);
      for (const length of [37, 700, 100_000]) {
        assertEquals(
          await concatenated(gunzippedByFflate(split(bytes, length))),
          CONTENT,
        );
      }
    }
    for (const [name, tool] of [["file.xz", "xz"], ["file.bz2", "bzip2"]]) {
      await assertRejects(
        () => concatenated(decompressed(`${folder}/${name}`)),
        SyntaxError,
        `${name} should be as it is, or compressed by gzip or zstd, got what ${tool} makes`,
      );
    }
  },
);

await withPython(
  "decompressed() of cut and damaged files is an error with their name, never other bytes",
  { modules: ["zstandard"], program: PROGRAM },
  async (folder) => {
    const files = Object.fromEntries(
      await Promise.all(
        WHOLE.filter((name) => name !== "plain.gz").map(async (name) =>
          [name, await Deno.readFile(`${folder}/${name}`)] as const
        ),
      ),
    );
    const isChecked = (name: string) =>
      name.endsWith(".gz") || name === "frames.zst";
    const attempt = async (
      bytes: Uint8Array<ArrayBuffer>,
      way: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>,
    ) => {
      try {
        return await way(bytes);
      } catch (error) {
        assert(error instanceof Error);
        if (way === byName) {
          assert(error.message.startsWith("a file should be "), error.message);
        }
        return undefined;
      }
    };
    const byName = (bytes: Uint8Array) => read(bytes, "a file");
    const byFflate = (bytes: Uint8Array<ArrayBuffer>) =>
      concatenated(gunzippedByFflate(split(bytes, 5000)));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(files)),
        fc.nat(2 ** 30),
        fc.nat(7),
        fc.boolean(),
        async (name, place, bit, isCut) => {
          const whole = files[name]!;
          // The first bytes say what a file is; without them it is another.
          const at = 4 + place % (whole.length - 4);
          const bytes = isCut ? whole.slice(0, at) : whole.slice();
          if (!isCut) bytes[at]! ^= 1 << bit;
          const ways = name.endsWith(".gz") ? [byName, byFflate] : [byName];
          for (const way of ways) {
            const found = await attempt(bytes, way);
            if (!found) continue;
            // Between two members or frames, a cut file is a whole one.
            const expected = isCut ? CONTENT.slice(0, found.length) : CONTENT;
            if (isChecked(name) || isCut) assertEquals(found, expected);
          }
        },
      ),
      { numRuns: 200 },
    );
  },
);

Deno.test("decompressed() compares the checksums of zstd, at every length", async () => {
  const params = { [constants.ZSTD_c_checksumFlag]: 1 };
  for (const length of [0, 1, 31, 32, 1000, 300_000]) {
    const content = Uint8Array.from({ length }, (_, i) => i * i >>> 7);
    const frame = new Uint8Array(zstdCompressSync(content, { params }));
    const two = new Uint8Array([...frame, ...frame]);
    assertEquals(
      await read(two, "two.zst"),
      new Uint8Array([...content, ...content]),
    );
    two[two.length - 1]! ^= 1;
    await assertRejects(
      () => read(two, "two.zst"),
      SyntaxError,
      "the checksum of a frame does not match",
    );
  }
});

Deno.test("decompressed() gives short files as they are", async () => {
  for (const text of ["", "a", "\x1f", "abc"]) {
    const bytes = new TextEncoder().encode(text);
    assertEquals(await read(bytes, "short"), bytes);
  }
});

Deno.test("decompressed() says which source could not be read", async () => {
  const failing: RandomAccess = {
    ...{ name: "far.gz", size: 300_000 },
    read: (start) =>
      start > 0 ? Promise.reject(new Error("far.gz is away")) : Promise.resolve(
        Uint8Array.from({ length: 131_072 }, (_, i) => [0x1f, 0x8b][i] ?? 8),
      ),
  };
  await assertRejects(
    () => concatenated(decompressed(failing)),
    Error,
    "far.gz",
  );
});
