/** LION as a mixer: projections, decays, orders and forms. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Decay } from "../../attention/decays/decay.ts";
import {
  attentionWithJoinedHeads,
  type LionAttentionOptions,
} from "../../attention/lion_attention.ts";
import { divided, withOnes } from "../../attention/forms/normalizer.ts";
import {
  multiScanAttention,
  type Order,
  snakeScan,
} from "../../attention/orders.ts";
import { planAttention } from "../../attention/planning/plan.ts";
import { weightRows } from "../../attention/weight_rows.ts";
import { joinHeads, splitHeads } from "../../operations/heads/heads.ts";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { FEATURE_MAPS } from "../options/feature_maps.ts";
import { applyLinear, linear } from "../linear.ts";
import type { Parameters } from "../lion_layer.ts";
import type { Mixer, MixerCall } from "../mixer.ts";
import type { Sequence } from "../sequence.ts";
import { applyNorm, norm } from "../normalization.ts";
import type { LayerDecay } from "./lion_decays.ts";
import { attendNext, projectionOperations } from "./projections.ts";

/** The options of attention that {@linkcode lionMixer} needs, with their defaults filled in. */
export interface LionMixerOptions {
  readonly decay: LayerDecay;
  readonly numHeads: number;
  readonly featureMap: keyof typeof FEATURE_MAPS;
  readonly order: "raster" | "snake" | readonly Order[];
  readonly grid: readonly [rows: number, columns: number] | undefined;
  readonly classToken: boolean;
  readonly normalize: boolean;
  readonly outputNorm: boolean;
  /** Whether a token counts itself in both directions: the mask is then M + I. */
  readonly isImbalanced: boolean;
}

/**
 * Makes the mixer of LION-LIT, LION-D, LION-S or LION with a custom decay.
 *
 * Source: LION (arXiv:2502.16249). Its parameters have the names of the
 * authors' vision code.
 */
export function lionMixer(options: LionMixerOptions): Mixer {
  const { decay, numHeads, normalize } = options;
  const names = decayNames(options);
  const heads = (x: tf.Tensor3D, parameters: Parameters) =>
    splitHeads(applyLinear(x, "qkv.", parameters), {
      numHeads,
      featureMap: FEATURE_MAPS[options.featureMap],
    });
  const merge = (
    rows: tf.Tensor3D,
    parameters: Parameters,
    epsilon: number,
  ) => {
    const normal = options.outputNorm
      ? applyNorm(rows, "norm.", parameters, epsilon)
      : rows;
    return applyLinear(normal, "proj.", parameters);
  };
  const attend = options.isImbalanced ? imbalanced : attendTo;
  const waysOf = (
    x: tf.Tensor3D,
    parameters: Parameters,
    { reversed, sequence }: MixerCall,
  ): Ways => {
    const place = {
      classToken: options.classToken
        ? reversed ? "last" as const : "first" as const
        : undefined,
      // Orders move the decays of tokens, and so do neighbours of a part.
      isOfPairs: !hasOrders(options) && sequence.isWhole,
    };
    return {
      decays: names.map((name) => decay.of(x, name, parameters, place)),
      orders: ordersOf(options, x.shape[1], reversed),
      sequence,
    };
  };
  return {
    sharesTokens: decay.isOfTokens && !options.classToken &&
      !hasOrders(options),
    parameters(shape) {
      const dim = shape.at(-1)!;
      return [
        ...linear("qkv.", dim, 3 * dim),
        ...names.flatMap((name) => decay.parameters(name, shape)),
        ...(options.outputNorm ? norm("norm.", dim) : []),
        ...linear("proj.", dim, dim),
      ];
    },
    apply(x, parameters, call) {
      const { q, k, v } = heads(x, parameters);
      const ways = waysOf(x, parameters, call);
      const settings = { ...optionsOf(call), normalize };
      const { decays, orders, sequence } = ways;
      const rows = options.isImbalanced || orders || !sequence.isWhole
        ? joinHeads(attend({ q, k, v }, ways, settings))
        : attentionWithJoinedHeads(q, k, v, { ...settings, decay: decays[0]! });
      return merge(rows, parameters, call.epsilon);
    },
    weights(x, parameters, call, rows) {
      const { q, k, v } = heads(x, parameters);
      const ways = waysOf(x, parameters, call);
      const settings = { ...optionsOf(call), normalize };
      return weightRows((v) => attend({ q, k, v }, ways, settings), v, rows);
    },
    step(x, parameters, before, { mask, epsilon }) {
      const vectors = heads(x, parameters);
      const { logDecay, convention } = stateLogDecays(
        decay.of(x, names[0]!, parameters, {
          classToken: undefined,
          isOfPairs: false,
        }),
      );
      const inputs = { ...vectors, logDecay };
      const how = { normalize, convention };
      const { y, state } = attendNext(inputs, before, mask, how);
      return { y: merge(joinHeads(y), parameters, epsilon), state };
    },
    operations: projectionOperations,
    cost(shape, { form, chunkSize, causal, segments }) {
      const [batch, length, dim] = shape as [number, number, number];
      const headDim = dim / numHeads;
      const plan = planAttention({
        ...{ batch, heads: numHeads, length, headDim, valueDim: headDim },
        ...{ form, chunkSize, causal, normalize },
        decays: decay.fades || segments,
        diagonal: decay.isDiagonal ?? false,
        precision: "f32",
      });
      return {
        operations: names.length * plan.operations,
        bytes: names.length * plan.bytes,
        peakBytes: plan.peakBytes,
      };
    },
  };
}

