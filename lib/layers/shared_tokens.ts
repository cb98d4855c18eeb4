/** Layers in ranks each of which has a part of the tokens. @module */
import type { TokenRanks } from "../contract/communicator.ts";
import { assertTokenRanks } from "../operations/token_ranks.ts";

let current: TokenRanks | undefined;

/**
 * Runs a model on this rank's part of the tokens of each sequence. All ranks call
 * it together, with the tokens in their order, at least one on each. What layers
 * compute is what they would of the whole sequences: attention reads the tokens
 * of all ranks, positions count on from rank to rank, and pooling pools all
 * tokens. Gradients of weights are each rank's share, which add up to the whole.
 *
 * For models and layers of this library with variants `"lit"`, `"d"`, `"s"`,
 * `"gla"`, `"hgrn2"`, `"mamba2"`, `"delta"`, `"gated-delta"` and `"kda"`, in
 * their tokens' own order, without class token and decays of one's own; others
 * say that they need all tokens. Layers of TensorFlow.js's that mix tokens do
 * not say so.
 *
 * Values that dropout drops differ from rank to rank, and so from those that
 * one process drops.
 *
 * @example One rank has all tokens
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder, shareTokens } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 4, depth: 1, numHeads: 2, numClasses: 3, variant: "s",
 * });
 * // openMpi() of @lionjs/lion/mpi gives ranks that exchange.
 * const ranks = { rank: 0, size: 1, exchange: (values: Float32Array) => values };
 * const inputs = [tf.ones([2, 5, 1]), tf.ones([2, 5])];
 * const y = shareTokens(ranks, () => model.predict(inputs) as tf.Tensor);
 * assertEquals(y.shape, [2, 3]);
 * ```
 *
 * @param communicator The ranks.
 * @param run A synchronous function, which has the same layers on each rank.
 * @returns What it returns.
 * @throws {TypeError} If it is no communicator that can exchange.
 * @throws {RangeError} If the backend keeps tensors on a device, or a layer needs
 * all tokens.
 */
export function shareTokens<T>(communicator: TokenRanks, run: () => T): T {
  assertTokenRanks(communicator);
  const outer = current;
  current = communicator;
  try {
    return run();
  } finally {
    current = outer;
  }
}

/** The ranks that share the tokens of the layers that run; none if undefined. */
export function tokenRanks(): TokenRanks | undefined {
  return current;
}
