/** Which positions of a layer's input are tokens, and which are padding. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * Which positions are tokens, 1, and which are padding, 0: the product of all
 * masks.
 *
 * @param layer Its name, for messages.
 * @param x `[batch, length, ...]`
 * @param masks Each `[batch, length]`, or not there.
 * @throws {TypeError} If a mask has another shape than the tokens.
 * @throws {Error} If a mask is disposed of.
 */
export function tokensAmong(
  layer: string,
  x: tf.Tensor,
  masks: readonly (tf.Tensor | null | undefined)[],
): tf.Tensor2D | undefined {
  const given = masks.filter((mask) => mask != null);
  for (const mask of given) assertMask(layer, x, mask);
  return given.map(floats).reduce<tf.Tensor | undefined>(
    (all, mask) => all ? tf.mul(all, mask) : mask,
    undefined,
  ) as tf.Tensor2D | undefined;
}

/** 1 for true. tfjs-webgpu's cast only relabels; a product makes floats of it. */
function floats(mask: tf.Tensor): tf.Tensor {
  return mask.dtype === "float32" ? mask : tf.mul(tf.cast(mask, "float32"), 1);
}

function assertMask(layer: string, x: tf.Tensor, mask: tf.Tensor): void {
  if (mask.isDisposed) {
    throw new Error(
      `the mask that came to ${layer} with its input is disposed of; ` +
        "clone the input to go on without one, or give a mask as second input",
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

/**
 * Zeros for what is not finite in the place of padding: its products with zero
 * would be NaN, forward, and backward in all parameters. Tokens stay as they
 * are.
 *
 * @param x `[batch, length, columns]`
 * @param mask `[batch, length]`
 */
export function finiteInPadding<T extends tf.Tensor>(
  x: T,
  mask: tf.Tensor2D | undefined,
): T {
  if (!mask) return x;
  return tf.tidy(() => {
    const isToken = tf.expandDims(mask, 2);
    // tfjs-wasm takes a hundred times as long to broadcast a condition.
    const ofTokens = tf.cast(tf.mul(isToken, tf.onesLike(x)), "bool");
    return keep(x, tf.logicalOr(tf.isFinite(x), ofTokens));
  });
}

/** What is not kept is zero, and has a gradient of zero. */
function keep<T extends tf.Tensor>(x: T, isKept: tf.Tensor): T {
  const select = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([isKept]);
    return {
      value: tf.where(isKept, x as T, tf.zerosLike(x as T)),
      gradFunc: (dy: T, saved: tf.Tensor[]) =>
        tf.where(saved[0]!, dy, tf.zerosLike(dy)),
    };
  });
  return select(x) as T;
}
