/** Which positions of a layer's input are tokens, and which are padding. @module */
import * as tf from "@tensorflow/tfjs-core";
import { tokensIn } from "../operations/padding/padding.ts";

/**
 * Combines padding masks by their product: 1 for a token, 0 for padding.
 *
 * @param layer The layer's name, for messages.
 * @param x `[batch, length, ...]`
 * @param masks Each `[batch, length]` or undefined.
 * @throws {TypeError} If a mask's shape differs from that of the tokens.
 * @throws {Error} If a mask is disposed of.
 */
export function tokensAmong(
  layer: string,
  x: tf.Tensor,
  masks: readonly (tf.Tensor | null | undefined)[],
): tf.Tensor2D | undefined {
  const given = masks.filter((mask) => mask != null);
  for (const mask of given) assertMask(layer, x, mask);
  return given.map((mask) => tokensIn("mask", mask)).reduce<
    tf.Tensor | undefined
  >(
    (all, mask) => all ? tf.mul(all, mask) : mask,
    undefined,
  ) as tf.Tensor2D | undefined;
}

function assertMask(layer: string, x: tf.Tensor, mask: tf.Tensor): void {
  if (mask.isDisposed) {
    throw new Error(
      `the mask that came to ${layer} with its input is disposed of; ` +
        "clone the input to continue without it, or pass a mask as second input",
    );
  }
  const [batch, length] = x.shape;
  const { shape } = mask;
  if (shape.length === 2 && shape[0] === batch && shape[1] === length) return;
  throw new TypeError(
    `the mask of ${layer} should be [batch, length] = [${batch}, ${length}], ` +
      `got shape [${shape}]`,
  );
}
