/** Inputs and common options of the models of the family. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { AttentionForm } from "../attention/lion_attention.ts";
import { checkedSegments } from "../operations/segments.ts";
import type { TokenRanks } from "../contract/communicator.ts";
import { assertNumbers, floats } from "../contract/floats.ts";
import { assertOptions, optionsOf } from "../contract/options.ts";
import {
  assertNotEmpty,
  assertShape,
  type TensorOf,
} from "../contract/shape.ts";
import { tokensIn, withoutPadding } from "../operations/padding.ts";

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
   * Factor of the products of query and key. @default that of the model's paper
   */
  scale?: number | undefined;
  /**
   * Padding mask, `[batch, length]`: 1 (or not 0) for a token, 0 for padding, which
   * is never read, whatever its vectors hold; the decays of padding still apply.
   */
  mask?: tf.Tensor | undefined;
  /**
   * The segments, int32 `[batch, length]`: which of the sequences packed into a
   * row each token belongs to. Nothing passes between neighbours with different
   * numbers, except NaN, as for lionAttention.
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

/** The specification of an input. */
interface Input {
  /** The names of the input's axes; axes of the same name have the same size in all inputs. */
  readonly axes: string;
  /** Whether the input holds vectors, which are not read at padding. */
  readonly isVector?: true;
  /** Whether the input may be left out. */
  readonly isOptional?: true;
}

/** The specification of queries or keys. */
export const KEYS = {
  axes: "batch, heads, length, headDim",
  isVector: true,
} as const;
/** The specification of values. */
export const VALUES = {
  axes: "batch, heads, length, valueDim",
  isVector: true,
} as const;
/** The specification of an input with one number per channel of a key. */
export const PER_CHANNEL = { axes: "batch, heads, length, headDim" } as const;
/** The specification of an input with one number per token. */
export const PER_TOKEN = { axes: "batch, heads, length" } as const;
/** The specification of an input with one number per head. */
export const PER_HEAD = { axes: "heads" } as const;

/** The specifications of all inputs of a model; the type requires every one of them. */
export type Inputs<T> = { readonly [name in keyof T]-?: Input };

/** The names in a list of axes. */
type Names<Axes extends string> = Axes extends `${infer First}, ${infer Others}`
  ? [First, ...Names<Others>]
  : [Axes];

/** Inputs that are checked, which have the axes that their specifications say. */
export type Checked<Expected extends Inputs<object>> = {
  -readonly [name in keyof Expected]: Expected[name] extends
    infer Of extends Input ?
      | TensorOf<Names<Of["axes"]>>
      | (Of["isOptional"] extends true ? undefined : never)
    : never;
};

/**
 * Checks inputs and converts them to float32, with zeros for vectors at
 * padding. Call it inside `tf.tidy`.
 */
export function readInputs<T extends object, Expected extends Inputs<T>>(
  owner: string,
  inputs: T,
  expected: Expected,
  { mask, segments }: Pick<FamilyOptions, "mask" | "segments">,
): Checked<Expected> & { segments: tf.Tensor2D | undefined } {
  assertOptions(owner, inputs, expected, "input");
  const sizes = new Map<string, number>();
  const tokens = mask && tokensIn(`${owner}'s mask`, mask);
  const read = Object.entries<Input>(expected).map(([name, input]) => {
    const x = inputs[name as keyof T] as tf.Tensor | undefined;
    if (x === undefined && input.isOptional) return [name, x];
    const called = `${owner}'s ${name}`;
    const axes = input.axes.split(", ");
    const shape = axes.map((axis) => sizes.get(axis) ?? null);
    assertShape(called, x!, shape, input.axes);
    assertNumbers(called, x!);
    assertNotEmpty(called, x!);
    axes.forEach((axis, i) => sizes.set(axis, x!.shape[i]!));
    const numbers = floats(called, x!);
    if (!tokens || !input.isVector) return [name, numbers];
    return [name, withoutPadding(numbers, tokens)];
  });
  return {
    ...Object.fromEntries(read),
    segments: checkedSegments(segments, [
      sizes.get("batch")!,
      sizes.get("length")!,
    ]),
  };
}
