/** What the paper's recipes on texts are made of, and what they are published with. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import {
  batchesInOrder,
  type Collate,
  datasetOf,
  type ShardedStream,
  type Tokenizer,
  tokenizerOf,
  trainTokenizer,
} from "../../lib/data/mod.ts";
import { GLUE_TASKS, type GlueTask } from "../../lib/datasets/mod.ts";
import type { Schedule } from "../../lib/training/mod.ts";
import { seeded } from "../../lib/data/batches/random.ts";
import { bertOptimizer } from "../../tools/recipes/paper/bert_optimizer.ts";
import {
  BERT_SIZES,
  c4MaskedLanguage,
} from "../../tools/recipes/paper/c4_masked_language.ts";
import { madeUpText } from "../../tools/recipes/paper/few_texts.ts";
import {
  AFTER_MNLI,
  GLUE_SETTINGS,
  type GlueSettings,
  M2_SETTINGS,
} from "../../tools/recipes/paper/glue_settings.ts";
import {
  glueTuning,
  glueTuningByM2,
} from "../../tools/recipes/paper/glue_tuning.ts";
import { guessWithoutTexts } from "../../tools/recipes/paper/glue_scores.ts";
import { guessByFrequency } from "../../tools/recipes/paper/label_frequencies.ts";
import {
  nanoGptOptimizer,
  openWebTextModels,
} from "../../tools/recipes/paper/open_web_text.ts";
import {
  partsFor,
  variantName,
} from "../../tools/recipes/paper/paper_recipe.ts";
import { chosenName } from "../../tools/recipes/paper/paper_recipes.ts";
import { chosenOf } from "../../tools/recipes/train_options.ts";
import {
  encodeStart,
  streamInOrder,
} from "../../tools/recipes/paper/text_batches.ts";
import {
  collatePairs,
  twoTowers,
} from "../../tools/recipes/paper/two_towers.ts";
import { onCpu } from "../io/files.ts";

const TEXT = madeUpText(60, seeded("test"));

/** WordPiece, as BERT has it, and the library's own. */
const TOKENIZERS: Readonly<Record<string, Tokenizer>> = {
  WordPiece: tokenizerOf({
    normalizer: { type: "BertNormalizer", lowercase: true },
    pre_tokenizer: { type: "BertPreTokenizer" },
    model: {
      ...{ type: "WordPiece", unk_token: "[UNK]" },
      ...{ continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
      vocab: Object.fromEntries(
        [
          ...["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "the", "li"],
          ...["##on", "a", "##a", "sees", "moon", "cat", "in", "by", "is"],
        ].map((token, id) => [token, id]),
      ),
    },
  }),
  BPE: tokenizerOf(trainTokenizer([TEXT], { vocabularySize: 300 })),
};

Deno.test("encodeStart() reads of a long text what the whole text begins with", () => {
  const random = seeded("starts");
  const texts = [
    ...["", " ", "lion", TEXT, `   ${TEXT}`, "a".repeat(5000)],
    `${"a".repeat(90)} ${"lion ".repeat(2000)}`,
    // Fewer tokens than characters.
    `${" ".repeat(700)}lion ${"\n ".repeat(3000)} sees the moon`,
    `the ${"a".repeat(60)} `.repeat(200),
    ...Array.from({ length: 20 }, () => madeUpText(40, random)),
  ];
  for (const [name, tokenizer] of Object.entries(TOKENIZERS)) {
    for (const text of texts) {
      for (const length of [3, 16, 64]) {
        assertEquals(
          encodeStart(tokenizer, text, length),
          tokenizer.encodeWithSpecials(text, { length }),
          `${name}, ${length} tokens of ${JSON.stringify(text.slice(0, 40))}`,
        );
      }
    }
  }
});

Deno.test("encodeStart() does not read all of a long text", () => {
  let read = 0;
  const { encodeWithSpecials } = TOKENIZERS["BPE"]!;
  const counting: typeof encodeWithSpecials = (text, options) => {
    read += text.length;
    return encodeWithSpecials(text, options);
  };
  const text = TEXT.repeat(50);
  encodeStart({ encodeWithSpecials: counting }, text, 16);
  assert(read < text.length / 10, `${read} of ${text.length} characters`);
});

/** Numbers in shards. */
function shardsOf(
  shards: readonly (readonly number[])[],
): ShardedStream<number> {
  return {
    shards: shards.map((_, i) => ({ name: `${i}` })),
    async *open(shard) {
      yield* await Promise.resolve(shards[shard]!);
    },
  };
}

const collateNumbers: Collate<number> = (numbers, random) => ({
  inputs: [tf.tensor1d(numbers.map(() => random()))],
  labels: tf.tensor1d([...numbers], "int32"),
  size: numbers.length,
});

onCpu(
  "a stream is read in order, with the same random numbers each time",
  async () => {
    const stream = shardsOf([[1, 2, 3], [], [4, 5], [6]]);
    const read = async (batchSize: number, most?: number) => {
      const batches: number[][] = [];
      const randoms: number[] = [];
      const options = {
        ...{ batchSize, collate: collateNumbers },
        ...most === undefined ? {} : { most },
      };
      for await (const { inputs, labels } of streamInOrder(stream, options)) {
        batches.push([...await labels.data()]);
        randoms.push(...await inputs[0]!.data());
        tf.dispose([...inputs, labels]);
      }
      return [batches, randoms] as const;
    };
    const before = tf.memory().numTensors;
    const [all, randoms] = await read(4);
    assertEquals(all, [[1, 2, 3, 4], [5, 6]]);
    assertEquals((await read(4))[1], randoms);
    assertEquals(new Set(randoms).size, 6);
    assertEquals((await read(4, 5))[0], [[1, 2, 3, 4], [5]]);
    assertEquals((await read(2, 4))[0], [[1, 2], [3, 4]]);
    assertEquals((await read(3, 1))[0], [[1]]);
    assertEquals(tf.memory().numTensors, before);
  },
);

onCpu("guesses by frequency leave out what does not count", async () => {
  const batches = batchesInOrder(datasetOf([7, 7, -100, 8, 7]), {
    batchSize: 2,
    collate: collateNumbers,
  });
  const { accuracy, loss } = await guessByFrequency(batches);
  assertEquals(accuracy, 3 / 4);
  const entropy = -(3 / 4) * Math.log(3 / 4) - (1 / 4) * Math.log(1 / 4);
  assertAlmostEquals(loss, entropy, 1e-12);
});

Deno.test("masked language models are trained as published", () => {
  for (const [size, rate] of [["base", 8e-4], ["large", 2e-4]] as const) {
    const { plan: { paper }, contenders } = c4MaskedLanguage.of({ size });
    assertEquals([paper.steps, paper.rates, paper.seeds], [70_000, [rate], 1]);
    assertEquals(contenders.map(({ name }) => name), [
      ...["softmax", "lion-lit", "lion-d", "lion-s"],
      ...["lion-d-positions", "lion-s-positions", "hydra"],
    ]);
    const steps = 70_000;
    const { learningRate, weightDecay, ...rest } = bertOptimizer({
      ...{ steps, rate, weightDecay: 1e-5, finalShare: 0.02 },
    });
    const at = learningRate as Schedule;
    assertAlmostEquals(at(4200), rate, 1e-12);
    assertAlmostEquals(at(2100), rate / 2, 1e-12);
    assertAlmostEquals(at(steps), 0.02 * rate, 1e-12);
    assertAlmostEquals(at((4200 + steps) / 2), 0.51 * rate, 1e-9);
    // MosaicML's AdamW takes off (rate / highest rate) · 1e-5.
    for (const step of [1, 4200, 50_000]) {
      assertAlmostEquals(
        at(step) * weightDecay!,
        at(step) / rate * 1e-5,
        1e-15,
      );
    }
    const { decays, ...numbers } = rest;
    assert(decays!("norm1.bias", [3]));
    assertEquals(numbers, {
      ...{ beta1: 0.9, beta2: 0.98, epsilon: 1e-6, clipNorm: Infinity },
      accumulate: undefined,
    });
  }
  const torch = bertOptimizer({
    ...{ steps: 9, rate: 1e-5, weightDecay: 1e-6, adam: "torch" },
  });
  assertEquals(torch.weightDecay, 1e-6);
});

Deno.test("batches of the paper's recipes are divided, or name the option", () => {
  const task = "cola";
  for (const { of } of [c4MaskedLanguage, glueTuning, openWebTextModels]) {
    of({ task, batchSize: 100, accumulate: 5 });
    assertThrows(
      () => of({ task, batchSize: 100, accumulate: 3 }),
      RangeError,
      "--accumulate should divide the batch size, 100, got 3",
    );
  }
  const cases = [[4096, 128, 32], [4096, 64, 64], [480, 12, 40], [7, 12, 1]];
  for (const [size, most, parts] of [...cases, [1000, 128, 8], [13, 4, 13]]) {
    assertEquals(partsFor(size!, most!), parts);
  }
});

Deno.test("models are tuned on GLUE as published", () => {
  type Row = readonly [
    batch: number,
    epochs: number,
    rate: number,
    decay: number,
    seeds: number,
  ];
  const expected: [GlueSettings, Record<GlueTask, Row>][] = [
    [M2_SETTINGS, {
      mnli: [48, 3, 5e-5, 5e-6, 1],
      rte: [16, 3, 1e-5, 1e-6, 5],
      qqp: [16, 5, 3e-5, 3e-6, 1],
      cola: [32, 10, 5e-5, 5e-6, 4],
      mrpc: [32, 10, 8e-5, 8e-6, 5],
      qnli: [16, 10, 1e-5, 1e-6, 1],
      sst2: [16, 3, 3e-5, 3e-6, 3],
      stsb: [32, 10, 3e-5, 3e-6, 5],
    }],
    [GLUE_SETTINGS, {
      mnli: [48, 3, 1e-5, 5e-6, 1],
      rte: [16, 2, 1e-5, 1e-6, 5],
      qqp: [16, 5, 1e-5, 3e-6, 1],
      cola: [32, 10, 1e-5, 1e-6, 4],
      mrpc: [32, 10, 1e-5, 8e-6, 5],
      qnli: [16, 10, 1e-5, 1e-6, 1],
      sst2: [16, 3, 1e-5, 3e-6, 3],
      stsb: [32, 8, 1e-5, 3e-6, 5],
    }],
  ];
  for (const [settings, rows] of expected) {
    for (const [task, row] of Object.entries(rows)) {
      const found = settings[task as GlueTask];
      const { batchSize, epochs, rate, weightDecay, seeds } = found;
      assertEquals([batchSize, epochs, rate, weightDecay, seeds], row, task);
      assertEquals(
        found.adam,
        task === "rte" && settings === GLUE_SETTINGS ? "torch" : undefined,
      );
    }
  }
  assertEquals([...AFTER_MNLI].sort(), ["mrpc", "rte", "stsb"]);
});

Deno.test("GLUE's recipes have the steps of their epochs, and the paper's metric", () => {
  const { tasks } = glueTuning;
  assertEquals([...tasks!].sort(), Object.keys(GLUE_TASKS).sort());
  assertEquals(tasks![0], "mnli");
  const planOf = (task: string) => {
    const { plan: { paper }, measure } = glueTuning.of({ task });
    return [paper.steps, paper.rates, paper.seeds, measure.name];
  };
  assertEquals(planOf("cola"), [10 * 268, [1e-5], 4, "matthews"]);
  assertEquals(planOf("stsb"), [8 * 180, [1e-5], 5, "spearman"]);
  assertEquals(planOf("mrpc"), [10 * 115, [1e-5], 5, "f1"]);
  assertEquals(planOf("rte"), [2 * 156, [1e-5], 5, "accuracy"]);
  const { plan: { paper } } = glueTuningByM2.of({
    task: "mrpc",
    batchSize: 64,
  });
  assertEquals([paper.steps, paper.rates], [10 * 58, [8e-5]]);
});

Deno.test("GLUE's tasks are guessed without their texts", () => {
  const examples = (...labels: number[]) =>
    datasetOf(labels.map((label) => ({ texts: ["a"] as const, label })));
  const { loss, scores } = guessWithoutTexts(
    "mrpc",
    examples(1, 1, 1, 0),
    examples(1, 0),
  );
  const entropy = -(3 / 4) * Math.log(3 / 4) - (1 / 4) * Math.log(1 / 4);
  assertAlmostEquals(loss, entropy, 1e-12);
  assertEquals(scores, { f1: 2 / 3, accuracy: 1 / 2 });
  const cola = guessWithoutTexts("cola", examples(1, 1), examples(1, 0));
  assertEquals(cola, { loss: 0, scores: { matthews: 0 } });
  const stsb = guessWithoutTexts("stsb", examples(1, 5), examples(3));
  assertEquals(stsb, { loss: 4, scores: {} });
});

Deno.test("all tasks of a recipe are trained unless one is named", () => {
  const names = (...call: Parameters<typeof chosenOf>) =>
    chosenOf(...call).map((chosen) => chosenName(chosen.name, chosen));
  assertEquals(names("glue", { size: "large" }), [
    ...["glue-mnli-large", "glue-cola-large", "glue-sst2-large"],
    ...["glue-qqp-large", "glue-qnli-large", "glue-mrpc-large"],
    ...["glue-stsb-large", "glue-rte-large"],
  ]);
  assertEquals(names("glue-m2", { task: "rte" }), ["glue-m2-rte"]);
  assertEquals(names("openwebtext", {}), ["openwebtext"]);
  assertEquals(
    chosenOf("glue", { task: "rte", from: "some/model" }).map(({ from }) =>
      from
    ),
    ["some/model"],
  );
  assertThrows(
    () => chosenOf("c4-mlm", { from: "some/model" }),
    RangeError,
    "--from should not be with c4-mlm",
  );
  assertThrows(
    () => chosenOf("mlm", { from: "some/model" }),
    RangeError,
    "--from should be with one of",
  );
});

Deno.test("results of the paper's recipes are called by task and size", () => {
  const recipe = { sizes: BERT_SIZES, tasks: ["mnli", "rte"] };
  assertEquals(variantName("glue", recipe, {}), "glue-mnli");
  assertEquals(
    variantName("glue", recipe, { task: "rte", size: "large" }),
    "glue-rte-large",
  );
  assertEquals(variantName("c4-mlm", { sizes: BERT_SIZES }, {}), "c4-mlm");
});

Deno.test("models of GPT-2's size are trained as nanoGPT's", () => {
  const { plan: { paper }, contenders } = openWebTextModels.of({});
  assertEquals([paper.steps, paper.rates], [600_000, [6e-4]]);
  assertEquals(
    contenders.map(({ name }) => name),
    ["softmax", "lion-lit", "lion-s"],
  );
  const { learningRate, decays, learningRateFactor, ...numbers } =
    nanoGptOptimizer({ steps: 600_000, rate: 6e-4 });
  const at = learningRate as Schedule;
  assertAlmostEquals(at(2000), 6e-4, 1e-12);
  assertAlmostEquals(at(1000), 3e-4, 1e-12);
  assertAlmostEquals(at(301_000), 3.3e-4, 1e-9);
  assertAlmostEquals(at(600_000), 6e-5, 1e-12);
  assertEquals(numbers, {
    ...{ beta1: 0.9, beta2: 0.95, clipNorm: 1, weightDecay: 0.1 },
  });
  assert(decays!("transformer.embeddings/position_embeddings.weight", [9, 4]));
  assert(!decays!("transformer.ln_f/weight", [4]));
  const factors = ["attn.qkv.bias", "attn.a_i.bias", "norm1.weight"]
    .map((name) => learningRateFactor!(`transformer.h.0/${name}`, [4]));
  assertEquals(factors, [0, 1, 1]);
});

onCpu("the encoder of a pair reads each text as if alone", async () => {
  for (const variant of ["softmax", "d", "s"] as const) {
    const before = tf.memory().numTensors;
    const model = twoTowers({
      ...{ variant, dim: 8, depth: 2, numHeads: 2, numClasses: 3, seed: 1 },
      ...{ vocabularySize: 257, maxLength: 12, embeddingStd: 1 },
    });
    const [a, b, c] = [[5, 6, 7], [9, 8, 7, 6, 200], [1, 1, 1, 2, 2, 2, 3, 256]]
      .map((ids) => Int32Array.from(ids)) as [
        Int32Array,
        Int32Array,
        Int32Array,
      ];
    const answers = async (
      model: layers.LayersModel,
      ...pairs: (readonly [Int32Array, Int32Array])[]
    ) => {
      const { inputs, labels } = collatePairs()(
        pairs.map((pair) => ({ pair, label: 1 })),
        Math.random,
      );
      assertEquals(await labels.array(), pairs.map(() => 1));
      const y = model.predict([...inputs]) as tf.Tensor;
      const rows = await y.array() as number[][];
      tf.dispose([...inputs, labels, y]);
      return rows;
    };
    // Beside longer pairs there is padding.
    const [alone] = await answers(model, [a, b]);
    const [beside] = await answers(model, [a, b], [c, c]);
    alone!.forEach((logit, i) => assertAlmostEquals(logit, beside![i]!, 1e-5));
    assertEquals(alone!.length, 3);
    // The first and the second vector of a text are the same.
    const features = layers.model({
      inputs: model.inputs,
      outputs: model.getLayer("features").output as layers.SymbolicTensor,
    });
    const [ab, ca] = await answers(features, [a, b], [c, a]);
    for (let i = 0; i < 8; i++) {
      assertAlmostEquals(ab![i]!, ca![8 + i]!, 1e-5);
      assertAlmostEquals(ab![16 + i]!, ab![i]! * ab![8 + i]!, 1e-5);
      assertAlmostEquals(ab![24 + i]!, ab![i]! - ab![8 + i]!, 1e-5);
    }
    const [[logit]] = await answers(model, [Int32Array.of(), b]) as [[number]];
    assert(Number.isFinite(logit));
    model.dispose();
    assertEquals(tf.memory().numTensors, before);
  }
});
