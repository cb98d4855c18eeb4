/** The card of the package of languages. @module */
import { sha256Of } from "../../../lib/base/files.ts";
import {
  ENCODER_SCALE,
  LANGUAGES,
  TABLE_ROWS,
} from "../../../models/languages/text/mod.ts";
import { type Card, type CardRow, type Share, trainingOf } from "../card.ts";
import type { ModelRun } from "../model_recipe.ts";
import type { Trained } from "../training.ts";
import type { Corpus } from "./data.ts";
import { LENGTHS, type Shares, type Tested } from "./testing.ts";

/** What the stages have kept. */
export interface Kept {
  readonly sources: Corpus["sources"];
  readonly leaks: number;
  readonly options: object;
  readonly seed: number;
  /** How many the table was trained on. */
  readonly pieces: number;
  readonly trained: Trained;
  readonly tests: {
    readonly steps: number;
    readonly int8: Tested;
    readonly float32: Tested;
    readonly table: Tested;
    /** Of texts in several languages, the words that are right. */
    readonly words: Share;
  };
  /** By what they are called. */
  readonly baselines: Readonly<Record<string, Tested>>;
  readonly twins: Readonly<
    Record<string, {
      readonly parameters: number;
      readonly steps: number;
      readonly seeds: readonly {
        readonly shares: Tested;
        readonly words: Share;
      }[];
    }>
  >;
}

/** What the shipped weights are to reach on other texts, by length. */
const LEAST: Readonly<Record<typeof LENGTHS[number], number>> = {
  "≤ 30": 0.86,
  "31–60": 0.955,
  "61–140": 0.975,
};

/** How much more than naive Bayes of as many bytes, at most of short texts. */
const MORE = 0.03;

/** The share of words, and the largest share of texts that int8 may lose. */
const WORDS = 0.9, MOST_LOST = 0.005;

