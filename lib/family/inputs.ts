/** Inputs and common options of the models of the family. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { AttentionForm } from "../attention/lion_attention.ts";
import { checkedSegments } from "../operations/segments.ts";
import type { TokenRanks } from "../base/communicator.ts";
import { assertNumbers, floats } from "../tfjs/kernel/floats.ts";
import { assertOptions, type OptionNames, optionsOf } from "../base/options.ts";
import {
  assertNotEmpty,
  assertShape,
  type TensorOf,
} from "../tfjs/kernel/shape.ts";
import { tokensIn, withoutPadding } from "../operations/padding.ts";
import { assertWhole } from "../operations/token_ranks.ts";

/** Options of every model of the family. */
export interface FamilyOptions {
  /**
   * Whether each token attends only to itself and the tokens before it. NaN or
   * Infinity in a later token may make earlier outputs NaN, as for lionAttention.
   * @default false
   */
  causal?: boolean | undefined;
  /** The form of computation; all forms give the same result. @default "auto" */
  form?: AttentionForm | undefined;
  /** Tokens per chunk. @default the form's choice */
  chunkSize?: number | undefined;
  /**
   * The factor of the scores q · k. @default that of the model's paper
   */
  scale?: number | undefined;
  /**
   * The padding mask, `[batch, length]`: 0 for padding, 1 (or anything else)
   * for a token. Padding is never read, whatever its vectors hold; its decays
   * still apply.
   */
  mask?: tf.Tensor | undefined;
  /**
   * The segments, int32 `[batch, length]`: the number of the packed sequence
   * that each token belongs to. Nothing passes between neighbours with
   * different numbers, except NaN, as for lionAttention.
   * @default each row is one sequence
   */
  segments?: tf.Tensor | undefined;
  /**
   * The ranks that share the tokens, as for lionAttention and deltaAttention.
   * @default this process has all tokens
   */
  communicator?: TokenRanks | undefined;
}

/** The names of the options of {@linkcode FamilyOptions}. */
export const FAMILY_OPTIONS = optionsOf<FamilyOptions>()(
  "causal form chunkSize scale mask segments communicator",
);

/** Options of the models with the delta rule, which has two forms. */
export interface DeltaFamilyOptions extends Omit<FamilyOptions, "form"> {
  /** The form of computation; both forms give the same result. @default "auto" */
  form?: "auto" | "recurrent" | "chunkwise" | undefined;
}

/** The axes of each kind of input; axes of the same name have the same size in all inputs. */
const AXES = {
  "keys": "batch, heads, length, headDim",
  "values": "batch, heads, length, valueDim",
  "per channel": "batch, heads, length, headDim",
  "per token": "batch, heads, length",
  "per head": "heads",
  "per head or none": "heads",
  "per head and channel": "heads, headDim",
} as const;

type Kind = keyof typeof AXES;

/** Vectors are not read at padding. */
const VECTORS: readonly Kind[] = ["keys", "values"];

/** What {@linkcode runModel} checks before a model is computed. */
export interface Model<Inputs> {
  /** The name of the model's function. */
  readonly name: string;
  /** The kinds of all inputs; queries are of the kind of keys. */
  readonly inputs: { readonly [name in keyof Inputs]-?: Kind };
  /** The names of the options, if there are more than {@linkcode FAMILY_OPTIONS}. */
  readonly options?: OptionNames<FamilyOptions>;
  /** Whether ranks cannot share the tokens. */
  readonly needsAllTokens?: true;
}

/** The names in a list of axes. */
type Names<Axes extends string> = Axes extends `${infer First}, ${infer Others}`
  ? [First, ...Names<Others>]
  : [Axes];

/** Inputs of a model that are checked, which have the axes of their kinds. */
export type Checked<M extends Model<object>> = {
  -readonly [name in keyof M["inputs"]]: M["inputs"][name] extends
    infer K extends Kind ?
      | TensorOf<Names<(typeof AXES)[K]>>
      | (K extends "per head or none" ? undefined : never)
    : never;
};

/** The tokens that are no padding, and the segments, both `[batch, length]`. */
interface Packing {
  readonly tokens: tf.Tensor2D | undefined;
  readonly segments: tf.Tensor2D | undefined;
}

/**
 * Runs a model, inside `tf.tidy`, on inputs that are checked and converted to
 * float32, with zeros for vectors at padding.
 */
export function runModel<Inputs extends object, M extends Model<Inputs>>(
  model: M & Model<Inputs>,
  inputs: Inputs,
  options: FamilyOptions,
  run: (inputs: Checked<M>, packing: Packing) => tf.Tensor4D,
): tf.Tensor4D {
  const { name: owner } = model;
  assertOptions(owner, options, model.options ?? FAMILY_OPTIONS);
  if (model.needsAllTokens) assertWhole(owner, options.communicator);
  return tf.tidy(() => {
    const { mask, segments } = options;
    assertOptions(owner, inputs, model.inputs, "input");
    const sizes = new Map<string, number>();
    const tokens = mask && tokensIn(`${owner}'s mask`, mask);
    const read = Object.entries<Kind>(model.inputs).map(([name, kind]) => {
      const x = inputs[name as keyof Inputs] as tf.Tensor | undefined;
      if (x === undefined && kind === "per head or none") return [name, x];
      const called = `${owner}'s ${name}`;
      const axes = AXES[kind].split(", ");
      const shape = axes.map((axis) => sizes.get(axis) ?? null);
      assertShape(called, x!, shape, AXES[kind]);
      assertNumbers(called, x!);
      assertNotEmpty(called, x!);
      axes.forEach((axis, i) => sizes.set(axis, x!.shape[i]!));
      const numbers = floats(called, x!);
      const isVector = VECTORS.includes(kind);
      return [name, isVector ? withoutPadding(numbers, tokens) : numbers];
    });
    const size = [sizes.get("batch")!, sizes.get("length")!] as const;
    return run(Object.fromEntries(read), {
      tokens,
      segments: checkedSegments(segments, size),
    });
  });
}
