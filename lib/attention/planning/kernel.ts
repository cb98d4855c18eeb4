/**
 * The forms of attention as kernels, where the current backend has them.
 *
 * This file defines the inputs and outputs of the kernels, and imports none of
 * them. A form without a kernel runs in tfjs operations, which are also the
 * reference for the kernels (`kernel: false`).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  hasKernel,
  type KernelPlan,
  type Operation,
  planKernel,
  type Refusal,
  runKernel,
} from "@lionjs/tfjs/kernel";
import { selectTokens } from "../../operations/padding/padding.ts";
import {
  type AttentionInputs,
  type AttentionSettings,
  type ConcreteForm,
  formInputs,
  type PlannedForm,
  repeatHeads,
} from "../forms/form.ts";
import { attentionAlong, type Sources } from "../forms/along.ts";
import { betweenTokens } from "../forms/paths.ts";
import { runPlain } from "../forms/run_plain.ts";
import type { DecayPair } from "../decays/decay_pair.ts";
import { joinHeads } from "../../operations/heads/heads.ts";

/**
 * The kernel of each form: inputs `q, k, v, f?, b?, mask?`, outputs `y` and the
 * row sums. Log decays f and b are `[batch, heads, length]`, or
 * `[batch, heads, length, headDim]` if diagonal; the latter may be
 * -Infinity. With a mask, q, k, v and dy come with zeros at padding, and y, dq,
 * dk and dv have zeros there.
 *
 * A kernel that takes states has the further inputs `before?, after?`, which
 * stand for tokens before and after those given (`with_state.ts`). With the
 * attribute `states` it also outputs the states after these tokens: the forward
 * one and, unless causal, the backward one.
 */
export const ATTENTION: Readonly<
  Record<ConcreteForm, Operation<"y", "rowSums" | "forward" | "backward">>
> = {
  full: attention("LionFull"),
  blockwise: attention("LionBlockwise"),
  recurrent: attention("LionRecurrent"),
  chunkwise: attention("LionChunkwise"),
};

/**
 * The chunkwise kernel of queries and keys that all heads share,
 * `[batch, 1, length, headDim]`; without it, they are repeated for each head.
 */
export const SHARED_CHUNKWISE: typeof ATTENTION[ConcreteForm] = attention(
  "LionSharedChunkwise",
);

/**
 * The chunkwise kernel of scalar decays or none that writes the heads of each token side
 * by side: y, and the gradient of it, are `[batch, length, heads · valueDim]`.
 */
export const JOINED_HEADS_CHUNKWISE: typeof ATTENTION[ConcreteForm] = {
  ...attention("LionJoinedChunkwise"),
  plain: (tensors: KernelTensors, attributes: KernelAttributes) => ({
    y: joinHeads(attendPlainly(tensors, attributes)),
  }),
  along: (
    tensors: KernelTensors,
    directions: Partial<KernelTensors>,
    attributes: KernelAttributes,
  ) => ({ y: joinHeads(attendAlong(tensors, directions, attributes)) }),
};

/** Whether the current backend has a form's kernel for shared keys. */
export function hasSharedKernel(form: ConcreteForm): boolean {
  return form === "chunkwise" && hasKernel(SHARED_CHUNKWISE);
}

function attention(kernel: string): typeof ATTENTION[ConcreteForm] {
  return {
    kernel,
    gradientsIn: ["q", "k", "v", "f", "b"],
    outputs: ["y"],
    further: ["rowSums", "forward", "backward"],
    gradientReads: ["y", "rowSums"],
    prepare: (name, x, { mask }) =>
      mask && HAVE_PADDING.has(name) ? selectTokens(x, mask as tf.Tensor2D) : x,
    plain: (tensors: KernelTensors, attributes: KernelAttributes) => ({
      y: attendPlainly(tensors, attributes),
    }),
    along: (
      tensors: KernelTensors,
      directions: Partial<KernelTensors>,
      attributes: KernelAttributes,
    ) => ({ y: attendAlong(tensors, directions, attributes) }),
  };
}

