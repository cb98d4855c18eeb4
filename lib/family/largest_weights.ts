/**
 * The largest weight that each token reads, relative to which its weights are
 * computed.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { composed } from "@lionjs/tfjs/record";
import { shifted } from "../operations/shift.ts";

/** The grid to which logarithms of weights are rounded up. */
const GRID = 2 ** -14;

/**
 * Finds, for each reader i, the largest `log M_ij + w_j` over sources j on one
 * side: the logarithm of the source's weight times its mask M.
 *
 * Exponents are taken relative to this maximum, so that none is above 0. Any
 * reference would do, since it cancels, as long as all use the same one. So its
 * gradient is zero, and w and the log decays are rounded up to a grid of 2^-14:
 * sums and differences of such numbers are exact in float32, up to 1024, and no
 * errors add up over a sequence.
 *
 * It works by doubling: the maximum over 2^n neighbours comes from two maxima
 * over 2^(n-1) each.
 *
 * @param logWeights `[batch, heads, length]`
 * @param logDecays `[batch, heads, length]`, <= 0, finite, applied on arrival.
 * @param side Whether the sources are before their readers or after them.
 * @returns `[batch, heads, length]`, the reader's own weight included.
 */
export function largestWeights(
  logWeights: tf.Tensor3D,
  logDecays: tf.Tensor3D,
  side: "before" | "after",
): tf.Tensor3D {
  const scan = tf.customGrad((logWeights, logDecays, save) => {
    (save as tf.GradSaveFunc)([logWeights as tf.Tensor]);
    const given = {
      logWeights: logWeights as tf.Tensor3D,
      logDecays: logDecays as tf.Tensor3D,
    };
    return {
      value: composed(
        "LionLargestWeights",
        given,
        { side },
        () => largest(given.logWeights, given.logDecays, side),
      ),
      gradFunc: (_dy: tf.Tensor, [like]: tf.Tensor[]) => [
        tf.zerosLike(like!),
        tf.zerosLike(like!),
      ],
    };
  });
  return scan(logWeights, logDecays) as tf.Tensor3D;
}

/** The value of {@linkcode largestWeights}, without a gradient. */
function largest(
  logWeights: tf.Tensor3D,
  logDecays: tf.Tensor3D,
  side: "before" | "after",
): tf.Tensor3D {
  const rounded = (x: tf.Tensor3D): tf.Tensor3D =>
    tf.mul(tf.ceil(tf.div(x, GRID)), GRID);
  const length = logWeights.shape[2];
  return tf.tidy(() => {
    let known = rounded(logWeights);
    // The log decays of the paths from the tokens `distance` away.
    let decays = rounded(logDecays);
    for (let distance = 1; distance < length; distance *= 2) {
      const by = side === "before" ? distance : -distance;
      // Beyond the sequence there are no sources: their log weights are the lowest.
      const others = shifted(known, by, 2, LOWEST);
      known = tf.maximum(known, tf.add(others, decays));
      decays = tf.add(shifted(decays, by, 2), decays);
    }
    return known;
  });
}

/** A number below every logarithm of a weight, and far from the limit of float32. */
const LOWEST = -1e6;
