/** What the page's panel of punctuation asks of the worker. */
import { assert, assertEquals } from "@std/assert";
import { useBackend } from "../../mod.ts";
import { restore } from "../../models/punctuation/mod.ts";
import { withMarks } from "../../models/punctuation/text/mod.ts";
import {
  punctuationModel,
  readVocabulary,
  restoreBy,
} from "../../site/punctuation.ts";

const read = (name: string) =>
  Deno.readFile(new URL(`../../models/punctuation/${name}`, import.meta.url));

Deno.test("a text's words are restored as by the package, with a certainty each", async () => {
  await useBackend({ prefer: ["wasm"] });
  const model = await punctuationModel(await read("model.safetensors"));
  const tokens = await readVocabulary(await read("tokenizer.json"));
  const reader = { model, tokens };
  const text =
    "if the file does not exist it is created the program then reads it again";
  const { words } = await restoreBy(reader, text, null);
  assertEquals([withMarks(text, words)], await restore([text]));
  assertEquals(words.map(({ word }) => word.toLowerCase()), text.split(" "));
  for (const { certainty } of words) assert(certainty >= 0 && certainty <= 1);
  // With fewer words of future it is less sure where a sentence ends.
  const { words: near } = await restoreBy(reader, text, 0);
  const sure = (some: typeof words) =>
    some.reduce((sum, { certainty }) => sum + certainty, 0);
  assert(sure(near) < sure(words), `${sure(near)} < ${sure(words)}`);
  assertEquals((await restoreBy(reader, " ", 1)).words, []);
  model.dispose();
});
