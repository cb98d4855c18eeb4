/** The language model that the page ships with. */
import {
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
} from "@std/assert";
import { useBackend } from "../../mod.ts";
import type { Word } from "../../site/calls.ts";
import { completeBy, fillableBy, languageModel } from "../../site/sentence.ts";

const WEIGHTS = new URL(
  "../../site/weights/infilling.safetensors",
  import.meta.url,
);

/** Words of a sentence; those in brackets are hidden. */
function wordsOf(sentence: string): Word[] {
  return sentence.split(" ").map((word, at) => ({
    text: word.replaceAll(/[[\]]/g, ""),
    isAfterSpace: at > 0,
    isHidden: word.startsWith("["),
  }));
}

Deno.test("the trained language model fills gaps, by both of their sides", async () => {
  await useBackend({ prefer: ["wasm"] });
  const trained = await languageModel(await Deno.readFile(WEIGHTS));
  const guessesOf = async (sentence: string) =>
    (await completeBy(trained, wordsOf(sentence))).map(([first]) =>
      first!.text
    );
  assertEquals(
    await guessesOf("The name [of] the table [is] used by [the] query."),
    ["of", "is", "the"],
  );
  assertEquals(
    await guessesOf("The file [is] closed when [the] program ends."),
    ["is", "the"],
  );
  assertEquals(await guessesOf("Nothing is hidden."), []);
  assertEquals(await completeBy(trained, []), []);
  const [guesses] = await completeBy(trained, wordsOf("It [was] so"));
  const shares = guesses!.map(({ share }) => share);
  assertEquals(shares, shares.toSorted((a, b) => b - a));
  assertLess(shares.reduce((a, b) => a + b), 1);
  for (const { text } of guesses!) assertMatch(text, /^\p{L}+$/u);
  // Short, common words are one token after a space.
  assertEquals(
    fillableBy(trained, wordsOf("to the houses of the north . , 7 é")),
    [false, true, false, true, true, ...[false, false, false, false, false]],
  );
  assertEquals(fillableBy(trained, []), []);
  await assertRejects(
    () => completeBy(trained, wordsOf("It is [extraordinary] .")),
    RangeError,
    "a hidden word should be one token, got extraordinary",
  );
  trained.model.dispose();
});
