/** Multi-head attention of a layer: projections, decays, orders and forms. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type Decay,
  fixedDecay,
  logSigmoid,
  noDecay,
  selectiveDecay,
} from "../attention/decay.ts";
import { type FeatureMap, identity } from "../operations/feature_map.ts";
import {
  lionAttention,
  type LionAttentionOptions,
} from "../attention/lion_attention.ts";
import {
  lionAttentionInOrders,
  type Order,
  snakeOrder,
} from "../attention/orders.ts";
import { softmaxAttention } from "../attention/softmax_attention.ts";
import { joinHeads, splitHeads } from "../operations/heads.ts";
import { type AttentionOptions, FEATURE_MAPS } from "./attention_options.ts";
import { applyLinear, linear } from "./linear.ts";
import type { Parameter, Parameters } from "./lion_layer.ts";
import { applyNorm, norm } from "./normalization.ts";
import { nextDropoutSeed } from "./randomness.ts";

/** The ways through the tokens, or `undefined` for their own order. */
function ordersOf(options: AttentionOptions): Order[] | undefined {
  const { variant, order = "raster", grid } = options;
  const decays = variant === "d" || variant === "s";
  if (!decays || order === "raster") return undefined;
  if (order !== "snake") return [...order];
  const first = options.classToken ? 1 : 0;
  return (["rows", "columns"] as const).map((along) =>
    snakeOrder(...grid!, { along, first })
  );
}

/** The names of the decays' parameters, one for each order: a_i, a2_i, a3_i … */
export function decayNames(options: AttentionOptions): string[] {
  const count = ordersOf(options)?.length ?? 1;
  return Array.from({ length: count }, (_, i) => i ? `a${i + 1}_i` : "a_i");
}

/** The parameters of an attention over `dim` columns. */
export function attentionParameters(
  options: AttentionOptions,
  dim: number,
): Parameter[] {
  const { variant, numHeads, outputNorm = false } = options;
  const decays = decayNames(options).flatMap((name): Parameter[] => {
    if (variant === "s") return linear(`${name}.`, dim, numHeads);
    if (variant !== "d") return [];
    return [{ name, shape: [numHeads], initial: { deviation: 1 } }];
  });
  return [
    ...linear("qkv.", dim, 3 * dim),
    ...decays,
    ...(outputNorm ? norm("norm.", dim) : []),
    ...linear("proj.", dim, dim),
  ];
}

/** Queries, keys and values, with the feature map of the variant. */
export function projectHeads(
  x: tf.Tensor3D,
  options: AttentionOptions,
  parameters: Parameters,
): { q: tf.Tensor4D; k: tf.Tensor4D; v: tf.Tensor4D } {
  const { variant, numHeads } = options;
  const name = options.featureMap ??
    (variant === "lit" ? "eluPlusOne" : "shiftedSilu");
  const featureMap: FeatureMap = variant === "softmax"
    ? identity
    : FEATURE_MAPS[name];
  const rows = applyLinear(x, "qkv.", parameters);
  return splitHeads(rows, { numHeads, featureMap });
}

/**
 * Log decays of LION-S, `[batch, heads, length]`, and of LION-D, `[heads]`.
 *
 * LION-S's decay is 1 - sigmoid(W x + b), as in the authors' code, where the
 * paper has sigmoid(W x + b): the same family, and their weights fit.
 */
export function logDecayOf(
  x: tf.Tensor3D,
  name: string,
  options: AttentionOptions,
  parameters: Parameters,
): tf.Tensor {
  if (options.variant === "d") return logSigmoid(parameters(name));
  const logits = tf.transpose(applyLinear(x, `${name}.`, parameters), [
    0,
    2,
    1,
  ]);
  const logDecay = logSigmoid(tf.neg(logits));
  if (!options.classToken) return logDecay;
  const length = logDecay.shape[2]!;
  const decays = tf.concat([tf.zeros([1]), tf.ones([length - 1])]);
  return tf.mul(logDecay, decays);
}

/** From the heads' output to the layer's. */
export function mergeHeads(
  y: tf.Tensor4D,
  options: AttentionOptions,
  parameters: Parameters,
  epsilon: number,
): tf.Tensor3D {
  const rows = joinHeads(y);
  const normal = options.outputNorm
    ? applyNorm(rows, "norm.", parameters, epsilon)
    : rows;
  return applyLinear(normal, "proj.", parameters);
}

/** What attention is called with. */
export interface AttentionCall {
  /** `[batch, length]`, 1 for a token and 0 for padding. */
  readonly mask: tf.Tensor2D | undefined;
  /** `[batch, length]`: a change of number is a border that nothing is read across. */
  readonly segments: tf.Tensor2D | undefined;
  /** Whether dropout is active. */
  readonly training: boolean;
  /** Of normalisations, added to the variance. */
  readonly epsilon: number;
}

/** `[batch, length, dim]` to the same; `x` is finite in padding too. */
export function attend(
  x: tf.Tensor3D,
  options: AttentionOptions,
  parameters: Parameters,
  { mask, segments, training, epsilon }: AttentionCall,
): tf.Tensor3D {
  const { variant, causal = false, normalize = true, form, chunkSize } =
    options;
  const { q, k, v } = projectHeads(x, options, parameters);
  const reading = {
    causal,
    ...(mask ? { mask } : {}),
    ...(segments ? { segments } : {}),
  };
  const run: LionAttentionOptions = {
    ...reading,
    normalize,
    ...(form ? { form } : {}),
    ...(chunkSize ? { chunkSize } : {}),
  };
  const decays = variant === "d" || variant === "s"
    ? decayNames(options).map((name): Decay => {
      const logDecay = logDecayOf(x, name, options, parameters);
      return variant === "d"
        ? fixedDecay(logDecay as tf.Tensor1D)
        : selectiveDecay(logDecay as tf.Tensor3D);
    })
    : [noDecay()];
  const orders = ordersOf(options);
  const y = variant === "softmax"
    ? softmaxAttention(q, k, v, reading)
    : orders
    ? lionAttentionInOrders(
      q,
      k,
      v,
      orders.map((order, i) => ({ order, decay: decays[i]! })),
      run,
    )
    : lionAttention(q, k, v, { ...run, decay: decays[0]! });
  return drop(mergeHeads(y, options, parameters, epsilon), {
    training,
    rate: options.dropout ?? 0,
  });
}

/** Drops values in training. */
export function drop<T extends tf.Tensor>(
  x: T,
  { training, rate }: { training: boolean; rate: number },
): T {
  if (!training || rate === 0) return x;
  return tf.dropout(x, rate, undefined, nextDropoutSeed()) as T;
}
