/** Models at the sizes that papers report on, with inputs for them, here and in PyTorch. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  type AttentionOptions,
  BERT_PRESETS,
  lionBert,
  lionEncoder,
  lionViT,
  VIT_PRESETS,
} from "@lionjs/lion";
import { array, uniform } from "../tests/random.ts";
import type { Variant } from "./attention_problem.ts";
import type { NamedArray } from "./peers/peer_process.ts";

/** What mixes the tokens of a model. */
export type SizedVariant = Variant | "softmax";

/** Options that a model may be made with. */
export interface SizedOptions extends Pick<AttentionOptions, "order"> {
  readonly variant: SizedVariant | "hydra" | "vim";
  /** Number of blocks. @default the model's own */
  readonly depth?: number;
}

/** A model, and what PyTorch calls it. */
export interface SizedModel {
  readonly title: string;
  /** Examples of the batches that it is timed with. */
  readonly batches: readonly number[];
  make(options: SizedOptions): LayersModel;
  /** In the order of the model's inputs; those whose dtype is an integer's hold such numbers. */
  inputs(batch: number): readonly NamedArray[];
  /** What torch_models.py makes it of. */
  readonly torch: {
    readonly kind: "vit" | "bert" | "encoder";
    readonly sizes: Readonly<Record<string, string | number>>;
  };
}

/** Classes of each model. */
export const CLASSES = 10;

/** Pixels of a side of a patch. */
export const PATCH_SIZE = 16;

interface Sizes {
  readonly dim: number;
  readonly depth: number;
  /** None of rivals. */
  readonly numHeads?: number;
}

/** The sizes by PyTorch's names. */
const torchSizes = ({ dim, depth, numHeads = 1 }: Sizes) => ({
  ...{ width: dim, heads: numHeads, depth },
  classes: CLASSES,
});

const named = (
  at: number,
  shape: readonly number[],
  make?: (u: number) => number,
): NamedArray => ({
  name: `inputs ${at}`,
  shape,
  values: array(shape.reduce((a, b) => a * b), uniform(at + 1), make),
});

const constant = (
  at: number,
  shape: readonly number[],
  value: number,
): NamedArray => ({
  name: `inputs ${at}`,
  shape,
  values: new Float32Array(shape.reduce((a, b) => a * b)).fill(value),
});

/** A vision transformer for images of so many pixels a side. */
export function sizedViT(
  title: string,
  sizes: Sizes,
  imageSize: number,
  batches: readonly number[],
): SizedModel {
  return {
    ...{ title, batches },
    make: (options) =>
      lionViT({
        ...{ imageSize, patchSize: PATCH_SIZE, numClasses: CLASSES, seed: 1 },
        ...sizes,
        ...options,
      }),
    inputs: (batch) => [named(0, [batch, imageSize, imageSize, 3])],
    torch: {
      kind: "vit",
      sizes: {
        ...torchSizes(sizes),
        ...{ image_size: imageSize, patch_size: PATCH_SIZE },
      },
    },
  };
}

/** An encoder of numbers. */
export function sizedEncoder(
  title: string,
  sizes: Sizes,
  length: number,
  batches: readonly number[],
): SizedModel {
  const { dim } = sizes;
  return {
    ...{ title, batches },
    make: (options) =>
      lionEncoder({
        ...{ inputDim: dim, numClasses: CLASSES, seed: 1 },
        ...sizes,
        ...options,
      }),
    inputs: (batch) => [
      named(0, [batch, length, dim]),
      constant(1, [batch, length], 1),
    ],
    torch: {
      kind: "encoder",
      sizes: { ...torchSizes(sizes), input_width: dim },
    },
  };
}

/** A BERT that classifies texts of so many tokens. */
export function sizedBert(
  title: string,
  sizes: Sizes,
  length: number,
  batches: readonly number[],
): SizedModel {
  const vocabulary = 30_522, positions = 512;
  return {
    ...{ title, batches },
    make: (options) =>
      lionBert({
        ...{ head: "classification", numClasses: CLASSES, seed: 1 },
        ...sizes,
        ...options,
      }),
    inputs: (batch) => {
      const shape = [batch, length];
      return [
        named(0, shape, (u) => Math.floor(vocabulary * u)),
        constant(1, shape, 1),
        constant(2, shape, 0),
      ];
    },
    torch: {
      kind: "bert",
      sizes: { ...torchSizes(sizes), vocabulary, positions },
    },
  };
}

/** ViT-tiny, which stands for small models wherever one is needed. */
export const VIT_TINY: SizedModel = sizedViT(
  "ViT-tiny",
  VIT_PRESETS.tiny,
  224,
  [1, 8],
);

/** ViT-base. */
export const VIT_BASE: SizedModel = sizedViT(
  "ViT-base",
  VIT_PRESETS.base,
  224,
  [1, 8],
);

/** Models of which a run takes less than a second on two cores. */
export const MODELS: readonly SizedModel[] = [
  VIT_TINY,
  sizedEncoder(
    "encoder, 1024 tokens",
    { dim: 128, depth: 2, numHeads: 4 },
    1024,
    [1],
  ),
];

/** Models of which a run takes seconds on two cores. */
export const LARGE_MODELS: readonly SizedModel[] = [
  VIT_BASE,
  sizedBert("BERT-base, 128 tokens", BERT_PRESETS.base, 128, [1]),
];

/** The smallest of each kind. */
export const SMALL: Readonly<Record<"vit" | "bert", SizedModel>> = {
  vit: sizedViT("ViT", { dim: 16, depth: 1, numHeads: 2 }, 32, [2]),
  bert: sizedBert("BERT", { dim: 16, depth: 1, numHeads: 2 }, 16, [2]),
};

/** Makes the tensors of a model's inputs. */
export function tensorsOf(
  model: LayersModel,
  inputs: readonly NamedArray[],
): tf.Tensor[] {
  return inputs.map(({ values, shape }, i) =>
    tf.tensor(values, [...shape], model.inputs[i]!.dtype as "float32" | "int32")
  );
}

/** Classes of the examples of a batch. */
export function labelsOf(batch: number): number[] {
  return Array.from({ length: batch }, (_, i) => i % CLASSES);
}
