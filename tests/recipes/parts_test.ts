/** What recipes are made of: streams in turns, counted words, plans. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { lionViT, shiftedSilu } from "../../mod.ts";
import { joinHeads, splitHeads } from "../../lib/operations/mod.ts";
import { MixingLayer, WHOLE_SEQUENCE } from "../../lib/layers/mod.ts";
import { byteTokenizer } from "../../lib/data/mod.ts";
import type { Batch, BatchStream } from "../../lib/data/mod.ts";
import { lossByPosition } from "../../tools/recipes/causal_language.ts";
import {
  countWords,
  guessHidden,
  guessNext,
} from "../../tools/recipes/counted_language.ts";
import { type Estimate, planText, TimeLeft } from "../../tools/recipes/plan.ts";
import { decayQuantiles } from "../../tools/recipes/learned_decays.ts";
import { scaleBeforeMask } from "../../tools/recipes/scale_before_mask.ts";
import { inStages, inTurns } from "../../tools/recipes/streams.ts";
import { onCpu } from "../io/files.ts";

/** A stream whose batches are known by their size. */
function stream(first: number): BatchStream {
  return {
    stepsPerEpoch: 10,
    async *from(start) {
      for (let step = start;; step++) {
        const inputs: tf.Tensor[] = [];
        yield { inputs, labels: inputs[0]!, size: await first + step };
      }
    },
  };
}

/** The sizes of some batches. */
async function take(
  stream: BatchStream,
  start: number,
  count: number,
): Promise<number[]> {
  const sizes: number[] = [];
  for await (const { size } of stream.from(start)) {
    sizes.push(size);
    if (sizes.length === count) break;
  }
  return sizes;
}

Deno.test("streams in turns are the same from any step on", async () => {
  const turns = inTurns([stream(0), stream(100), stream(200)]);
  assertEquals(turns.stepsPerEpoch, 30);
  const all = await take(turns, 0, 9);
  assertEquals(all, [0, 100, 200, 1, 101, 201, 2, 102, 202]);
  for (let start = 1; start < 7; start++) {
    assertEquals(await take(turns, start, 3), all.slice(start, start + 3));
  }
});

Deno.test("streams in stages are the same from any step on", async () => {
  const stages = inStages([
    { steps: 2, stream: stream(0) },
    { steps: 3, stream: stream(100) },
    { steps: 1, stream: stream(200) },
  ]);
  assertEquals(stages.stepsPerEpoch, 6);
  const all = await take(stages, 0, 8);
  assertEquals(all, [0, 1, 100, 101, 102, 200, 201, 202]);
  for (let start = 1; start < 7; start++) {
    assertEquals(await take(stages, start, 2), all.slice(start, start + 2));
  }
});

const TOKENIZER = byteTokenizer();
const { mask, sep } = TOKENIZER.specials;
const [a, b] = [...TOKENIZER.encode("ab")] as [number, number];
const SIZE = TOKENIZER.vocabularySize;
// a three times, b once; b follows a, and a follows all else.
const COUNTS = countWords([[a, a, b, a]], TOKENIZER);
const UNIGRAM = new Map([[a, 4 / (4 + SIZE)], [b, 2 / (4 + SIZE)]]);

async function* oneBatch(ids: number[][], labels: number[][]) {
  const batch: Batch = {
    inputs: [tf.tensor2d(ids, undefined, "int32")],
    labels: tf.tensor2d(labels, undefined, "int32"),
    size: ids.length,
  };
  yield await Promise.resolve(batch);
}

