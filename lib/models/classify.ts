/** Classes of texts, pictures and tensors, in one call. @module */
import {
  assertBoolean,
  assertModel,
  assertOneOf,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
  shown,
} from "@lionjs/base";
import type { ImageBytes, ImageInputOptions } from "@lionjs/data/images";
import type { Tokenizer } from "@lionjs/data/text";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { classNames } from "./class_names.ts";
import {
  assertTokenizer,
  inputsOf,
  lengthOf,
  modelIn,
  padOf,
  type TextModel,
  tokenizerFor,
  tokensOf,
} from "./text_input.ts";

/** How pictures become a model's input. */
type Preprocessing = Pick<
  ImageInputOptions,
  "transform" | "mean" | "deviation"
>;

/** A model with what `fromPretrained` has read beside it. */
export interface ClassifyingModel extends TextModel {
  /** How pictures become the model's input. */
  readonly preprocessing?: Preprocessing | undefined;
}

/** What {@linkcode classify} reads: a text, or the content of an image's file. */
export type Classified = string | ImageBytes;

/** A class of an example, and how likely it is. */
export interface ClassShare {
  /** The name of the class, or its index as a text if it has no name. */
  readonly label: string;
  /** The index of the class. */
  readonly index: number;
  /** The class's probability, from 0 to 1. */
  readonly probability: number;
}

/** Options of {@linkcode classify}. */
export interface ClassifyOptions {
  /** The most classes to return of an example. @default 5 */
  top?: number | undefined;
  /** Examples per batch. @default 32 */
  batchSize?: number | undefined;
  /**
   * Whether an example may have several classes, or none, as in training with
   * `binaryCrossEntropy`; each class then has a probability of its own.
   * @default false
   */
  multiLabel?: boolean | undefined;
  /** The tokenizer of texts. @default the one beside the model */
  tokenizer?: Tokenizer | undefined;
  /**
   * How pictures become the model's input: a transform, a mean and a deviation.
   * @default that beside the model, else `evalTransform` of the model's size and
   * ImageNet's mean and deviation, as in `imageBatches`
   */
  preprocessing?: Preprocessing | undefined;
  /**
   * How EXIF's orientation is applied: `"apply"` turns a picture as viewers do.
   * @default "apply"
   */
  orientation?: "apply" | "ignore" | undefined;
}

const OPTIONS = optionsOf<ClassifyOptions>()(
  "top batchSize multiLabel tokenizer preprocessing orientation",
);

/**
 * Returns the likeliest classes of texts, pictures or tensors, the likeliest
 * first. Texts are tokenized and truncated, and pictures decoded, cropped and
 * normalised, as in training.
 *
 * @example A text, by a model with names for its classes
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { classify, lionEncoder, setClassNames } from "@lionjs/lion";
 * import { byteTokenizer } from "@lionjs/lion/data";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   vocabularySize: 261, dim: 8, depth: 1, numHeads: 2, numClasses: 2, variant: "s",
 * });
 * setClassNames(model, ["bad", "good"]);
 * const tokenizer = byteTokenizer();
 * const [best, other] = await classify(model, "A fine book.", { tokenizer });
 * assertEquals([best!.label, other!.label].sort(), ["bad", "good"]);
 * assertEquals(best!.probability >= other!.probability, true);
 * ```
 *
 * @param model A classifier, or what `fromPretrained` of `@lionjs/lion/hub`
 * returns, with tokenizer and preprocessing.
 * @param input A text, the content of an image's file (a Uint8Array, or a page's
 * File), several of them in an array, or tensors as `model.predict` takes them.
 * @param options See {@linkcode ClassifyOptions}.
 * @returns The classes; for several inputs, and for tensors, an array of them
 * for each example.
 * @throws {TypeError} If the model is no classifier, an input has no such kind, a
 * text has no tokenizer, or an option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {SyntaxError} If an image is bad; the message says which and why.
 */
export function classify(
  model: LayersModel | ClassifyingModel,
  input: Classified,
  options?: ClassifyOptions,
): Promise<ClassShare[]>;
/** Returns the likeliest classes of several inputs. */
export function classify(
  model: LayersModel | ClassifyingModel,
  inputs: readonly Classified[] | tf.Tensor | readonly tf.Tensor[],
  options?: ClassifyOptions,
): Promise<ClassShare[][]>;
export async function classify(
  given: LayersModel | ClassifyingModel,
  input: Classified | readonly Classified[] | tf.Tensor | readonly tf.Tensor[],
  options: ClassifyOptions = {},
): Promise<ClassShare[] | ClassShare[][]> {
  assertOptions("classify", options, OPTIONS);
  const { top = 5, batchSize = 32, multiLabel = false } = options;
  assertPositiveInteger("top", top);
  assertPositiveInteger("batchSize", batchSize);
  assertBoolean("multiLabel", multiLabel);
  assertOneOf("orientation", options.orientation ?? "apply", [
    "apply",
    "ignore",
  ]);
  const { tokenizer, preprocessing } = options;
  if (tokenizer !== undefined) assertTokenizer("classify", tokenizer);
  if (preprocessing !== undefined) assertPreprocessing(preprocessing);
  const model = modelIn(given);
  assertModel("classify's model", model);
  assertClassifier(model);
  const rank = (logits: tf.Tensor) => rankedOf(model, logits, top, multiLabel);
  if (areTensors(input)) return await rank(logitsOf(model, [input].flat()));
  const several = Array.isArray(input);
  const all: readonly unknown[] = several ? input : [input];
  const inputsFor = inputMaker(model, given, all, options);
  const ranked: ClassShare[][] = [];
  for (let i = 0; i < all.length; i += batchSize) {
    const inputs = await inputsFor(all.slice(i, i + batchSize));
    try {
      ranked.push(...await rank(logitsOf(model, inputs)));
    } finally {
      tf.dispose(inputs);
    }
  }
  return several ? ranked : ranked[0]!;
}

