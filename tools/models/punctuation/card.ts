/** The card of the package of punctuation. @module */
import { sha256Of } from "../../../lib/base/files.ts";
import {
  type Card,
  type CardRow,
  type CardTable,
  type Figure,
  trainingOf,
} from "../card.ts";
import type { ModelRun } from "../model_recipe.ts";
import type { Trained } from "../training.ts";
import type { ReadTexts } from "./sources.ts";
import { KINDS, type Scores, SETS, type Tested } from "./testing.ts";

/** What the stages have kept. */
export interface Kept {
  readonly texts: readonly ReadTexts[];
  readonly others: readonly ReadTexts[];
  readonly options: object;
  readonly seed: number;
  readonly trained: Trained;
  readonly tests: {
    readonly int8: Tested;
    readonly float32: Tested;
    /** One text of many words. */
    readonly long: { readonly words: number; readonly seconds: number };
  };
  /** By what they are called, the best last. */
  readonly baselines: Readonly<Record<string, Tested>>;
  readonly twins: Readonly<
    Record<string, {
      readonly parameters: number;
      readonly steps: number;
      readonly seeds: readonly Tested[];
    }>
  >;
  /** How many words the linear models were trained on. */
  readonly linearWords: number;
}

/** What the shipped weights are to reach, by set and kind. */
const LEAST: readonly (readonly [
  set: typeof SETS[number],
  kind: typeof KINDS[number],
  least: number,
])[] = [
  ["manual", "full stop", 0.6],
  ["manual", "comma", 0.45],
  ["manual", "capital", 0.55],
  ["prose", "full stop", 0.35],
  ["prose", "comma", 0.25],
];

/** How much less the causal twin is to reach at full stops, and the most that int8 may lose. */
const LESS = 0.2, MOST_LOST = 0.005;

/** What sets are called. */
const NAMES: Readonly<Record<typeof SETS[number], string>> = {
  manual: "another manual",
  prose: "news and fiction",
  "own manuals": "other files of the training's manuals",
  "own prose": "other files of the training's prose",
};

/** The file of a text's notice. */
export const noticeFile = (name: string): string =>
  `${name.replace("@", "").replace("/", "-")}.txt`;

