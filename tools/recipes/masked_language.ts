import { lionBert, type LionBertOptions } from "@lionjs/lion";
import { toPyTorchWeights, writeSafetensors } from "@lionjs/lion/io";
import {
  batchesInOrder,
  collateMasked,
  datasetOf,
  packTokens,
  shuffledBatches,
} from "@lionjs/lion/data";
import {
  accuracy,
  crossEntropy,
  evaluate,
  perplexity,
} from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { type Corpus, loadCorpus } from "./corpus.ts";
import {
  CONTENDERS,
  type Figures,
  type Recipe,
  type Setting,
  trainingOptions,
} from "./recipe.ts";

/** The models, which `classify` goes on from, and how they are trained. */
export const BERT_SETTINGS = {
  quick: {
    sizes: { vocabularySize: 512, dim: 64, depth: 2, numHeads: 4 },
    length: 64,
    batchSize: 24,
    steps: 1200,
    learningRate: 6e-3,
  },
  paper: {
    sizes: { vocabularySize: 30_522, dim: 768, depth: 12, numHeads: 12 },
    length: 128,
    batchSize: 4096,
    steps: 70_000,
    learningRate: 5e-4,
  },
};

/**
 * A model of `mlm`, or with another head. In the quick setting, LION has its
 * variants' own feature maps and, where decays tell the order of the tokens, no
 * position embeddings.
 */
export function bertOf(
  setting: Setting,
  options: Pick<LionBertOptions, "variant" | "head"> & { seed: number },
): LayersModel {
  const { sizes, length } = BERT_SETTINGS[setting];
  const { variant } = options;
  const isQuick = setting === "quick";
  const hasDecay = variant === "d" || variant === "s";
  return lionBert({
    ...sizes,
    maxLength: isQuick && hasDecay ? 0 : length,
    tokenTypes: 0,
    ...(isQuick
      ? {
        featureMap: variant === "lit" ? "eluPlusOne" : "shiftedSilu",
        normalize: true,
      }
      : {}),
    ...options,
  });
}

/** The file of a trained model, in the folder of its trial. */
export const WEIGHTS_FILE = "bert.safetensors";

/** Text: hidden tokens are to be guessed. */
export const maskedLanguage: Recipe = {
  title: "Masked language modelling",
  about: "Sentences of the npm package nlp-corpus, in tokens of a vocabulary " +
    "learned from its training part. 30 % of the tokens are hidden in " +
    "training, 15 % in the test, 80/10/10 as in BERT; accuracy and perplexity " +
    "at hidden tokens of held-out sentences. BERT's post-norm blocks. In the " +
    "quick setting LION has feature maps and the normaliser, and LION-D and -S " +
    "have no position embeddings: without the first two, and with the last, a " +
    "training so short gets less far. In the paper's setting all is as in the " +
    "authors' code. `unigram` guesses the most frequent token, `bigram` the one " +
    "that followed the token before most often.",
  contenders: CONTENDERS,
  percent: ["accuracy"],
  published: {
    "× softmax, paper": {
      "softmax": 1,
      "lion-lit": 0.95,
      "lion-d": 1.1,
      "lion-s": 1.32,
    },
  },
  async open(setting) {
    const { sizes, length, batchSize, steps, learningRate } =
      BERT_SETTINGS[setting];
    const { tokenizer, train, test } = await loadCorpus(sizes.vocabularySize);
    const pack = (documents: number[][]) =>
      datasetOf(
        packTokens(documents, { length, separator: tokenizer.specials.sep }),
      );
    const held = pack(test);
    const inTest = () =>
      batchesInOrder(held, {
        batchSize: 32,
        collate: collateMasked({ tokenizer, rate: 0.15 }),
      });
    return {
      baselines: await countingBaselines({ tokenizer, train, test }, inTest()),
      trial({ contender: { variant, name }, seed, folderOf }) {
        const model = bertOf(setting, { variant, seed });
        return {
          model,
          data: shuffledBatches(pack(train), {
            batchSize,
            seed,
            collate: collateMasked({ tokenizer, rate: 0.3 }),
          }),
          options: trainingOptions({ steps, learningRate, weightDecay: 0.01 }),
          async test() {
            const weights = toPyTorchWeights(model);
            const folder = `${folderOf("mlm")}/${name}-${seed}`;
            await writeSafetensors(`${folder}/${WEIGHTS_FILE}`, weights);
            tf.dispose([...weights.values()]);
            const { loss, ...means } = await evaluate(model, inTest(), {
              loss: crossEntropy(),
              metrics: { accuracy: accuracy() },
            });
            return { ...means, perplexity: perplexity(loss!) } as Figures;
          },
        };
      },
    };
  },
};

/** Guesses from counts of the training text, at the tokens that are hidden. */
async function countingBaselines(
  { tokenizer, train }: Corpus,
  batches: AsyncIterable<{
    inputs: readonly tf.Tensor[];
    labels: tf.Tensor;
  }>,
): Promise<Record<string, Figures>> {
  const size = tokenizer.vocabularySize;
  const single = new Float64Array(size);
  const pairs = new Map<number, Map<number, number>>();
  let total = 0;
  for (const ids of train) {
    ids.forEach((id, i) => {
      single[id]!++;
      total++;
      const before = i === 0 ? tokenizer.specials.sep : ids[i - 1]!;
      const after = pairs.get(before) ?? new Map<number, number>();
      pairs.set(before, after);
      after.set(id, (after.get(id) ?? 0) + 1);
    });
  }
  const most = single.indexOf(Math.max(...single));
  const followers = new Map(
    [...pairs].map(([before, after]) => {
      const [likeliest] = [...after].reduce((a, b) => b[1] > a[1] ? b : a);
      const count = [...after.values()].reduce((a, b) => a + b, 0);
      return [before, { likeliest, count, after }];
    }),
  );
  // Add-one smoothing; a pair is mixed with its single token, half and half.
  const ofSingle = (id: number) => (single[id]! + 1) / (total + size);
  const sums = { unigram: [0, 0], bigram: [0, 0] };
  let asked = 0;
  for await (const { inputs, labels } of batches) {
    const [shown, wanted] = await Promise.all([
      inputs[0]!.data(),
      labels.data(),
    ]);
    tf.dispose([...inputs, labels]);
    wanted.forEach((label, i) => {
      if (label < 0) return;
      asked++;
      const pair = followers.get(shown[i - 1] ?? tokenizer.specials.sep);
      const ofPair = pair ? (pair.after.get(label) ?? 0) / pair.count : 0;
      sums.unigram[0]! += Number(label === most);
      sums.unigram[1]! -= Math.log(ofSingle(label));
      sums.bigram[0]! += Number(label === (pair?.likeliest ?? most));
      sums.bigram[1]! -= Math.log((ofSingle(label) + ofPair) / 2);
    });
  }
  return Object.fromEntries(
    Object.entries(sums).map(([name, [right, loss]]) => [name, {
      accuracy: right! / asked,
      perplexity: Math.exp(loss! / asked),
    }]),
  );
}
