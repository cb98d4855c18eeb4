/** Names that files give, such as of columns, change no object but their own row. @module */
import { assertEquals, assertRejects } from "@std/assert";
import { parquetWriteBuffer } from "hyparquet-writer";
import {
  csvRows,
  jsonLines,
  memoryBytes,
  parquet,
  tokenizerOf,
} from "../../../lib/data/mod.ts";

const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty"];

const textBytes = (text: string) => memoryBytes(new TextEncoder().encode(text));

const OBJECTS = Object.getOwnPropertyNames(Object.prototype);

/** A row's own values by these names; the prototype of all objects is as it was. */
function valuesOf(row: unknown): unknown[] {
  assertEquals(Object.getPrototypeOf(row), Object.prototype);
  assertEquals(Object.getOwnPropertyNames(Object.prototype), OBJECTS);
  return NAMES.map((name) => Object.getOwnPropertyDescriptor(row, name)?.value);
}

Deno.test("columns, fields and tokens may have the names of properties", async () => {
  const line = `{${NAMES.map((name, i) => `"${name}": {"at": ${i}}`)}}\n`;
  const [row] = await jsonLines(textBytes(line));
  assertEquals(valuesOf(row), [{ at: 0 }, { at: 1 }, { at: 2 }, { at: 3 }]);
  const columnData = NAMES.map((name, i) => ({
    ...{ name, data: [i], type: "INT32" as const },
  }));
  const file = memoryBytes(new Uint8Array(parquetWriteBuffer({ columnData })));
  const table = await parquet(file, { columns: NAMES.slice(1) });
  assertEquals(valuesOf(await table.get(0)), [undefined, 1, 2, 3]);
  await assertRejects(() => parquet(file), SyntaxError, "__proto__");
  // By assignment, this name alone would be lost, or what a row inherits from.
  const csv = (names: readonly string[]) =>
    csvRows(textBytes(`${names}\n${names.map((_, i) => i)}\n`));
  const rows = await csv(NAMES.slice(1));
  assertEquals(valuesOf(rows.get(0)), [undefined, "0", "1", "2"]);
  await assertRejects(() => csv(NAMES), SyntaxError, "__proto__");
  const vocab = Object.fromEntries(["?", ...NAMES].map((name, i) => [name, i]));
  const pieces = {
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 99,
  };
  for (
    const model of [{ type: "WordLevel" }, { type: "WordPiece", ...pieces }]
  ) {
    const { encode } = tokenizerOf({
      pre_tokenizer: { type: "WhitespaceSplit" },
      model: { ...model, vocab, unk_token: "?" },
    });
    assertEquals(encode([...NAMES, "valueOf"].join(" ")), [1, 2, 3, 4, 0]);
  }
});
