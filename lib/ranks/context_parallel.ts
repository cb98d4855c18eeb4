/** Layers whose tokens are divided among ranks. @module */
import { type ContextGroup, shown } from "@lionjs/base";
import { inSequence } from "../layers/sequence.ts";
import { assertContextGroup } from "./context_group.ts";
import { sequenceAcross } from "./sequence_part.ts";

/**
 * Runs a model on this rank's part of the tokens of each sequence. All ranks
 * call it together, with the tokens in their order, at least one on each.
 * Layers compute what they would for the whole sequences: attention reads the
 * tokens of all ranks, positions continue from rank to rank, and pooling pools
 * all tokens. Gradients of weights are each rank's share, which add up to the
 * whole.
 *
 * Models and layers of this library support it with the variants `"lit"`,
 * `"d"`, `"s"`, `"gla"`, `"hgrn2"`, `"mamba2"`, `"delta"`, `"gated-delta"` and
 * `"kda"`, with the tokens in their own order, and without class tokens and
 * custom decays; others throw. Layers of TensorFlow.js itself that mix tokens
 * do not throw.
 *
 * Dropout drops different values from those in a single process.
 *
 * @example One rank has all tokens
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { contextParallel, lionEncoder } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 4, depth: 1, numHeads: 2, numClasses: 3, variant: "s",
 * });
 * // openMpi() of @lionjs/lion/mpi gives ranks that exchange.
 * const ranks = { rank: 0, size: 1, exchange: (values: Float32Array) => values };
 * const inputs = [tf.ones([2, 5, 1]), tf.ones([2, 5])];
 * const y = contextParallel(ranks, () => model.predict(inputs) as tf.Tensor);
 * assertEquals(y.shape, [2, 3]);
 * ```
 *
 * @param communicator The ranks.
 * @param run A synchronous function, which runs the same layers on each rank.
 * @returns What `run` returns.
 * @throws {TypeError} If the communicator cannot exchange values.
 * @throws {RangeError} If the backend keeps tensors on a device, or a layer needs
 * all tokens.
 */
export function contextParallel<T>(
  communicator: ContextGroup,
  run: () => T,
): T {
  assertContextGroup(communicator);
  if (typeof run !== "function") {
    throw new TypeError(
      `run should be a function that runs layers, got ${shown(run)}`,
    );
  }
  return inSequence(sequenceAcross(communicator), run);
}
