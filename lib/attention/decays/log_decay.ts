/** Checks of log decays: logarithms of numbers from 0 to 1, so at most 0. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertNotEmpty, assertNumbers } from "@lionjs/tfjs/kernel";
import { runInReplays, valuesAtHand } from "@lionjs/tfjs/record";

/** The most values that a check looks at. */
const LOOKED_AT = 256;

/** The most by which rounding may lift a difference of two log decays above 0. */
const ROUNDING = 1e-3;

/**
 * Throws unless a tensor can hold log decays, which decays without their
 * logarithm are not. The first values are looked at where that waits for no
 * device; `checkDecay` reads all of them.
 *
 * @param logDecay The tensor, of one number a head or of tokens.
 * @throws {RangeError} If it is empty, one of a head's values is above 0, or all
 * that are looked at are from 0 to 1.
 */
export function assertLogDecay(name: string, logDecay: tf.Tensor): void {
  assertNumbers(name, logDecay);
  assertNotEmpty(name, logDecay);
  runInReplays([logDecay], ([logDecay]) => assertValues(name, logDecay!));
}

function assertValues(name: string, logDecay: tf.Tensor): void {
  const given = valuesAtHand(logDecay, LOOKED_AT);
  if (!given) return;
  const count = Math.min(logDecay.size, LOOKED_AT);
  const values = Array.from({ length: count }, (_, i) => given[i]!);
  // Padding may hold anything, so that one token's value alone says nothing.
  const areDecays = logDecay.rank === 1 ||
    values.every((value) => value >= 0 && value <= 1);
  const at = values.findIndex((value) => value > ROUNDING);
  if (areDecays && at >= 0) throw notLogDecay(name, logDecay, at, values[at]!);
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
