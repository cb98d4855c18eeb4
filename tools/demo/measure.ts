/** The four forms side by side: what they predict, their time and memory. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  type AttentionForm,
  lionAttention,
  logSigmoid,
  selectiveDecay,
  setForm,
  shiftedSilu,
} from "@lionjs/lion";
import { batchesInOrder } from "@lionjs/lion/data";
import {
  collateDigits,
  type Digits,
  MNIST_SIDE as SIDE,
} from "@lionjs/lion/datasets";
import { SIZES } from "./model.ts";

/** The forms; `"auto"` is one of them. */
export const FORMS = ["full", "recurrent", "blockwise", "chunkwise"] as const;

/** A trained model in one form. */
export interface FormOnTestSet {
  readonly form: AttentionForm;
  readonly accuracy: number;
  /** Share of the images for which it predicts what the full form does. */
  readonly agreement: number;
  /** For all images. */
  readonly seconds: number;
  /** Of one batch, beside the weights. */
  readonly peakBytes: number;
  readonly predictions: Uint8Array;
}

/** One attention in one form. */
export interface FormAtLength {
  readonly form: AttentionForm;
  readonly length: number;
  readonly milliseconds: number;
  readonly peakBytes: number;
}

const BATCH = 500;

/** Tokens a chunk, of 16. */
const CHUNK = 8;

/** Batches of images for the model. */
function batchesOf(digits: Digits) {
  return batchesInOrder(digits, { batchSize: BATCH, collate: collateDigits() });
}

/** What the model predicts for each image. */
export async function predict(
  model: LayersModel,
  digits: Digits,
): Promise<Uint8Array> {
  const batches: tf.Tensor[] = [];
  for await (const { inputs, labels } of batchesOf(digits)) {
    batches.push(
      tf.tidy(() => tf.argMax(model.predict(inputs[0]!) as tf.Tensor, 1)),
    );
    tf.dispose([...inputs, labels]);
  }
  const classes = await Promise.all(batches.map((batch) => batch.data()));
  tf.dispose(batches);
  return Uint8Array.from(classes.flatMap((batch) => [...batch]));
}

/** The share of places at which two lists are equal. */
export function share(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Number(value === b[i]), 0) /
    a.length;
}

/** Bytes at the peak of a computation, beyond those there before. */
async function peakBytesOf(compute: () => tf.Tensor): Promise<number> {
  const before = tf.memory().numBytes;
  const { peakBytes, result } = await tf.profile(compute);
  (result as tf.Tensor).dispose();
  return peakBytes - before;
}

/** Evaluates the same weights in each form. */
export async function compareForms(
  model: LayersModel,
  test: Digits,
): Promise<FormOnTestSet[]> {
  const results: FormOnTestSet[] = [];
  const [images] = await imagesOf(test.slice(0, BATCH));
  for (const form of FORMS) {
    setForm(model, form, CHUNK);
    const start = performance.now();
    const predictions = await predict(model, test);
    const seconds = (performance.now() - start) / 1000;
    results.push({
      form,
      accuracy: share(predictions, test.labels),
      agreement: share(predictions, results[0]?.predictions ?? predictions),
      seconds,
      peakBytes: await peakBytesOf(() => model.predict(images!) as tf.Tensor),
      predictions,
    });
  }
  images!.dispose();
  setForm(model, "auto");
  return results;
}

/** The images of one batch. */
async function imagesOf(digits: Digits): Promise<tf.Tensor[]> {
  for await (const { inputs, labels } of batchesOf(digits)) {
    labels.dispose();
    return [...inputs];
  }
  return [];
}

/** Sides of the square pictures whose pixels are the tokens. */
export const SIDES = [7, 14, 28, 64];

/**
 * Times one attention of LION-S, with the model's heads, on the pixels of
 * pictures as tokens: of 4,096 at most, four times as many each.
 *
 * @returns What was measured; a form whose tensors do not fit is missing, and
 * `onRefused` is told why.
 */
export async function compareLengths(
  test: Digits,
  onRefused: (message: string) => void,
): Promise<FormAtLength[]> {
  const results: FormAtLength[] = [];
  for (const side of SIDES) {
    const inputs = pixelsAsTokens(mosaic(test, side));
    const { q, k, v, logDecay } = inputs;
    // The full form last: WebAssembly is slower after a heap of gigabytes.
    for (const form of FORMS.toReversed()) {
      const attend = () =>
        lionAttention(q, k, v, { form, decay: selectiveDecay(logDecay) });
      try {
        // The first run compiles, and its peak is that of every run.
        const peakBytes = await peakBytesOf(attend);
        const start = performance.now();
        const output = attend();
        const corner = tf.slice(output, [0, 0, 0, 0], [1, 1, 1, 1]);
        await corner.data(); // nothing is done before it is read
        const milliseconds = performance.now() - start;
        tf.dispose([output, corner]);
        results.push({ form, length: side ** 2, milliseconds, peakBytes });
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        onRefused(error.message);
      }
    }
    tf.dispose(Object.values(inputs));
  }
  return results;
}

/** A square picture cut from digits laid side by side, values 0–1. */
function mosaic({ pixels }: Digits, side: number): Float32Array {
  const across = Math.ceil(side / SIDE);
  return Float32Array.from({ length: side ** 2 }, (_, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    const image = Math.floor(row / SIDE) * across + Math.floor(column / SIDE);
    const offset = (row % SIDE) * SIDE + column % SIDE;
    return pixels[image * SIDE ** 2 + offset]! / 255;
  });
}

/** Queries, keys, values and decays as fixed random maps of each pixel. */
function pixelsAsTokens(picture: Float32Array) {
  const { numHeads: heads, dim } = SIZES;
  const length = picture.length;
  const features = tf.tensor2d(
    Array.from(picture, (value, at) => [value, at / length, 1]),
  );
  const perHead = (size: number, seed: number) =>
    tf.tidy(() => {
      const map = tf.randomNormal<tf.Rank.R2>(
        [3, heads * size],
        0,
        1,
        "float32",
        seed,
      );
      const tokens = tf.matMul(features, map);
      const split = tf.reshape(tokens, [1, length, heads, size]);
      return tf.transpose(split, [0, 2, 1, 3]) as tf.Tensor4D;
    });
  const inputs = tf.tidy(() => ({
    q: shiftedSilu(perHead(dim / heads, 1)),
    k: shiftedSilu(perHead(dim / heads, 2)),
    v: perHead(dim / heads, 3),
    logDecay: logSigmoid(tf.squeeze<tf.Tensor3D>(perHead(1, 4), [3])),
  }));
  features.dispose();
  return inputs;
}
