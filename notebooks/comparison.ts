import * as tf from "@tensorflow/tfjs-core";

/**
 * The largest difference between two tensors, relative to the largest value of
 * the second.
 *
 * @param actual The computed tensor.
 * @param expected The expected tensor, of the same shape.
 * @returns 0 if both are equal, NaN if either holds a NaN.
 * @throws {TypeError} If the shapes differ.
 */
export async function difference(
  actual: tf.Tensor,
  expected: tf.Tensor,
): Promise<number> {
  if (!tf.util.arraysEqual(actual.shape, expected.shape)) {
    throw new TypeError(
      `actual should have the shape [${expected.shape}] of expected, got [${actual.shape}]`,
    );
  }
  const [found, wanted] = await Promise.all([actual.data(), expected.data()]);
  // Not Math.max(...), since the number of arguments is limited.
  let [apart, largest] = [0, 0];
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(found[i]! - wanted[i]!);
    apart = Number.isNaN(error) ? NaN : Math.max(apart, error);
    largest = Math.max(largest, Math.abs(wanted[i]!));
  }
  return apart === 0 ? 0 : apart / largest;
}

/**
 * Throws unless two tensors are equal except for rounding.
 *
 * @param actual The computed tensor.
 * @param expected The expected tensor, of the same shape.
 * @param tolerance The largest difference, relative to the largest value.
 * @default 1e-5
 * @throws {TypeError} If the shapes differ.
 * @throws {Error} If the values differ by more.
 */
export async function assertSame(
  actual: tf.Tensor,
  expected: tf.Tensor,
  tolerance = 1e-5,
): Promise<void> {
  const apart = await difference(actual, expected);
  if (apart <= tolerance) return;
  throw new Error(
    `the tensors differ by ${
      Number(apart.toPrecision(3))
    } of the largest value, more than ${tolerance}`,
  );
}