/** The card of what was trained and tested. */
export async function cardOf(
  kept: Kept,
  { target, note, isSmoke }: ModelRun,
): Promise<Card> {
  const { sources, trained, tests, baselines, twins, seed, pieces } = kept;
  const encoder = await Deno.readFile(new URL("model.safetensors", target));
  const table = await Deno.readFile(new URL("table.safetensors", target));
  const bytes = encoder.length + table.length;
  const parameters = trained.parameters + TABLE_ROWS * LANGUAGES.length;
  const [[equal, bayes]] = Object.entries(baselines) as [[string, Tested]];
  const short = LENGTHS[0];
  const tabled = (
    title: string,
    set: "validation" | "others",
    note: string,
  ) => ({
    title,
    columns: LENGTHS,
    rows: [
      ...Object.entries(baselines).map(([name, tested]) => ({
        name,
        shares: tested[set],
      })),
      { name: "this model's table alone", shares: tests.table[set] },
      { name: "this model, int8", shares: tests.int8[set] },
      { name: "float32", shares: tests.float32[set] },
    ],
    note,
  });
  return {
    name: "languages",
    title: "the language of a text",
    first:
      `**Naive Bayes is the rival, not a library:** counts of runs of letters in the same ` +
      `texts, as many bytes of them (${equal}), stand in the first row of each table.`,
    about:
      `It tells ${LANGUAGES.length} languages apart, for a text and for each word of a ` +
      "text in several. Each place of a text gets what runs of one to four letters that " +
      "end there say for each language; a small LION encoder, which reads forwards and " +
      "backwards in turn, adds what it makes of their order. A text's scores are the " +
      "means of its places', so any length is linear work. The encoder's scores are " +
      `multiplied by ${ENCODER_SCALE}, which validation has chosen.`,
    use: `import { detect, detectWords } from "@lionjs/languages";

console.log(await detect(["où se trouve la gare", "wo ist der Bahnhof"])); // ["fra", "deu"]
console.log(await detectWords(["we said guten Morgen zusammen"]));`,
    data: sources.map(({ source, sha256, notice, examples }) => ({
      source: `${source.name}: ${source.about}`,
      ...{ version: source.version, licence: source.licence, sha256 },
      notice: source.isTest
        ? "Nothing of it is in the weights"
        : `${
          notice.match(/Copyright.*/)?.[0] ?? ""
        } (LICENSES/${source.name}.txt)`,
      examples,
    })),
    split:
      "Articles 25 to 30 of the declaration and one of ten names of CLDR, by a hash of " +
      "what they name, are kept for validation, which flatters: the documents are the " +
      "same. Other texts decide: translations of a program's interface, from a package " +
      "of npm that nothing is trained on, without those that several languages share " +
      `and without ${kept.leaks} that are trained on. Not all languages have such texts, ` +
      "and few are long.",
    model: { parameters, options: kept.options },
    training: {
      ...await trainingOf("languages", trained, seed),
      about:
        `Before that, the table of ${
          TABLE_ROWS.toLocaleString("en")
        } hashed runs began ` +
        "as naive Bayes, and was trained as logistic regression on " +
        `${
          pieces.toLocaleString("en")
        } pieces. The cores were shared with other programs.`,
    },
    weights: {
      sha256: sha256Of(encoder),
      bytes,
      ofFloat32: bytes / (4 * parameters),
    },
    tables: [
      tabled(
        "Other texts: translations of a program",
        "others",
        "In brackets are 95 % intervals, and the number of texts. Most often mistaken: " +
          `${
            Object.entries(tests.int8.mistaken)
              .map(([name, count]) => `${name} (${count})`).join(", ")
          }.`,
      ),
      tabled(
        "Validation: pieces of what is kept of the same documents",
        "validation",
        "By the length of pieces in letters.",
      ),
      {
        title: "Words",
        columns: ["words"],
        rows: [{ name: "this model, int8", shares: { words: tests.words } }],
        note:
          "Of kept articles of two to four among 20 languages, glued together, with four " +
          "words or more of each.",
      },
      ...Object.keys(twins).length === 0 ? [] : [{
        title: "Twins, on other texts and on words",
        columns: [...LENGTHS, "words"],
        rows: Object.entries(twins).map((
          [name, { parameters, seeds }],
        ): CardRow => ({
          name: `${name}, ${parameters.toLocaleString("en")} parameters`,
          shares: {
            ...summed(seeds.map(({ shares }) => shares.others)),
            words: sumOf(seeds.map(({ words }) => words)),
          },
        })),
        note: `Encoders beside the same table, each after ${
          Object.values(twins)[0]!.steps.toLocaleString("en")
        } steps, from each of ${
          Math.max(...Object.values(twins).map(({ seeds }) => seeds.length))
        } seeds, which are added up.`,
      }],
    ],
    bars: [
      ...LENGTHS.map((length) => ({
        what: `other texts of ${length} letters`,
        least: LEAST[length],
        reached: shareOf(tests.int8.others[length]!),
      })),
      {
        what: `of ${short} letters, with ${MORE} more than ${equal}`,
        least: Number((shareOf(bayes.others[short]!) + MORE).toFixed(3)),
        reached: shareOf(tests.int8.others[short]!),
      },
      {
        what: "words of mixed texts",
        least: WORDS,
        reached: shareOf(tests.words),
      },
      {
        what: "texts kept by int8: 1 less what it loses",
        least: 1 - MOST_LOST,
        reached: 1 -
          (shareOf(sumOf(Object.values(tests.float32.others))) -
            shareOf(sumOf(Object.values(tests.int8.others)))),
      },
    ],
    limits: [
      "Neighbours are mistaken for each other, above all in short texts: Norwegian " +
      "Bokmål and Danish, Spanish, Galician and Asturian, Croatian and Slovenian, Hindi, " +
      "Marathi and Nepali.",
      "One script each: Serbian is Cyrillic, Azerbaijani and Uzbek are Latin, Kurdish is " +
      "Kurmanji; what is written in another is taken for another language.",
      "A text in none of its languages gets one of them all the same; a text without " +
      'letters gets "und".',
      "Words are what spaces are between: Chinese, Japanese, Thai, Khmer and Burmese " +
      "text is one word.",
      ...Object.keys(twins).length === 0
        ? [
          "The twins (causal, softmax; three seeds each) are not trained yet: `deno task " +
          "models languages --stages twins,card` trains and tests them.",
        ]
        : [],
      ...note === undefined ? [] : [note],
      ...isSmoke ? ["Made by --smoke: no figure means anything."] : [],
    ],
  };
}

const shareOf = ({ solved, of }: Share) => of === 0 ? 0 : solved / of;

function sumOf(shares: readonly Share[]): Share {
  return {
    solved: shares.reduce((sum, { solved }) => sum + solved, 0),
    of: shares.reduce((sum, { of }) => sum + of, 0),
  };
}

/** Shares of several seeds, added up. */
function summed(shares: readonly Shares[]): Shares {
  return Object.fromEntries(
    LENGTHS.map((
      length,
    ) => [length, sumOf(shares.map((share) => share[length]!))]),
  );
}
