/** The language model that the page ships with. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { useBackend } from "../../mod.ts";
import type { Word } from "../../site/calls.ts";
import { completeBy, languageModel } from "../../site/sentence.ts";

const WEIGHTS = new URL(
  "../../site/weights/sentences.safetensors",
  import.meta.url,
);

/** Words of a sentence; those in brackets are hidden. */
function wordsOf(sentence: string): Word[] {
  return sentence.split(" ").map((word) => ({
    text: word.replaceAll(/[[\]]/g, ""),
    isHidden: word.startsWith("["),
  }));
}

Deno.test("the trained language model fills gaps, by both of their sides", async () => {
  await useBackend({ prefer: ["wasm"] });
  const trained = await languageModel(await Deno.readFile(WEIGHTS));
  const guessesOf = async (sentence: string) =>
    (await completeBy(trained, wordsOf(sentence))).map(({ guess }) => guess);
  assertEquals(
    await guessesOf("She wants [to] go to one [of] the houses in [the] north."),
    ["to", "of", "the"],
  );
  assertEquals(
    await guessesOf("The city is one [of] the largest in [the] world."),
    ["of", "the"],
  );
  assertEquals(await guessesOf("Nothing is hidden."), []);
  assertEquals(await completeBy(trained, []), []);
  // A long word is several tokens, of each of which the likeliest come first.
  const [long] = await completeBy(trained, wordsOf("It is [extraordinary] ."));
  assert(long!.tokens.length > 1);
  for (const shown of long!.tokens) {
    const shares = shown.map(({ share }) => share);
    assertEquals(shares, shares.toSorted((a, b) => b - a));
    assertLess(shares.reduce((a, b) => a + b), 1);
  }
  trained.model.dispose();
});
