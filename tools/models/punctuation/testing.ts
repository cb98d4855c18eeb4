/** How well marks and capitals are restored: F1 of each, on paragraphs that are kept apart. @module */
import { below, seeded } from "@lionjs/data/batches";
import {
  CLASSES,
  classShares,
  type MarkedWord,
  markedWords,
  MARKS,
  type Reader,
} from "../../../models/punctuation/text/mod.ts";
import type { Figure } from "../card.ts";
import { type Corpus, type Labelled, labelled } from "./data.ts";

/** What is told, in the order of tables. */
export const KINDS = [
  "full stop",
  "comma",
  "question mark",
  "capital",
] as const;

/** The sets of paragraphs: the last two are of what is kept of the training's texts. */
export const SETS = ["manual", "prose", "own manuals", "own prose"] as const;

/** Paragraphs as labelled words, by set. */
export type Sets = Readonly<
  Record<typeof SETS[number], readonly (readonly Labelled[])[]>
>;

/** Draws test sets, each of so many paragraphs. */
export function testSets(
  { texts, others }: Corpus,
  count: number,
): Sets {
  const setOf = (set: typeof SETS[number]) => {
    const isProse = set.endsWith("prose");
    const left = (set.startsWith("own") ? texts : others)
      .filter((text) => text.isProse === isProse)
      .flatMap(({ test }) => test).flatMap(piecesOf);
    const random = seeded("punctuation", set);
    return Array.from(
      { length: Math.min(count, left.length) },
      () => left.splice(below(left.length, random), 1)[0]!,
    );
  };
  return {
    manual: setOf("manual"),
    prose: setOf("prose"),
    "own manuals": setOf("own manuals"),
    "own prose": setOf("own prose"),
  };
}

/** The most words of a piece: addresses are one paragraph each. */
const MOST_WORDS = 200;

/** A paragraph's words, in pieces if there are many. */
function piecesOf(text: string): Labelled[][] {
  const words = labelled(text);
  const pieces: Labelled[][] = [];
  while (words.length > 2) pieces.push(words.splice(0, MOST_WORDS));
  return pieces;
}

/** What is said of a word: the place of its mark among `MARKS`, and whether it has a capital. */
export type Told = Pick<Labelled, "mark" | "capital">;

/** Tells marks and capitals of paragraphs' words. */
export type Teller = (
  paragraphs: readonly (readonly Labelled[])[],
) => Promise<readonly (readonly Told[])[]>;

/** F1 by what is told. */
export type Scores = Record<typeof KINDS[number], Figure>;

/** F1 by set. */
export type Tested = Record<typeof SETS[number], Scores>;

/** What a teller reaches on all sets. */
export async function tested(sets: Sets, teller: Teller): Promise<Tested> {
  const found: Partial<Tested> = {};
  for (const set of SETS) {
    found[set] = scoresOf(sets[set], await teller(sets[set]));
  }
  return found as Tested;
}

/** Counts of one kind in a paragraph: right ones, those told, and those there are. */
type Counts = [right: number, told: number, there: number];

/** F1 of each kind. */
function scoresOf(
  paragraphs: readonly (readonly Labelled[])[],
  told: readonly (readonly Told[])[],
): Scores {
  return Object.fromEntries(
    KINDS.map((kind) => [kind, figureOf(countsOf(kind, paragraphs, told))]),
  ) as Scores;
}

/**
 * Counts of a kind in each paragraph. Its last word is left out, whose full stop is free
 * for whoever sees the end, and so is the capital of its first.
 */
function countsOf(
  kind: typeof KINDS[number],
  paragraphs: readonly (readonly Labelled[])[],
  told: readonly (readonly Told[])[],
): Counts[] {
  const has = (word: Told) =>
    kind === "capital" ? word.capital : MARKS[word.mark] === SIGNS[kind];
  return paragraphs.map((words, i) => {
    const counts: Counts = [0, 0, 0];
    const start = kind === "capital" ? 1 : 0;
    for (let j = start; j < words.length - 1; j++) {
      const isThere = has(words[j]!), isTold = has(told[i]![j]!);
      if (isThere && isTold) counts[0]++;
      if (isTold) counts[1]++;
      if (isThere) counts[2]++;
    }
    return counts;
  });
}

const SIGNS = { "full stop": ".", comma: ",", "question mark": "?" } as const;

/** How often paragraphs are drawn anew for an interval. */
const DRAWS = 400;

/** F1 of all counts together. */
function f1(counts: readonly Counts[]): number {
  let right = 0, all = 0;
  for (const [found, told, there] of counts) {
    right += found;
    all += told + there;
  }
  return all === 0 ? 0 : 2 * right / all;
}

