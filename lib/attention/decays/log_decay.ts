/** What a log decay must be: the logarithm of a number from 0 to 1, so at most 0. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertNumbers } from "../../contract/floats.ts";
import { assertNotEmpty } from "../../contract/shape.ts";
import { valuesAtHand } from "../../contract/values_at_hand.ts";

/**
 * How many values are looked at: a decay given without its logarithm has hardly
 * one that is not above 0.
 */
const LOOKED_AT = 256;

/** What rounding may leave above 0 where log decays are differences of others. */
const ROUNDING = 1e-4;

/**
 * Throws unless a tensor can hold log decays. Of its values, the first ones are
 * looked at where that waits for no device; `checkDecay` reads all of them.
 *
 * @param name The caller's name for the tensor.
 * @param logDecay The tensor.
 * @throws {TypeError} If it is not numeric.
 * @throws {RangeError} If it is empty, or one of the values is above 0.
 */
export function assertLogDecay(name: string, logDecay: tf.Tensor): void {
  assertNumbers(name, logDecay);
  assertNotEmpty(name, logDecay);
  const values = valuesAtHand(logDecay, LOOKED_AT);
  if (!values) return;
  const count = Math.min(logDecay.size, LOOKED_AT);
  for (let i = 0; i < count; i++) {
    // NaN is left to what finds where a training has diverged.
    if (values[i]! > ROUNDING) throw notLogDecay(name, logDecay, i, values[i]!);
  }
}

/** The error of a value that is no log decay; `at` counts in row-major order. */
export function notLogDecay(
  name: string,
  { shape }: tf.Tensor,
  at: number,
  value: number,
): RangeError {
  const strides = tf.util.computeStrides(shape);
  const index = tf.util.indexToLoc(at, shape.length, strides).join(", ");
  return new RangeError(
    `${name} should hold logarithms of decays, all <= 0, got ${value} at [${index}]; take the logarithm of a decay, or logSigmoid of a logit`,
  );
}
