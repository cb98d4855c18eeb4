/** Training on packed sequences is training on each in a row of its own. @module */
import { assert, assertEquals } from "@std/assert";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  lionBert,
  type LionBertOptions,
  lionEncoder,
  type LionEncoderOptions,
  lionGpt,
  type LionGptOptions,
} from "../../mod.ts";
import {
  batchesInOrder,
  byteTokenizer,
  type Collate,
  collateCausal,
  collateMasked,
  collateTokens,
  datasetOf,
  shuffledBatches,
} from "../../lib/data/mod.ts";
import {
  accuracy,
  crossEntropy,
  evaluate,
  train,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";

const LENGTH = 16, BATCH = 6;
const SIZES = { dim: 8, depth: 2, numHeads: 2, seed: 3, variant: "s" } as const;
const PACKED = { packed: true, length: LENGTH } as const;

const DOCUMENTS = Array.from(
  { length: 24 },
  (_, i) =>
    Array.from({ length: 2 + i * 5 % 9 }, (_, j) => 10 + (3 * i + j * j) % 20),
);
const tokenizer = byteTokenizer();

/** A model of each kind, and its batches, packed and not. */
interface Kind {
  readonly examples: readonly unknown[];
  model(packed: boolean): LayersModel;
  collate(packed: boolean): Collate<never>;
}

const KINDS: Record<string, Kind> = {
  "sequences of a class": {
    examples: DOCUMENTS.map((ids) => ({ ids, label: ids.length % 3 })),
    model: (packed) => {
      const options: LionEncoderOptions = {
        ...SIZES,
        vocabularySize: 40,
        maxLength: LENGTH,
        numClasses: 3,
      };
      return lionEncoder(
        packed ? { ...options, segments: true, maxSegments: 5 } : options,
      );
    },
    collate: (packed) =>
      collateTokens(packed ? { ...PACKED, maxSegments: 5 } : {}),
  },
  "tokens with labels": {
    examples: DOCUMENTS.map((ids) => ({
      ids,
      labels: ids.map((id, i) => i % 4 === 3 ? -100 : id % 3),
    })),
    model: (packed) => {
      const options: LionEncoderOptions = {
        ...SIZES,
        vocabularySize: 40,
        numClasses: 3,
        output: "tokens",
      };
      return lionEncoder(packed ? { ...options, segments: true } : options);
    },
    collate: (packed) => collateTokens(packed ? PACKED : {}),
  },
  "masked tokens": {
    examples: DOCUMENTS,
    model: (packed) => {
      const options: LionBertOptions = {
        ...SIZES,
        vocabularySize: tokenizer.vocabularySize,
        maxLength: LENGTH,
        tokenTypes: 0,
      };
      return lionBert(packed ? { ...options, segments: true } : options);
    },
    collate: (packed) =>
      collateMasked({ tokenizer, rate: 0.3, ...(packed ? PACKED : {}) }),
  },
  "next tokens": {
    examples: DOCUMENTS,
    model: (packed) => {
      const options: LionGptOptions = {
        ...SIZES,
        vocabularySize: 40,
        maxLength: LENGTH,
      };
      return lionGpt(packed ? { ...options, segments: true } : options);
    },
    collate: (packed) => collateCausal(packed ? PACKED : {}),
  },
};

for (const [name, { examples, model, collate }] of Object.entries(KINDS)) {
  onEachBackend(`packed training takes the same steps: ${name}`, async () => {
    const dataset = datasetOf(examples as never[]);
    const results = [];
    for (const packed of [false, true]) {
      const net = model(packed);
      const stream = shuffledBatches(dataset, {
        batchSize: BATCH,
        seed: 5,
        collate: collate(packed),
      });
      const { losses } = await train(net, stream, {
        loss: crossEntropy(),
        steps: 3,
        optimizer: { learningRate: 0.01 },
        progress: false,
      });
      const means = await evaluate(
        net,
        batchesInOrder(dataset, { batchSize: BATCH, collate: collate(packed) }),
        { loss: crossEntropy(), metrics: { accuracy: accuracy() } },
      );
      results.push({ losses, means });
      net.dispose();
    }
    const [alone, together] = results as [
      typeof results[number],
      typeof results[number],
    ];
    assertEquals(together.losses.length, 3);
    together.losses.forEach((loss, i) =>
      assert(Math.abs(loss - alone.losses[i]!) < 2e-5, `${i}: ${loss}`)
    );
    // It has learned something, and the same.
    assert(alone.losses.some((loss) => loss !== alone.losses[0]));
    assert(Math.abs(together.means["loss"]! - alone.means["loss"]!) < 1e-4);
    assertEquals(together.means["accuracy"], alone.means["accuracy"]);
    // Of the batches: what models make of them is tested on each backend.
  }, ["wasm"]);
}
