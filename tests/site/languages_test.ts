/** What the page's panel of languages asks of the worker. */
import { assert, assertEquals } from "@std/assert";
import { useBackend } from "../../mod.ts";
import { detectWords } from "../../models/languages/mod.ts";
import { readTable } from "../../models/languages/text/mod.ts";
import { languagesModel, tellBy } from "../../site/languages.ts";

const read = (name: string) =>
  Deno.readFile(new URL(`../../models/languages/${name}`, import.meta.url));

Deno.test("a text's five likeliest languages are told, and that of each word", async () => {
  await useBackend({ prefer: ["wasm"] });
  const model = await languagesModel(await read("model.safetensors"));
  const table = await readTable(await read("table.safetensors"));
  const text = "wo ist der Bahnhof";
  const { shares, words } = await tellBy({ model, table }, text);
  assertEquals(shares.length, 5);
  assertEquals(shares[0]!.language, "deu");
  assert(shares[0]!.share > shares[1]!.share);
  // As the package does.
  assertEquals([words], await detectWords([text]));
  const nothing = await tellBy({ model, table }, " ");
  assertEquals([nothing.shares, nothing.words], [[], []]);
  model.dispose();
});
