/**
 * What the library does wherever it runs. In JavaScript: Node 20 reads no types.
 *
 * @module
 */
import {
  lionAttention,
  lionEncoder,
  logSigmoid,
  selectiveDecay,
  shiftedSilu,
  useBackend,
} from "@lionjs/lion";
import {
  collateTokens,
  datasetOf,
  packTokens,
  shuffledBatches,
  tokenizerOf,
  trainTokenizer,
} from "@lionjs/lion/data";
import {
  loadPyTorchWeights,
  readSafetensors,
  toPyTorchWeights,
} from "@lionjs/lion/io";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";

/** Attention and its gradients, of the same numbers on each backend. */
async function attend() {
  const shape = [2, 4, 200, 16];
  const normal = (seed) => tf.randomNormal(shape, 0, 1, "float32", seed);
  const logits = tf.randomNormal([2, 4, 200], 0, 1, "float32", 4);
  const of = (q, k, v, logits) => {
    const decay = selectiveDecay(logSigmoid(logits));
    return lionAttention(shiftedSilu(q), shiftedSilu(k), v, { decay });
  };
  const inputs = [normal(1), normal(2), normal(3), logits];
  const outputs = [of(...inputs), ...tf.grads(of)(inputs, tf.ones(shape))];
  const values = await Promise.all(outputs.map((output) => output.data()));
  tf.dispose([inputs, outputs]);
  return values;
}

/** The largest difference of two lists of numbers, in the largest of one. */
function difference(got, expected) {
  return Math.max(...got.map((values, i) => {
    const scale = expected[i].reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    return values.reduce(
      (most, value, j) => Math.max(most, Math.abs(value - expected[i][j])),
      0,
    ) / scale;
  }));
}

/** Trains a model to tell which of two words it was given; its losses. */
export async function trainModel(model, steps, options = {}) {
  const examples = Array.from({ length: 64 }, (_, i) => ({
    ids: [1 + i % 2, 3 + i % 5],
    label: i % 2,
  }));
  const data = shuffledBatches(datasetOf(examples), {
    batchSize: 16,
    seed: 1,
    collate: collateTokens(),
  });
  const { losses } = await train(model, data, {
    steps,
    loss: crossEntropy(),
    optimizer: { learningRate: 1e-2 },
    ...options,
  });
  return losses;
}

export function makeModel() {
  return lionEncoder({
    vocabularySize: 8,
    dim: 16,
    depth: 1,
    numHeads: 2,
    numClasses: 2,
    variant: "s",
    seed: 1,
  });
}

/** A file of the format in memory, as `fetch` would bring it: `x`, 2 and -1.5 in F16. */
function halfPrecision() {
  const header = '{"x":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}      ';
  const bytes = new Uint8Array(8 + header.length + 4);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(new TextEncoder().encode(header), 8);
  bytes.set([0x00, 0x40, 0x00, 0xbe], 8 + header.length);
  return bytes;
}

/** A tokenizer's training and what it makes of text, which is there again. */
function tokens() {
  const text = "the lion and the lioness and the cub";
  const tokenizer = tokenizerOf(
    trainTokenizer([text], { vocabularySize: 280 }),
  );
  const ids = tokenizer.encode(text);
  packTokens([ids], { length: 4, separator: tokenizer.specials.sep });
  return tokenizer.decode(ids) === text;
}

/**
 * Runs it all.
 *
 * @param options Of `useBackend`; the backend that is compared with cpu.
 * @param steps Of training.
 * @returns What came out, as JSON can hold it.
 */
export async function exercise(options = { prefer: ["wasm"] }, steps = 30) {
  await useBackend({ prefer: ["cpu"] });
  const expected = await attend();
  const info = await useBackend(options);
  const error = difference(await attend(), expected);
  const model = makeModel();
  const losses = await trainModel(model, steps);
  const copy = makeModel();
  await loadPyTorchWeights(copy, toPyTorchWeights(model));
  const x = [tf.tensor2d([[1, 3, 2]], [1, 3], "int32"), tf.ones([1, 3])];
  const [y, same] = await Promise.all(
    [model, copy].map((model) => model.predict(x).data()),
  );
  const { tensors } = await readSafetensors(halfPrecision());
  return {
    backend: info.name,
    threads: info.threads,
    error,
    firstLoss: losses.at(0),
    lastLoss: losses.at(-1),
    isCopied: y.every((value, i) => value === same[i]),
    halves: [...await tensors.get("x").data()],
    isDecoded: tokens(),
  };
}
