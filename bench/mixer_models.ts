/** The same model with each mixer, and an input for it. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  type AttentionOptions,
  type ConcreteForm,
  lionEncoder,
  lionViT,
  setForm,
  VIM_PRESETS,
  VIT_PRESETS,
} from "@lionjs/lion";
import { array, uniform } from "../tests/random.ts";
import type { Work } from "./mixer_subject.ts";

/** The mixer that others are compared with. */
export const BASELINE = "softmax";

/** Models by what mixes their tokens. */
export interface Problem {
  readonly title: string;
  /** Make the models, of another depth than theirs if it is given. */
  readonly models: Readonly<Record<string, (depth?: number) => LayersModel>>;
  /** Makes one example. */
  readonly inputs: () => tf.Tensor[];
  /** Blocks where softmax's model has one: the rivals of vision have two without perceptrons. */
  readonly blocksPerBlock: (name: string) => number;
  /** What a mixer's plain form is compared at: the problem, or a shorter one that fits the memory. */
  readonly plain: (name: string, work: Work) => Problem;
}

const CLASSES = 10;

/**
 * Tokens, without a class token, up to which plain forms are compared: Vim's,
 * which keeps many states and with gradients all of them, is sure to fit
 * WebAssembly, the full one's mask too, and token by token it takes seconds.
 */
const LONGEST_PLAIN: Readonly<Record<string, Readonly<Record<Work, number>>>> =
  {
    Vim: { inference: 1024, training: 256 },
    "LION-LIT, full": { inference: 1024, training: 256 },
    "LION-D, full": { inference: 1024, training: 256 },
    "LION-S, full": { inference: 1024, training: 256 },
    "LION-D, recurrent": { inference: 64, training: 64 },
  };

/** Pixels of a patch. */
const PATCH_SIZE = 16;

type Mixing = Pick<AttentionOptions, "variant" | "order">;

/** Attention, in blocks of the same sizes. */
const ATTENTION: Readonly<Record<string, Mixing>> = {
  [BASELINE]: { variant: "softmax" },
  "LION-LIT": { variant: "lit" },
  "LION-D": { variant: "d" },
  "LION-S": { variant: "s" },
};

/** The same along snakes through rows and columns, which a sequence has not. */
const SNAKES: Readonly<Record<string, Mixing>> = {
  "LION-D snakes": { variant: "d", order: "snake" },
  "LION-S snakes": { variant: "s", order: "snake" },
};

const RIVALS: Readonly<Record<string, { readonly variant: "hydra" | "vim" }>> =
  { Hydra: { variant: "hydra" }, Vim: { variant: "vim" } };

/** LION in forms that it does not choose by itself, which is the chunkwise one. */
const FORMED: Readonly<
  Record<string, { readonly mixing: Mixing; readonly form: ConcreteForm }>
> = {
  "LION-LIT, full": { mixing: { variant: "lit" }, form: "full" },
  "LION-D, full": { mixing: { variant: "d" }, form: "full" },
  "LION-S, full": { mixing: { variant: "s" }, form: "full" },
  "LION-D, recurrent": { mixing: { variant: "d" }, form: "recurrent" },
};

/** The names of all mixers. */
export const MIXERS: readonly string[] = [
  ...Object.keys({ ...ATTENTION, ...SNAKES, ...RIVALS }),
];

/** ViT-tiny, and rivals of the same width without perceptrons, twice as deep. */
export function visionProblem(imageSize: number): Problem {
  const common = {
    imageSize,
    patchSize: PATCH_SIZE,
    numClasses: CLASSES,
    seed: 1,
  };
  const { variant: _, ...rival } = VIM_PRESETS.tiny;
  const attention = { ...common, ...VIT_PRESETS.tiny };
  return {
    title: `ViT-tiny, ${imageSize} pixels`,
    models: {
      ...each(
        { ...ATTENTION, ...SNAKES },
        (mixing, depth = attention.depth) =>
          lionViT({ ...attention, ...mixing, depth }),
      ),
      ...each(FORMED, ({ mixing, form }, depth = attention.depth) => {
        const model = lionViT({ ...attention, ...mixing, depth });
        setForm(model, form);
        return model;
      }),
      ...each(
        RIVALS,
        (mixing, depth = rival.depth) =>
          lionViT({ ...common, ...rival, ...mixing, depth }),
      ),
    },
    blocksPerBlock: (name) => name in RIVALS ? 2 : 1,
    inputs: () => {
      const pixels = array(imageSize * imageSize * 3, uniform(1));
      return [tf.tensor4d(pixels, [1, imageSize, imageSize, 3])];
    },
    plain: shortened(
      (imageSize / PATCH_SIZE) ** 2,
      (tokens) => visionProblem(PATCH_SIZE * Math.sqrt(tokens)),
    ),
  };
}

/** Two blocks; the rivals' mixers stand where attention does. */
export function encoderProblem(length: number): Problem {
  const dim = 128;
  const common = { inputDim: dim, dim, numClasses: CLASSES, seed: 1 };
  return {
    title: `two-layer encoder, ${length} tokens`,
    models: {
      ...each(
        ATTENTION,
        (mixing, depth = 2) =>
          lionEncoder({ ...common, numHeads: 4, ...mixing, depth }),
      ),
      ...each(FORMED, ({ mixing, form }, depth = 2) => {
        const model = lionEncoder({ ...common, numHeads: 4, ...mixing, depth });
        setForm(model, form);
        return model;
      }),
      ...each(
        RIVALS,
        (mixing, depth = 2) => lionEncoder({ ...common, ...mixing, depth }),
      ),
    },
    blocksPerBlock: () => 1,
    inputs: () => {
      const values = array(length * dim, uniform(1));
      return [tf.tensor3d(values, [1, length, dim]), tf.ones([1, length])];
    },
    plain: shortened(length, encoderProblem),
  };
}

/** See {@linkcode Problem.plain}. */
function shortened(
  tokens: number,
  make: (tokens: number) => Problem,
): (name: string, work: Work) => Problem {
  return (name, work) => {
    const longest = LONGEST_PLAIN[name]?.[work] ?? Infinity;
    return make(Math.min(tokens, longest));
  };
}

/** A model for each of some options. */
function each<Options>(
  all: Readonly<Record<string, Options>>,
  make: (options: Options, depth?: number) => LayersModel,
): Problem["models"] {
  return Object.fromEntries(
    Object.entries(all).map(([name, options]) => [
      name,
      (depth?: number) => make(options, depth),
    ]),
  );
}
