/** Batches are what the models take. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionBert, lionEncoder, lionGpt, lionViT } from "../../mod.ts";
import {
  batchesInOrder,
  byteTokenizer,
  type Collate,
  collateCausal,
  collateMasked,
  collatePixels,
  collateTokens,
  type Dataset,
  datasetOf,
  packTokens,
} from "../../lib/data/mod.ts";
import {
  collateDigits,
  Digits,
  LIST_OPS_TOKENS,
  listOps,
  mqar,
} from "../../lib/datasets/mod.ts";
import { selectiveCopying } from "../../tools/recipes/tasks/selective_copying.ts";
import { onCpu } from "../io/files.ts";

const SIZES = { dim: 8, depth: 1, numHeads: 2, seed: 1, variant: "s" } as const;
const size = 4;
const tokenizer = byteTokenizer();
const { vocabularySize, specials: { sep: separator } } = tokenizer;
const texts = ["a lion sleeps", "and another one"].map(tokenizer.encode);

/** Predicts a batch of four; gives the shapes of logits and labels. */
async function shapes<E>(
  make: () => LayersModel,
  dataset: Dataset<E>,
  collate: Collate<E>,
) {
  const model = make();
  for await (
    const { inputs, labels } of batchesInOrder(dataset, {
      batchSize: size,
      collate,
    })
  ) {
    const logits = model.predict([...inputs]) as tf.Tensor;
    const found = [logits.shape, labels.shape];
    tf.dispose([...inputs, labels, logits]);
    model.dispose();
    return found;
  }
}

onCpu(
  "lionBert as it is by default takes batches with token types",
  async () => {
    const make = (more: object) =>
      lionBert({ ...SIZES, vocabularySize, maxLength: 16, ...more });
    const pairs = datasetOf(["a", "bc", "def", ""].map((text, label) => ({
      ...tokenizer.encodeWithSpecials(text, { pair: "lion", length: 12 }),
      label,
    })));
    const tokenTypes = true, length = 12;
    assertEquals(
      await shapes(
        () => make({}),
        pairs,
        collateMasked({ tokenizer, rate: 0.3, length, tokenTypes }),
      ),
      [[size, length, vocabularySize], [size, length]],
    );
    assertEquals(
      await shapes(
        () => make({ head: "classification", numClasses: 4 }),
        pairs,
        collateTokens({ length, tokenTypes }),
      ),
      [[size, 4], [size]],
    );
    assertEquals(
      await shapes(
        () => make({ segments: true }),
        pairs,
        collateMasked({
          tokenizer,
          rate: 0.3,
          length: 12,
          tokenTypes,
          packed: true,
        }),
      ),
      [[size, length, vocabularySize], [size, length]],
    );
  },
);

onCpu("each dataset's batches are what its model takes", async () => {
  assertEquals(
    await shapes(
      () =>
        lionViT({
          ...SIZES,
          imageSize: 28,
          patchSize: 7,
          channels: 1,
          numClasses: 10,
        }),
      new Digits(new Uint8Array(size * 784), new Uint8Array(size)),
      collateDigits(),
    ),
    [[size, 10], [size]],
  );
  assertEquals(
    await shapes(
      () =>
        lionEncoder({
          ...SIZES,
          vocabularySize: LIST_OPS_TOKENS.length,
          numClasses: 10,
        }),
      listOps({ size, maxDepth: 3, minLength: 5, maxLength: 20 }),
      collateTokens({ length: 20 }),
    ),
    [[size, 10], [size]],
  );
  for (
    const dataset of [
      mqar({ size, vocabularySize: 66 }),
      selectiveCopying({ size, length: 64, vocabularySize: 66 }),
    ]
  ) {
    assertEquals(
      await shapes(
        () =>
          lionEncoder({
            ...SIZES,
            vocabularySize: 66,
            numClasses: 66,
            output: "tokens",
          }),
        dataset,
        collateTokens(),
      ),
      [[size, 64, 66], [size, 64]],
    );
  }
  assertEquals(
    await shapes(
      () => lionEncoder({ ...SIZES, inputDim: 1, numClasses: 10 }),
      new Digits(new Uint8Array(size * 784), new Uint8Array(size)),
      collatePixels(),
    ),
    [[size, 10], [size]],
  );
  assertEquals(
    await shapes(
      () => lionBert({ ...SIZES, vocabularySize, maxLength: 6, tokenTypes: 0 }),
      datasetOf(packTokens(texts, { length: 6, separator })),
      collateMasked({ tokenizer, rate: 0.3 }),
    ),
    [[size, 6, vocabularySize], [size, 6]],
  );
  assertEquals(
    await shapes(
      () => lionGpt({ ...SIZES, vocabularySize }),
      datasetOf(packTokens(texts, { length: 7, separator })),
      collateCausal(),
    ),
    [[size, 6, vocabularySize], [size, 6]],
  );
});
