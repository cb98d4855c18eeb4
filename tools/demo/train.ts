/** Training of the demo's classifier. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type Digits, MNIST_SIDE as SIDE } from "@lionjs/lion/data";
import { Adam } from "@lionjs/lion/training";
import seedrandom from "seedrandom";
import type { DigitClassifier } from "./model.ts";

/** Chosen on 5,000 held-back training images. */
const HYPER_PARAMETERS = {
  batch: 48,
  learningRate: 4e-3,
  warmUpSteps: 50,
  beta1: 0.9,
  beta2: 0.99,
};

/** Losses are read so many at a time: each wait for a GPU costs milliseconds. */
const STEPS_BETWEEN_READS = 10;

/** What is known after a step. */
export interface Step {
  readonly step: number;
  readonly loss: number;
}

/** The number of steps of so many passes over the images. */
export function stepsOf({ labels }: Digits, epochs: number): number {
  return Math.max(
    1,
    Math.round(epochs * labels.length / HYPER_PARAMETERS.batch),
  );
}

/**
 * Trains a model, with linear warm-up and a cosine to zero, and yields what is
 * new every few steps. Stopping the iteration stops the training.
 */
export async function* train(
  model: DigitClassifier,
  digits: Digits,
  { steps, seed }: { steps: number; seed: number },
): AsyncGenerator<Step[]> {
  const { batch, learningRate, warmUpSteps, beta1, beta2 } = HYPER_PARAMETERS;
  const optimizer = new Adam({ beta1, beta2 });
  const batches = shuffledBatches(digits, batch, seed);
  let unread: tf.Scalar[] = [];
  try {
    for (let step = 1; step <= steps; step++) {
      const warmUp = Math.min(1, step / warmUpSteps);
      const cosine = (1 + Math.cos(Math.PI * step / steps)) / 2;
      optimizer.learningRate = learningRate * warmUp * cosine;
      const { pixels, labels } = batches.next().value!;
      unread.push(tf.tidy(() => {
        const images = tf.tensor2d(pixels, [batch, SIDE ** 2]);
        const classes = tf.oneHot(tf.tensor1d(labels, "int32"), 10);
        return optimizer.minimize(
          () =>
            tf.losses.softmaxCrossEntropy(
              classes,
              model.logits(images),
            ) as tf.Scalar,
          true,
          model.variables,
        )!;
      }));
      if (step % STEPS_BETWEEN_READS > 0 && step < steps) continue;
      const losses = await Promise.all(unread.map((loss) => loss.data()));
      tf.dispose(unread);
      unread = [];
      const first = step - losses.length + 1;
      yield losses.map(([loss], i) => ({ step: first + i, loss: loss! }));
    }
  } finally {
    optimizer.dispose();
  }
}

/** Endless batches; each pass over the images has an order of its own. */
function* shuffledBatches(
  { pixels, labels }: Digits,
  size: number,
  seed: number,
): Generator<{ pixels: Float32Array; labels: Int32Array }, never> {
  const order = Uint32Array.from(labels, (_, i) => i);
  const random = seedrandom(String(seed));
  let next = order.length;
  while (true) {
    if (next + size > order.length) {
      // Fisher and Yates
      for (let i = order.length - 1; i > 0; i--) {
        const j = Math.floor(random() * (i + 1));
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      next = 0;
    }
    const picked = order.subarray(next, next + size);
    next += size;
    const batch = {
      pixels: new Float32Array(size * SIDE ** 2),
      labels: Int32Array.from(picked, (i) => labels[i]!),
    };
    picked.forEach((image, i) =>
      batch.pixels.set(
        pixels.subarray(image * SIDE ** 2, (image + 1) * SIDE ** 2),
        i * SIDE ** 2,
      )
    );
    yield batch;
  }
}