/** F1 of counts, with the interval of paragraphs drawn anew (Efron's bootstrap). */
function figureOf(counts: readonly Counts[]): Figure {
  const random = seeded("bootstrap");
  const drawn = Array.from(
    { length: DRAWS },
    () => f1(counts.map(() => counts[below(counts.length, random)]!)),
  ).sort((a, b) => a - b);
  return {
    value: f1(counts),
    low: drawn[Math.floor(0.025 * DRAWS)]!,
    high: drawn[Math.ceil(0.975 * DRAWS) - 1]!,
    of: counts.reduce((sum, [, , there]) => sum + there, 0),
  };
}

/** What the package tells. */
export const readerTeller = (reader: Reader): Teller => async (paragraphs) => {
  const texts = paragraphs.map((words) =>
    words.map(({ reading }) => reading).join(" ")
  );
  const words = await markedWords(reader, texts);
  return words.map((own) => own.map(toldOf));
};

const toldOf = ({ word, mark }: MarkedWord): Told => ({
  mark: MARKS.indexOf(mark as ","),
  capital: word !== word.toLowerCase(),
});

/** The shares of classes `[words, CLASSES]` for each paragraph. */
export type Sharer = (
  paragraphs: readonly (readonly Labelled[])[],
) => Promise<readonly Float32Array[]>;

/** The shares that a model gives. */
export const readerSharer = (reader: Reader): Sharer => (paragraphs) =>
  classShares(
    reader,
    paragraphs.map((words) => words.map(({ reading }) => reading)),
  );

/** What is added to the logits of classes. */
export type Offsets = readonly number[];

/** The steps of offsets that are tried. */
const TRIED = Array.from({ length: 17 }, (_, i) => (i - 8) / 4);

/**
 * The offsets of classes with which F1 is highest on what is kept of the training's
 * manuals and prose, which count alike: one for commas, one for full stops and question
 * marks, one for capitals.
 */
export async function bestOffsets(
  sets: Sets,
  sharer: Sharer,
): Promise<Offsets> {
  const own = await Promise.all(
    [sets["own manuals"], sets["own prose"]].map(async (paragraphs) => ({
      paragraphs,
      shares: await sharer(paragraphs),
    })),
  );
  const f1Of = (offsets: Offsets, kinds: readonly (typeof KINDS[number])[]) =>
    own.reduce((sum, { paragraphs, shares }) => {
      const told = shares.map((some) => toldBy(some, offsets));
      const counts = kinds.map((kind) => f1(countsOf(kind, paragraphs, told)));
      return sum + counts.reduce((a, b) => a + b);
    }, 0);
  const offsetsOf = (comma: number, stop: number, capital: number) =>
    [0, 1].flatMap((is) =>
      [0, comma, stop, stop].map((offset) => offset + is * capital)
    );
  let [comma, stop, capital] = [0, 0, 0];
  const marks = ["full stop", "comma"] as const;
  for (let round = 0; round < 2; round++) {
    stop = bestOf((tried) => f1Of(offsetsOf(comma, tried, capital), marks));
    comma = bestOf((tried) => f1Of(offsetsOf(tried, stop, capital), marks));
  }
  capital = bestOf((tried) => f1Of(offsetsOf(comma, stop, tried), ["capital"]));
  return offsetsOf(comma, stop, capital);
}

/** The offset of those tried whose score is highest. */
function bestOf(scoreOf: (offset: number) => number): number {
  const scores = TRIED.map(scoreOf);
  return TRIED[scores.indexOf(Math.max(...scores))]!;
}

/** What shares tell of words, each by itself. */
function toldBy(shares: Float32Array, offsets: Offsets): Told[] {
  const factors = offsets.map(Math.exp);
  return Array.from({ length: shares.length / CLASSES }, (_, word) => {
    const own = shares.subarray(word * CLASSES, (word + 1) * CLASSES)
      .map((share, i) => share * factors[i]!);
    const marks = MARKS.map((_, i) => own[i]! + own[i + MARKS.length]!);
    const all = own.reduce((a, b) => a + b);
    const capital = own.slice(MARKS.length).reduce((a, b) => a + b);
    return {
      mark: marks.indexOf(Math.max(...marks)),
      capital: capital > all / 2,
    };
  });
}

/** What shares with offsets tell. */
export const sharesTeller =
  (sharer: Sharer, offsets: Offsets): Teller => async (paragraphs) =>
    (await sharer(paragraphs)).map((shares) => toldBy(shares, offsets));
