import {
  batchesInOrder,
  type ClassifiedTokens,
  collateTokens,
  datasetOf,
  type Examples,
  shuffledBatches,
} from "@lionjs/lion/data";
import type { BrownText } from "@lionjs/lion/datasets";
import { loadSentenceTokens, splitBrown } from "./corpus.ts";
import { loadKeptWeights } from "./kept_weights.ts";
import { BERT_CONTENDERS, BERT_SETTINGS, bertOf } from "./masked_language.ts";
import {
  accuracyOf,
  BY_ACCURACY,
  type Contender,
  type Part,
  type Recipe,
  trainingOptions,
  validated,
} from "./recipe.ts";

/** One of so many texts is taken. */
const SETTINGS = {
  smoke: { batchSize: 4, everyText: 20 },
  quick: { batchSize: 24, everyText: 1 },
  paper: { batchSize: 32, everyText: 1 },
};

/** Kinds of prose of the Brown corpus, about as much of each. */
const KINDS: readonly (readonly string[])[] = [
  ["news", "editorial", "reviews"],
  ["belles_lettres"],
  ["hobbies", "lore"],
  ["learned"],
  ["adventure", "fiction", "mystery", "romance", "science_fiction"],
];

/** Ends the names of those that read the first token. */
const FIRST = "-first";

const CONTENDERS: readonly Contender[] = BERT_CONTENDERS.flatMap(
  ({ name, options, paper = options }) => [
    {
      name,
      options: { ...options, pooling: "mean" },
      paper: { ...paper, pooling: "mean" },
    },
    {
      name: `${name}${FIRST}`,
      options: { ...options, pooling: "first" },
      paper: { ...paper, pooling: "first" },
    },
  ],
);

/** The contender of `mlm` that one goes on from. */
function languageModelOf(name: string): string {
  return name.endsWith(FIRST) ? name.slice(0, -FIRST.length) : name;
}

/** What the paper reached on average on GLUE: Tables 3 and 11. */
export const GLUE_AVERAGE = {
  large: {
    ...{ softmax: 82.95, hydra: 81.77, "lion-lit": 80.76 },
    ...{ "lion-d": 81.34, "lion-s": 81.58 },
  },
  base: {
    ...{ softmax: 81.38, hydra: 84.3, "lion-lit": 78.5 },
    ...{ "lion-d": 78.59, "lion-s": 78.4 },
  },
};

/** Text: the models of `mlm`, trained on for classification. */
export const classify: Recipe = {
  title: "Classification of texts",
  about:
    "The models that `mlm` trained are trained further, to tell apart five " +
    "kinds of prose in the Brown corpus: press, belles lettres, hobbies " +
    "and lore, learned, and fiction. An example is a piece of a text with " +
    "as many tokens as in `mlm`, and no text is in two parts of the data. " +
    "A piece is classified by the mean of its tokens or by its first token.",
  contenders: CONTENDERS,
  reference: "softmax",
  measure: BY_ACCURACY,
  plan: {
    quick: { steps: 250, rates: [5e-4, 1e-3, 2e-3] },
    paper: { steps: 2000, rates: [1e-5, 3e-5, 1e-4] },
  },
  published: {
    "GLUE (large), paper": GLUE_AVERAGE.large,
  },
  async open(setting) {
    const { sizes: { vocabularySize }, length, every } = BERT_SETTINGS[setting];
    const { batchSize, everyText } = SETTINGS[setting];
    const { tokenizer } = await loadSentenceTokens({ vocabularySize, every });
    const texts = await splitBrown(everyText);
    const piecesOf = ({ genre, text }: BrownText): ClassifiedTokens[] => {
      const label = KINDS.findIndex((genres) => genres.includes(genre));
      if (label < 0) return [];
      const ids = tokenizer.encode(text);
      const pieces = Math.floor(ids.length / (length - 1));
      return Array.from({ length: pieces }, (_, i) => ({
        ids: [
          tokenizer.specials.cls,
          ...ids.slice(i * (length - 1), (i + 1) * (length - 1)),
        ],
        label,
      }));
    };
    const dataOf = (part: Part) => datasetOf(texts[part].flatMap(piecesOf));
    const train = dataOf("train");
    const validation = few(dataOf("validation"));
    const held = (data: typeof train) =>
      batchesInOrder(data, { batchSize: 32, collate: collateTokens() });
    return {
      floor: { guess: "chance", loss: Math.log(KINDS.length) },
      baselines() {
        const test = dataOf("test");
        const counts = KINDS.map(() => 0);
        for (let i = 0; i < test.size; i++) counts[test.get(i).label]!++;
        return { majority: { accuracy: Math.max(...counts) / test.size } };
      },
      trial(
        { contender: { name, options }, seed, steps, rate, folderOf },
      ) {
        const model = bertOf(setting, options, {
          head: "classification",
          numClasses: KINDS.length,
          seed,
        });
        const from = folderOf("mlm", languageModelOf(name), seed);
        return {
          model,
          // The embeddings and the encoder go on; the head begins anew.
          begin: () =>
            loadKeptWeights(model, "mlm", from, {
              allowMissing: ["bert.pooler", "classifier"],
              ignore: "cls",
            }),
          data: shuffledBatches(train, {
            batchSize,
            seed,
            collate: collateTokens(),
          }),
          options: trainingOptions({ steps, rate, weightDecay: 0.01 }),
          validation: validated(() => held(validation)),
          test: async () => ({
            accuracy: await accuracyOf(model, held(dataOf("test"))),
          }),
        };
      },
    };
  },
};

/** Pieces of validation texts, so many in all, from everywhere. */
const FEW = 600;

function few(
  pieces: Examples<ClassifiedTokens>,
): Examples<ClassifiedTokens> {
  const every = Math.ceil(pieces.size / FEW);
  return datasetOf(
    Array.from(
      { length: Math.ceil(pieces.size / every) },
      (_, i) => pieces.get(i * every),
    ),
  );
}