/** The inputs of the kernels that have gradients, and the mask. */
type KernelTensors = {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
  readonly f?: tf.Tensor;
  readonly b?: tf.Tensor;
  readonly mask?: tf.Tensor2D;
};

/** The output of the kernels of all forms, in chunks. */
function attendPlainly(
  { q, k, v, f, b, mask }: KernelTensors,
  settings: AttentionSettings,
): tf.Tensor4D {
  const decays = f ? { forward: f, backward: b ?? null } as DecayPair : null;
  return runPlain(
    { form: "chunkwise", chunkSize: PLAIN_CHUNK },
    { q, k, v, decays, tokens: mask },
    settings,
  );
}

/** How the output of the kernels of all forms changes along directions of their inputs. */
function attendAlong(
  { mask, ...given }: KernelTensors,
  directions: Partial<KernelTensors>,
  { scale, normalize, epsilon }: KernelAttributes,
): tf.Tensor4D {
  const heads = given.v.shape[1];
  const prepared = <T extends Partial<KernelTensors>>(tensors: T): T => ({
    ...tensors,
    ...tensors.q && { q: tf.mul(repeatHeads("q", tensors.q, heads), scale) },
    ...tensors.k && { k: repeatHeads("k", tensors.k, heads) },
  });
  return attentionAlong(
    prepared(given),
    prepared(directions),
    mask,
    normalize ? epsilon : undefined,
    attend,
  );
}

/**
 * Attention without scale and division, by the chunkwise kernel if it takes the problem;
 * causal where there is an f and no b.
 */
export function attend({ q, k, v, f, b }: Sources): tf.Tensor4D {
  const causal = f !== undefined && b === undefined;
  const [batch, heads, length, headDim] = q.shape;
  const settings = { causal, scale: 1, normalize: false, epsilon: 0 };
  const plan = planForm("chunkwise", {
    ...{ batch, heads, length, headDim, valueDim: v.shape[3], causal },
    ...{ decays: f !== undefined, diagonal: f?.rank === 4, normalize: false },
    ...{ chunkSize: undefined, precision: "f32" },
  });
  if ("refusal" in plan || plan.gradientRefusal) {
    const tensors = { q, k, v, ...f && { f }, ...b && { b } };
    return attendPlainly(tensors, settings);
  }
  const attributes: KernelAttributes = {
    ...{ ...settings, chunkSize: plan.chunkSize ?? 1, precision: "f32" },
  };
  const inputs = { q, k, v, f, b };
  return runKernel(ATTENTION.chunkwise, inputs, attributes).y as tf.Tensor4D;
}

/** Tokens per chunk where operations of tfjs run. */
const PLAIN_CHUNK = 64;

/** The names of tensors that may hold anything at padding. */
const HAVE_PADDING = new Set(["q", "k", "v", "dy"]);

/**
 * The precision in which a kernel multiplies: as given, or rounded to 16 bits;
 * sums have 32 bits in both cases.
 */
export type Precision = "f32" | "f16";

/** The attributes of the kernels of a form; if causal, there is no `b`. */
export interface KernelAttributes extends AttentionSettings {
  /** Tokens per chunk or tile, as planned by the kernel; 1 without any. */
  readonly chunkSize: number;
  /** The precision of the factors of products. */
  readonly precision: Precision;
  /** Whether the forward kernel outputs states. @default false */
  readonly states?: boolean;
  /** Whether y and its gradient have the heads of a token side by side. @default false */
  readonly joinsHeads?: boolean;
}

/** The sizes of an attention problem. */
export interface AttentionSizes {
  /** The number of sequences. */
  readonly batch: number;
  /** The number of heads of v. */
  readonly heads: number;
  /** The number of heads of q and k: `heads`, or 1 that all share. @default heads */
  readonly keyHeads?: number;
  /** The number of tokens of a sequence. */
  readonly length: number;
  /** The number of columns of q and k per head. */
  readonly headDim: number;
  /** The number of columns of v per head. */
  readonly valueDim: number;
}

