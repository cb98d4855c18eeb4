/** The package of languages as it is: what it answers, and whether its card tells the truth. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import config from "../../../models/languages/config.json" with {
  type: "json",
};
import manifest from "../../../models/languages/deno.json" with {
  type: "json",
};
import languages, {
  detect,
  detectAll,
  detectWords,
  LANGUAGES,
} from "../../../models/languages/mod.ts";
import { TABLE_ROWS } from "../../../models/languages/text/mod.ts";
import { sha256Of } from "../../../lib/base/files.ts";
import { fromPretrained } from "../../../lib/hub/mod.ts";
import { useBackend } from "../../../mod.ts";
import root from "../../../deno.json" with { type: "json" };
import {
  allCards,
  type Card,
  readmeOf,
  withPackages,
} from "../../../tools/models/card.ts";

const FOLDER = new URL("../../../models/languages/", import.meta.url);

const DOCUMENT = new URL("../../../docs/pretrained.md", import.meta.url);

/** A text without what aligns columns. */
const cellsOf = (text: string) => text.replaceAll(/[-: ]+/g, " ");

/** Everyday sentences, none of which is in the texts of training. */
const SENTENCES: readonly (readonly [language: string, text: string])[] = [
  ["fra", "où se trouve la gare"],
  ["deu", "wo ist der Bahnhof"],
  ["rus", "где находится вокзал"],
  ["ell", "πού είναι ο σταθμός"],
  ["jpn", "駅がどこにあるか教えてください"],
  ["tur", "tren istasyonu nerede"],
  ["hun", "hol van a pályaudvar"],
];

const card: Card = JSON.parse(
  await Deno.readTextFile(new URL("card.json", FOLDER)),
);

Deno.test("the package tells the languages of sentences, whatever else they hold", async () => {
  await useBackend({ prefer: ["wasm"] });
  const texts = SENTENCES.map(([, text]) => text);
  const expected = SENTENCES.map(([language]) => language);
  assertEquals(await detect(texts), expected);
  const decorated = texts.map((text) =>
    `1. ${text.toUpperCase().normalize("NFD")}?!`
  );
  assertEquals(await detect(decorated), expected);
  // Beside others, in batches with padding, a text gets the same answer.
  const long = texts.map((text) => `${text}. `.repeat(40));
  assertEquals(await detect([...long, ...texts]), [...expected, ...expected]);
  assertEquals(await detect([]), []);
  assertEquals(await detect(["", "12:30 …"]), ["und", "und"]);
});

Deno.test("shares sum to one, the largest first, and none is of a text without letters", async () => {
  await useBackend({ prefer: ["wasm"] });
  const [shares, none] = await detectAll(["wo ist der Bahnhof", "12:30"]);
  assertEquals(none, []);
  assertEquals(shares!.length, LANGUAGES.length);
  assertEquals(shares![0]!.language, "deu");
  assertAlmostEquals(
    shares!.reduce((sum, { share }) => sum + share, 0),
    1,
    1e-9,
  );
  assert(
    shares!.every(({ share }, i) => i === 0 || share <= shares![i - 1]!.share),
  );
});

Deno.test("each word of a text gets its language, in order and as it stands", async () => {
  await useBackend({ prefer: ["wasm"] });
  const english = "The children are playing in the garden,";
  const german = "und die Kinder spielen im Garten.";
  const [words, none] = await detectWords([`${english} – ${german}`, " "]);
  assertEquals(none, []);
  assertEquals(
    words!.map(({ word }) => word).join(" "),
    `${english} – ${german}`,
  );
  assertEquals(words![7], { word: "–", language: "und" });
  const isGerman = words!.map(({ language }) => language === "deu");
  assertEquals(isGerman.slice(1, 6), [false, false, false, false, false]);
  assertEquals(isGerman.slice(9), [true, true, true, true, true]);
});

Deno.test("texts that are no array of strings are refused", async () => {
  for (const wrong of ["text", [1], null]) {
    for (const call of [detect, detectAll, detectWords]) {
      await assertRejects(
        () => call(wrong as unknown as string[]) as Promise<unknown>,
        TypeError,
        `${call.name}'s texts should be an array of strings`,
      );
    }
  }
});

Deno.test("fromPretrained() loads the encoder, and answers leave no tensor", async () => {
  await useBackend({ prefer: ["wasm"] });
  await detect(["once"]);
  const before = tf.memory().numTensors;
  await detect(["once more", "and again"]);
  assertEquals(tf.memory().numTensors, before);
  const { model, config, weights } = await fromPretrained(languages);
  assertEquals([weights.initial, weights.unused], [[], []]);
  assertEquals(
    model.countParams() + TABLE_ROWS * LANGUAGES.length,
    card.model.parameters,
  );
  assertEquals((config as { task?: string }).task, languages.task);
  model.dispose();
});

Deno.test("the card is of these files, and the README of the card", async () => {
  const read = (name: string) => Deno.readFile(new URL(name, FOLDER));
  const weights = await read("model.safetensors");
  const table = await read("table.safetensors");
  assertEquals(card.weights.sha256, sha256Of(weights));
  assertEquals(card.weights.bytes, weights.length + table.length);
  assert(card.weights.bytes <= 1e6);
  assertEquals(card.model.options, config.options);
  assertEquals(manifest.version, root.version);
  const readme = await Deno.readTextFile(new URL("README.md", FOLDER));
  assertEquals(readme, readmeOf(card));
  const document = await Deno.readTextFile(DOCUMENT);
  assertEquals(
    cellsOf(document),
    cellsOf(withPackages(document, await allCards())),
  );
  // What was reached is what the tables say.
  const own = card.tables[0]!.rows.find(({ name }) =>
    name === "this model, int8"
  )!;
  Object.values(own.shares).forEach(({ solved, of }, i) =>
    assertEquals(card.bars[i]!.reached, solved / of)
  );
  // The notices of all that the weights were made from go with them.
  for (const { source } of card.data) {
    const name = source.split(":")[0]!;
    if (source.includes("only to test on")) continue;
    const notice = await Deno.readTextFile(
      new URL(`LICENSES/${name}.txt`, FOLDER),
    );
    assert(/copyright/i.test(notice), name);
  }
});
