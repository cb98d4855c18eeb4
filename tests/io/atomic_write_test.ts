import { assert, assertEquals, assertRejects } from "@std/assert";
import type { FileHandle } from "node:fs/promises";
import { writeAll, writeAtomically } from "../../lib/base/atomic_write.ts";
import { readFully } from "../../lib/base/source.ts";
import { namesIn, withFolder } from "./files.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("writeAtomically() replaces what was there", () =>
  withFolder(async (folder) => {
    const path = `${folder}/file`;
    await writeAtomically(path, [bytes("one")]);
    await writeAtomically(new URL(`file://${path}`), [bytes("tw"), bytes("o")]);
    assertEquals(await Deno.readTextFile(path), "two");
    assertEquals(await namesIn(folder), ["file"]);
  }));

Deno.test("writeAtomically() writes chunks of any size whole", () =>
  withFolder(async (folder) => {
    const large = new Uint8Array(20_000_003).fill(7);
    await writeAtomically(`${folder}/file`, [large, new Uint8Array(), large]);
    const written = await Deno.readFile(`${folder}/file`);
    assertEquals(written.length, 2 * large.length);
    assert(written.every((byte) => byte === 7));
  }));

Deno.test("more than hosts take at once is written and read in parts", async () => {
  const size = 2 ** 31 + 16;
  const lengths: number[] = [];
  const done = (length: number) => {
    lengths.push(length);
    return Promise.resolve({ bytesRead: length, bytesWritten: length });
  };
  const file = {
    write: (_: Uint8Array, __: number, length: number) => done(length),
    read: (_: Uint8Array, __: number, length: number) => done(length),
  } as unknown as FileHandle;
  await writeAll(file, new Uint8Array(size));
  await readFully(file, "file", size, null);
  assert(lengths.every((length) => length < 2 ** 31), `${lengths}`);
  assertEquals(lengths.reduce((a, b) => a + b), 2 * size);
});

Deno.test("writeAtomically() leaves all as it was when a chunk fails", () =>
  withFolder(async (folder) => {
    const path = `${folder}/file`;
    await Deno.writeTextFile(path, "before");
    const broken = new Error("out of chunks");
    const error = await assertRejects(
      () =>
        writeAtomically(
          path,
          function* () {
            yield bytes("after");
            throw broken;
          }(),
        ),
      Error,
      `${path} cannot be written: out of chunks`,
    );
    assertEquals(error.cause, broken);
    assertEquals(await Deno.readTextFile(path), "before");
    assertEquals(await namesIn(folder), ["file"]);
  }));

Deno.test("writeAtomically() leaves all as it was when it cannot rename", () =>
  withFolder(async (folder) => {
    const path = `${folder}/taken`;
    await Deno.mkdir(path);
    await assertRejects(() => writeAtomically(path, []), Error, path);
    assertEquals(await namesIn(folder), ["taken"]);
  }));

Deno.test("writeAtomically() says when there is no folder", () =>
  withFolder(async (folder) => {
    const error = await assertRejects(
      () => writeAtomically(`${folder}/missing/file`, []),
      Error,
      `${folder}/missing/file cannot be written`,
    );
    assertEquals((error.cause as NodeJS.ErrnoException).code, "ENOENT");
    assertEquals(await namesIn(folder), []);
  }));
