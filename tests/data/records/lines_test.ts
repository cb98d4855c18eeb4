import { assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { jsonLines, memoryBytes, textLines } from "../../../lib/data/mod.ts";
import { withFolder } from "../../io/files.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("textLines() and jsonLines() read what is there", () =>
  withFolder(async (folder) => {
    const path = `${folder}/corpus`;
    await Deno.writeFile(path, bytes("\ufeffone\r\n\n  \n two é\nthree"));
    assertEquals(await textLines(path), ["one", " two é", "three"]);
    await Deno.writeFile(path, bytes('{"a": 1}\n\n[2]\r\n"three"\n'));
    assertEquals(
      [...await jsonLines(new URL(`file://${path}`))],
      [{ a: 1 }, [2], "three"],
    );
  }));

Deno.test("textLines() and jsonLines() name file and line", () =>
  withFolder(async (folder) => {
    const path = `${folder}/corpus`;
    await Deno.writeFile(path, bytes('{"a": 1}\n\n{"a": \n'));
    await assertRejects(
      () => jsonLines(path),
      SyntaxError,
      `${path}:3 should be JSON`,
    );
    for (const read of [textLines, jsonLines]) {
      await Deno.writeFile(path, Uint8Array.of(0x61, 0xff, 0x0a));
      await assertRejects(
        () => read(path),
        SyntaxError,
        `${path}:1 should be text in UTF-8`,
      );
      await Deno.writeFile(path, bytes("\n \n"));
      await assertRejects(
        () => read(path),
        RangeError,
        `${path} should have at least one line that is not blank`,
      );
    }
  }));

Deno.test("textLines() splits at line feeds alone", async () => {
  const read = (text: string) => textLines(memoryBytes(bytes(text)));
  assertEquals(
    await read("a\u2028b\rc\u0085d\n\ufeffe\r\n\u00a0\n\u00a0f\n\0"),
    ["a\u2028b\rc\u0085d", "\ufeffe", "\u00a0f", "\0"],
  );
});

Deno.test("jsonLines() passes bad lines over, and counts them", async () => {
  const read = (
    content: Uint8Array<ArrayBuffer>,
    limit?: number,
  ) =>
    jsonLines(memoryBytes(content, "a.jsonl"), {
      onBad: { skip: true, limit },
    });
  const some = bytes('1\n{"a":\n\n3\nnone\n5');
  const values = await read(some);
  assertEquals([...values], [1, 3, 5]);
  assertEquals(values.bad.count, 2);
  assertEquals(values.bad.records.map(({ name }) => name), [
    "a.jsonl:2",
    "a.jsonl:5",
  ]);
  assertEquals((await jsonLines(memoryBytes(bytes("1\n2")))).bad.count, 0);
  await assertRejects(
    () => read(some, 0),
    Error,
    "at most 0 should be bad, by onBad's limit 0, got 1",
  );
  await assertRejects(
    () => read(bytes("{\n[\n")),
    RangeError,
    "a.jsonl should have at least one line that is not blank, got 2 bad: a.jsonl:1 should be JSON",
  );
  // What is cut off is one bad record, and what came before it is kept.
  const text = Array.from({ length: 9999 }, (_, i) => i * i).join("\n");
  const cut = await read(new Uint8Array(gzipSync(text).subarray(0, -5000)));
  assertEquals(cut.bad.records.map(({ name }) => name), ["a.jsonl"]);
  assertEquals(cut[1000], 1_000_000);
  await assertRejects(
    () => jsonLines("nowhere.jsonl", { onBad: { skip: true } }),
    Error,
    "nowhere.jsonl",
  );
});
