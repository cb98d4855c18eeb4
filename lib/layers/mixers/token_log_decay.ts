/** The decay that each token's logits make. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  clampedDecay,
  type Decay,
  selectiveDecay,
} from "../../attention/decays/decay.ts";
import {
  type ClassToken,
  tokenDecays,
  tokenLogDecay,
} from "../../operations/token_decays/token_decays.ts";

/**
 * The log decays log σ(-x) of each token and head, as a decay of the source convention.
 *
 * @param x Logits, `[batch, length, heads]`.
 * @param isOfPairs Whether only the log decays on arriving at each token are read,
 * which one kernel then makes, where there is one.
 */
export function decayOfLogits(
  x: tf.Tensor3D,
  classToken: ClassToken,
  isOfPairs: boolean,
): Decay {
  const pair = isOfPairs ? tokenDecays(x, classToken) : undefined;
  return pair
    ? clampedDecay(pair.forward, pair.backward)
    : selectiveDecay(tokenLogDecay(x, classToken));
}
