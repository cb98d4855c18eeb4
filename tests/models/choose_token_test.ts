import { assertEquals } from "@std/assert";
import seedrandom from "seedrandom";
import {
  type ChoiceOptions,
  chooserOf,
} from "../../lib/models/choose_token.ts";
import { TokenRanking } from "../../lib/models/token_ranking.ts";
import { array, uniform } from "../random.ts";

/** A choice as it is defined: among all tokens, sorted. */
function drawn(
  logits: Float32Array,
  { temperature = 1, topK = Infinity, topP = 1 }: ChoiceOptions,
  random: number,
): number {
  const highest = Math.max(...logits);
  const sum = (weights: number[]) => weights.reduce((a, b) => a + b, 0);
  const ranked = [...logits.keys()]
    .sort((a, b) => logits[b]! - logits[a]!)
    .slice(0, topK);
  const all = ranked.map((token) =>
    Math.exp((logits[token]! - highest) / temperature)
  );
  const wanted = topP * sum(all);
  let reached = 0;
  const share = all.findIndex((weight) => (reached += weight) >= wanted);
  const weights = topP === 1 || share < 0 ? all : all.slice(0, share + 1);
  let left = random * sum(weights);
  return ranked[weights.findIndex((weight) => (left -= weight) < 0)]!;
}

const random = uniform(1);
const LOGITS = {
  few: array(7, random),
  flat: array(600, random, (u) => u / 10),
  steep: array(600, random, (u) => 40 * u),
  // As of a head that forbids tokens.
  forbidden: array(300, random, (u) => u < 0.5 ? -Infinity : 9 * u),
  alike: array(300, random, (u) => Math.floor(4 * u)),
  one: Float32Array.of(-3),
};

Deno.test("a token is chosen as among all tokens, sorted", () => {
  const choices: ChoiceOptions[] = [
    {},
    { temperature: 0.01 },
    { temperature: 50 },
    { topK: 1 },
    { topK: 40 },
    { topP: 0.5 },
    { topP: 1e-9 },
    { topP: 0.9, topK: 100, temperature: 2 },
  ];
  for (const [name, logits] of Object.entries(LOGITS)) {
    for (const options of choices) {
      const chooser = chooserOf({ ...options, seed: 3 }, 0, undefined);
      const next = seedrandom("3");
      for (let i = 0; i < 50; i++) {
        assertEquals(
          chooser.choose(logits),
          drawn(logits, options, next()),
          `${name} ${JSON.stringify(options)}`,
        );
      }
    }
  }
});

Deno.test("a ranking is that of all tokens, whatever step it takes", () => {
  for (const logits of Object.values(LOGITS)) {
    const sorted = [...logits.keys()]
      .sort((a, b) => logits[b]! - logits[a]!);
    for (const step of [1e-30, 0.3, 1e30]) {
      const ranking = new TokenRanking(logits, step);
      assertEquals(ranking.highest, Math.max(...logits));
      assertEquals(sorted.map((_, rank) => ranking.at(rank)), sorted);
    }
  }
});