/** The problem that a caller asks a kernel to compute. */
export interface KernelRequest extends AttentionSizes {
  /** Whether there are log decays. */
  readonly decays: boolean;
  /** Whether the decays are diagonal, one per channel of the keys. @default false */
  readonly diagonal?: boolean;
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Whether rows are divided by their sum. */
  readonly normalize: boolean;
  /** Tokens per chunk; if undefined, the kernel chooses. */
  readonly chunkSize: number | undefined;
  /** The precision of the factors of products. */
  readonly precision: Precision;
  /** Whether the kernel takes and outputs states. @default false */
  readonly states?: boolean;
}

/** The properties of a problem that its plan depends on. */
export interface PlannedProblem extends Omit<KernelRequest, "states"> {
  /** The form that the caller asked for. */
  readonly form: string;
  /** Whether a fused kernel may run. @default true */
  readonly kernel?: boolean;
  /** Whether a gradient will be computed. @default false */
  readonly withGradient?: boolean;
}

/** Whether all weights are 1, so that there is no mask to apply or to split. */
export function maskless(
  { decays, causal }: Pick<KernelRequest, "decays" | "causal">,
): boolean {
  return !decays && !causal;
}

/** A kernel's refusal of diagonal decays. */
export function refuseDiagonal(backend: string, form: ConcreteForm): Refusal {
  return {
    refusal:
      `the ${backend} kernel of the ${form} form does not support diagonal decays`,
  };
}

/** The current backend's plan for a form. */
export function planForm(
  form: ConcreteForm,
  request: KernelRequest,
): KernelPlan | Refusal {
  const plan = planKernel(ATTENTION[form], request);
  if (plan) return plan;
  const backend = tf.getBackend();
  return {
    refusal: hasKernel(ATTENTION.chunkwise)
      ? `backend ${backend} has no kernel of the ${form} form`
      : `backend ${backend} has no kernel of its own`,
  };
}

/**
 * Runs the current backend's kernel of a form, as {@linkcode planForm} has
 * planned it; differentiable in all inputs except `tokens`. Heads that share q
 * and k are repeated, unless the backend has a kernel for them
 * ({@linkcode hasSharedKernel}). Call it inside `tf.tidy`.
 *
 * @returns `[batch, heads, length, valueDim]`; where the attribute `joinsHeads` asks for it
 * and the backend has a kernel for that, `[batch, length, heads · valueDim]`.
 */
export function runFused(
  { form, chunkSize }: PlannedForm,
  { q, k, v, decays, tokens }: AttentionInputs,
  { epsilon, joinsHeads, ...settings }: Omit<KernelAttributes, "chunkSize">,
): tf.Tensor {
  const heads = v.shape[1];
  const isShared = q.shape[1] < heads && hasSharedKernel(form);
  const [queries, keys] = isShared
    ? [q, k]
    : [repeatHeads("q", q, heads), repeatHeads("k", k, heads)];
  const pair = decays && tokens ? betweenTokens(decays, tokens) : decays;
  const [, , , f, b] = formInputs(queries, keys, v, pair);
  const joinsInKernel = joinsHeads && form === "chunkwise" && !isShared &&
    f?.rank !== 4 && hasKernel(JOINED_HEADS_CHUNKWISE);
  const { y } = runKernel(
    isShared
      ? SHARED_CHUNKWISE
      : joinsInKernel
      ? JOINED_HEADS_CHUNKWISE
      : ATTENTION[form],
    { q: queries, k: keys, v, f, b, mask: tokens },
    {
      ...settings,
      chunkSize: chunkSize ?? 1,
      epsilon: kernelEpsilon(epsilon, tokens),
    },
  );
  return y;
}

/** The smallest epsilon of a kernel with padding, whose rows sum to 0: 0 / 0 would be NaN. */
const SMALLEST_EPSILON = 1e-30;

/** The epsilon of a kernel, which is above 0 where there is padding. */
export function kernelEpsilon(
  epsilon: number,
  tokens: tf.Tensor2D | undefined,
): number {
  return tokens ? Math.max(epsilon, SMALLEST_EPSILON) : epsilon;
}
