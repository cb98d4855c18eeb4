/** The loss of masked diffusion. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertOneOf, assertOptions, optionsOf } from "@lionjs/base";
import {
  crossEntropy,
  sumOfShares,
  wrongClasses,
} from "../training/losses/cross_entropy.ts";
import {
  assertFits,
  counted,
  divisorOf,
  type Loss,
  ownLoss,
} from "../training/losses/loss.ts";

/** Options of {@linkcode diffusionLoss}. */
export interface DiffusionLossOptions {
  /**
   * `"bound"`: the mean over rows of each row's mean over its labels, which is
   * the bound of the likelihood. `"tokens"`: the mean over all labels of the
   * batch, as from `crossEntropy()`, in which rows with many hidden tokens count
   * more. @default "bound"
   */
  weighting?: "bound" | "tokens" | undefined;
}

const OPTIONS = optionsOf<DiffusionLossOptions>()("weighting");

/**
 * Makes the loss of masked diffusion, in nats per token, of logits
 * `[batch, length, vocabulary]` and int32 labels `[batch, length]`, which are
 * -100 where nothing was hidden, as {@linkcode collateDiffusion} makes them.
 *
 * If the number of hidden tokens is uniform from 1 to F, F times the mean over a
 * row's labels is, in expectation, an upper bound of -log p of its F tokens:
 *
 * -log p(x) <= F E_l [mean over l hidden tokens of -log p(x_i | the others)].
 *
 * This equals the bound with a weight of 1 / t by which MDLM, MD4, RADD and LLaDA
 * train, but needs no weight and varies less. Rows without labels are left out;
 * without any label, the loss is 0. Where ranks share the tokens of sequences,
 * only `"tokens"` is the mean of the whole.
 *
 * Sources: Sahoo et al. 2024 (arXiv:2406.07524), Nie et al. 2025
 * (arXiv:2502.09992, eq. 14).
 *
 * @example Each row counts once, however many of its tokens are hidden
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { diffusionLoss } from "@lionjs/lion/diffusion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // Sure of token 0 in the first row, without an opinion in the second.
 * const logits = tf.tensor3d([[[50, 0], [50, 0]], [[0, 0], [0, 0]]]);
 * const labels = tf.tensor2d([[0, 0], [-100, 1]], [2, 2], "int32");
 * const [bound] = await diffusionLoss()(logits, labels).data();
 * assertAlmostEquals(bound!, Math.log(2) / 2, 1e-6);
 * const byTokens = diffusionLoss({ weighting: "tokens" });
 * const [mean] = await byTokens(logits, labels).data();
 * assertAlmostEquals(mean!, Math.log(2) / 3, 1e-6);
 * ```
 *
 * @param options See {@linkcode DiffusionLossOptions}.
 * @returns The loss, for `train` and `evaluate`.
 * @throws {TypeError} If an option is unknown. The loss throws it if labels are
 * not int32 `[batch, length]` for logits `[batch, length, vocabulary]`.
 * @throws {RangeError} If the weighting is no known one.
 */
export function diffusionLoss(options: DiffusionLossOptions = {}): Loss {
  assertOptions("diffusionLoss", options, OPTIONS);
  const { weighting = "bound" } = options;
  assertOneOf("weighting", weighting, ["bound", "tokens"]);
  if (weighting === "tokens") return crossEntropy();
  const loss = (logits: tf.Tensor, labels: tf.Tensor): tf.Scalar => {
    assertFits(logits, labels);
    assertRows(logits);
    return tf.tidy(() => {
      const shares = tf.div(weightsOf(labels), divisorOf(countRows(labels)));
      return sumOfShares(
        tf.reshape(logits, [-1, logits.shape.at(-1)!]),
        tf.reshape(labels, [-1]),
        tf.reshape(shares, [-1]),
      );
    });
  };
  return ownLoss(loss, {
    count: countRows,
    weights: (labels: tf.Tensor) => tf.tidy(() => weightsOf(labels)),
    description: "diffusionLoss",
    ofClasses: true,
    wrongLabels: wrongClasses,
  }) as Loss;
}

/** Throws unless logits are of the tokens of rows. */
function assertRows({ rank, shape }: tf.Tensor): void {
  if (rank === 3) return;
  throw new TypeError(
    `predictions should have shape [batch, length, vocabulary], got [${shape}]; a model has them with output: "tokens"`,
  );
}

/** One over the number of a row's labels at each of them, 0 elsewhere. */
function weightsOf(labels: tf.Tensor): tf.Tensor {
  const counts = counted(labels);
  return tf.div(counts, tf.maximum(tf.sum(counts, -1, true), 1));
}

/** The number of rows that have a label. */
function countRows(labels: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.sum(tf.max(counted(labels), -1)));
}
