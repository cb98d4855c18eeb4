/** Inputs and common options of the models of the family. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  ATTENTION_OF_WHOLE,
  type AttentionFunctions,
} from "../attention/attention_functions.ts";
import type { DeltaAttentionOptions } from "../attention/delta_attention.ts";
import type { AttentionForm } from "../attention/lion_attention.ts";
import { checkedSegments } from "../operations/segments.ts";
import {
  assertNotEmpty,
  assertNumbers,
  assertShape,
  floats,
  type TensorOf,
} from "@lionjs/tfjs/kernel";
import {
  assertOptions,
  type OptionNames,
  optionsOf,
  shown,
} from "@lionjs/base";
import { tokensIn, withoutPadding } from "../operations/padding/padding.ts";

/** Options of the models that need all tokens of a sequence. */
export interface WholeSequenceOptions {
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
}

/** The names of the options of {@linkcode WholeSequenceOptions}. */
export const WHOLE_SEQUENCE_OPTIONS = optionsOf<WholeSequenceOptions>()(
  "causal form chunkSize scale mask segments",
);

/** Options of most models of the family, in which only attention mixes tokens. */
export interface FamilyOptions extends WholeSequenceOptions {
  /**
   * The functions that compute attention; `acrossRanks` of `@lionjs/lion` gives those
   * of ranks that share the tokens. @default those of a process that has all tokens
   */
  attention?: AttentionFunctions | undefined;
}

/** The names of the options of {@linkcode FamilyOptions}. */
export const FAMILY_OPTIONS = optionsOf<FamilyOptions>()(
  WHOLE_SEQUENCE_OPTIONS,
  "attention",
);

/** Options of the models whose tokens change the state by a matrix, which have two forms. */
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
  "per token or none": "batch, heads, length",
  "per angle or none": "batch, heads, length, angles",
  "per level": "batch, heads, length, levels",
  "per head": "heads",
  "per head or none": "heads",
  "per head and channel": "heads, headDim",
  "keys of steps": "batch, heads, length, steps, headDim",
  "values of steps": "batch, heads, length, steps, valueDim",
  "per step": "batch, heads, length, steps",
  "state or none": "batch, heads, headDim, valueDim",
} as const;

type Kind = keyof typeof AXES;

/** The kinds of inputs that may be left out. */
type Optional = Extract<Kind, `${string} or none`>;

/** The kinds of inputs that no model reads at padding. */
const VECTORS: readonly Kind[] = ["keys", "values", "per level"];

/**
 * The facts about a model by which {@linkcode runModel} checks its inputs and
 * options.
 */
export interface Model<Inputs> {
  /** The name of the model's function. */
  readonly name: string;
  /** The kinds of all inputs; queries are of the kind of keys. */
  readonly inputs: { readonly [name in keyof Inputs]-?: Kind };
  /** The names of the options. @default FAMILY_OPTIONS */
  readonly options?: Partial<OptionNames<FamilyOptions>>;
  /** Whether padding is skipped, so that no input is read there. @default vectors are not */
  readonly skipsPadding?: true;
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
      | (K extends Optional ? undefined : never)
    : never;
};

/** A call of a model: attention with the options of the call, and which tokens there are. */
interface ModelCall extends AttentionFunctions {
  /** The tokens that are no padding, `[batch, length]`. */
  readonly tokens: tf.Tensor2D | undefined;
  /** `[batch, length]` */
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
  run: (inputs: Checked<M>, call: ModelCall) => tf.Tensor4D,
): tf.Tensor4D {
  const { name: owner } = model;
  assertOptions<object>(owner, options, model.options ?? FAMILY_OPTIONS);
  const attention = attentionOf(owner, options);
  return tf.tidy(() => {
    const { mask, segments } = options;
    assertOptions(owner, inputs, model.inputs, "input");
    const sizes = new Map<string, number>();
    const tokens = mask && tokensIn(`${owner}'s mask`, mask);
    const read = Object.entries<Kind>(model.inputs).map(([name, kind]) => {
      const x = inputs[name as keyof Inputs] as tf.Tensor | undefined;
      if (x === undefined && kind.endsWith(" or none")) return [name, x];
      const called = `${owner}'s ${name}`;
      const axes = AXES[kind].split(", ");
      const shape = axes.map((axis) => sizes.get(axis) ?? null);
      assertShape(called, x!, shape, AXES[kind]);
      assertNumbers(called, x!);
      assertNotEmpty(called, x!);
      axes.forEach((axis, i) => sizes.set(axis, x!.shape[i]!));
      const numbers = floats(called, x!);
      const isHidden = VECTORS.includes(kind) ||
        model.skipsPadding && axes.includes("length");
      return [name, isHidden ? hidden(numbers, tokens) : numbers];
    });
    const size = [sizes.get("batch")!, sizes.get("length")!] as const;
    return run(Object.fromEntries(read), {
      ...attention,
      tokens,
      segments: checkedSegments(segments, size),
    });
  });
}

/** An input, `[batch, heads, length, ...]`, with zeros at padding. */
function hidden(x: tf.Tensor, tokens: tf.Tensor2D | undefined): tf.Tensor {
  if (x.rank === 4) return withoutPadding(x, tokens);
  const rows = tf.reshape(x, [...x.shape.slice(0, 3), -1]);
  return tf.reshape(withoutPadding(rows, tokens), x.shape);
}

/** The functions of attention that a call asks for, with its options filled in. */
function attentionOf(
  owner: string,
  { attention = ATTENTION_OF_WHOLE, ...options }: FamilyOptions,
): AttentionFunctions {
  const { lionAttention, deltaAttention, transitionAttention } = attention;
  const functions = [lionAttention, deltaAttention, transitionAttention];
  if (functions.some((each) => typeof each !== "function")) {
    throw new TypeError(
      `${owner}'s attention should have the functions lionAttention, deltaAttention and transitionAttention, as acrossRanks() gives them, got ${
        shown(attention)
      }`,
    );
  }
  const { causal, form, chunkSize, scale, mask, segments } = options;
  const given = { causal, form, chunkSize, scale, mask, segments };
  // Transitions refuse the forms that they do not have.
  const ofTransitions = given as DeltaAttentionOptions;
  return {
    lionAttention: (q, k, v, own) =>
      lionAttention(q, k, v, { ...given, ...own }),
    deltaAttention: (q, k, v, beta, own) =>
      deltaAttention(q, k, v, beta, { ...ofTransitions, ...own }),
    transitionAttention: (q, k, v, a, b, own) =>
      transitionAttention(q, k, v, a, b, { ...ofTransitions, ...own }),
  };
}