/** Whether the tokens are read in other orders than their own. */
function hasOrders({ decay, order }: LionMixerOptions): boolean {
  // Without decay, the order of the tokens does not change the output.
  return decay.fades && order !== "raster";
}

/** Names of the decays' parameters, one per order: a_i, a2_i, a3_i and so on. */
function decayNames(options: LionMixerOptions): string[] {
  const ways = !hasOrders(options)
    ? 1
    : options.order === "snake"
    ? 2
    : options.order.length;
  return Array.from({ length: ways }, (_, i) => i ? `a${i + 1}_i` : "a_i");
}

/** The orders in which tokens are read, or `undefined` if only their own. */
function ordersOf(
  options: LionMixerOptions,
  length: number,
  reversed: boolean,
): Order[] | undefined {
  if (!hasOrders(options)) return undefined;
  const { order, grid } = options;
  const first = options.classToken ? 1 : 0;
  const orders = typeof order === "string"
    ? (["rows", "columns"] as const).map((along) =>
      snakeScan(...grid!, { along, first })
    )
    : [...order];
  // Where tokens are reversed, the orders' indices count from the end.
  return reversed
    ? orders.map((order) => order.toReversed().map((at) => length - 1 - at))
    : orders;
}

function optionsOf(call: MixerCall): Omit<LionAttentionOptions, "decay"> {
  const { causal, form, chunkSize, mask, segments } = call;
  return { causal, form, chunkSize, mask, segments };
}

interface Heads {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
}

/** The orders in which tokens of a sequence are read, and the decay of each. */
interface Ways {
  readonly decays: readonly Decay[];
  readonly orders: readonly Order[] | undefined;
  readonly sequence: Sequence;
}

/**
 * Attention in the tokens' order, or along several orders:
 * `[batch, heads, length, valueDim]`.
 */
function attendTo(
  { q, k, v }: Heads,
  { decays, orders, sequence }: Ways,
  options: Omit<LionAttentionOptions, "decay">,
): tf.Tensor4D {
  if (!orders) {
    return sequence.lionAttention(q, k, v, { ...options, decay: decays[0]! });
  }
  const ways = orders.map((order, i) => ({ order, decay: decays[i]! }));
  return multiScanAttention(q, k, v, ways, options);
}

/**
 * Attention with the mask M + I, where a token's own weight counts twice;
 * `[batch, heads, length, valueDim]`.
 */
function imbalanced(
  { q, k, v }: Heads,
  ways: Ways,
  { normalize, ...options }: Omit<LionAttentionOptions, "decay">,
): tf.Tensor4D {
  const values = normalize ? withOnes(v) : v;
  const sums = attendTo({ q, k, v: values }, ways, {
    ...options,
    normalize: false,
  });
  const scores = tf.div(tf.sum(tf.mul(q, k), 3, true), Math.sqrt(q.shape[3]));
  const own: tf.Tensor4D = tf.mul(scores, values);
  const { mask } = options;
  const all: tf.Tensor4D = tf.add(sums, mask ? withoutPadding(own, mask) : own);
  return normalize ? divided(all, 1e-6, mask) : all;
}

/** The log decays of the recurrent state from token to token, and their convention. */
function stateLogDecays(decay: Decay): {
  logDecay?: tf.Tensor1D | tf.Tensor3D | tf.Tensor4D;
  convention?: "source" | "arrival";
} {
  switch (decay.kind) {
    case "two-sided":
    case "two-sided-diagonal":
      return { logDecay: decay.forward, convention: "arrival" };
    case "fixed":
      return { logDecay: decay.logDecay };
    case "selective":
    case "diagonal":
      return { logDecay: decay.logDecay, convention: decay.convention };
    default:
      return {};
  }
}
