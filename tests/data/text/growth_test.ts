/** Tokenizers take time that is linear in a text, whatever it has in any number. @module */
import { assertEquals } from "@std/assert";
import {
  byteTokenizer,
  type Tokenizer,
  tokenizerOf,
} from "../../../lib/data/mod.ts";
import { assertLinear } from "../growth.ts";
import { CHARACTERS, repeated } from "../records/reader_inputs.ts";
import { FAMILIES } from "../tokenizer_families.ts";

const TOKENIZERS: Record<string, () => Tokenizer> = {
  bytes: byteTokenizer,
  ...Object.fromEntries(
    Object.entries(FAMILIES).map(([name, { file }]) => [
      name,
      () => tokenizerOf(file),
    ]),
  ),
};

/** The kinds of characters that tokenizers tell apart. */
const KINDS = [
  ...["spaces", "line feeds", "letters", "digits", "commas", "zeros"],
  ...["letters of two bytes", "letters of four bytes", "letters and points"],
];

for (const [name, make] of Object.entries(TOKENIZERS)) {
  Deno.test(`${name}: time is linear in characters of every kind`, async () => {
    const tokenizer = make();
    for (const kind of KINDS) {
      await assertLinear(`${name} of ${kind}`, 2 ** 13, (size) => {
        const text = new TextDecoder().decode(
          repeated(CHARACTERS[kind]!, size),
        );
        return () => tokenizer.decode(tokenizer.encode(text));
      });
    }
  });
}

Deno.test("time is linear in what is unknown side by side", async () => {
  const { encode, specials } = tokenizerOf(FAMILIES["T5"]!.file);
  assertEquals(encode("🦁".repeat(9)).slice(1), [specials.unk]);
  await assertLinear("T5 of what is unknown", 2 ** 13, (size) => {
    const text = "🦁".repeat(size);
    return () => encode(text);
  });
});

Deno.test("a word of very many tokens is encoded", () => {
  const { encode } = tokenizerOf(FAMILIES["T5"]!.file);
  // More than a function can have arguments.
  assertEquals(encode("s".repeat(200_000)).length, 200_000);
});