onCpu(
  "hidden tokens are guessed by frequency, by the token before and by copying",
  async () => {
    const guess = async (ids: number[], labels: number[]) => {
      const { unigram, bigram } = await guessHidden(
        COUNTS,
        oneBatch([ids], [labels]),
        TOKENIZER,
      );
      return [1 / unigram["perplexity"]!, 1 / bigram["perplexity"]!] as const;
    };
    const after = (id: number, share: number) => (UNIGRAM.get(id)! + share) / 2;
    // After a come a and b alike; a begins; after a mask nothing is known.
    const [single, pair] = await guess([a, mask], [-100, b]);
    assertAlmostEquals(single, UNIGRAM.get(b)!, 1e-9);
    assertAlmostEquals(pair, after(b, 1 / 2), 1e-9);
    assertAlmostEquals((await guess([mask], [a]))[1], after(a, 1), 1e-9);
    const [, unknown] = await guess([mask, mask], [-100, b]);
    assertAlmostEquals(unknown, UNIGRAM.get(b)!, 1e-9);
    // What is shown is true as often as it is likely, beside any token at random.
    const p = UNIGRAM.get(a)!, kept = p / (p + 1 / SIZE);
    const [copied] = await guess([sep, a], [-100, a]);
    assertAlmostEquals(copied, kept + (1 - kept) * p, 1e-9);
    const [changed] = await guess([sep, a], [-100, b]);
    assertAlmostEquals(changed, (1 - kept) * UNIGRAM.get(b)!, 1e-9);
  },
);

onCpu("chances of all tokens add up to 1, whatever is shown", async () => {
  for (const shown of [mask, a, b]) {
    let sum = 0;
    for (let label = 0; label < SIZE; label++) {
      const { bigram } = await guessHidden(
        COUNTS,
        oneBatch([[a, shown]], [[-100, label]]),
        TOKENIZER,
      );
      sum += 1 / bigram["perplexity"]!;
    }
    assertAlmostEquals(sum, 1, 1e-9);
  }
});

onCpu("next tokens are guessed by the token before", async () => {
  const { unigram, bigram } = await guessNext(
    COUNTS,
    oneBatch([[a, b]], [[-100, a]]),
  );
  assertAlmostEquals(1 / unigram["perplexity"]!, UNIGRAM.get(a)!, 1e-9);
  // After b there is only a.
  assertAlmostEquals(
    1 / bigram["perplexity"]!,
    (UNIGRAM.get(a)! + 1) / 2,
    1e-9,
  );
  assertEquals([unigram["accuracy"], bigram["accuracy"]], [1, 1]);
});

onCpu("losses by position are those of the tokens up to it", async () => {
  // Logits of 0 and 2: the label is the likelier class from token 4 on.
  const predictions = tf.tensor3d(
    [0, 1].map(() => Array.from({ length: 32 }, () => [0, 2])),
  );
  const labels = tf.tensor2d(
    [0, 1].map(() => Array.from({ length: 32 }, (_, i) => i < 4 ? 0 : 1)),
    undefined,
    "int32",
  );
  const means = new Map<string, number>();
  for (const [position, metric] of Object.entries(lossByPosition(32))) {
    const { sum, count } = metric(predictions, labels);
    const [[total], [number]] = await Promise.all([sum.data(), count.data()]);
    means.set(position, total! / number!);
    tf.dispose([sum, count]);
  }
  tf.dispose([predictions, labels]);
  const likely = Math.log(1 + Math.exp(-2)), unlikely = 2 + likely;
  assertEquals([...means.keys()], ["1", "4", "16", "32"]);
  [unlikely, unlikely, likely, likely].forEach((loss, i) =>
    assertAlmostEquals([...means.values()][i]!, loss, 1e-5)
  );
});

Deno.test("the time left follows the pace of what has been trained", () => {
  const estimate = (
    contender: string,
    steps: number,
    ms: number,
  ): Estimate => ({
    ...{ recipe: "r", contender, steps },
    ...{ stepMilliseconds: ms, validationMilliseconds: 0 },
    peakBytes: 3 * 2 ** 20,
    milliseconds: steps * ms,
  });
  const estimates = [estimate("x", 100, 10), estimate("y", 50, 40)];
  const time = new TimeLeft(estimates);
  assertEquals(time.left, 3000);
  // Read from an earlier run: it says nothing of the pace.
  time.ended("r", { contender: "x", steps: 50, wasTried: false });
  assertEquals(time.left, 2500);
  // Half as fast as was thought.
  time.ended("r", {
    contender: "x",
    steps: 50,
    milliseconds: 1000,
    wasTried: false,
  });
  assertEquals(time.left, 4000);
  time.ended("r", {
    contender: "y",
    steps: 50,
    milliseconds: 4000,
    wasTried: false,
  });
  assertEquals(time.left, 0);
  const text = planText(estimates);
  assert(/r +x +3 +10\.0 +100 +0\.0/.test(text), text);
});

