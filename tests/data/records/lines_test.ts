import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import {
  jsonLines,
  lineStream,
  memoryBytes,
  textLines,
} from "../../../lib/data/mod.ts";
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

Deno.test("jsonLines() and lineStream() refuse numbers that would be others", async () => {
  const refused = {
    "9007199254740993":
      "integers within 2^53, and numbers within float64, got 9007199254740993; write it as a string",
    "-9007199254740992": "got -9007199254740992;",
    '{"id": 12345678901234567890}': 'got "id": 12345678901234567890;',
    '{"a": {"b": 1}, "c": [1, {"d": 2}, 9007199254740993]}': 'got "c": 9007',
    '{"a\\"}]": "}", "x": 1e999}': 'got "x": 1e999;',
    '["9007199254740993", -1E+400]': "got -1E+400;",
    [`[${"1".repeat(400)}.5]`]: `got ${"1".repeat(78)}`,
  };
  for (const [text, message] of Object.entries(refused)) {
    const file = memoryBytes(bytes(`1\n${text}\n`), "a.jsonl");
    const stream = lineStream(file, { parse: "json" });
    for (
      const read of [
        () => jsonLines(file),
        () => Array.fromAsync(stream.open(0)),
      ]
    ) {
      const error = await assertRejects(read, RangeError, message);
      assertStringIncludes(error.message, "a.jsonl:2 should have ");
    }
    const { bad } = await jsonLines(file, { onBad: { skip: true } });
    assertEquals(bad.records.map(({ name }) => name), ["a.jsonl:2"]);
  }
  const kept = [
    ...["9007199254740991", "-9007199254740991", "1e300", "-1.5E+22", "1e-999"],
    ...["12345678901234567890.5", '"9007199254740993 1e999"', "-0", "[]"],
    '{"9007199254740993": "\\"", "b": 1e20, "\\\\": 9007199254740993.0}',
    `${"[".repeat(1e5)}1e300${"]".repeat(1e5)}`,
  ];
  for (const text of kept) {
    const [value] = await jsonLines(memoryBytes(bytes(text)));
    if (text.length < 100) assertEquals(value, JSON.parse(text), text);
  }
});

Deno.test("jsonLines() reads and refuses any JSON as the texts of its numbers say", async () => {
  const number = fc.oneof(
    fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }).map(String),
    fc.double().filter(Number.isFinite).map((x) => JSON.stringify(x)),
    fc.integer({ min: 300, max: 320 }).map((x) => `-3.5e+${x}`),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      number.map((text) => ({ text, numbers: [text] })),
      fc.string().map((text) => ({
        text: JSON.stringify(text),
        numbers: [] as string[],
      })),
      fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 3 }).map(
        (given) => {
          const parts = given as [
            string,
            { text: string; numbers: string[] },
          ][];
          const fields = parts.map(([name, { text }], i) =>
            `${JSON.stringify(`${i}${name}`)} : ${text}`
          );
          const numbers = parts.flatMap(([, { numbers }]) => numbers);
          return { text: `{${fields.join(",")}}`, numbers };
        },
      ),
      fc.array(tie("value"), { maxLength: 3 }).map((given) => {
        const parts = given as { text: string; numbers: string[] }[];
        return {
          text: `[${parts.map(({ text }) => text).join()}]`,
          numbers: parts.flatMap(({ numbers }) => numbers),
        };
      }),
    ),
  }));
  await fc.assert(fc.asyncProperty(value, async (given) => {
    const { text, numbers } = given as { text: string; numbers: string[] };
    const isExact = numbers.every((one) =>
      /^-?\d+$/.test(one)
        ? String(Number(one)) === one && Number.isSafeInteger(Number(one))
        : Number.isFinite(Number(one))
    );
    const read = () => jsonLines(memoryBytes(bytes(text)));
    if (isExact) assertEquals([...await read()], [JSON.parse(text)]);
    else await assertRejects(read, RangeError, "write it as a string");
  }));
});
