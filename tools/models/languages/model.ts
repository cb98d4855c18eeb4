/** The model of languages, and what it is trained with. @module */
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import { type BatchStream, IGNORE_INDEX } from "@lionjs/lion/data";
import type { Loss } from "@lionjs/lion/training";
import { below, type Random, seeded } from "@lionjs/data/batches";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  LANGUAGES,
  padded,
  SCALE,
  valuesOf,
  windowMeans,
} from "../../../models/languages/text/mod.ts";
import {
  drawLength,
  drawPiece,
  type Labelled,
  PIECE,
  type Texts,
} from "./data.ts";

const CLASSES = LANGUAGES.length;

/** The options of the model that is shipped. */
export const OPTIONS = {
  inputDim: CLASSES,
  output: "tokens",
  numClasses: CLASSES,
  variant: "s",
  direction: "alternate",
  featureMap: "shiftedSilu",
  normalize: true,
  dim: 64,
  depth: 2,
  numHeads: 4,
} as const satisfies LionEncoderOptions;

/** An encoder of texts' values, `[batch, places, languages]`, whose scores are added to theirs. */
export function languageModel(
  options: LionEncoderOptions,
  seed: number,
): LayersModel {
  return lionEncoder({ ...options, seed });
}

/** A text of one language, or of several, one after the other. */
export interface Example {
  readonly text: string;
  /** The language of each place. */
  readonly places: readonly number[];
}

/** The share of texts in several languages, and how many these have at most. */
const MIXED = 0.25, MOST_LANGUAGES = 4;

/** Texts, one after the other, each with the space after it. */
function joined(parts: readonly Labelled[]): Example {
  return {
    text: parts.map(({ text }) => text).join(" "),
    places: parts.flatMap(({ text, language }) =>
      Array.from(`${text} `, () => language)
    ),
  };
}

/** Draws a text of about so many letters to train on. */
function drawExample(
  texts: readonly Texts[],
  length: number,
  random: Random,
): Example {
  const count = random() < MIXED ? 2 + below(MOST_LANGUAGES - 1, random) : 1;
  const shorter = Math.max(PIECE.shortest, Math.round(length / count));
  return joined(Array.from({ length: count }, () => {
    const language = below(CLASSES, random);
    return { language, text: drawPiece(texts[language]!, random, shorter) };
  }));
}

/** Languages whose texts are mixed to test on, most of which are neighbours of another. */
const TOGETHER = (
  "ara ces dan deu ell eng fin fra hun ita nld nob pol por ron rus spa swe tur ukr"
).split(" ").map((code) => LANGUAGES.indexOf(code));

/** Draws a text to test on, in two to four of 20 languages, with four words or more of each. */
export function drawMixed(texts: readonly Texts[], random: Random): Example {
  const count = 2 + below(MOST_LANGUAGES - 1, random);
  const languages: number[] = [];
  while (languages.length < count) {
    const language = TOGETHER[below(TOGETHER.length, random)]!;
    if (!languages.includes(language)) languages.push(language);
  }
  return joined(languages.map((language) => {
    const { articles } = texts[language]!;
    const words = articles[below(articles.length, random)]!.split(" ");
    const start = below(Math.max(1, words.length - MOST_WORDS), random);
    const end = start + 4 + below(MOST_WORDS - 3, random);
    return { language, text: words.slice(start, end).join(" ") };
  }));
}

/** The most words of each language in a mixed text. */
const MOST_WORDS = 8;

/** The largest share of runs that a batch lacks. */
const MOST_DROPPED = 0.6;

/** Batches of texts of about one length, so that little of them is padding. */
export function textBatches(
  texts: readonly Texts[],
  table: Float32Array,
  { batchSize, seed }: { batchSize: number; seed: number },
): BatchStream {
  return {
    stepsPerEpoch: 1000,
    async *from(start) {
      for (let step = start;; step++) {
        const random = seeded("languages", seed, step);
        const length = drawLength(random);
        const examples = Array.from(
          { length: batchSize },
          () => drawExample(texts, length, random),
        );
        // The table knows these texts: with fewer runs it errs as it does on others.
        const dropped = MOST_DROPPED * random();
        const rows = examples.map(({ text }) =>
          valuesOf(table, text, () => random() >= dropped)
        );
        const { values, mask, length: places } = padded(rows);
        const shape: [number, number] = [batchSize, places];
        const windows = padded(rows.map(windowMeans)).values;
        const labels = examples.map((example) => example.places);
        yield {
          inputs: [
            tf.tensor3d(values, [...shape, CLASSES]),
            tf.tensor2d(mask, shape),
          ],
          labels: labelsOf(labels, windows, shape),
          size: batchSize,
        };
      }
    },
  };
}

/** The labels with the table's scores, `[batch, places, 1 + languages]`. */
function labelsOf(
  labels: readonly (readonly number[])[],
  windows: Float32Array,
  shape: [number, number],
): tf.Tensor3D {
  return tf.tidy(() => {
    const codes = new Float32Array(shape[0] * shape[1]).fill(IGNORE_INDEX);
    labels.forEach((places, i) => codes.set(places, i * shape[1]));
    return tf.concat([
      tf.tensor3d(codes, [...shape, 1]),
      tf.mul(SCALE, tf.tensor3d(windows, [...shape, CLASSES])),
    ], 2) as tf.Tensor3D;
  });
}

/** What a place's loss counts beside a text's. */
const PLACES = 0.5;

/**
 * The cross entropy of texts of one language, by the mean of their places' scores, and
 * of each place of all texts. The table's scores are part of the sums, so the model learns
 * what it lacks.
 */
export const LOSS: Loss = Object.assign(
  (logits: tf.Tensor, labels: tf.Tensor): tf.Scalar =>
    tf.tidy(() => {
      const [batch, length] = logits.shape as [number, number, number];
      const [codes, scores] = tf.split(labels as tf.Tensor3D, [1, CLASSES], 2);
      const mask = tf.cast(tf.greaterEqual(codes!, 0), "float32");
      const truth = tf.mul(
        mask,
        tf.oneHot(
          tf.cast(tf.maximum(tf.reshape(codes!, [batch, length]), 0), "int32"),
          CLASSES,
        ),
      );
      const sums = tf.add(logits, scores!);
      const byPlace = tf.neg(tf.sum(tf.mul(truth, tf.logSoftmax(sums))));
      const places = tf.sum(mask);
      const lengths = tf.sum(mask, 1);
      const means = tf.div(tf.sum(tf.mul(sums, mask), 1), lengths);
      const shares = tf.div(tf.sum(truth, 1), lengths);
      const byText = tf.neg(tf.mean(
        tf.sum(tf.mul(shares, tf.logSoftmax(means)), 1),
      ));
      return tf.add(
        byText,
        tf.mul(PLACES, tf.div(byPlace, places)),
      ) as tf.Scalar;
    }),
  { description: "languages of texts and places, beside a table" },
);

/** The twins: as many parameters and steps, but another way to read. */
export const TWINS: Readonly<Record<string, Partial<LionEncoderOptions>>> = {
  "both ways": {},
  causal: { direction: "forward" },
  softmax: {
    variant: "softmax",
    direction: "both",
    featureMap: undefined,
    normalize: undefined,
    maxLength: 160,
  },
};