onCpu("scores are scaled before the mask is laid over them", async () => {
  const logit = 0.4, length = 5, dim = 4, numHeads = 2;
  const x: tf.Tensor3D = tf.randomNormal([1, length, dim], 0, 1, "float32", 1);
  const parameters: Record<string, tf.Tensor> = {
    "qkv.weight": tf.randomNormal([dim, 3 * dim], 0, 1, "float32", 2),
    "qkv.bias": tf.zeros([3 * dim]),
    "decay.weight": tf.zeros([dim, dim]),
    "decay.bias": tf.fill([dim], logit),
    "proj.weight": tf.eye(dim),
    "proj.bias": tf.zeros([dim]),
  };
  const mixer = scaleBeforeMask(numHeads);
  const actual = tf.tidy(() =>
    mixer.apply(x, (name) => parameters[name]!, {
      ...{ mask: undefined, segments: undefined, causal: false },
      ...{ reversed: false, form: "auto", chunkSize: undefined },
      ...{ training: false, epsilon: 1e-6, sequence: WHOLE_SEQUENCE },
    })
  );
  const expected = tf.tidy(() => {
    const rows: tf.Tensor3D = tf.reshape(
      tf.dot(tf.reshape(x, [length, dim]), parameters["qkv.weight"]!),
      [1, length, 3 * dim],
    );
    const { q, k, v } = splitHeads(rows, { numHeads, featureMap: shiftedSilu });
    const scores = tf.matMul(q, k, false, true);
    const shares = tf.div(scores, tf.sum(scores, 3, true));
    const place = tf.range(0, length);
    const distance = tf.abs(
      tf.sub(tf.expandDims(place, 1), tf.expandDims(place, 0)),
    );
    const mask = tf.pow(tf.sigmoid(logit), distance);
    return joinHeads(tf.matMul(tf.mul(shares, mask), v) as tf.Tensor4D);
  });
  const error = tf.tidy(() => tf.max(tf.abs(tf.sub(actual, expected))));
  const [largest] = await error.data();
  assert(largest! < 1e-5, `${largest}`);
  tf.dispose({ x, actual, expected, error, parameters });
});

onCpu("quantiles of decays are of all heads and tokens, by block", async () => {
  const images = tf.randomNormal([2, 4, 4, 1], 0, 1, "float32", 1);
  for (
    const [variant, sign] of [["d", 1], ["s", -1], ["softmax", 0], ["d", 1], [
      "s",
      -1,
    ]] as const
  ) {
    const model = lionViT({
      ...{ variant, imageSize: 4, patchSize: 2, channels: 1, numClasses: 2 },
      ...{ dim: 4, depth: 2, numHeads: 2, seed: 1 },
    });
    const name = variant === "d" ? "attn.a_i" : "attn.a_i.bias";
    const logits = [1, 2];
    for (const block of model.layers) {
      if (!(block instanceof MixingLayer) || variant === "softmax") continue;
      tf.tidy(() =>
        block.setWeights(block.weights.map((weight) => {
          if (weight.originalName.endsWith(name)) return tf.tensor1d(logits);
          return weight.originalName.endsWith("a_i.weight")
            ? tf.zerosLike(weight.read())
            : weight.read();
        }))
      );
    }
    const found = await decayQuantiles(model, [images]);
    const ends = logits.map((logit) => 1 / (1 + Math.exp(-sign * logit)))
      .toSorted();
    if (variant === "softmax") assertEquals(found, {});
    else assertEquals(Object.keys(found), ["block 1", "block 2"]);
    for (const quantiles of Object.values(found)) {
      assertAlmostEquals(quantiles[0]!, ends[0]!, 1e-6);
      assertAlmostEquals(quantiles.at(-1)!, ends[1]!, 1e-6);
    }
    model.dispose();
  }
  images.dispose();
});
