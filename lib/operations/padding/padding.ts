/** Padding: which tokens a mask marks, and zeros in place of the others. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertShape,
  floats,
  hasKernel,
  type Operation,
  runKernel,
} from "@lionjs/tfjs/kernel";

/**
 * The kernel of {@linkcode withoutPadding}: inputs `x`, with its last two axes
 * `[length, columns]`, and `mask`; output x with zeros where the mask is 0.
 */
export const WITHOUT_PADDING: Operation<"y"> = {
  kernel: "LionWithoutPadding",
  gradientsIn: [],
  outputs: ["y"],
};

/**
 * The kernel of {@linkcode tokensIn}: input `mask`; output 1 for a token and 0
 * for padding. A token has any bit set besides its sign: shaders may take NaN
 * for any number, and denormal numbers for 0.
 */
export const TOKENS: Operation<"tokens"> = {
  kernel: "LionTokens",
  gradientsIn: [],
  outputs: ["tokens"],
};

/** The data of masks that {@linkcode tokensIn} has returned, which hold only 1 and 0. */
const known = new WeakSet<tf.DataId>();

/**
 * Converts a mask to the form in which operations read it: float32, 1 for a
 * token and 0 for padding. Padding is 0, of either sign, and anything else is a
 * token, NaN too. Call it inside `tf.tidy`.
 *
 * @param name The caller's name for the mask.
 * @param mask `[batch, length]`
 * @throws {TypeError} If it is no tensor of numbers or booleans.
 */
export function tokensIn(name: string, mask: tf.Tensor): tf.Tensor2D {
  const given = floats(name, mask);
  if (known.has(given.dataId)) return given as tf.Tensor2D;
  const tokens = hasKernel(TOKENS)
    ? runKernel(TOKENS, { mask: given }).tokens
    : tf.cast(tf.notEqual(given, 0), "float32");
  known.add(tokens.dataId);
  return tokens as tf.Tensor2D;
}

/**
 * Sets x to zero at padding, whatever it holds there, even NaN or Infinity,
 * which a product with 0 would keep. The gradient of x is also zero at padding,
 * whatever the gradient of the result holds there.
 *
 * @param x `[batch, …, length, columns]`, with three axes or more.
 * @param mask `[batch, length]`, 0 at padding; not differentiated. Without a mask
 * there is no padding.
 * @returns A tensor of the shape of x; x itself without a mask.
 * @throws {TypeError} If the shapes do not fit, or a tensor is not numeric.
 */
export function withoutPadding<T extends tf.Tensor>(
  x: T,
  mask: tf.Tensor | undefined,
): T {
  if (mask === undefined) return x;
  assertShape(
    "mask",
    mask,
    [x.shape[0]!, x.shape.at(-2)!],
    "batch, length",
  );
  return tf.tidy(() => {
    const tokens = tokensIn("mask", mask);
    const select = tf.customGrad((x, save) => {
      (save as tf.GradSaveFunc)([tokens]);
      return {
        value: selectTokens(x as T, tokens),
        gradFunc: (dy: tf.Tensor, [tokens]: tf.Tensor[]) =>
          withoutPadding(dy, tokens as tf.Tensor2D),
      };
    });
    return select(floats("x", x)) as T;
  });
}

/**
 * Like {@linkcode withoutPadding}, but for float32, with a mask from
 * {@linkcode tokensIn}, and without a gradient of its own.
 */
export function selectTokens<T extends tf.Tensor>(x: T, mask: tf.Tensor2D): T {
  if (hasKernel(WITHOUT_PADDING)) {
    return runKernel(WITHOUT_PADDING, { x, mask }).y as T;
  }
  const [batch, length] = mask.shape;
  const between = x.shape.slice(1, -2).map(() => 1);
  const tokens = tf.reshape(tf.notEqual(mask, 0), [
    batch,
    ...between,
    length,
    1,
  ]);
  return tf.where(tf.broadcastTo(tokens, x.shape), x, 0);
}
