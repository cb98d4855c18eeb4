import { assertNamed } from "@lionjs/base";

/** The step at which training diverged. */
export interface Divergence {
  /** The number of the step, from 1. */
  readonly step: number;
  /** The loss of the step. */
  readonly loss: number;
  /** The learning rate of the step. */
  readonly learningRate: number;
  /** The norm of the step's gradient, before clipping. */
  readonly gradientNorm: number;
  /**
   * The last checkpoint before the divergence; `undefined` if there is none.
   */
  readonly checkpoint: string | undefined;
}

/**
 * The error thrown when a loss or a gradient is not finite, which spoils the
 * weights.
 *
 * @example A loss of NaN
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import { DivergenceError, train } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 4, depth: 1, numHeads: 1, numClasses: 2, variant: "s",
 * });
 * const data = {
 *   stepsPerEpoch: 1,
 *   async *from() {
 *     while (true) {
 *       const labels = tf.tensor1d([0], "int32");
 *       yield { inputs: [tf.ones([1, 3, 1]), tf.ones([1, 3])], labels, size: 1 };
 *     }
 *   },
 * };
 * const loss = (logits: tf.Tensor): tf.Scalar => tf.log(tf.mul(tf.mean(logits), 0));
 * const { divergence } = await assertRejects(
 *   () => train(model, data, { steps: 5, loss, progress: false }),
 *   DivergenceError,
 * );
 * assertEquals(divergence.step, 1);
 * assertEquals(divergence.loss, -Infinity);
 * ```
 */
export class DivergenceError extends Error {
  /** The name of the error. */
  override readonly name = "DivergenceError";
  /** The step at which training diverged. */
  readonly divergence: Divergence;

  /** Makes the error. */
  constructor(divergence: Divergence) {
    assertNamed("DivergenceError's divergence", divergence);
    const { step, loss, learningRate, gradientNorm, checkpoint } = divergence;
    super(
      `step ${step} reached loss ${loss} and gradient norm ${gradientNorm} ` +
        `with learning rate ${learningRate}; use a lower learning rate, or look ` +
        `for bad values in the data; ${beforeOf(checkpoint)}`,
    );
    this.divergence = divergence;
  }
}

/** A clause for messages that names the last checkpoint before the divergence. */
export function beforeOf(checkpoint: string | undefined): string {
  return checkpoint
    ? `the last checkpoint, ${checkpoint}, is from before`
    : `there is no checkpoint from before`;
}