function assertPreprocessing(preprocessing: Preprocessing): void {
  if (Array.isArray(Object(preprocessing).transform)) return;
  throw new TypeError(
    `classify's preprocessing should be an object such as { transform: evalTransform({ size: 224 }), mean, deviation }, got ${
      shown(preprocessing)
    }`,
  );
}

function assertClassifier({ name, outputs }: LayersModel): void {
  const [output, ...others] = outputs;
  if (others.length === 0 && output!.shape.length === 2) return;
  throw new TypeError(
    `classify's model should be a classifier with logits [batch, classes], got ${name} with outputs ${
      outputs.map(({ shape }) => `[${shape.map((size) => size ?? "any")}]`)
        .join(", ")
    }`,
  );
}

function areTensors(input: unknown): input is tf.Tensor | tf.Tensor[] {
  const all = [input].flat();
  return all.length > 0 && all.every((one) => one instanceof tf.Tensor);
}

/** The function that makes a model's inputs of a batch of texts or of pictures. */
function inputMaker(
  model: LayersModel,
  given: LayersModel | ClassifyingModel,
  all: readonly unknown[],
  options: ClassifyOptions,
): (some: readonly unknown[]) => tf.Tensor[] | Promise<tf.Tensor[]> {
  if (all.every((one) => typeof one === "string")) {
    const tokenizer = tokenizerFor("classify", given, options.tokenizer);
    const length = lengthOf(model);
    return (texts) => {
      const tokens = texts.map((text) =>
        tokensOf("classify's input", text as string, tokenizer, length)
      );
      return inputsOf("classify", model, tokens, padOf(tokenizer));
    };
  }
  const isFile = (one: unknown) =>
    one instanceof Uint8Array || one instanceof Blob;
  const wrong = all.find((one) => !isFile(one));
  if (wrong !== undefined) {
    throw new TypeError(
      `classify's input should be a text, the content of an image's file (a Uint8Array or a File), an array of either, or tensors, got ${
        shown(wrong)
      }`,
    );
  }
  const beside: Preprocessing | undefined = Object(given).preprocessing;
  const { preprocessing = beside } = options;
  const side = sideOf(model);
  return async (files) => {
    // A page that classifies texts or tensors does not load what decodes images.
    const { evalTransform, imageInput } = await import("@lionjs/data/images");
    return [
      await imageInput(files as readonly ImageBytes[], {
        ...preprocessing ?? { transform: evalTransform({ size: side }) },
        orientation: options.orientation ?? "apply",
      }),
    ];
  };
}

/** The side of the pictures that a model reads. */
function sideOf({ name, inputs }: LayersModel): number {
  const shapes = inputs.map(({ shape }) => shape);
  const [[, height, width, colours] = []] = shapes;
  if (shapes.length === 1 && height && height === width && colours === 3) {
    return height;
  }
  throw new TypeError(
    `classify's model should read pictures [batch, side, side, 3], got ${name} with inputs ${
      shapes.map((shape) => `[${shape.map((size) => size ?? "any")}]`)
        .join(", ")
    }`,
  );
}

/** A classifier's output; inputs stay the caller's. */
function logitsOf(model: LayersModel, inputs: tf.Tensor[]): tf.Tensor {
  return tf.tidy(() => model.predict(inputs) as tf.Tensor);
}

/** The likeliest classes of each row of logits, which are disposed of. */
async function rankedOf(
  model: LayersModel,
  logits: tf.Tensor,
  top: number,
  multiLabel: boolean,
): Promise<ClassShare[][]> {
  const shares = tf.tidy(() =>
    multiLabel ? tf.sigmoid(logits) : tf.softmax(logits)
  );
  try {
    const rows = await shares.array() as number[][];
    const names = classNames(model);
    return rows.map((row) =>
      row.map((probability, index): ClassShare => ({
        label: names?.[index] ?? String(index),
        index,
        probability,
      })).sort((a, b) => b.probability - a.probability).slice(0, top)
    );
  } finally {
    tf.dispose([logits, shares]);
  }
}
