import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import {
  batchesInOrder,
  type ClassifiedTokens,
  collateTokens,
  datasetOf,
  loadBrown,
  shuffledBatches,
  splitDocuments,
} from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { loadCorpus } from "./corpus.ts";
import { BERT_SETTINGS, bertOf, WEIGHTS_FILE } from "./masked_language.ts";
import {
  accuracyOf,
  CONTENDERS,
  type Recipe,
  trainingOptions,
} from "./recipe.ts";

const SETTINGS = {
  quick: { steps: 250, batchSize: 24, learningRate: 1e-3 },
  paper: { steps: 2000, batchSize: 32, learningRate: 3e-5 },
};

/** The genres of the Brown corpus's imaginative prose. */
const IMAGINATIVE = new Set([
  "adventure",
  "fiction",
  "humor",
  "mystery",
  "romance",
  "science_fiction",
]);

/** Text: the models of `mlm`, trained on for classification. */
export const classify: Recipe = {
  title: "Classification of texts",
  about: "The models that `mlm` trained, trained on to tell the imaginative " +
    "prose of the Brown corpus (six of fifteen genres) from the informative; " +
    "pieces of as many tokens as `mlm` has, of texts that are held out whole.",
  contenders: CONTENDERS,
  percent: ["accuracy"],
  async open(setting) {
    const { sizes, length } = BERT_SETTINGS[setting];
    const { steps, batchSize, learningRate } = SETTINGS[setting];
    const { tokenizer } = await loadCorpus(sizes.vocabularySize);
    const texts = splitDocuments(await loadBrown(), {
      validation: 0,
      test: 0.2,
      key: ({ name }) => name,
    });
    const [train, test] = [texts.train, texts.test].map((texts) =>
      datasetOf(texts.flatMap(({ genre, text }): ClassifiedTokens[] => {
        const ids = tokenizer.encode(text);
        const label = Number(IMAGINATIVE.has(genre));
        const pieces = Math.floor(ids.length / (length - 1));
        return Array.from({ length: pieces }, (_, i) => ({
          ids: [
            tokenizer.specials.cls,
            ...ids.slice(i * (length - 1), (i + 1) * (length - 1)),
          ],
          label,
        }));
      }))
    );
    const inTest = () =>
      batchesInOrder(test!, { batchSize: 32, collate: collateTokens() });
    let imaginative = 0;
    for (let i = 0; i < test!.size; i++) imaginative += test!.get(i).label;
    const share = imaginative / test!.size;
    return {
      baselines: { majority: { accuracy: Math.max(share, 1 - share) } },
      async trial({ contender: { name, variant }, seed, folderOf }) {
        const model = bertOf(setting, {
          variant,
          head: "classification",
          seed,
        });
        await goOnFrom(
          model,
          `${folderOf("mlm")}/${name}-${seed}/${WEIGHTS_FILE}`,
        );
        return {
          model,
          data: shuffledBatches(train!, {
            batchSize,
            seed,
            collate: collateTokens(),
          }),
          options: trainingOptions({ steps, learningRate, weightDecay: 0.01 }),
          test: () => accuracyOf(model, inTest()),
        };
      },
    };
  },
};

/** Takes over the embeddings and the encoder of a language model. */
async function goOnFrom(model: LayersModel, file: string): Promise<void> {
  const { tensors } = await readSafetensors(file).catch((cause) => {
    throw new Error(`${file} is not there; run the recipe mlm first`, {
      cause,
    });
  });
  try {
    await loadPyTorchWeights(model, tensors, {
      allowMissing: ["bert.pooler", "classifier"],
      ignore: "cls",
    });
  } finally {
    tf.dispose([...tensors.values()]);
  }
}
