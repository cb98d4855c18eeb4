/** How often the languages of texts, and of words, are told. @module */
import { seeded } from "@lionjs/data/batches";
import {
  LANGUAGES,
  largest,
  meanScores,
  type Reader,
  scoresOf,
  wordSpans,
} from "../../../models/languages/text/mod.ts";
import type { Share } from "../card.ts";
import { type Corpus, drawPiece, type Labelled } from "./data.ts";
import { drawMixed, type Example } from "./model.ts";

/** The lengths of texts, in letters, that are told apart. */
export const LENGTHS = ["≤ 30", "31–60", "61–140"] as const;

/** Texts that nothing is trained on. */
export interface TestSets {
  /** Pieces of the same documents. */
  readonly validation: readonly Labelled[];
  /** Texts of another kind. */
  readonly others: readonly Labelled[];
  /** Texts in several languages. */
  readonly mixed: readonly Example[];
}

/** Draws test sets. */
export function testSets(
  { validation, others }: Corpus,
  { pieces, mixed }: { pieces: number; mixed: number },
): TestSets {
  const random = seeded("languages", "test");
  return {
    validation: validation.flatMap((texts, language) =>
      Array.from(
        { length: pieces },
        () => ({ language, text: drawPiece(texts, random) }),
      )
    ),
    others,
    mixed: Array.from({ length: mixed }, () => drawMixed(validation, random)),
  };
}

/** Shares by length. */
export type Shares = Record<string, Share>;

/** What is right, by set and length, and languages that are taken for others. */
export interface Tested {
  readonly validation: Shares;
  readonly others: Shares;
  /** Of all other texts: "spa as glg", and how often. */
  readonly mistaken: Readonly<Record<string, number>>;
}

/** Answers for the texts of a set: places of languages. */
export type Answers = (texts: readonly string[]) => readonly number[];

/** What a classifier reaches. */
export function testShares(
  { validation, others }: TestSets,
  answers: Answers,
): Tested {
  const mistaken: Record<string, number> = {};
  const sharesOf = (
    texts: readonly Labelled[],
    notes?: Record<string, number>,
  ) => {
    const shares: Record<string, { solved: number; of: number }> = Object
      .fromEntries(LENGTHS.map((length) => [length, { solved: 0, of: 0 }]));
    const found = answers(texts.map(({ text }) => text));
    texts.forEach(({ text, language }, i) => {
      const share =
        shares[LENGTHS[text.length <= 30 ? 0 : text.length <= 60 ? 1 : 2]!]!;
      share.of++;
      if (found[i] === language) share.solved++;
      else if (notes) {
        const name = `${LANGUAGES[language]} as ${LANGUAGES[found[i]!]}`;
        notes[name] = (notes[name] ?? 0) + 1;
      }
    });
    return shares;
  };
  return {
    validation: sharesOf(validation),
    others: sharesOf(others, mistaken),
    mistaken: Object.fromEntries(
      Object.entries(mistaken).sort(([, a], [, b]) => b - a).slice(0, 12),
    ),
  };
}

/** The answers of a model for all texts of the sets. */
export async function languagesOf(
  reader: Reader,
  { validation, others }: TestSets,
): Promise<Answers> {
  const texts = [...validation, ...others].map(({ text }) => text);
  const scores = await scoresOf(reader, texts);
  const found = new Map(
    texts.map((text, i) => [text, largest(scores[i]!.text)]),
  );
  return (texts) => texts.map((text) => found.get(text)!);
}

/** The share of words of mixed texts whose language is told. */
export async function wordShare(
  reader: Reader,
  texts: readonly Example[],
): Promise<Share> {
  const scores = await scoresOf(reader, texts.map(({ text }) => text));
  let solved = 0, of = 0;
  texts.forEach(({ text, places }, i) => {
    for (const { from, to } of wordSpans(text)) {
      of++;
      const found = largest(meanScores(scores[i]!.places, from, to));
      if (found === places[from]) solved++;
    }
  });
  return { solved, of };
}
