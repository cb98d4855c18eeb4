/** Attention of ranks in place of that of one process. @module */
import type { AttentionFunctions } from "../attention/attention_functions.ts";
import type { ContextGroup } from "@lionjs/base";
import { attentionAcrossRanks } from "./attention.ts";
import { assertContextGroup } from "./context_group.ts";
import { attendAcrossRanks, deltaAcrossRanks } from "./delta_attention.ts";

/**
 * `attentionAcrossRanks`, `deltaAcrossRanks` and their like of `transitionAttention`, with these ranks, for what computes
 * with the functions of attention that it is given, such as the models of
 * `@lionjs/lion/family`.
 *
 * @example A model of the family, whose only rank has all tokens
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { acrossRanks } from "@lionjs/lion";
 * import { gatedLinearAttention } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // openMpi() of @lionjs/lion/mpi gives ranks that exchange.
 * const communicator = { rank: 0, size: 1, exchange: (values: Float32Array) => values };
 * const x = tf.ones([1, 2, 5, 4]);
 * const y = gatedLinearAttention(
 *   { q: x, k: x, v: x, logDecay: tf.neg(x) },
 *   { attention: acrossRanks(communicator) },
 * );
 * assertEquals(y.shape, [1, 2, 5, 4]);
 * ```
 *
 * @param communicator The ranks that share the tokens of every sequence, in order.
 * @returns The functions of attention on this rank's tokens.
 * @throws {TypeError} If the communicator cannot exchange values.
 * @throws {RangeError} If the backend keeps tensors on a device.
 */
export function acrossRanks(communicator: ContextGroup): AttentionFunctions {
  assertContextGroup(communicator);
  return {
    lionAttention: (q, k, v, options) =>
      attentionAcrossRanks(q, k, v, { ...options, communicator }),
    deltaAttention: (q, k, v, beta, options) =>
      deltaAcrossRanks(q, k, v, beta, { ...options, communicator }),
    transitionAttention: (q, k, v, a, b, options) =>
      attendAcrossRanks(
        "transitionAttention",
        { q, k, v, a, b },
        { ...options, communicator },
      ),
  };
}
