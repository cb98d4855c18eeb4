/** The same model with each mixer, and an input for it. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { setForm, VIM_PRESETS, VIT_PRESETS } from "@lionjs/lion";
import type { Work } from "./mixer_subject.ts";
import {
  PATCH_SIZE,
  sizedEncoder,
  type SizedModel,
  type SizedOptions,
  sizedViT,
} from "./sized_models.ts";

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
  /** An input that plain JavaScript computes in a second or so, or as short as can be. */
  readonly short: (isShortest: boolean) => Problem;
  /** What a mixer's plain form is compared at: the problem, or a shorter one that fits the memory. */
  readonly plain: (name: string, work: Work) => Problem;
}

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

/** What mixes tokens, and in which form LION does if not in the one that it chooses. */
type Mixing =
  & Omit<SizedOptions, "depth">
  & { readonly form?: "full" | "recurrent" };

type Mixers = Readonly<Record<string, Mixing>>;

/** Attention, in blocks of the same sizes. */
const ATTENTION: Mixers = {
  [BASELINE]: { variant: "softmax" },
  "LION-LIT": { variant: "lit" },
  "LION-D": { variant: "d" },
  "LION-S": { variant: "s" },
};

/** The same along snakes through rows and columns, which a sequence has not. */
const SNAKES: Mixers = {
  "LION-D snakes": { variant: "d", order: "snake" },
  "LION-S snakes": { variant: "s", order: "snake" },
};

/** LION in forms that it does not choose by itself, which is the chunkwise one. */
const FORMED: Mixers = {
  "LION-LIT, full": { variant: "lit", form: "full" },
  "LION-D, full": { variant: "d", form: "full" },
  "LION-S, full": { variant: "s", form: "full" },
  "LION-D, recurrent": { variant: "d", form: "recurrent" },
};

const RIVALS: Mixers = { Hydra: { variant: "hydra" }, Vim: { variant: "vim" } };

/** The names of all mixers. */
export const MIXERS: readonly string[] = [
  ...Object.keys({ ...ATTENTION, ...SNAKES, ...RIVALS }),
];

/** ViT-tiny, and rivals of the same width without perceptrons, twice as deep. */
export function visionProblem(imageSize: number): Problem {
  const title = `ViT-tiny, ${imageSize} pixels`;
  const { variant: _, ...rival } = VIM_PRESETS.tiny;
  return {
    title,
    ...modelsOf(
      { ...ATTENTION, ...SNAKES, ...FORMED },
      sizedViT(title, VIT_PRESETS.tiny, imageSize, [1]),
      sizedViT(title, rival, imageSize, [1]),
    ),
    blocksPerBlock: (name) => name in RIVALS ? 2 : 1,
    // Of 5 tokens, and of 82.
    short: (isShortest) => visionProblem(isShortest ? 32 : 144),
    plain: shortened(
      (imageSize / PATCH_SIZE) ** 2,
      (tokens) => visionProblem(PATCH_SIZE * Math.sqrt(tokens)),
    ),
  };
}

/** Two blocks; the rivals' mixers stand where attention does. */
export function encoderProblem(length: number): Problem {
  const title = `two-layer encoder, ${length} tokens`;
  const sizes = { dim: 128, depth: 2 };
  return {
    title,
    ...modelsOf(
      { ...ATTENTION, ...FORMED },
      sizedEncoder(title, { ...sizes, numHeads: 4 }, length, [1]),
      sizedEncoder(title, sizes, length, [1]),
    ),
    blocksPerBlock: () => 1,
    short: (isShortest) => encoderProblem(isShortest ? 22 : 70),
    plain: shortened(length, encoderProblem),
  };
}

/** Models with mixers of attention, and rivals'. */
function modelsOf(
  mixers: Mixers,
  attention: SizedModel,
  rival: SizedModel,
): Pick<Problem, "models" | "inputs"> {
  const each = (mixers: Mixers, { make }: SizedModel) =>
    Object.entries(mixers).map(([name, { form, ...mixing }]) => {
      const made = (depth?: number): LayersModel => {
        const model = make({ ...mixing, ...depth !== undefined && { depth } });
        if (form) setForm(model, form);
        return model;
      };
      return [name, made] as const;
    });
  return {
    models: Object.fromEntries([
      ...each(mixers, attention),
      ...each(RIVALS, rival),
    ]),
    inputs: () =>
      attention.inputs(1)
        .map(({ values, shape }) => tf.tensor(values, [...shape])),
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