/** The card of what was trained and tested. */
export async function cardOf(
  kept: Kept,
  { target, note, isSmoke }: ModelRun,
): Promise<Card> {
  const { texts, others, trained, tests, baselines, twins, seed } = kept;
  const weights = await Deno.readFile(new URL("model.safetensors", target));
  const vocabulary = await Deno.readFile(new URL("tokenizer.json", target));
  const bytes = weights.length + vocabulary.length;
  const ofTwins = Object.entries(twins).map(([name, twin]) => ({
    ...{ name, ...twin },
    scores: meanOf(twin.seeds),
  }));
  const scoresOfTwin = (name: string) =>
    ofTwins.find((twin) => twin.name === name)?.scores.manual["full stop"]
      .value;
  const [both, causal] = [scoresOfTwin("both ways"), scoresOfTwin("causal")];
  const paragraphs = ({ train, test }: ReadTexts) => train.length + test.length;
  return {
    name: "punctuation",
    title: "full stops, commas and capitals",
    first:
      "**A full stop shows by what follows:** the same words seen from the left alone are " +
      "worth far less, and a linear model of the words on both sides is the rival; it " +
      "stands in each table.",
    about:
      "It adds commas, full stops, question marks and capital first letters to English " +
      "text without any, such as dictation; words and their order never change. A LION " +
      "encoder, which reads forwards and backwards in turn, tells each word's class from " +
      "the words on both sides. A long text is read in windows of 160 tokens that " +
      "overlap by 80, so that work grows with its length and memory does not: " +
      `${tests.long.words.toLocaleString("en")} words took ${
        tests.long.seconds.toFixed(0)
      } seconds here.`,
    use: `import { restore } from "@lionjs/punctuation";

const [text] = await restore(["when the table is empty the query returns no rows this is not an error"]);
console.log(text);`,
    data: [...texts, ...others].map((text) => ({
      source: `${text.name}: ${text.about}`,
      ...{ version: text.version, licence: text.licence },
      sha256: text.sha256,
      notice: text.train.length === 0
        ? "Only tested on: nothing of it is in the weights"
        : `LICENSES/${noticeFile(text.name)}`,
      examples: paragraphs(text),
    })),
    split:
      "Examples are paragraphs of prose that end as a sentence, each once. One of ten " +
      "files, by a hash of its name, is kept for validation, which flatters: the manuals " +
      "are the same. Another manual and a corpus of news and fiction decide, of which " +
      "nothing is trained on.",
    model: { parameters: trained.parameters, options: kept.options },
    training: {
      ...await trainingOf("punctuation", trained, seed),
      about:
        "Examples are windows of 40 to 160 tokens that start anywhere, 30 % of them " +
        "prose. The cores were shared with other programs. What is added to the logits " +
        "of classes was then chosen by F1 on validation, and is part of the weights.",
    },
    weights: {
      sha256: sha256Of(weights),
      bytes,
      ofFloat32: weights.length / (4 * trained.parameters),
    },
    tables: [
      ...SETS.map((set): CardTable => ({
        title: `F1 on ${NAMES[set]}`,
        columns: KINDS,
        rows: [
          ...Object.entries(baselines).map(([name, tested]) =>
            rowOf(name, tested[set])
          ),
          rowOf("this model, int8", tests.int8[set]),
          rowOf("float32", tests.float32[set]),
        ],
        note:
          `${ABOUT[set]} In brackets are 95 % intervals (paragraphs drawn ` +
          "anew), and how many there are. A paragraph's last word is left out, whose " +
          "full stop is free for whoever sees the end, and so is the capital of its first.",
      })),
      ...ofTwins.length === 0 ? [] : [{
        title: "Twins, F1 on another manual",
        columns: KINDS,
        rows: ofTwins.map(({ name, parameters, seeds, scores }) =>
          rowOf(
            `${name}, ${parameters.toLocaleString("en")} parameters, ${
              seeds.length === 1 ? "1 seed" : `${seeds.length} seeds`
            }`,
            scores.manual,
          )
        ),
        note:
          `Each after ${ofTwins[0]!.steps.toLocaleString("en")} steps, where ` +
          `the model above has had ${
            trained.steps.toLocaleString("en")
          }; each with offsets of its own. Figures are means over seeds, and ` +
          "intervals those of the first. The rate of learning was chosen for the first " +
          "twin; softmax has learned positions, and may need another and more steps.",
      }],
    ],
    bars: [
      ...LEAST.map(([set, kind, least]) => ({
        what: `F1 of ${kind}s, ${NAMES[set]}`,
        least,
        reached: tests.int8[set][kind].value,
      })),
      ...both === undefined || causal === undefined ? [] : [{
        what: "F1 of full stops, another manual: both ways less causal",
        least: LESS,
        reached: both - causal,
      }],
      {
        what: "F1 kept by int8, mean of these: 1 less what it loses",
        least: 1 - MOST_LOST,
        reached: 1 - (meanScore(tests.float32) - meanScore(tests.int8)),
      },
    ],
    limits: [
      "English. It has read manuals of programs, addresses and one novel, and is best " +
      "at what is like these; talk, verse and dialogue are far from them.",
      "Question marks are rare in these texts: few are found.",
      "Quotes, colons, semicolons, dashes and exclamation marks are not restored, and " +
      "acronyms stay in lower case.",
      "Long texts are read in windows: streamBidirectional() streams one attention, and " +
      "no model streams both directions through all of its blocks yet. Windows are as " +
      "long as in training; what is more than 160 tokens away does not count.",
      "A text's first word gets a capital, and its last one a full stop or a question " +
      "mark, whatever the model says.",
      `The linear models have read ${
        kept.linearWords.toLocaleString("en")
      } words of the same texts, and their offsets too were chosen on validation.`,
      ...ofTwins.length === 0
        ? [
          "The twins (causal, softmax; three seeds each) are not trained yet: `deno task " +
          "models punctuation --stages twins,card` trains and tests them.",
        ]
        : [],
      ...note === undefined ? [] : [note],
      ...isSmoke ? ["Made by --smoke: no figure means anything."] : [],
    ],
  };
}

/** What the sets are. */
const ABOUT: Readonly<Record<typeof SETS[number], string>> = {
  manual: "Paragraphs of Django's manual.",
  prose: "Paragraphs of the Brown corpus, of 1961.",
  "own manuals": "Paragraphs of the same manuals.",
  "own prose": "Pieces of other addresses, and of other chapters.",
};

const rowOf = (name: string, figures: Scores): CardRow => ({
  ...{ name, shares: {}, figures },
});

/** The mean of what the aims are about. */
const meanScore = (tested: Tested) =>
  LEAST.reduce((sum, [set, kind]) => sum + tested[set][kind].value, 0) /
  LEAST.length;

/** The means of seeds' figures, with the first one's intervals. */
function meanOf(seeds: readonly Tested[]): Tested {
  const mean = (set: typeof SETS[number], kind: typeof KINDS[number]) => ({
    ...seeds[0]![set][kind],
    value: seeds.reduce((sum, seed) => sum + seed[set][kind].value, 0) /
      seeds.length,
  });
  return Object.fromEntries(
    SETS.map((set) => [
      set,
      Object.fromEntries(
        KINDS.map((kind): [string, Figure] => [kind, mean(set, kind)]),
      ) as Scores,
    ]),
  ) as Tested;
}
