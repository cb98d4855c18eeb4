/** The inverse of unit triangular matrices. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * The inverse of I + T for a strictly lower triangular T; only the entries of T
 * below the diagonal are read. Differentiable.
 *
 * It doubles blocks, starting from one row: once the inverses of two
 * neighbouring blocks are known, the part of T between them completes the
 * inverse of both, `-X₂ T₂₁ X₁`. Unlike in the Neumann series, no power of T
 * occurs: powers grow and cancel, while every entry of a delta rule's inverse
 * is small.
 *
 * @param t `[matrices, size, size]`
 * @returns `[matrices, size, size]`
 */
export function unitTriangularInverse(t: tf.Tensor3D): tf.Tensor3D {
  const [matrices, size] = t.shape;
  const invert = tf.customGrad((t, save) => {
    const inverse = tf.tidy(() => {
      const identity: tf.Tensor3D = tf.reshape(tf.eye(size), [1, size, size]);
      let known = tf.tile(identity, [matrices, 1, 1]);
      for (let block = 1; block < size; block *= 2) {
        const between = tf.mul(t as tf.Tensor3D, betweenBlocks(size, block));
        const missing = tf.matMul(tf.matMul(known, between), known);
        known = tf.sub(known, missing);
      }
      return known;
    });
    (save as tf.GradSaveFunc)([inverse]);
    return {
      value: inverse,
      // For X = (I + T)⁻¹, dX = -X dT X.
      gradFunc: (dy: tf.Tensor, [x]: tf.Tensor[]) =>
        tf.tidy(() => {
          const gradient = tf.matMul(
            tf.matMul(x!, dy, true, false),
            x!,
            false,
            true,
          );
          return tf.mul(gradient, tf.neg(below(size)));
        }),
    };
  });
  return invert(t) as tf.Tensor3D;
}

/**
 * A matrix with 1 where a row of the second of two neighbouring blocks crosses a
 * column of the first.
 */
function betweenBlocks(size: number, block: number): tf.Tensor2D {
  return entries(size, (row, column) => {
    const [ofRow, ofColumn] = [row, column].map((x) => Math.floor(x / block));
    return ofRow! % 2 === 1 && ofColumn === ofRow! - 1;
  });
}

/** A matrix with 1 below the diagonal. */
function below(size: number): tf.Tensor2D {
  return entries(size, (row, column) => row > column);
}

/** A square matrix with 1 where the rule holds, 0 elsewhere. */
function entries(
  size: number,
  rule: (row: number, column: number) => boolean,
): tf.Tensor2D {
  const values = Float32Array.from(
    { length: size * size },
    (_, i) => rule(Math.floor(i / size), i % size) ? 1 : 0,
  );
  return tf.tensor2d(values, [size, size]);
}
