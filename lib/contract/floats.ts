/** The one type of number that operations and kernels compute with. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * The tensor as float32, which is all that kernels know: as it is, or converted
 * if it is int32 or bool. Differentiable; where it converts, in a tidy of the
 * caller's.
 *
 * @param name How the caller knows the tensor: `q`, or `layerNorm's x`.
 * @param x The tensor.
 * @returns A tensor of the same numbers whose buffer holds floats.
 * @throws {TypeError} If it is no tensor, or has another type of number.
 */
export function floats<T extends tf.Tensor>(name: string, x: T): T {
  assertNumbers(name, x);
  if (x.dtype === "float32") return x;
  return tf.cast(x, "float32");
}

/**
 * Calls a function with its tensors as {@linkcode floats}, in a tidy only where
 * one is converted.
 *
 * @param operation The operation, for messages.
 * @param tensors By the names of its arguments; what is undefined stays so.
 * @param compute Gets them as float32.
 * @returns What the function returns.
 * @throws {TypeError} As {@linkcode floats}.
 */
export function withFloats<
  T extends Readonly<Record<string, tf.Tensor | undefined>>,
  R extends tf.TensorContainer,
>(operation: string, tensors: T, compute: (tensors: T) => R): R {
  const given = Object.entries(tensors).filter(([, x]) => x !== undefined);
  const owner = operation.endsWith("s") ? `${operation}'` : `${operation}'s`;
  for (const [name, x] of given) assertNumbers(`${owner} ${name}`, x!);
  if (given.every(([, x]) => x!.dtype === "float32")) return compute(tensors);
  return tf.tidy(() => {
    const converted = given.map(([name, x]) => [name, floats(name, x!)]);
    return compute({ ...tensors, ...Object.fromEntries(converted) });
  });
}

/**
 * Throws unless a tensor can be converted to float32 without a loss.
 *
 * @param name How the caller knows the tensor.
 * @param x What came.
 * @throws {TypeError} If it is no tensor, or one of complex numbers or strings.
 */
export function assertNumbers(name: string, x: tf.Tensor): void {
  // Callers in plain JavaScript and notebooks are not type-checked.
  const given: unknown = x;
  if (!(given instanceof tf.Tensor)) {
    throw new TypeError(
      `${name} should be a tensor, got ${
        given === null ? "null" : typeof given
      }`,
    );
  }
  const dtype: string = given.dtype;
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return;
  const instead = dtype === "complex64"
    ? "take tf.real, tf.imag or tf.abs of it"
    : "make numbers of it";
  throw new TypeError(
    `${name} should be float32, or int32 or bool, which are converted; got ${dtype}: ${instead}`,
  );
}
